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
RUN_FORMULA, RUN_LINE, RUN_COUNT, RUN_SLOTS, RUN_FIELDS = 0, 1, 2, 3, 7
PAIR_OP, PAIR_LINE, PAIR_COUNT, PAIR_FIRST, PAIR_SECOND, PAIR_STRIDE, PAIR_DAYS, PAIR_OTHER_DAYS, PAIR_FIELDS = range(9)
SMALL = 4.0e18
OPERATIONS = 6
RATIO, SHARE, DIFFERENCE, TREND, VOLATILITY, OWN_PAST = range(OPERATIONS)


NJIT = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**NJIT)
def finish(runs, as_of, state, values):  # type: ignore[no-untyped-def]
    """Run r: columns that follow each other read slots of `state` that follow each other (-1: the formula has none)."""
    for r in range(runs.shape[0]):
        run = runs[r]
        formula, count = run[RUN_FORMULA], run[RUN_COUNT]
        out = values[run[RUN_LINE] : run[RUN_LINE] + count]
        first = state[run[RUN_SLOTS] :]
        second = state[max(0, run[RUN_SLOTS + 1]) :]
        third = state[max(0, run[RUN_SLOTS + 2]) :]
        fourth = state[max(0, run[RUN_SLOTS + 3]) :]
        if formula == WHOLE:
            for j in range(count):
                out[j] = float(first[j])
        elif formula == PICKED:
            for j in range(count):
                out[j] = np.nan if (first[j] == NOTHING) | (first[j] == HIGHEST) else float(first[j])
        elif formula == MEAN:
            for j in range(count):
                out[j] = float(first[j]) / float(second[j]) if second[j] > 0 else np.nan
        elif formula == DEVIATION:
            _deviations(count, first, second, third, fourth, out)
        elif formula == SINCE:
            for j in range(count):
                out[j] = np.nan if first[j] == NOTHING else float(as_of - first[j]) / float(DAY_US)
        elif formula == LONGEST:
            for j in range(count):
                out[j] = float(first[j]) / float(DAY_US) if first[j] >= 0 else np.nan
        elif formula == TOP_SHARE:
            for j in range(count):
                enough = first[j] > 0 and (run[RUN_SLOTS + 2] < 0 or third[j] >= PEOPLE_MIN)
                out[j] = float(second[j]) / float(first[j]) if enough else np.nan
        elif formula == ENTROPY:
            for j in range(count):
                enough = run[RUN_SLOTS + 3] < 0 or fourth[j] >= PEOPLE_MIN
                out[j] = entropy(first[j], second[j], third[j]) if enough else np.nan
        else:
            for j in range(count):
                out[j] = float(first[j]) if second[j] > 0 else np.nan


@njit(**NJIT)
def _deviations(count, total, n, high, low, out):  # type: ignore[no-untyped-def]
    small = True
    for j in range(count):
        small &= (high[j] == 0) & (low[j] >= 0) & (float(n[j]) * float(low[j]) < SMALL)
    if small:
        for j in range(count):
            spread = float(n[j] * low[j] - total[j] * total[j])
            out[j] = math.sqrt(spread) / float(n[j]) if n[j] > 0 else np.nan
    else:
        for j in range(count):
            out[j] = deviation(n[j], total[j], np.uint64(high[j]), np.uint64(low[j]))


@njit(**NJIT)
def combine(groups, pairs, parts, spans, lines, values):  # type: ignore[no-untyped-def]
    """Derived columns by depth.  A group is a span of `pairs` (columns and operands that follow each other), or columns
    with their operands listed: (operation, operands, columns, first part, first line, first pair, end pair)."""
    for g in range(groups.shape[0]):
        op, width, count, at, first = groups[g, 0], groups[g, 1], groups[g, 2], groups[g, 3], groups[g, 4]
        for k in range(groups[g, 5], groups[g, 6]):
            _pair(pairs[k], values)
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


@njit(**NJIT)
def _pair(pair, values):  # type: ignore[no-untyped-def]
    op, count, stride = pair[PAIR_OP], pair[PAIR_COUNT], pair[PAIR_STRIDE]
    out = values[pair[PAIR_LINE] : pair[PAIR_LINE] + count]
    tops = values[pair[PAIR_FIRST] : pair[PAIR_FIRST] + count]
    bottoms = values[pair[PAIR_SECOND] :]
    if stride == 0:
        bottom = bottoms[0]
        if op == RATIO:
            for j in range(count):
                out[j] = tops[j] / bottom if bottom != 0 else np.nan
        else:
            for j in range(count):
                out[j] = tops[j] / bottom if bottom > 0 else np.nan
    elif op == RATIO:
        for j in range(count):
            out[j] = tops[j] / bottoms[j] if bottoms[j] != 0 else np.nan
    elif op == SHARE:
        for j in range(count):
            out[j] = tops[j] / bottoms[j] if bottoms[j] > 0 else np.nan
    elif op == DIFFERENCE:
        for j in range(count):
            out[j] = tops[j] - bottoms[j]
    else:
        days = float(pair[PAIR_DAYS])
        more = float(pair[PAIR_OTHER_DAYS]) - days
        for j in range(count):
            pace = (bottoms[j] - tops[j]) / more
            out[j] = tops[j] / days / pace - 1.0 if pace > 0 else np.nan


@njit(**NJIT)
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
