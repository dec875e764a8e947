"""The walk over grades and the strain of a limit, in whole numbers.  Slow versions: tests/policy/test_policy_offer.py."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

PPM = 1_000_000  # core.PPM; a literal here, so that the compiler divides by multiplying
Ints = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def loss_fen(strained_ppm: int, dearer_ppm: int, exposure_fen: int, lgd_ppm: int) -> int:
    """Expected loss of one cell; `strained_ppm` is the grade's PD at the cell's limit."""
    pd = min(strained_ppm * dearer_ppm // PPM, PPM)
    return exposure_fen * (pd * lgd_ppm // PPM) // PPM


@njit(cache=True, nogil=True)
def dearest(pd_ppm: int, strain: Ints, lgd_ppm: int, terms: Ints, out: Ints) -> None:
    """out[i] = the highest yearly rate, ppm, that a grade may pay at limit i.  `terms`: see `grid.price_terms`."""
    for i in range(strain.shape[0]):
        loss = (pd_ppm * strain[i] // PPM) * lgd_ppm // PPM
        out[i] = terms[0] + loss * terms[1] // terms[2] * terms[3] // terms[4]


@njit(cache=True, nogil=True)
def best_cell(
    pd_ppm: int, strain: Ints, dearer: Ints, exposure: Ints, earned: Ints, feasible: npt.NDArray[np.bool_], lgd_ppm: int,
    profit_min: int, first_rate: int, end_rate: int, end_limit: int, rates: Ints, most: Ints,
) -> tuple[int, int]:  # fmt: skip
    """The most profitable feasible cell; ties go to the lower rate, then to the lower limit; (-1, -1) without one.

    No cell is dearer than `most` (limits,) allows, but the lowest rate there is always may be asked.
    """
    rate_at, limit_at, best = -1, -1, profit_min - 1
    for rate in range(first_rate, end_rate):
        for limit in range(end_limit):
            if feasible[rate, limit] and (rate == 0 or rates[rate] <= most[limit]):
                strained = pd_ppm * strain[limit] // PPM
                worth = earned[rate, limit] - loss_fen(strained, dearer[rate], exposure[rate, limit], lgd_ppm)
                if worth > best:
                    rate_at, limit_at, best = rate, limit, worth
    return rate_at, limit_at


@njit(cache=True, nogil=True)
def walk_grades(
    grade_pd: Ints, strain: Ints, dearer: Ints, exposure: Ints, earned: Ints, rates: Ints, terms: Ints,
    feasible: npt.NDArray[np.bool_], lgd_ppm: int, profit_min: int, price_add_ppm: int,
) -> tuple[int, int]:  # fmt: skip
    """(rate, limit) of the last grade as `grid.Grid.choose` says it; (-1, -1) where there is none."""
    limits, grades = feasible.shape[1], grade_pd.shape[0]
    chosen, most = np.empty(grades, np.int64), np.empty(limits, np.int64)
    rate, limit, end = 0, limits - 1, rates.shape[0]
    for grade in range(grades):
        dearest(grade_pd[grade], strain, lgd_ppm, terms, most)
        rate, limit = best_cell(
            grade_pd[grade], strain, dearer, exposure, earned, feasible, lgd_ppm, profit_min, rate, end, limit + 1, rates,
            most,
        )  # fmt: skip
        if rate < 0:
            return -1, -1
        chosen[grade] = rate
    if price_add_ppm == 0:
        return rate, limit
    limit = limits - 1
    most[:] = rates[-1]  # what a strategy adds comes on top
    for grade in range(grades):
        moved = np.searchsorted(
            rates, rates[chosen[grade]] + price_add_ppm
        )  # up to the next rate, down to one not below
        rate = min(moved, rates.shape[0] - 1)
        rate, limit = best_cell(
            grade_pd[grade], strain, dearer, exposure, earned, feasible, lgd_ppm, profit_min, rate, rate + 1, limit + 1,
            rates, most,
        )  # fmt: skip
        if rate < 0:
            return -1, -1
    return rate, limit


@njit(cache=True, nogil=True)
def strained(limits: Ints, usual: Ints, at: Ints, times: Ints, out: Ints) -> None:
    """out[i] = the multiple of the PD, ppm, at ``limits[i]`` where the usual limit is ``usual[i]`` (or ``usual[0]`` for all)."""
    for i in range(limits.shape[0]):
        ratio = limits[i] * PPM // usual[i if usual.shape[0] > 1 else 0]
        ratio = min(max(ratio, at[0]), at[-1])
        upper = min(max(np.searchsorted(at, ratio), 1), at.shape[0] - 1)
        lower = upper - 1
        rise = (times[upper] - times[lower]) * (ratio - at[lower]) // (at[upper] - at[lower])
        out[i] = times[lower] + rise
