"""The finite grid of limits and rates in whole fen, and the walk over grades that keeps it monotone in the PD."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from dandelion.core import PPM
from dandelion.core.frame import Ints
from dandelion.policy.product import Bools, Product
from dandelion.policy.strain import dearer_ppm, strain_ppm


@dataclass(frozen=True, slots=True)
class Table:
    """What the product alone settles, at the rates within the cap; (rates, limits) int64 fen.

    `earned` is interest less funding, opex and the cost of capital; `ceiling` (grades,) counts the rates that a grade
    may be charged: cost, its own risk and at most the product's margin.
    """

    rates: Ints
    instalment: Ints
    exposure: Ints
    earned: Ints
    ceiling: tuple[int, ...]


@functools.lru_cache(maxsize=64)
def table_of(product: Product, rates_count: int) -> Table:
    """The table for the lowest `rates_count` rates; kept, since it is the same for every request."""
    cost, rates, limit = product.economics, product.rates[:rates_count], product.limits[None, :]
    rate = rates[:, None]
    used = limit * product.use_ppm[:rates_count, None] // PPM
    interest = _over_time(used * rate // PPM, product)
    exposure = used + (limit - used) * cost.ccf_ppm // PPM
    funding = _over_time(used * cost.funding_ppm // PPM, product)
    capital = used * cost.capital_ratio_ppm // PPM * cost.capital_cost_ppm // PPM
    opex = cost.opex_line_fen + used * cost.opex_used_ppm // PPM
    ceiling = np.maximum(np.searchsorted(rates, price_ceiling_ppm(product), side="right"), 1)
    return Table(
        rates, -(-limit // product.affordability.instalment_months) + limit * rate // PPM // 12, exposure,
        interest - funding - opex - _over_time(capital, product), tuple(ceiling.tolist()),
    )  # fmt: skip


def price_ceiling_ppm(product: Product) -> Ints:
    """The highest yearly rate of each grade: funding, opex, capital, the grade's own yearly loss, and the margin."""
    cost = product.economics
    used = int(product.use_ppm[0])  # what is lost is the exposure, what pays for it is the money in use
    exposed = used + (PPM - used) * cost.ccf_ppm // PPM
    yearly_loss = (
        product.pd_grades * cost.lgd_ppm // PPM * cost.year_days // cost.horizon_days * exposed // max(used, 1)
    )
    fixed = cost.funding_ppm + cost.opex_used_ppm * cost.year_days // cost.horizon_days
    return fixed + cost.capital_ratio_ppm * cost.capital_cost_ppm // PPM + yearly_loss + product.margin_max_ppm


@dataclass(frozen=True, slots=True)
class Grid:
    """Expected profit and loss of every cell for every grade up to the merchant's: (grades, rates, limits) fen."""

    table: Table
    loss: Ints
    profit: Ints
    profit_min: int

    @classmethod
    def of(cls, product: Product, table: Table, grade: int, turnover_fen: int) -> Grid:
        cost = product.economics
        strain = strain_ppm(product.limits, turnover_fen, cost.pd_elasticity_ppm, cost.pd_elasticity_from_ppm)
        dearer = dearer_ppm(cost, table.rates)
        graded = product.pd_grades[: grade + 1, None, None] * strain[None, None, :] // PPM
        pd = np.minimum(graded * dearer[None, :, None] // PPM, PPM)  # (grades, rates, limits)
        loss = table.exposure[None] * (pd * cost.lgd_ppm // PPM) // PPM
        return cls(table, loss, table.earned[None] - loss, cost.profit_min_fen)

    def choose(self, feasible: Bools, price_add_ppm: int) -> tuple[int, int] | None:
        """(rate index, limit index) of the last grade, or None where it or a better grade has no cell.

        Each grade takes its most profitable feasible cell with no higher limit and no lower rate than the grade before.
        A price change then moves each grade's rate along the grid and takes the best limit there, in the same walk.
        """
        worth = np.where(feasible, self.profit, self.profit_min - 1)
        limit_at, rate_at, rates = feasible.shape[1] - 1, 0, []
        for grade in range(len(worth)):
            ceiling = max(self.table.ceiling[grade], rate_at + 1)
            cell = self._best(worth[grade, rate_at:ceiling, : limit_at + 1])
            if cell is None:
                return None
            rate_at, limit_at = cell[0] + rate_at, cell[1]
            rates.append(rate_at)
        if price_add_ppm == 0:
            return rate_at, limit_at
        limit_at = feasible.shape[1] - 1
        for grade, plain in enumerate(rates):
            rate_at = self._shift(plain, price_add_ppm)
            cell = self._best(worth[grade, rate_at : rate_at + 1, : limit_at + 1])
            if cell is None:
                return None
            limit_at = cell[1]
        return rate_at, limit_at

    def _best(self, worth: Ints) -> tuple[int, int] | None:
        """The most profit of a (rates, limits) block; ties go to the lower rate, then to the lower limit."""
        rate, limit = divmod(int(worth.argmax()), worth.shape[1])
        return None if worth[rate, limit] < self.profit_min else (rate, limit)

    def _shift(self, at: int, add_ppm: int) -> int:
        """Up to the next rate of the grid, down to one not below; never past the ends."""
        rates = self.table.rates
        return min(int(rates.searchsorted(rates[at] + add_ppm)), len(rates) - 1)


def _over_time(yearly: Ints, product: Product) -> Ints:
    return yearly * product.economics.horizon_days // product.economics.year_days
