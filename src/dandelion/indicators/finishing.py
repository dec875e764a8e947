"""Integer state to values, last of all, for one row: each formula is float64 of whole numbers, rounded once at the end."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from dandelion.core import DAY_US
from dandelion.indicators.bits import as_float, bits_float, over, tail
from dandelion.indicators.steps import HIGHEST, NOTHING
from dandelion.indicators.whole_math import deviation, entropy

PEOPLE_MIN = 5  # columns about third parties are aggregates over at least five people
FORMULAS = 9
WHOLE, PICKED, MEAN, DEVIATION, SINCE, LONGEST, TOP_SHARE, ENTROPY, RANK = range(FORMULAS)
RUN_FORMULA, RUN_LINE, RUN_COUNT, RUN_SLOTS, RUN_VIEWS, RUN_FIELDS = 0, 1, 2, 3, 7, 8
PAIR_OP, PAIR_LINE, PAIR_COUNT, PAIR_FIRST, PAIR_SECOND, PAIR_STRIDE, PAIR_VIEWS, PAIR_DAYS, PAIR_PART, PAIR_MORE, \
    PAIR_PART_OF_MORE, PAIR_FIELDS = range(12)  # fmt: skip
LISTED = -1  # stride of a pair whose operands are listed among the parts
WIDE_OP, WIDE_LINE, WIDE_COUNT, WIDE_PARTS, WIDE_WIDTH, WIDE_VIEWS, WIDE_FIELDS = range(7)
GROUP_PAIR, GROUP_PAIR_END, GROUP_WIDE, GROUP_WIDE_END, GROUP_FIELDS = range(5)
AT_ONCE = 64  # columns of many operands that are worked out side by side
SMALL = 4.0e18
OPERATIONS = 6
RATIO, SHARE, DIFFERENCE, TREND, VOLATILITY, OWN_PAST = range(OPERATIONS)


_DAY, _PART_OF_DAY = float(DAY_US), 1.0 / DAY_US
NJIT = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**NJIT)
def show(first, end, seen, values, nothing, shown):  # type: ignore[no-untyped-def]
    """Lines ``first:end`` to `shown`, if they are of columns that were asked for, which come first: their values, or
    those they have without events."""
    end = min(end, len(shown))
    if first >= end:
        return
    to = tail(shown, first)
    if seen:
        of = tail(values, first)
        for j in range(end - first):
            to[j] = np.float32(of[j])
    else:
        same = tail(nothing, first)
        for j in range(end - first):
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
        out, first = tail(values, run[RUN_LINE]), tail(state, run[RUN_SLOTS])
        second, third = tail(state, max(0, run[RUN_SLOTS + 1])), tail(state, max(0, run[RUN_SLOTS + 2]))
        fourth = tail(state, max(0, run[RUN_SLOTS + 3]))
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
                out[j] = np.nan if first[j] == NOTHING else over(as_float(as_of - first[j]), _DAY, _PART_OF_DAY)
        elif formula == LONGEST:
            for j in range(count):
                out[j] = over(as_float(first[j]), _DAY, _PART_OF_DAY) if first[j] >= 0 else np.nan
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
def combine(groups, pairs, wides, parts, active, values, nothing, shown):  # type: ignore[no-untyped-def]
    """Derived columns by depth.  A group is a span of `pairs` and one of `wides`: columns that follow each other, of two
    operands or of any number.  Operands follow each other too, or are listed.  `active` as in `finish`."""
    for g in range(groups.shape[0]):
        begun, end, seen = 0, 0, False  # lines that are shown together
        for k in range(groups[g, GROUP_PAIR], groups[g, GROUP_PAIR_END]):
            looked = pairs[k, PAIR_VIEWS] & active != 0
            if pairs[k, PAIR_LINE] != end or looked != seen:
                show(begun, end, seen, values, nothing, shown)
                begun, seen = pairs[k, PAIR_LINE], looked
            end = pairs[k, PAIR_LINE] + pairs[k, PAIR_COUNT]
            if looked:
                if pairs[k, PAIR_STRIDE] == LISTED:
                    _listed(pairs[k], parts, values)
                else:
                    _pair(pairs[k], values)
        show(begun, end, seen, values, nothing, shown)
        for k in range(groups[g, GROUP_WIDE], groups[g, GROUP_WIDE_END]):
            wide = wides[k]
            looked = wide[WIDE_VIEWS] & active != 0
            if looked:
                _wide(wide, parts, values)
            show(wide[WIDE_LINE], wide[WIDE_LINE] + wide[WIDE_COUNT], looked, values, nothing, shown)


@njit(**NJIT)
def _listed(pair, parts, values):  # type: ignore[no-untyped-def]
    op, count, out = pair[PAIR_OP], pair[PAIR_COUNT], tail(values, pair[PAIR_LINE])
    tops, bottoms = tail(parts, pair[PAIR_FIRST]), tail(parts, pair[PAIR_SECOND])
    if op == RATIO:
        for j in range(count):
            bottom = values[bottoms[j]]
            out[j] = values[tops[j]] / bottom if bottom != 0 else np.nan
    elif op == SHARE:
        for j in range(count):
            bottom = values[bottoms[j]]
            out[j] = values[tops[j]] / bottom if bottom > 0 else np.nan
    elif op == DIFFERENCE:
        for j in range(count):
            out[j] = values[tops[j]] - values[bottoms[j]]
    else:
        days, part, more, part_of_more = _paces(pair)
        for j in range(count):
            recent = values[tops[j]]
            pace = over(values[bottoms[j]] - recent, more, part_of_more)
            out[j] = over(recent, days, part) / pace - 1.0 if pace > 0 else np.nan


@njit(**NJIT)
def _pair(pair, values):  # type: ignore[no-untyped-def]
    op, count, stride = pair[PAIR_OP], pair[PAIR_COUNT], pair[PAIR_STRIDE]
    out, tops, bottoms = tail(values, pair[PAIR_LINE]), tail(values, pair[PAIR_FIRST]), tail(values, pair[PAIR_SECOND])
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
        days, part, more, part_of_more = _paces(pair)
        for j in range(count):
            pace = over(bottoms[j] - tops[j], more, part_of_more)
            out[j] = over(tops[j], days, part) / pace - 1.0 if pace > 0 else np.nan


@njit(**NJIT)
def _paces(pair):  # type: ignore[no-untyped-def]
    """Days of the recent window, and of the rest of the longer one, each with one divided by it."""
    return (
        float(pair[PAIR_DAYS]), bits_float(pair[PAIR_PART]), float(pair[PAIR_MORE]), bits_float(pair[PAIR_PART_OF_MORE]),
    )  # fmt: skip


@njit(**NJIT)
def _wide(wide, parts, values):  # type: ignore[no-untyped-def]
    """A difference of many; spread over mean of the buckets, or the newest against the others in deviations.  All of them
    are added up in order of age, for several columns side by side."""
    op, count, width, lines = wide[WIDE_OP], wide[WIDE_COUNT], wide[WIDE_WIDTH], tail(values, wide[WIDE_LINE])
    at = tail(parts, wide[WIDE_PARTS])
    if op == DIFFERENCE:
        for j in range(count):
            total = values[at[0] + j]
            for k in range(1, width):
                total -= values[at[k] + j]
            lines[j] = total
        return
    begin = 0 if op == VOLATILITY else 1
    buckets = width - begin
    mean, squares = np.empty(AT_ONCE, np.float64), np.empty(AT_ONCE, np.float64)
    for start in range(0, count, AT_ONCE):
        n = min(AT_ONCE, count - start)
        newest, out = tail(values, at[0] + start), tail(lines, start)
        for j in range(n):
            mean[j], squares[j] = 0.0, 0.0
        for k in range(begin, width):
            here, before = tail(values, at[k] + start), tail(values, at[max(k, 1) - 1] + start)
            if k:
                for j in range(n):
                    mean[j] += here[j] - before[j]
            else:
                for j in range(n):
                    mean[j] += here[j] - 0.0
        for j in range(n):
            mean[j] = mean[j] / buckets
        for k in range(begin, width):
            here, before = tail(values, at[k] + start), tail(values, at[max(k, 1) - 1] + start)
            if k:
                for j in range(n):
                    off = here[j] - before[j] - mean[j]
                    squares[j] += off * off
            else:
                for j in range(n):
                    off = here[j] - 0.0 - mean[j]
                    squares[j] += off * off
        for j in range(n):
            spread = math.sqrt(squares[j] / buckets)
            if op == VOLATILITY:
                out[j] = spread / mean[j] if mean[j] > 0 else np.nan
            else:
                out[j] = (newest[j] - mean[j]) / spread if spread > 0 else np.nan
