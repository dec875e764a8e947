"""The finite grid of limits and rates in whole fen, and the walk over grades that keeps it monotone in the PD."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from dandelion.core import PPM
from dandelion.core.frame import Ints
from dandelion.policy.grid_kernel import loss_fen, walk_grades
from dandelion.policy.product import Bools, Economics, Product
from dandelion.policy.strain import dearer_ppm, strain_ppm


@dataclass(frozen=True, slots=True)
class Table:
    """What the product alone settles, at the rates within the cap; (rates, limits) int64 fen.

    `earned` is interest less funding, opex and the cost of capital; `terms` are of the highest price, see `price_terms`.
    """

    rates: Ints
    instalment: Ints
    exposure: Ints
    earned: Ints
    terms: Ints


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
    return Table(
        rates, -(-limit // product.affordability.instalment_months) + limit * rate // PPM // 12, exposure,
        interest - funding - opex - _over_time(capital, product), price_terms(product),
    )  # fmt: skip


def price_terms(product: Product) -> Ints:
    """(5,) int64: the highest yearly rate of a cell is the first (funding, opex, capital and the margin, ppm), and the
    cell's expected loss over the horizon times second / third (to a year) times fourth / fifth (what is lost is the
    exposure, what pays for it is the money in use)."""
    cost, used = product.economics, int(product.use_ppm[0])
    exposed = used + (PPM - used) * cost.ccf_ppm // PPM
    fixed = cost.funding_ppm + cost.opex_used_ppm * cost.year_days // cost.horizon_days
    fixed += cost.capital_ratio_ppm * cost.capital_cost_ppm // PPM + product.margin_max_ppm
    return np.array([fixed, cost.year_days, cost.horizon_days, exposed, max(used, 1)], np.int64)


@dataclass(frozen=True, slots=True)
class Grid:
    """Expected profit and loss of a merchant's cells for every grade up to hers; `grade_pd` (grades,), `strain` (limits,)
    and `dearer` (rates,) ppm."""

    table: Table
    cost: Economics
    grade_pd: Ints
    strain: Ints
    dearer: Ints

    @classmethod
    def of(cls, product: Product, table: Table, grade: int, turnover_fen: int) -> Grid:
        cost = product.economics
        strain = strain_ppm(product.limits, turnover_fen, cost.pd_elasticity_ppm, cost.pd_elasticity_from_ppm)
        return cls(table, cost, product.pd_grades[: grade + 1], strain, dearer_ppm(cost, table.rates))

    def choose(self, feasible: Bools, price_add_ppm: int) -> tuple[int, int] | None:
        """(rate index, limit index) of the last grade, or None where it or a better grade has no cell.

        Each grade takes its most profitable feasible cell with no higher limit and no lower rate than the grade before,
        and no dearer than its own risk at that limit allows.
        A price change then moves each grade's rate along the grid and takes the best limit there, in the same walk.
        """
        table = self.table
        rate, limit = walk_grades(
            self.grade_pd, self.strain, self.dearer, table.exposure, table.earned, table.rates, table.terms, feasible,
            self.cost.lgd_ppm, self.cost.profit_min_fen, price_add_ppm,
        )  # fmt: skip
        return None if rate < 0 else (int(rate), int(limit))

    def loss(self, cell: tuple[int, int]) -> int:
        """Expected loss of a cell for the last grade, in fen."""
        strained = int(self.grade_pd[-1] * self.strain[cell[1]] // PPM)
        return int(loss_fen(strained, self.dearer[cell[0]], self.table.exposure[cell], self.cost.lgd_ppm))


def _over_time(yearly: Ints, product: Product) -> Ints:
    return yearly * product.economics.horizon_days // product.economics.year_days
