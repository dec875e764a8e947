"""Integer state to values, last of all, for one row: each formula is float64 of whole numbers, rounded once at the end."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from dandelion.core import DAY_US
from dandelion.indicators.steps import HIGHEST, NOTHING
from dandelion.indicators.whole_math import deviation, entropy

PEOPLE_MIN = 5  # columns about third parties are aggregates over at least five people
FORMULAS = 9
WHOLE, PICKED, MEAN, DEVIATION, SINCE, LONGEST, TOP_SHARE, ENTROPY, RANK = range(FORMULAS)
OPERATIONS = 6
RATIO, SHARE, DIFFERENCE, TREND, VOLATILITY, OWN_PAST = range(OPERATIONS)


@njit(cache=True, nogil=True, error_model="numpy")
def finish(bounds, line, slots, as_of, state, values):  # type: ignore[no-untyped-def]
    """Columns ``bounds[f]:bounds[f + 1]`` have formula f; ``slots[k, j]`` are the places in `state` column j reads."""
    a, b, c, d = slots[0], slots[1], slots[2], slots[3]
    for j in range(bounds[WHOLE], bounds[WHOLE + 1]):
        values[line[j]] = float(state[a[j]])
    for j in range(bounds[PICKED], bounds[PICKED + 1]):
        found = state[a[j]]
        values[line[j]] = np.nan if found in (NOTHING, HIGHEST) else float(found)
    for j in range(bounds[MEAN], bounds[MEAN + 1]):
        n = state[b[j]]
        values[line[j]] = float(state[a[j]]) / float(n) if n > 0 else np.nan
    for j in range(bounds[DEVIATION], bounds[DEVIATION + 1]):
        n = state[b[j]]
        values[line[j]] = np.nan
        if n > 0:
            values[line[j]] = deviation(n, state[a[j]], np.uint64(state[c[j]]), np.uint64(state[d[j]]))
    for j in range(bounds[SINCE], bounds[SINCE + 1]):
        moment = state[a[j]]
        values[line[j]] = np.nan if moment == NOTHING else float(as_of - moment) / float(DAY_US)
    for j in range(bounds[LONGEST], bounds[LONGEST + 1]):
        gap = state[a[j]]
        values[line[j]] = float(gap) / float(DAY_US) if gap >= 0 else np.nan
    for j in range(bounds[TOP_SHARE], bounds[TOP_SHARE + 1]):
        total = state[a[j]]
        enough = total > 0 and (c[j] < 0 or state[c[j]] >= PEOPLE_MIN)
        values[line[j]] = float(state[b[j]]) / float(total) if enough else np.nan
    for j in range(bounds[ENTROPY], bounds[ENTROPY + 1]):
        enough = d[j] < 0 or state[d[j]] >= PEOPLE_MIN
        values[line[j]] = entropy(state[a[j]], state[b[j]], state[c[j]]) if enough else np.nan
    for j in range(bounds[RANK], bounds[RANK + 1]):
        values[line[j]] = float(state[a[j]]) if state[b[j]] > 0 else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def combine(groups, parts, spans, lines, values):  # type: ignore[no-untyped-def]
    """Derived columns.  Group g: (operation, operands, columns, first part, first line); operands come first."""
    for g in range(groups.shape[0]):
        op, width, count, at, first = groups[g, 0], groups[g, 1], groups[g, 2], groups[g, 3], groups[g, 4]
        if op == RATIO:
            for j in range(count):
                bottom = values[parts[at + 2 * j + 1]]
                values[lines[first + j]] = values[parts[at + 2 * j]] / bottom if bottom != 0 else np.nan
        elif op == SHARE:
            for j in range(count):
                bottom = values[parts[at + 2 * j + 1]]
                values[lines[first + j]] = values[parts[at + 2 * j]] / bottom if bottom > 0 else np.nan
        elif op == DIFFERENCE:
            for j in range(count):
                total = values[parts[at + width * j]]
                for k in range(1, width):
                    total -= values[parts[at + width * j + k]]
                values[lines[first + j]] = total
        elif op == TREND:
            for j in range(count):
                recent, longer = values[parts[at + 2 * j]], values[parts[at + 2 * j + 1]]
                days = float(spans[at + 2 * j])
                pace = (longer - recent) / (float(spans[at + 2 * j + 1]) - days)
                values[lines[first + j]] = recent / days / pace - 1.0 if pace > 0 else np.nan
        else:
            for j in range(count):
                values[lines[first + j]] = _over_buckets(op, values, parts[at + width * j : at + width * (j + 1)])


@njit(cache=True, nogil=True, error_model="numpy")
def _over_buckets(op, values, parts):  # type: ignore[no-untyped-def]
    """Spread over mean of the buckets, or the newest against the others in deviations; added up in order of age."""
    first = 0 if op == VOLATILITY else 1
    count = len(parts) - first
    total = 0.0
    for k in range(first, len(parts)):
        total += values[parts[k]] - (values[parts[k - 1]] if k else 0.0)
    mean = total / count
    squares = 0.0
    for k in range(first, len(parts)):
        off = values[parts[k]] - (values[parts[k - 1]] if k else 0.0) - mean
        squares += off * off
    spread = math.sqrt(squares / count)
    if op == VOLATILITY:
        return spread / mean if mean > 0 else np.nan
    return (values[parts[0]] - mean) / spread if spread > 0 else np.nan
