"""Components that add up, all of one view in one pass: first by pattern of codes, then pattern by pattern into cells.

Between two places where windows end, the events of a pattern are one record of whole numbers, and a record goes into each
of its cells once: an event costs one record whatever the number of cells.  Numbers of a cell lie beside each other, in one
line of the processor's cache.  Sums are of whole numbers, so the order in which they are added does not matter.
"""

from __future__ import annotations

import numpy as np
from numba import njit

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

COUNT, TOTAL, HIGH, LOW, LEAST, FIRST, MOST, LAST, FIELDS = range(9)
DAYS = FIELDS  # is kept apart: days of patterns do not add up
AT_ONCE = 64  # cells told side by side
CARRIED = FIELDS + 3  # numbers of a cell
_ZERO = np.uint64(0)


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
            field, to, listed = told[t, TOLD_WHAT], told[t, TOLD_OUT], told[t, TOLD_MAP]
            for j in range(told[t, TOLD_CELLS]):
                state[to + j] = run[2 * np.int64(idx[listed + j]) + field]
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
    for c in range(cells):
        _clear(lines, FIELDS * c)
        held[c], lowest[c], next_seen[c] = 0, HIGHEST, 0
    days = records[FIELDS * len(stamp) :]
    if counts_days and len(told):
        for m in range(ring[told[len(told) - 1, TOLD_RING] + 1]):
            days[pattern[m]] = HIGHEST
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
                _clear(records, k)
                touched[met] = p
                met += 1
            _add(records, k, 1, amount, high, low, amount, when, amount, when)
            if counts_days and days[p] != day[i]:  # else all of its cells have that day
                days[p] = day[i]
                _new_day(day[i], ptr[p], ptr[p + 1], idx, held, lowest, next_seen)
        mark += 1
        for j in range(met):
            p = touched[j]
            k = FIELDS * p
            n, total, high, low = records[k], records[k + 1], np.uint64(records[k + 2]), np.uint64(records[k + 3])
            least, first, most, last = records[k + 4], records[k + 5], records[k + 6], records[k + 7]
            for q in range(ptr[p], ptr[p + 1]):
                _add(lines, FIELDS * np.int64(idx[q]), n, total, high, low, least, first, most, last)
        while t < len(told) and told[t, TOLD_RING] == until:
            end = t + 1
            while end < len(told) and told[end, TOLD_RING] == until and told[end, TOLD_MAP] == told[t, TOLD_MAP]:
                end += 1
            _tell(told[t:end], idx, lines, held, state)
            t = end
        r = until + 1
    return mark


@njit(cache=True, nogil=True)
def _clear(lines, k):  # type: ignore[no-untyped-def]
    lines[k], lines[k + 1], lines[k + 2], lines[k + 3] = 0, 0, 0, 0
    lines[k + 4], lines[k + 5], lines[k + 6], lines[k + 7] = HIGHEST, HIGHEST, NOTHING, NOTHING


@njit(cache=True, nogil=True)
def _add(lines, k, n, total, high, low, least, first, most, last):  # type: ignore[no-untyped-def]
    lines[k] += n
    lines[k + 1] += total
    found = np.uint64(lines[k + 3]) + low
    lines[k + 3] = np.int64(found)
    lines[k + 2] = np.int64(np.uint64(lines[k + 2]) + high + np.uint64(found < low))
    lines[k + 4] = min(lines[k + 4], least)
    lines[k + 5] = min(lines[k + 5], first)
    lines[k + 6] = max(lines[k + 6], most)
    lines[k + 7] = max(lines[k + 7], last)


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
def _tell(told, idx, lines, held, state):  # type: ignore[no-untyped-def]
    """Several fields of the same cells, some cells at a time so that their lines stay at hand."""
    listed, count = told[0, TOLD_MAP], told[0, TOLD_CELLS]
    for first in range(0, count, AT_ONCE):
        some = min(AT_ONCE, count - first)
        cells = idx[listed + first : listed + first + some]
        for t in range(len(told)):
            field, start = told[t, TOLD_WHAT], told[t, TOLD_OUT] + first
            out = state[start : start + some]
            if field == DAYS:
                for j in range(some):
                    out[j] = held[cells[j]]
            elif field == FIRST:
                for j in range(some):
                    when = lines[FIELDS * np.int64(cells[j]) + FIRST]
                    out[j] = NOTHING if when == HIGHEST else when
            else:
                for j in range(some):
                    out[j] = lines[FIELDS * np.int64(cells[j]) + field]
