"""Spends a budget over offers: one limit a firm, one line a connected group, the most expected profit in all.

Every firm's offers are cut to their upper concave hull; the hull's steps, dearest profit per yuan first, are bought until
the budget ends (Lagrange's method read as a sort; Sinha and Zoltners 1979).  The linear relaxation gives the bound, and
the price of the last yuan; what is left over after the first step that does not fit buys later ones that do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.app.assess.invoices_offers import Offers

Values = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Step:
    """Moving unit `unit` from its hull point before `point` to `point`: costs `yuan`, earns `profit` more."""

    unit: int
    point: int
    yuan: int
    profit: float

    @property
    def slope(self) -> float:
        return self.profit / self.yuan


@dataclass(frozen=True, slots=True)
class Portfolio:
    """`limit_yuan`, `rate_ppm`, `expected_yuan`, `kept` per firm (0 where nothing is offered).

    `bound_yuan` is the linear relaxation's profit; `price_ppm` the profit of the last yuan of budget, in ppm of a yuan;
    `curve` is (budget, profit) of the relaxation from nothing to everything worth lending.
    """

    limit_yuan: Ints
    rate_ppm: Ints
    expected_yuan: Values
    kept: Values
    bound_yuan: float
    price_ppm: int
    curve: tuple[tuple[int, float], ...]

    @property
    def spent_yuan(self) -> int:
        return int(self.limit_yuan.sum())

    @property
    def profit_yuan(self) -> float:
        return float(self.expected_yuan.sum())

    @property
    def gap(self) -> float:
        """Share of the bound that was not reached: 0 is provably best."""
        return max(0.0, 1 - self.profit_yuan / self.bound_yuan) if self.bound_yuan > 0 else 0.0


def spend(offers: Offers, unit: Ints, budget_yuan: int) -> Portfolio:
    """`unit[i]` names the connected group of firm i; at most one firm of a unit gets a line."""
    hulls = {int(u): _hull(offers, np.flatnonzero(unit == u)) for u in np.unique(unit)}
    steps = sorted(
        (step for u, hull in hulls.items() for step in _steps(u, hull)), key=lambda s: (-s.slope, s.unit, s.point)
    )
    reached, left = dict.fromkeys(hulls, 0), budget_yuan
    bound, price, ended, blocked = 0.0, 0.0, False, set()
    for step in steps:
        if not ended:
            if step.yuan <= left:
                bound += step.profit
            else:
                bound, price, ended = bound + step.slope * left, step.slope, True
        if step.unit not in blocked and step.yuan <= left:
            reached[step.unit], left = step.point, left - step.yuan
        elif step.unit not in blocked:
            blocked.add(step.unit)
    chosen = {u: hulls[u][point] for u, point in reached.items()}
    chosen = _spend_rest(offers, unit, chosen, left)
    return _portfolio(offers, chosen.values(), bound, price, _curve(steps))


Point = tuple[int, int, int, float]  # limit, firm, grid index, profit; (0, -1, -1, 0.0) is no line


def _hull(offers: Offers, firms: Ints) -> list[Point]:
    """Upper concave hull of (limit, profit) over the firms of a unit, from no line on; profit rises along it."""
    points: list[Point] = [(0, -1, -1, 0.0)]
    best, at = offers.profit[firms].max(axis=0), firms[offers.profit[firms].argmax(axis=0)]
    for k, limit in enumerate(offers.limit_yuan.tolist()):
        profit = float(best[k])
        if profit <= points[-1][3]:
            continue
        while len(points) > 1 and (profit - points[-1][3]) * (points[-1][0] - points[-2][0]) >= (
            points[-1][3] - points[-2][3]
        ) * (limit - points[-1][0]):
            points.pop()
        points.append((limit, int(at[k]), k, profit))
    return points


def _steps(unit: int, hull: list[Point]) -> Iterable[Step]:
    for k in range(1, len(hull)):
        yield Step(unit, k, hull[k][0] - hull[k - 1][0], hull[k][3] - hull[k - 1][3])


def _spend_rest(offers: Offers, unit: Ints, chosen: dict[int, Point], left: int) -> dict[int, Point]:
    """Use what is left on single moves off the hull, best gain first, until none fits."""
    members = {u: np.flatnonzero(unit == u) for u in chosen}
    grid = offers.limit_yuan
    while left >= 1:
        best_gain, best_unit, best_point = 1e-9, -1, (0, -1, -1, 0.0)
        for u, now in chosen.items():
            fits = (grid > now[0]) & (grid - now[0] <= left)
            if not fits.any():
                continue
            profit = np.where(fits, offers.profit[members[u]], -np.inf)
            flat = int(profit.argmax())
            i, k = divmod(flat, len(grid))
            gain = float(profit[i, k]) - now[3]
            if gain > best_gain:
                best_gain, best_unit = gain, u
                best_point = (int(grid[k]), int(members[u][i]), k, float(profit[i, k]))
        if best_unit < 0:
            return chosen
        left -= best_point[0] - chosen[best_unit][0]
        chosen = {**chosen, best_unit: best_point}
    return chosen


def _curve(steps: list[Step]) -> tuple[tuple[int, float], ...]:
    spent, profit, out = 0, 0.0, [(0, 0.0)]
    for step in steps:
        spent, profit = spent + step.yuan, profit + step.profit
        out.append((spent, profit))
    return tuple(out)


def _portfolio(
    offers: Offers, chosen: Iterable[Point], bound: float, price: float, curve: tuple[tuple[int, float], ...]
) -> Portfolio:
    count = len(offers.pd)
    limit, rate = np.zeros(count, np.int64), np.zeros(count, np.int64)
    expected, kept = np.zeros(count), np.zeros(count)
    for yuan, firm, k, profit in chosen:
        if firm < 0:
            continue
        j = int(offers.best_rate[firm, k])
        limit[firm], rate[firm], expected[firm] = yuan, int(offers.rates.rate_ppm[j]), profit
        kept[firm] = offers.rates.kept[offers.grade[firm], j]
    return Portfolio(limit, rate, expected, kept, bound, round(price * 1_000_000), curve)
