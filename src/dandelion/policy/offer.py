"""The offer: which limit at which rate, found on the product's finite grid with whole numbers only.

Expected profit of a cell (limit L, rate r) over the horizon, each division rounded down, in fen:

    used     = L x use(r)                             interest = used x r x horizon / year
    exposure = used + ccf x (L - used)                loss     = exposure x PD(L) x LGD
    PD(L)    = PD x (1 + slope x L / turnover)        costs    = funding of used + opex + cost of capital on exposure

A cell is feasible when L is within every cap and the instalment within what the merchant can pay.  The grades of PD are
walked from the best to the merchant's own: each may offer no higher limit and no lower rate than the grade before it.
So a higher PD never gives a higher limit or a lower price, by construction and whatever the product's numbers are.
The rate of a grade is at most cost, its own risk and a fixed margin: price differs with cost and risk and nothing else.
Ties go to the lower rate, then to the lower limit.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dandelion.core import PPM
from dandelion.core.frame import Ints
from dandelion.policy.evaluate import Bools
from dandelion.policy.facts import MoneyFacts
from dandelion.policy.product import FEN_MAX, Product

CAPS = ("turnover", "affordability", "strategy", "household", "licence", "product_max")  # ties go to the first
RISK = "expected_profit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustments:
    """What the fired strategies do to an offer: multiply the turnover cap, cap the limit, move the price."""

    times_ppm: tuple[int, ...] = ()
    cap_fen: int | None = None
    price_add_ppm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """`limit_fen` 0 means that nothing can be offered; `binding` then says why.

    `caps_fen`: what each cap alone would allow at this rate.  `binding`: the cap that holds the limit down, or
    ``expected_profit`` where a higher limit would earn less.  `unbound_fen`: the limit if that one thing were away.
    """

    limit_fen: int
    rate_ppm: int
    grade: int | None
    caps_fen: Mapping[str, int]
    binding: str
    unbound_fen: int
    expected_profit_fen: int
    expected_loss_fen: int
    exposure_fen: int


def solve(
    product: Product,
    pd_ppm: int,
    money: MoneyFacts,
    adjust: Adjustments,
    *,
    licence_type: str,
    rate_cap_ppm: int | None = None,
) -> Offer:
    """The best feasible offer, with what binds it."""
    caps = fixed_caps(product, money, adjust, licence_type)
    room_fen = capacity(product, money)
    cap = min(product.licence_rate_cap_ppm.get(licence_type, 0), PPM * 10 if rate_cap_ppm is None else rate_cap_ppm)
    table = table_of(product, int(np.searchsorted(product.rates, cap, side="right")))
    instalment = table.instalment <= room_fen
    grade = product.grade(pd_ppm)
    if grade is None or not len(table.rates):
        fits = _largest(product, instalment[:, 0]) if len(table.rates) else 0
        return _nothing(caps | {"affordability": fits}, RISK, grade)
    grid = _Grid.of(product, table, grade, money.turnover_month_fen or 0)
    cell = _choose(grid, (product.limits <= min(caps.values()))[:, None] & instalment, adjust.price_add_ppm)
    if cell is None:
        return _why_nothing(product, instalment, caps, grade)
    at, rate_at = cell
    caps |= {"affordability": _largest(product, instalment[:, rate_at])}
    binding = _binding(product, caps, int(product.limits[at]))
    unbound = _unbound(product, grid, caps, binding, instalment, adjust, int(product.limits[at]))
    return Offer(
        limit_fen=int(product.limits[at]), rate_ppm=int(table.rates[rate_at]), grade=grade, caps_fen=caps, binding=binding,
        unbound_fen=unbound, expected_profit_fen=int(grid.profit[grade, at, rate_at]),
        expected_loss_fen=int(grid.loss[grade, at, rate_at]), exposure_fen=int(table.exposure[at, rate_at]),
    )  # fmt: skip


def fixed_caps(product: Product, money: MoneyFacts, adjust: Adjustments, licence_type: str) -> dict[str, int]:
    """Every cap that does not depend on the rate, in fen; missing turnover lends nothing."""
    turnover = (money.turnover_month_fen or 0) * product.turnover_multiple_ppm // PPM
    for times in adjust.times_ppm:
        turnover = turnover * times // PPM
    return {
        "turnover": min(turnover, FEN_MAX),
        "strategy": FEN_MAX if adjust.cap_fen is None else adjust.cap_fen,
        "household": max(0, product.household_max_fen - money.household_exposure_fen),
        "licence": product.licence_max_fen.get(licence_type, 0),
        "product_max": product.limit_max_fen,
    }


def capacity(product: Product, money: MoneyFacts) -> int:
    """Fen a month that may go to our instalment: a share of prudent (q10) free cash, net of outside debt.

    Where the outside debt is unknown, the product's assumed share of turnover stands in for it.
    """
    terms = product.affordability
    if money.forecast_q10_fen is None:
        return 0
    free = money.forecast_q10_fen // 6 * terms.cash_margin_ppm // PPM
    outside = money.outside_due_month_fen
    if outside is None:
        outside = (money.turnover_month_fen or 0) * terms.assumed_due_ppm // PPM
    return max(0, free - outside) * terms.instalment_share_ppm // PPM


@dataclass(frozen=True, slots=True)
class Table:
    """What the product alone settles, at the rates within the cap; (limits, rates) int64 fen.

    `earned` is interest less funding, opex and the cost of capital; `ceiling` (grades,) counts the rates that a grade
    may be charged: cost, its own risk and at most the product's margin.
    """

    rates: Ints
    instalment: Ints
    exposure: Ints
    earned: Ints
    ceiling: Ints


@functools.lru_cache(maxsize=64)
def table_of(product: Product, rates_count: int) -> Table:
    cost, limit, rates = product.economics, product.limits[:, None], product.rates[:rates_count]
    rate = rates[None, :]
    used = limit * product.use_ppm[:rates_count] // PPM
    interest = _over_time(used * rate // PPM, product)
    exposure = used + (limit - used) * cost.ccf_ppm // PPM
    funding = _over_time(used * cost.funding_ppm // PPM, product)
    capital = exposure * cost.capital_ratio_ppm // PPM * cost.capital_cost_ppm // PPM
    opex = cost.opex_line_fen + used * cost.opex_used_ppm // PPM
    return Table(
        rates, -(-limit // product.affordability.instalment_months) + limit * rate // PPM // 12, exposure,
        interest - funding - opex - _over_time(capital, product),
        np.maximum(np.searchsorted(rates, price_ceiling_ppm(product), side="right"), 1),
    )  # fmt: skip


def price_ceiling_ppm(product: Product) -> Ints:
    """The highest yearly rate of each grade: funding, opex, capital, the grade's own yearly loss, and the margin."""
    cost = product.economics
    yearly_loss = product.pd_grades * cost.lgd_ppm // PPM * cost.year_days // cost.horizon_days
    fixed = cost.funding_ppm + cost.opex_used_ppm * cost.year_days // cost.horizon_days
    return fixed + cost.capital_ratio_ppm * cost.capital_cost_ppm // PPM + yearly_loss + product.margin_max_ppm


