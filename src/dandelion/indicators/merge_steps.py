"""Components that add up, all of one view in one pass: first by pattern of codes, then pattern by pattern into cells.

Between two places where windows end, the events of a pattern are one record of whole numbers, and a record goes into each
of its cells once: an event costs one record whatever the number of cells.  Numbers of a cell lie beside each other, in one
line of the processor's cache, and a record is added to them four numbers at a time.  Sums are of whole numbers, so the order
in which they are added does not matter.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.indicators.bits import tail
from dandelion.indicators.merge_lanes import FIELDS, FIRST, LEAST, add_event, add_record, begin_event, four_cells
from dandelion.indicators.steps import (
    HIGHEST,
    NOTHING,
    TOLD_CELLS,
    TOLD_MAP,
    TOLD_OUT,
    TOLD_RING,
    TOLD_WHAT,
)
from dandelion.indicators.whole_math import add_square

DAYS = FIELDS  # is kept apart: days of patterns do not add up
AT_ONCE = 64  # cells told side by side
CARRIED = FIELDS + 3  # numbers of a cell
_ZERO = np.uint64(0)
_DAY_AT, _HELD = 32, 0xFFFFFFFF  # a cell's newest day so far stands above how many it has
_NO_DAY = NOTHING  # and none of them


@njit(cache=True, nogil=True)
def count_and_sum(ring, pattern, place, value, ptr, idx, cells, told, records, stamp, mark, touched, run, state):  # type: ignore[no-untyped-def]
    """Counts and sums only, for cells with many windows.  Returns the next mark."""
    run[: 2 * cells] = 0
    t, r = 0, 0
    while t < len(told):
        until = told[t, TOLD_RING]
        met = 0
        for m in range(ring[r], ring[until + 1]):
            p = pattern[m]
            if stamp[p] != mark:
                stamp[p] = mark
                records[2 * p], records[2 * p + 1] = 0, 0
                touched[met] = p
                met += 1
            records[2 * p] += 1
            records[2 * p + 1] += value[place[m]]
        mark += 1
        for k in range(met):
            p = touched[k]
            n, total = records[2 * p], records[2 * p + 1]
            for q in range(ptr[p], ptr[p + 1]):
                c = 2 * np.int64(idx[q])
                run[c] += n
                run[c + 1] += total
        while t < len(told) and told[t, TOLD_RING] == until:
            count = told[t, TOLD_CELLS]
            to, of = tail(state, told[t, TOLD_OUT]), tail(run, 2 * told[t, TOLD_MAP] + told[t, TOLD_WHAT])
            for j in range(count):
                to[j] = of[2 * j]
            t += 1
        r = until + 1
    return mark


@njit(cache=True, nogil=True)
def merge(  # type: ignore[no-untyped-def]
    ring, pattern, place, value, at, day, counts_days, ptr, idx, cells, told, records, stamp, mark, touched, run, state,
):  # fmt: skip
    """Every field of every cell; ``told`` says which of them go to the state where a ring ends.  Returns the next mark."""
    lines = run[: FIELDS * cells]
    held = run[FIELDS * cells : (FIELDS + 1) * cells]
    lowest = run[(FIELDS + 1) * cells : (FIELDS + 2) * cells]
    next_seen = run[(FIELDS + 2) * cells : (FIELDS + 3) * cells]
    days = records[FIELDS * len(stamp) :]
    in_order = True  # each event's day is no later than that of the event before
    if counts_days and len(told):
        last = ring[told[len(told) - 1, TOLD_RING] + 1]
        for m in range(last):
            days[pattern[m]] = HIGHEST
            in_order &= day[place[m]] <= day[place[max(m - 1, 0)]]
    for c in range(cells):
        _clear(lines, FIELDS * c)
        held[c], lowest[c], next_seen[c] = _NO_DAY if in_order else 0, HIGHEST, 0
    beside = np.empty(FIELDS * AT_ONCE, np.int64)
    t, r = 0, 0
    while t < len(told):
        until = told[t, TOLD_RING]
        met = 0
        for m in range(ring[r], ring[until + 1]):
            p, i = pattern[m], place[m]
            amount, when = value[i], at[i]
            high, low = add_square(_ZERO, _ZERO, amount)
            k = FIELDS * p
            if stamp[p] != mark:
                stamp[p] = mark
                begin_event(records, k, amount, np.int64(high), np.int64(low), when)
                touched[met] = p
                met += 1
            else:
                add_event(records, k, amount, np.int64(high), np.int64(low), when)
            if counts_days and days[p] != day[i]:  # else all of its cells have that day
                days[p] = day[i]
                if in_order:
                    _next_day(day[i], ptr[p], ptr[p + 1], idx, held)
                else:
                    _new_day(day[i], ptr[p], ptr[p + 1], idx, held, lowest, next_seen)
        mark += 1
        for j in range(met):
            p = touched[j]
            for q in range(ptr[p], ptr[p + 1]):
                add_record(lines, FIELDS * np.int64(idx[q]), records, FIELDS * p)
        while t < len(told) and told[t, TOLD_RING] == until:
            end = t + 1
            while end < len(told) and told[end, TOLD_RING] == until and told[end, TOLD_MAP] == told[t, TOLD_MAP] \
                    and told[end, TOLD_CELLS] == told[t, TOLD_CELLS]:  # fmt: skip
                end += 1
            _tell(told, t, end, lines, held, beside, state)
            t = end
        r = until + 1
    return mark


@njit(cache=True, nogil=True)
def _clear(lines, k):  # type: ignore[no-untyped-def]
    for field in range(LEAST):
        lines[k + field] = 0
    for field in range(LEAST, FIELDS):
        lines[k + field] = NOTHING


@njit(cache=True, nogil=True)
def _next_day(d, low, high, idx, held):  # type: ignore[no-untyped-def]
    """A day no later than any before: it is new to a cell whose newest one is another."""
    over = d << _DAY_AT
    for q in range(low, high):
        known = held[idx[q]]
        held[idx[q]] = over | ((known & _HELD) + np.int64(known >> _DAY_AT != d))


@njit(cache=True, nogil=True)
def _new_day(d, low, high, idx, held, lowest, next_seen):  # type: ignore[no-untyped-def]
    """As `steps.days`."""
    for q in range(low, high):
        c = idx[q]
        if d < lowest[c]:
            next_seen[c] = np.int64(lowest[c] == d + 1)
            lowest[c] = d
            held[c] += 1
        elif d > lowest[c] and next_seen[c] == 0:
            next_seen[c] = 1
            held[c] += 1


@njit(cache=True, nogil=True)
def _tell(told, t, end, lines, held, beside, state):  # type: ignore[no-untyped-def]
    """Several fields of cells that follow each other, some cells at a time so that their lines stay at hand."""
    begin, count = told[t, TOLD_MAP], told[t, TOLD_CELLS]
    for first in range(0, count, AT_ONCE):
        some = min(AT_ONCE, count - first)
        mine = tail(lines, FIELDS * (begin + first))
        turned = 0
        while turned + 4 <= some:
            four_cells(mine, FIELDS * turned, beside, AT_ONCE, turned)
            turned += 4
        for c in range(turned, some):
            for field in range(FIELDS):
                beside[AT_ONCE * field + c] = mine[FIELDS * c + field]
        for k in range(t, end):
            field, out = told[k, TOLD_WHAT], tail(state, told[k, TOLD_OUT] + first)
            if field == DAYS:
                days = tail(held, begin + first)
                for j in range(some):
                    out[j] = days[j] & _HELD
                continue
            of = tail(beside, AT_ONCE * field)
            if field == FIRST:
                for j in range(some):
                    out[j] = NOTHING if of[j] == NOTHING else ~of[j]
            elif field == LEAST:
                for j in range(some):
                    out[j] = ~of[j]
            else:
                for j in range(some):
                    out[j] = of[j]
