"""Lending terms of a product: how it is repaid, who funds it.  Limit, price and raise days are policy's half."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from dandelion.core import PPM, BadInput, NotFound, canonical, content_hash, plain_yaml
from dandelion.lending.packs import Pack
from dandelion.lending.schedule import METHODS, due_days

HOUSE = "house"  # the lender of record among the funders
SUFFIX = ".lending.yaml"


@dataclass(frozen=True, slots=True)
class Terms:
    """Lending terms.  `shares` are (funder, parts per million), adding up to one; `house` is the lender itself."""

    product: str
    hash: str
    repayment: str
    periods: int
    every_months: int
    every_days: int
    draw_min_fen: int
    draw_late_days_max: int
    backdate_days_max: int  # how late a bank statement may tell of a payment that counts from its own day
    shares: tuple[tuple[str, int], ...]

    def due_days(self, start_day: int) -> list[int]:
        return due_days(start_day, periods=self.periods, every_months=self.every_months, every_days=self.every_days)

    def check_against(self, pack: Pack) -> None:
        """BadInput where the pack forbids the funding."""
        for funder, share in self.shares:
            if len(self.shares) > 1 and share < pack.partner_share_min_ppm:
                raise BadInput(
                    f"funder {funder} puts up {share} ppm of each {self.product} loan; pack {pack.id} asks for at least "
                    f"{pack.partner_share_min_ppm}",
                    field="funders",
                )


class Products:
    """Lending terms by product id.  ``Products.load()`` reads the shipped ``*.lending.yaml``."""

    def __init__(self, terms: Iterable[Terms]) -> None:
        self._terms = {one.product: one for one in terms}

    @classmethod
    def load(cls, folder: Path | None = None) -> Products:
        root = folder if folder is not None else Path(str(resources.files("dandelion"))) / "defaults" / "products"
        return cls(_terms(path) for path in sorted(root.glob(f"*{SUFFIX}")))

    def get(self, product: str) -> Terms:
        try:
            return self._terms[product]
        except KeyError:
            known = ", ".join(sorted(self._terms)) or "none"
            raise NotFound(f"no lending terms for product {product!r}; known: {known}", field="product") from None

    def all(self) -> tuple[Terms, ...]:
        return tuple(self._terms.values())


def _terms(path: Path) -> Terms:
    raw = plain_yaml(path.read_text("utf-8"))
    name = path.name.removesuffix(SUFFIX)
    wanted = {"product", "repayment", "periods", "every", "draw_min_fen", "draw_late_days_max", "funders"}
    if not isinstance(raw, dict) or set(raw) - {"backdate_days_max"} != wanted:
        raise BadInput(f"{path.name} must hold exactly {', '.join(sorted(wanted))}", field=path.name)
    if raw["product"] != name or raw["repayment"] not in METHODS:
        raise BadInput(
            f"{path.name}: product must be {name!r} and repayment one of {', '.join(METHODS)}", field="repayment"
        )
    shares = tuple((str(row["name"]), int(row["share_ppm"])) for row in raw["funders"])
    if sum(share for _, share in shares) != PPM or len({funder for funder, _ in shares}) != len(shares):
        raise BadInput(f"{path.name}: the funders' share_ppm must add up to {PPM}, each named once", field="funders")
    every: Any = raw["every"]
    months, days = int(every.get("months", 0)), int(every.get("days", 0))
    due_days(0, periods=int(raw["periods"]), every_months=months, every_days=days)
    return Terms(
        product=name,
        hash=content_hash(canonical(json.loads(json.dumps(raw)))),
        repayment=str(raw["repayment"]),
        periods=int(raw["periods"]),
        every_months=months,
        every_days=days,
        draw_min_fen=int(raw["draw_min_fen"]),
        draw_late_days_max=int(raw["draw_late_days_max"]),
        backdate_days_max=int(raw.get("backdate_days_max", 0)),
        shares=shares,
    )
