"""Integer state to values, last of all, for one row: each formula is float64 of whole numbers, rounded once at the end."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from dandelion.core import DAY_US
from dandelion.indicators.bits import as_float
from dandelion.indicators.steps import HIGHEST, NOTHING
from dandelion.indicators.whole_math import deviation, entropy

PEOPLE_MIN = 5  # columns about third parties are aggregates over at least five people
FORMULAS = 9
WHOLE, PICKED, MEAN, DEVIATION, SINCE, LONGEST, TOP_SHARE, ENTROPY, RANK = range(FORMULAS)
RUN_FORMULA, RUN_LINE, RUN_COUNT, RUN_SLOTS, RUN_VIEWS, RUN_FIELDS = 0, 1, 2, 3, 7, 8
PAIR_OP, PAIR_LINE, PAIR_COUNT, PAIR_FIRST, PAIR_SECOND, PAIR_STRIDE, PAIR_DAYS, PAIR_OTHER_DAYS, PAIR_VIEWS, \
    PAIR_FIELDS = range(10)  # fmt: skip
WIDE_OP, WIDE_LINE, WIDE_COUNT, WIDE_PARTS, WIDE_WIDTH, WIDE_VIEWS, WIDE_FIELDS = range(7)
GROUP_OP, GROUP_WIDTH, GROUP_COUNT, GROUP_PARTS, GROUP_LINES, GROUP_PAIR, GROUP_PAIR_END, GROUP_WIDE, GROUP_WIDE_END, \
    GROUP_FIELDS = range(10)  # fmt: skip
AT_ONCE = 64  # columns of many operands that are worked out side by side
SMALL = 4.0e18
OPERATIONS = 6
RATIO, SHARE, DIFFERENCE, TREND, VOLATILITY, OWN_PAST = range(OPERATIONS)


NJIT = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**NJIT)
def show(first, end, seen, values, nothing, shown):  # type: ignore[no-untyped-def]
    """Lines ``first:end`` to `shown`, if they are of columns that were asked for, which come first: their values, or
    those they have without events."""
    if first >= len(shown):
        return
    to = shown[first:end]
    if seen:
        of = values[first:end]
        for j in range(len(to)):
            to[j] = np.float32(of[j])
    else:
        same = nothing[first:end]
        for j in range(len(to)):
            to[j] = same[j]


@njit(**NJIT)
def finish(runs, active, as_of, state, values, nothing, shown):  # type: ignore[no-untyped-def]
    """Run r: columns that follow each other read slots of `state` that follow each other (-1: the formula has none).

    Views are bits of `active`: what only reads others is in `values` as it is without events, and in `nothing`."""
    begun, end, seen = 0, 0, False  # lines that are shown together
    for r in range(runs.shape[0]):
        run = runs[r]
        looked = run[RUN_VIEWS] & active != 0
        if run[RUN_LINE] != end or looked != seen:
            show(begun, end, seen, values, nothing, shown)
            begun, seen = run[RUN_LINE], looked
        end = run[RUN_LINE] + run[RUN_COUNT]
        if not looked:
            continue
        formula, count = run[RUN_FORMULA], run[RUN_COUNT]
        out = values[run[RUN_LINE] : run[RUN_LINE] + count]
        first = state[run[RUN_SLOTS] :]
        second = state[max(0, run[RUN_SLOTS + 1]) :]
        third = state[max(0, run[RUN_SLOTS + 2]) :]
        fourth = state[max(0, run[RUN_SLOTS + 3]) :]
        if formula == WHOLE:
            for j in range(count):
                out[j] = as_float(first[j])
        elif formula == PICKED:
            for j in range(count):
                out[j] = np.nan if (first[j] == NOTHING) | (first[j] == HIGHEST) else as_float(first[j])
        elif formula == MEAN:
            for j in range(count):
                out[j] = as_float(first[j]) / as_float(second[j]) if second[j] > 0 else np.nan
        elif formula == DEVIATION:
            _deviations(count, first, second, third, fourth, out)
        elif formula == SINCE:
            for j in range(count):
                out[j] = np.nan if first[j] == NOTHING else as_float(as_of - first[j]) / float(DAY_US)
        elif formula == LONGEST:
            for j in range(count):
                out[j] = as_float(first[j]) / float(DAY_US) if first[j] >= 0 else np.nan
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
                out[j] = as_float(first[j]) if second[j] > 0 else np.nan
    show(begun, end, seen, values, nothing, shown)


@njit(**NJIT)
def _deviations(count, total, n, high, low, out):  # type: ignore[no-untyped-def]
    """All as if their squares were small, then those again whose squares are not."""
    small = True
    for j in range(count):
        small &= (high[j] == 0) & (low[j] >= 0) & (as_float(n[j]) * as_float(low[j]) < SMALL)
        spread = as_float(n[j] * low[j] - total[j] * total[j])
        out[j] = math.sqrt(spread) / as_float(n[j]) if n[j] > 0 else np.nan
    if small:
        return
    for j in range(count):
        if not ((high[j] == 0) & (low[j] >= 0) & (float(n[j]) * float(low[j]) < SMALL)):
            out[j] = deviation(n[j], total[j], np.uint64(high[j]), np.uint64(low[j]))


@njit(**NJIT)
def combine(groups, pairs, wides, parts, spans, lines, views, active, values, nothing, shown):  # type: ignore[no-untyped-def]
    """Derived columns by depth.  A group is a span of `pairs` and one of `wides` (columns and operands that follow each
    other), and columns with their operands listed.  `active` as in `finish`; listed columns say their `views`."""
    for g in range(groups.shape[0]):
        group = groups[g]
        op, width, at, first = group[GROUP_OP], group[GROUP_WIDTH], group[GROUP_PARTS], group[GROUP_LINES]
        begun, end, seen = 0, 0, False  # lines that are shown together
        for k in range(group[GROUP_PAIR], group[GROUP_PAIR_END]):
            looked = pairs[k, PAIR_VIEWS] & active != 0
            if pairs[k, PAIR_LINE] != end or looked != seen:
                show(begun, end, seen, values, nothing, shown)
                begun, seen = pairs[k, PAIR_LINE], looked
            end = pairs[k, PAIR_LINE] + pairs[k, PAIR_COUNT]
            if looked:
                _pair(pairs[k], values)
        show(begun, end, seen, values, nothing, shown)
        for k in range(group[GROUP_WIDE], group[GROUP_WIDE_END]):
            wide = wides[k]
            looked = wide[WIDE_VIEWS] & active != 0
            if looked:
                _wide(wide, parts, values)
            show(wide[WIDE_LINE], wide[WIDE_LINE] + wide[WIDE_COUNT], looked, values, nothing, shown)
        for j in range(group[GROUP_COUNT]):
            line = lines[first + j]
            if not views[first + j] & active:
                if line < len(shown):
                    shown[line] = nothing[line]
                continue
            mine = at + width * j
            if op == RATIO:
                bottom = values[parts[mine + 1]]
                values[line] = values[parts[mine]] / bottom if bottom != 0 else np.nan
            elif op == SHARE:
                bottom = values[parts[mine + 1]]
                values[line] = values[parts[mine]] / bottom if bottom > 0 else np.nan
            elif op == DIFFERENCE:
                total = values[parts[mine]]
                for k in range(1, width):
                    total -= values[parts[mine + k]]
                values[line] = total
            elif op == TREND:
                recent, longer = values[parts[mine]], values[parts[mine + 1]]
                days = float(spans[mine])
                pace = (longer - recent) / (float(spans[mine + 1]) - days)
                values[line] = recent / days / pace - 1.0 if pace > 0 else np.nan
            else:
                values[line] = _over_buckets(op, values, parts[mine : mine + width])
            if line < len(shown):
                shown[line] = np.float32(values[line])


@njit(**NJIT)
def _wide(wide, parts, values):  # type: ignore[no-untyped-def]
    """As `_over_buckets`, for columns whose operands all follow those of the column before."""
    op, width, at = wide[WIDE_OP], wide[WIDE_WIDTH], wide[WIDE_PARTS]
    begin = 0 if op == VOLATILITY else 1
    count = width - begin
    total, squares = np.empty(AT_ONCE, np.float64), np.empty(AT_ONCE, np.float64)
    for start in range(0, wide[WIDE_COUNT], AT_ONCE):
        n = min(AT_ONCE, wide[WIDE_COUNT] - start)
        out = values[wide[WIDE_LINE] + start : wide[WIDE_LINE] + start + n]
        for j in range(n):
            total[j], squares[j] = 0.0, 0.0
        for k in range(begin, width):
            here = values[parts[at + k] + start : parts[at + k] + start + n]
            before = values[parts[at + max(k, 1) - 1] + start :]
            if k:
                for j in range(n):
                    total[j] += here[j] - before[j]
            else:
                for j in range(n):
                    total[j] += here[j] - 0.0
        for j in range(n):
            total[j] = total[j] / count  # the mean
        for k in range(begin, width):
            here = values[parts[at + k] + start : parts[at + k] + start + n]
            before = values[parts[at + max(k, 1) - 1] + start :]
            for j in range(n):
                off = here[j] - (before[j] if k else 0.0) - total[j]
                squares[j] += off * off
        newest = values[parts[at] + start :]
        for j in range(n):
            spread = math.sqrt(squares[j] / count)
            if op == VOLATILITY:
                out[j] = spread / total[j] if total[j] > 0 else np.nan
            else:
                out[j] = (newest[j] - total[j]) / spread if spread > 0 else np.nan


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
