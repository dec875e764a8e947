"""Integer state to values, last of all.  Every formula is float64 of whole numbers, then one rounding to float32."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core import DAY_US
from dandelion.core.frame import Ints
from dandelion.indicators import kernel as k
from dandelion.indicators.declare import Base, Derive, window_us

PEOPLE_MIN = 5  # DESIGN: columns about third parties are aggregates over at least five people
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Values:
    """One column: float64 with NaN for missing, and the exact whole numbers where the column is one."""

    floats: Doubles
    exact: Ints | None = None


def base_values(base: Base, state: Ints, as_of: Ints) -> Values:
    """`state` is (rows, SLOTS)."""
    n = state[:, k.N]
    some = n > 0
    aggregate = base.aggregate
    slot = {"count": k.N, "sum": k.SUM, "distinct": k.WHO, "active_days": k.DAYS}.get(aggregate)
    if slot is not None:
        return Values(state[:, slot].astype(np.float64), state[:, slot].copy())
    slot = {"min": k.MIN, "max": k.MAX, "last": k.LAST_VALUE}.get(aggregate)
    if slot is not None:
        return Values(_where(some, state[:, slot].astype(np.float64)), state[:, slot].copy())
    if aggregate == "mean":
        return Values(_where(some, state[:, k.SUM] / np.maximum(n, 1)))
    if aggregate == "deviation":
        return Values(np.array([_deviation(row) for row in state.tolist()], np.float64))
    if aggregate == "longest_gap":
        return Values(_where(n > 1, state[:, k.GAP] / DAY_US))
    if aggregate == "top_share":
        enough = (state[:, k.SUM] > 0) & (not base.stream.people or state[:, k.WHO] >= PEOPLE_MIN)
        return Values(_where(enough, state[:, k.TOP_SUM] / np.maximum(state[:, k.SUM], 1)))
    moment = k.FIRST if aggregate == "days_since_first" else k.LAST
    return Values(_where(some, (as_of - state[:, moment]) / DAY_US))


def _where(known: npt.NDArray[np.bool_], values: Doubles) -> Doubles:
    return np.where(known, values, np.nan)


def _deviation(row: list[int]) -> float:
    """Population standard deviation: the root of (n * sum of squares - square of sum) / n**2, exact until the root."""
    n, total = row[k.N], row[k.SUM]
    if n == 0:
        return math.nan
    squares = ((row[k.SQUARES_HIGH] & (2**64 - 1)) << 64) | (row[k.SQUARES_LOW] & (2**64 - 1))
    return math.sqrt(n * squares - total * total) / n


def derived_values(derive: Derive, parts: list[Values], bases: list[Base | None]) -> Values:
    """Combine columns.  `bases[i]` is the event column behind part i, if it is one (for its window)."""
    floats = [part.floats for part in parts]
    if derive.op == "difference":
        total = floats[0]
        for other in floats[1:]:
            total = total - other
        exact = parts[0].exact
        for part in parts[1:]:
            exact = exact - part.exact if exact is not None and part.exact is not None else None
        return Values(total if exact is None else _where(~np.isnan(total), exact.astype(np.float64)), exact)
    if derive.op == "ratio":
        return Values(_divide(floats[0], floats[1], floats[1] != 0))
    if derive.op == "share":
        return Values(_divide(floats[0], floats[1], floats[1] > 0))
    lengths = [window_us(base.window) / DAY_US for base in bases if base is not None]
    if derive.op == "trend":
        recent, earlier = floats[0], floats[1] - floats[0]
        pace = earlier / (lengths[1] - lengths[0])
        return Values(_divide(recent / lengths[0], pace, pace > 0) - 1.0)
    buckets = [floats[0], *(b - a for a, b in itertools.pairwise(floats))]
    if derive.op == "volatility":
        mean, spread = _mean_and_spread(buckets)
        return Values(_divide(spread, mean, mean > 0))
    mean, spread = _mean_and_spread(buckets[1:])
    return Values(_divide(buckets[0] - mean, spread, spread > 0))


def _divide(top: Doubles, bottom: Doubles, fine: npt.NDArray[np.bool_]) -> Doubles:
    return np.where(fine, top / np.where(fine, bottom, 1.0), np.nan)


def _mean_and_spread(buckets: list[Doubles]) -> tuple[Doubles, Doubles]:
    """Mean and population deviation over buckets, added up in order of age."""
    total = np.zeros_like(buckets[0])
    for bucket in buckets:
        total = total + bucket
    mean = total / len(buckets)
    squares = np.zeros_like(mean)
    for bucket in buckets:
        squares = squares + (bucket - mean) * (bucket - mean)
    return mean, np.sqrt(squares / len(buckets))
