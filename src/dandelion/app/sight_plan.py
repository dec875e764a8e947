"""`products/<product>.sight.yaml`: which columns become a decision's exact money, and which models score it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dandelion.core import BadInput, NotFound, canonical, content_hash, plain_yaml

SUFFIX = ".sight.yaml"
_KEYS = {"product", "turnover", "outside_due_month", "outside_balance", "models", "start"}
_MAY = {"learn"}


@dataclass(frozen=True, slots=True)
class SightPlan:
    """Column ids and model names of one product.  `start_ppm` are (q10, q50, q90) shares used before any forecast."""

    product: str
    turnover: str
    turnover_days: int
    turnover_less: tuple[tuple[str, ...], ...]  # of each row the first column that there is, and may be read
    outside_due_month: str
    outside_balance: str
    pd_model: str
    forecast_model: str
    start_ppm: tuple[int, int, int]
    start_scorecard: str
    learn: str  # file of the columns its models learn from; empty: the named columns
    hash: str

    @property
    def shadow_model(self) -> str:
        """The challenger: scored and kept beside every decision, deciding nothing."""
        return f"{self.pd_model}-shadow"

    @property
    def money_columns(self) -> tuple[str, ...]:
        less = (name for names in self.turnover_less for name in names)
        return (self.turnover, *less, self.outside_due_month, self.outside_balance)


def load_plans(folder: Path) -> dict[str, SightPlan]:
    """Every plan in a products folder, by product.  Errors: BadInput naming file and key."""
    plans = {plan.product: plan for plan in map(_read, sorted(folder.glob(f"*{SUFFIX}")))}
    if not plans:
        raise NotFound(f"{folder} holds no *{SUFFIX}; a product needs one", field="products")
    return plans


def _read(file: Path) -> SightPlan:
    raw: Any = plain_yaml(file.read_text(encoding="utf-8"))
    if not isinstance(raw, dict) or not _KEYS <= set(raw) <= _KEYS | _MAY:
        wanted = ", ".join(sorted(_KEYS))
        raise BadInput(f"{file.name} must hold exactly {wanted}, and may hold {', '.join(_MAY)}", field=file.name)
    try:
        return SightPlan(
            product=str(raw["product"]),
            turnover=str(raw["turnover"]["column"]),
            turnover_days=int(raw["turnover"]["days"]),
            turnover_less=tuple(_first_of(names) for names in raw["turnover"]["less"]),
            outside_due_month=str(raw["outside_due_month"]),
            outside_balance=str(raw["outside_balance"]),
            pd_model=str(raw["models"]["pd"]),
            forecast_model=str(raw["models"]["forecast"]),
            start_ppm=(int(raw["start"]["q10_ppm"]), int(raw["start"]["q50_ppm"]), int(raw["start"]["q90_ppm"])),
            start_scorecard=str(raw["start"]["scorecard"]),
            learn=str(raw.get("learn", "")),
            hash=content_hash(canonical(raw)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{file.name}: {error} is missing or not of the right kind", field=file.name) from None


def _first_of(names: Any) -> tuple[str, ...]:
    return tuple(str(name) for name in names) if isinstance(names, list) else (str(names),)