@dataclass(frozen=True, slots=True)
class _Grid:
    """loss, profit: (grades up to the merchant's, limits, rates) int64 fen."""

    limits: Ints
    rates: Ints
    ceiling: Ints
    loss: Ints
    profit: Ints
    profit_min: int

    @classmethod
    def of(cls, product: Product, table: Table, grade: int, turnover: int) -> _Grid:
        cost = product.economics
        strain = PPM + np.minimum(product.limits * cost.pd_slope_ppm // max(turnover, 1), 10 * PPM)  # (limits,)
        pd = np.minimum(product.pd_grades[: grade + 1, None] * strain // PPM, PPM)  # (grades, limits)
        loss = table.exposure[None] * (pd * cost.lgd_ppm // PPM)[:, :, None] // PPM
        return cls(product.limits, table.rates, table.ceiling, loss, table.earned[None] - loss, cost.profit_min_fen)


def _over_time(yearly: Ints, product: Product) -> Ints:
    return yearly * product.economics.horizon_days // product.economics.year_days


def _choose(grid: _Grid, feasible: Bools, price_add_ppm: int) -> tuple[int, int] | None:
    """(limit index, rate index) of the merchant's grade, or None; see the module's words on grades."""
    limit_at, rate_at = len(grid.limits) - 1, 0
    path: list[tuple[int, int]] = []
    for profit, ceiling in zip(grid.profit, grid.ceiling.tolist(), strict=False):
        cell = _best(profit, feasible, grid.profit_min, limit_at, slice(rate_at, max(ceiling, rate_at + 1)))
        if cell is None:
            return None
        limit_at, rate_at = cell
        path.append(cell)
    if price_add_ppm == 0:
        return path[-1]
    limit_at = len(grid.limits) - 1
    for profit, (_, plain) in zip(grid.profit, path, strict=True):
        moved = _shift(grid.rates, plain, price_add_ppm)
        cell = _best(profit, feasible, grid.profit_min, limit_at, slice(moved, moved + 1))
        if cell is None:
            return None
        limit_at, rate_at = cell
    return limit_at, rate_at


def _best(profit: Ints, feasible: Bools, least: int, limit_at: int, rates: slice) -> tuple[int, int] | None:
    """Most profit with limit index up to `limit_at` and a rate of the slice; ties: lower rate, then lower limit."""
    worth = np.where(feasible[: limit_at + 1, rates], profit[: limit_at + 1, rates], least - 1)
    flat = int(np.argmax(worth.T))
    rate, limit = divmod(flat, worth.shape[0])
    if worth[limit, rate] < least:
        return None
    return limit, rate + (rates.start or 0)


def _shift(rates: Ints, at: int, add_ppm: int) -> int:
    """Up to the next rate of the grid, down to one not below; never past the ends."""
    moved = int(np.searchsorted(rates, rates[at] + add_ppm, side="left"))
    return min(max(moved, 0), len(rates) - 1)


def _largest(product: Product, fits: Bools) -> int:
    return int(product.limits[int(np.count_nonzero(fits)) - 1]) if fits.any() else 0


def _binding(product: Product, caps: Mapping[str, int], limit_fen: int) -> str:
    tightest = min(CAPS, key=lambda name: (caps[name], CAPS.index(name)))
    return tightest if product.snap(caps[tightest]) <= limit_fen else RISK


def _unbound(
    product: Product, grid: _Grid, caps: Mapping[str, int], binding: str, instalment: Bools, adjust: Adjustments,
    limit_fen: int,
) -> int:  # fmt: skip
    """The limit with the binding cap away; what is already offered where it is not a cap that binds."""
    if binding == RISK:
        return limit_fen
    allowed = min((fen for name, fen in caps.items() if name not in (binding, "affordability")), default=FEN_MAX)
    feasible = (product.limits <= allowed)[:, None] & (instalment | (binding == "affordability"))
    cell = _choose(grid, feasible, adjust.price_add_ppm)
    return limit_fen if cell is None else max(limit_fen, int(product.limits[cell[0]]))


def _why_nothing(product: Product, instalment: Bools, caps: dict[str, int], grade: int) -> Offer:
    """No cell: the tightest cap where it lies below the smallest limit, otherwise risk eats the margin."""
    caps = caps | {"affordability": _largest(product, instalment[:, 0])}
    tightest = min(CAPS, key=lambda name: (caps[name], CAPS.index(name)))
    return _nothing(caps, tightest if caps[tightest] < product.limit_min_fen else RISK, grade)


def _nothing(caps: Mapping[str, int], binding: str, grade: int | None) -> Offer:
    return Offer(
        limit_fen=0, rate_ppm=0, grade=grade, caps_fen=dict(caps), binding=binding, unbound_fen=0,
        expected_profit_fen=0, expected_loss_fen=0, exposure_fen=0,
    )  # fmt: skip
