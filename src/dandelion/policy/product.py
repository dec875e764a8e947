"""The credit half of a product: grids, caps, prices and what lending costs.  Every number comes from YAML."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dandelion.core import PPM, canonical, content_hash
from dandelion.core.frame import Ints
from dandelion.policy.records import Reader, Record, plain, read_yaml

Bools = npt.NDArray[np.bool_]
FEN_MAX = 10**11  # one thousand million yuan: keeps every product of the offer grid inside int64
_P = {"low": 0, "high": PPM}


@dataclass(frozen=True, slots=True)
class Economics:
    """What a line earns and costs over `horizon_days`, in fen and ppm."""

    horizon_days: int
    year_days: int
    funding_ppm: int
    opex_line_fen: int
    opex_used_ppm: int
    lgd_ppm: int
    ccf_ppm: int
    capital_ratio_ppm: int
    capital_cost_ppm: int
    pd_elasticity_ppm: int
    pd_elasticity_from_ppm: int
    pd_price_ppm: int
    pd_price_from_ppm: int
    profit_min_fen: int


@dataclass(frozen=True, slots=True)
class Affordability:
    instalment_months: int
    cash_margin_ppm: int
    instalment_share_ppm: int
    assumed_due_ppm: int


@dataclass(frozen=True, slots=True)
class CollectMore:
    """Rules of "collect more, lend more"; see `progress`."""

    payments_per_step: int
    fen_per_step: int
    payers_per_step: int
    payment_min_fen: int
    payments_per_payer_day_max: int
    step_fen: int
    steps_per_raise_max: int
    raise_every_days: int
    refund_window_days: int


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """`limits` and `rates` are the finite offer grid (ascending int64); `use_ppm[j]` the expected use at `rates[j]`."""

    id: str
    term_days: int
    limits: Ints
    rates: Ints
    use_ppm: Ints
    pd_grades: Ints
    margin_max_ppm: int
    turnover_multiple_ppm: int
    household_max_fen: int
    licence_max_fen: Mapping[str, int]
    licence_rate_cap_ppm: Mapping[str, int]
    economics: Economics
    affordability: Affordability
    collect_more: CollectMore | None
    hash: str

    @classmethod
    def load(cls, file: Path) -> Product:
        """From ``<product>.credit.yaml``.  Errors: BadInput with file and line."""
        return _read(read_yaml(file))

    @property
    def limit_min_fen(self) -> int:
        return int(self.limits[0])

    @property
    def limit_max_fen(self) -> int:
        return int(self.limits[-1])

    def grade(self, pd_ppm: int) -> int | None:
        """Index of the first grade whose upper bound is at least `pd_ppm`; None above the last."""
        at = bisect_left(self.pd_grades.tolist(), pd_ppm)
        return at if at < len(self.pd_grades) else None

    def snap(self, fen: int) -> int:
        """The largest limit of the grid that is at most `fen`; 0 below the smallest."""
        at = int(np.searchsorted(self.limits, fen, side="right"))
        return int(self.limits[at - 1]) if at else 0

    def next_limit(self, fen: int) -> int | None:
        """The smallest limit of the grid above `fen`."""
        at = int(np.searchsorted(self.limits, fen, side="right"))
        return int(self.limits[at]) if at < len(self.limits) else None


def _read(record: Record) -> Product:
    take = Reader(record)
    identity, _ = take.text("product"), take.text("purpose")
    term_days = take.whole("term_days", low=1, high=3_650)
    limit, price = take.mapping("limit"), take.mapping("price")
    grades = take.wholes("pd_grades_ppm")
    if list(grades) != sorted(set(grades)) or not 0 < grades[0] <= grades[-1] <= PPM:
        raise take.refuse("pd_grades_ppm", "must rise strictly within 1 and 1000000")
    economics = _economics(take.mapping("economics"))
    affordability = _affordability(take.mapping("affordability"))
    collect = _collect(take.mapping("collect_more")) if take.has("collect_more") else None
    take.taken.add("collect_more")
    take.done()
    limits, caps = _limits(limit)
    rates, use, rate_caps, margin = _price(price)
    return Product(
        id=identity, term_days=term_days, limits=limits, rates=rates, use_ppm=use, margin_max_ppm=margin,
        pd_grades=np.array(grades, np.int64), turnover_multiple_ppm=caps[0], household_max_fen=caps[1],
        licence_max_fen=caps[2], licence_rate_cap_ppm=rate_caps, economics=economics, affordability=affordability,
        collect_more=collect, hash=content_hash(canonical(plain(record))),
    )  # fmt: skip


def _limits(record: Record) -> tuple[Ints, tuple[int, int, dict[str, int]]]:
    take = Reader(record)
    low = take.whole("min_fen", low=1, high=FEN_MAX)
    grid, at = [low], low
    for band in take.records("grid"):
        part = Reader(band)
        to_fen, step_fen = part.whole("to_fen", low=at + 1, high=FEN_MAX), part.whole("step_fen", low=1, high=FEN_MAX)
        part.done()
        if (to_fen - at) % step_fen:
            raise part.refuse("to_fen", f"{to_fen} is not a whole number of steps of {step_fen} above {at}")
        grid += range(at + step_fen, to_fen + 1, step_fen)
        at = to_fen
    if len(grid) > 400:
        raise take.refuse("grid", f"has {len(grid)} limits; at most 400 keep a decision fast")
    multiple = take.whole("turnover_multiple_ppm", low=1, high=100 * PPM)
    household = take.whole("household_max_fen", low=1, high=FEN_MAX)
    licences = _by_licence(take, "licence_max_fen", FEN_MAX)
    take.done()
    return np.array(grid, np.int64), (multiple, household, licences)


def _price(record: Record) -> tuple[Ints, Ints, dict[str, int], int]:
    take = Reader(record)
    rates, use = [], []
    for row in take.records("rates"):
        part = Reader(row)
        rates.append(part.whole("rate_ppm", low=0, high=10 * PPM))
        use.append(part.whole("use_ppm", **_P))
        part.done()
    if not rates or rates != sorted(set(rates)):
        raise take.refuse("rates", "must rise strictly by rate_ppm")
    if use != sorted(use, reverse=True):
        raise take.refuse("rates", "use_ppm must not rise with the rate")
    caps = _by_licence(take, "cap_ppm", 10 * PPM)
    margin = take.whole("margin_max_ppm", **_P)
    take.done()
    return np.array(rates, np.int64), np.array(use, np.int64), caps, margin


def _by_licence(take: Reader, key: str, high: int) -> dict[str, int]:
    part = Reader(take.mapping(key))
    return {name: part.whole(name, low=0, high=high) for name in part.record}


def _economics(record: Record) -> Economics:
    take = Reader(record)
    out = Economics(
        horizon_days=take.whole("horizon_days", low=1, high=366),
        year_days=take.whole("year_days", low=360, high=366),
        funding_ppm=take.whole("funding_ppm", **_P),
        opex_line_fen=take.whole("opex_line_fen", low=0, high=FEN_MAX),
        opex_used_ppm=take.whole("opex_used_ppm", **_P),
        lgd_ppm=take.whole("lgd_ppm", **_P),
        ccf_ppm=take.whole("ccf_ppm", **_P),
        capital_ratio_ppm=take.whole("capital_ratio_ppm", **_P),
        capital_cost_ppm=take.whole("capital_cost_ppm", **_P),
        pd_elasticity_ppm=take.whole("pd_elasticity_ppm", **_P),
        pd_elasticity_from_ppm=take.whole("pd_elasticity_from_ppm", low=10_000, high=100 * PPM),
        pd_price_ppm=take.whole("pd_price_ppm", **_P),
        pd_price_from_ppm=take.whole("pd_price_from_ppm", **_P),
        profit_min_fen=take.whole("profit_min_fen", low=0, high=FEN_MAX),
    )
    take.done()
    return out


def _affordability(record: Record) -> Affordability:
    take = Reader(record)
    out = Affordability(
        instalment_months=take.whole("instalment_months", low=1, high=120),
        cash_margin_ppm=take.whole("cash_margin_ppm", **_P),
        instalment_share_ppm=take.whole("instalment_share_ppm", **_P),
        assumed_due_ppm=take.whole("assumed_due_ppm", **_P),
    )
    take.done()
    return out


def _collect(record: Record) -> CollectMore:
    take = Reader(record)
    whole = {"low": 1, "high": FEN_MAX}
    out = CollectMore(
        payments_per_step=take.whole("payments_per_step", **whole),
        fen_per_step=take.whole("fen_per_step", **whole),
        payers_per_step=take.whole("payers_per_step", **whole),
        payment_min_fen=take.whole("payment_min_fen", **whole),
        payments_per_payer_day_max=take.whole("payments_per_payer_day_max", **whole),
        step_fen=take.whole("step_fen", **whole),
        steps_per_raise_max=take.whole("steps_per_raise_max", **whole),
        raise_every_days=take.whole("raise_every_days", **whole),
        refund_window_days=take.whole("refund_window_days", **whole),
    )
    take.done()
    return out
