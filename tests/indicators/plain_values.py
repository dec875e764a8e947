"""Of the plain evaluation: integer state to values, last of all.  Every formula is float64 of whole numbers, then one rounding to float32.

Values are a matrix (columns, rows), NaN where missing, with the exact whole numbers beside it where a column is one.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import plain_kernel as k

from dandelion.core import DAY_US
from dandelion.core.frame import Ints

PEOPLE_MIN = 5  # columns about third parties are aggregates over at least five people
WHOLE = {"count": k.N, "sum": k.SUM, "distinct": k.WHO, "active_days": k.DAYS}  # zero where nothing happened
PICKED = {"min": k.MIN, "max": k.MAX, "last": k.LAST_VALUE}  # missing where nothing happened
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def finish(aggregate: str, people: bool, state: Ints, as_of: Ints) -> tuple[Doubles, Ints | None]:
    """(values, exact whole numbers or None) of one aggregate; `state` is (columns, rows, SLOTS)."""
    n = state[..., k.N]
    if aggregate in WHOLE:
        exact = state[..., WHOLE[aggregate]]
        return exact.astype(np.float64), exact
    if aggregate in PICKED:
        exact = state[..., PICKED[aggregate]]
        return _known(n > 0, exact.astype(np.float64)), exact
    if aggregate == "mean":
        return _known(n > 0, state[..., k.SUM] / np.maximum(n, 1)), None
    if aggregate == "deviation":
        flat = [_deviation(row) for row in state.reshape(-1, k.SLOTS).tolist()]
        return np.array(flat, np.float64).reshape(n.shape), None
    if aggregate == "longest_gap":
        return _known(n > 1, state[..., k.GAP] / DAY_US), None
    if aggregate == "top_share":
        enough = (state[..., k.SUM] > 0) & (not people or state[..., k.WHO] >= PEOPLE_MIN)
        return _known(enough, state[..., k.TOP_SUM] / np.maximum(state[..., k.SUM], 1)), None
    assert aggregate in ("days_since_first", "days_since_last"), aggregate
    moment = state[..., k.FIRST if aggregate == "days_since_first" else k.LAST]
    return _known(n > 0, (as_of - moment) / DAY_US), None


def _known(known: Bools, values: Doubles) -> Doubles:
    return np.where(known, values, np.nan)


def _deviation(row: list[int]) -> float:
    """Population standard deviation: the root of (n * sum of squares - square of sum) / n**2, exact until the root."""
    n, total = row[k.N], row[k.SUM]
    if n == 0:
        return math.nan
    squares = ((row[k.SQUARES_HIGH] & (2**64 - 1)) << 64) | (row[k.SQUARES_LOW] & (2**64 - 1))
    return math.sqrt(n * squares - total * total) / n


def combine(op: str, parts: Doubles, days: Ints) -> Doubles:
    """Derived values (columns, rows) from operands (operands, columns, rows); `days` (columns, operands) are windows."""
    if op == "difference":
        total = parts[0]
        for other in parts[1:]:
            total = total - other
        return total
    if op == "ratio":
        return _divide(parts[0], parts[1], parts[1] != 0)
    if op == "share":
        return _divide(parts[0], parts[1], parts[1] > 0)
    if op == "trend":
        recent, longer = days[:, :1], days[:, 1:]
        pace = (parts[1] - parts[0]) / (longer - recent)
        return _divide(parts[0] / recent, pace, pace > 0) - 1.0
    buckets = np.concatenate([parts[:1], parts[1:] - parts[:-1]])
    past = buckets if op == "volatility" else buckets[1:]
    mean, spread = _mean_and_spread(past)
    if op == "volatility":
        return _divide(spread, mean, mean > 0)
    return _divide(buckets[0] - mean, spread, spread > 0)


def _divide(top: Doubles, bottom: Doubles, fine: Bools) -> Doubles:
    return np.where(fine, top / np.where(fine, bottom, 1.0), np.nan)


def _mean_and_spread(buckets: Doubles) -> tuple[Doubles, Doubles]:
    """Mean and population deviation over buckets, added up in order of age, so that every machine rounds alike."""
    total = np.zeros_like(buckets[0])
    for bucket in buckets:
        total = total + bucket
    mean = total / len(buckets)
    squares = np.zeros_like(mean)
    for bucket in buckets:
        squares = squares + (bucket - mean) * (bucket - mean)
    return mean, np.sqrt(squares / len(buckets))
