"""The offer: which limit at which rate, found on the product's finite grid with whole numbers only.

Expected profit of a cell (limit L, rate r) over the horizon, each division rounded down, in fen:

    used     = L x use(r)                             interest = used x r x horizon / year
    exposure = used + ccf x (L - used)                loss     = exposure x PD(L, r) x LGD
    PD(L, r) = PD x (L / usual L) ^ elasticity x (1 + price slope x (r - r0))    costs = funding and capital on used + opex

A cell is feasible when L is within every cap and the instalment within what the merchant can pay.  The grades of PD are
walked from the best to the merchant's own: each may offer no higher limit and no lower rate than the grade before it.
So a higher PD never gives a higher limit or a lower price, by construction and whatever the product's numbers are.
The rate is at most cost, the grade's own risk at that very limit and a fixed margin: price differs with cost and risk and
nothing else.
Ties go to the lower rate, then to the lower limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dandelion.core import PPM
from dandelion.policy.facts import MoneyFacts
from dandelion.policy.grid import Grid, table_of
from dandelion.policy.product import FEN_MAX, Bools, Product

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
    full: bool = True,
) -> Offer:
    """The best feasible offer, with what binds it; ``full=False`` leaves `unbound_fen` at the limit (what-ifs)."""
    caps = fixed_caps(product, money, adjust, licence_type)
    room_fen = capacity(product, money)
    cap = min(product.licence_rate_cap_ppm.get(licence_type, 0), PPM * 10 if rate_cap_ppm is None else rate_cap_ppm)
    table = table_of(product, int(product.rates.searchsorted(cap, side="right")))
    fits = table.instalment <= room_fen
    grade = product.grade(pd_ppm)
    if grade is None or not len(table.rates):
        return _nothing(caps | {"affordability": _largest(product, fits)}, RISK, grade)
    grid = Grid.of(product, table, grade, money.turnover_month_fen or 0)
    cell = grid.choose(fits & (product.limits <= min(caps.values())), adjust.price_add_ppm)
    if cell is None:
        return _why_nothing(product, caps | {"affordability": _largest(product, fits)}, grade)
    limit_fen, loss = int(product.limits[cell[1]]), grid.loss(cell)
    caps |= {"affordability": _largest(product, fits[cell[0] : cell[0] + 1])}
    binding = _binding(product, caps, limit_fen)
    unbound = _unbound(product, grid, caps, binding, fits, adjust) if full and binding != RISK else limit_fen
    return Offer(
        limit_fen=limit_fen, rate_ppm=int(table.rates[cell[0]]), grade=grade, caps_fen=caps, binding=binding,
        unbound_fen=max(unbound, limit_fen), expected_profit_fen=int(table.earned[cell]) - loss, expected_loss_fen=loss,
        exposure_fen=int(table.exposure[cell]),
    )  # fmt: skip


def fixed_caps(product: Product, money: MoneyFacts, adjust: Adjustments, licence_type: str) -> dict[str, int]:
    """Every cap that does not depend on the rate, in fen; missing turnover lends nothing."""
    turnover = (money.turnover_month_fen or 0) * product.turnover_multiple_ppm // PPM
    for times in adjust.times_ppm:
        turnover = turnover * times // PPM
    strategy = {} if adjust.cap_fen is None else {"strategy": adjust.cap_fen}
    return strategy | {
        "turnover": min(turnover, FEN_MAX),
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


def _largest(product: Product, fits: Bools) -> int:
    """The highest limit whose instalment fits at the lowest of the rates given."""
    count = int(np.count_nonzero(fits[0])) if len(fits) else 0
    return int(product.limits[count - 1]) if count else 0


def _tightest(caps: Mapping[str, int]) -> str:
    return min((name for name in CAPS if name in caps), key=lambda name: (caps[name], CAPS.index(name)))


def _binding(product: Product, caps: Mapping[str, int], limit_fen: int) -> str:
    tightest = _tightest(caps)
    return tightest if product.snap(caps[tightest]) <= limit_fen else RISK


def _unbound(
    product: Product, grid: Grid, caps: Mapping[str, int], binding: str, fits: Bools, adjust: Adjustments
) -> int:  # fmt: skip
    """The limit with the binding cap away."""
    allowed = min((fen for name, fen in caps.items() if name not in (binding, "affordability")), default=FEN_MAX)
    feasible = (fits | (binding == "affordability")) & (product.limits <= allowed)
    cell = grid.choose(feasible, adjust.price_add_ppm)
    return 0 if cell is None else int(product.limits[cell[1]])


def _why_nothing(product: Product, caps: Mapping[str, int], grade: int) -> Offer:
    """No cell: the tightest cap where it lies below the smallest limit, otherwise risk eats the margin."""
    tightest = _tightest(caps)
    return _nothing(caps, tightest if caps[tightest] < product.limit_min_fen else RISK, grade)


def _nothing(caps: Mapping[str, int], binding: str, grade: int | None) -> Offer:
    return Offer(
        limit_fen=0, rate_ppm=0, grade=grade, caps_fen=dict(caps), binding=binding, unbound_fen=0,
        expected_profit_fen=0, expected_loss_fen=0, exposure_fen=0,
    )  # fmt: skip
