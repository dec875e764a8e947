"""What each component of the state does with the events of a view: plain loops, newest event first.

A step keeps one running number per cell and copies all of them out where a window ends, so that an event is touched
once whatever the number of windows.  ``ring[r]:ring[r + 1]`` are the places of the events whose age lies between
windows r - 1 and r; ``flush[r]`` is the place of window r among the step's own, or -1.  ``ptr, idx`` list the cells of
each pattern of dimension codes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.indicators.whole_math import add_square

COMPONENTS = 14
(N, SUM, SQUARES, MIN, MAX, FIRST, LAST, LAST_VALUE, GAP, DAYS, WHO, TOP, ENTROPY, RANKS) = range(COMPONENTS)
RUNNING = (1, 1, 2, 1, 1, 1, 1, 1, 2, 3, 1, 1, 3, 1)  # numbers per cell that a component carries from event to event
OUTPUTS = (1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3)  # arrays of (windows, cells) that each component fills
# a pass that carries several steps: when ring r ends, so many cells (from place MAP on) of field or word WHAT go to OUT
TOLD_RING, TOLD_WHAT, TOLD_OUT, TOLD_MAP, TOLD_CELLS, TOLD_FIELDS = range(6)
NOTHING = np.iinfo(np.int64).min
HIGHEST = np.iinfo(np.int64).max


@njit(cache=True, nogil=True)
def begin(component, cells, run):  # type: ignore[no-untyped-def]
    """The running numbers before any event."""
    if component == MIN:
        run[:cells] = HIGHEST
    elif component in (MAX, FIRST, LAST, LAST_VALUE):
        run[:cells] = NOTHING
    elif component == GAP:
        run[:cells] = -1
        run[cells : 2 * cells] = NOTHING
    elif component == DAYS:
        run[: 3 * cells] = 0
        run[cells : 2 * cells] = HIGHEST
    else:
        run[: 3 * cells] = 0


@njit(cache=True, nogil=True)
def counts(rings, ring, flush, pattern, ptr, idx, cells, run, out):  # type: ignore[no-untyped-def]
    for r in range(rings):
        for m in range(ring[r], ring[r + 1]):
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                run[idx[q]] += 1
        if flush[r] >= 0:
            out[flush[r] * cells : (flush[r] + 1) * cells] = run[:cells]


@njit(cache=True, nogil=True)
def sums(rings, ring, flush, pattern, place, value, ptr, idx, cells, run, out):  # type: ignore[no-untyped-def]
    for r in range(rings):
        for m in range(ring[r], ring[r + 1]):
            amount = value[place[m]]
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                run[idx[q]] += amount
        if flush[r] >= 0:
            out[flush[r] * cells : (flush[r] + 1) * cells] = run[:cells]


@njit(cache=True, nogil=True)
def squares(rings, ring, flush, pattern, place, value, ptr, idx, cells, windows, run, out):  # type: ignore[no-untyped-def]
    """Two arrays: high limbs, then low limbs."""
    high, low, size = run[:cells], run[cells : 2 * cells], windows * cells
    zero = np.uint64(0)
    for r in range(rings):
        for m in range(ring[r], ring[r + 1]):
            add_high, add_low = add_square(zero, zero, value[place[m]])
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                c = idx[q]
                total = np.uint64(low[c]) + add_low
                low[c] = np.int64(total)
                high[c] = np.int64(np.uint64(high[c]) + add_high + np.uint64(total < add_low))
        if flush[r] >= 0:
            out[flush[r] * cells : (flush[r] + 1) * cells] = high
            out[size + flush[r] * cells : size + (flush[r] + 1) * cells] = low


@njit(cache=True, nogil=True)
def least(rings, ring, flush, pattern, place, value, ptr, idx, cells, run, out):  # type: ignore[no-untyped-def]
    for r in range(rings):
        for m in range(ring[r], ring[r + 1]):
            amount = value[place[m]]
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                run[idx[q]] = min(run[idx[q]], amount)
        if flush[r] >= 0:
            out[flush[r] * cells : (flush[r] + 1) * cells] = run[:cells]


@njit(cache=True, nogil=True)
def most(rings, ring, flush, pattern, place, value, ptr, idx, cells, run, out):  # type: ignore[no-untyped-def]
    for r in range(rings):
        for m in range(ring[r], ring[r + 1]):
            amount = value[place[m]]
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                run[idx[q]] = max(run[idx[q]], amount)
        if flush[r] >= 0:
            out[flush[r] * cells : (flush[r] + 1) * cells] = run[:cells]


@njit(cache=True, nogil=True)
def oldest(rings, ring, flush, pattern, place, value, ptr, idx, cells, run, out):  # type: ignore[no-untyped-def]
    for r in range(rings):
        for m in range(ring[r], ring[r + 1]):
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                run[idx[q]] = value[place[m]]
        if flush[r] >= 0:
            out[flush[r] * cells : (flush[r] + 1) * cells] = run[:cells]


@njit(cache=True, nogil=True)
def newest(rings, ring, flush, pattern, place, value, ptr, idx, cells, run, out):  # type: ignore[no-untyped-def]
    for r in range(rings):
        for m in range(ring[r], ring[r + 1]):
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                if run[idx[q]] == NOTHING:
                    run[idx[q]] = value[place[m]]
        if flush[r] >= 0:
            out[flush[r] * cells : (flush[r] + 1) * cells] = run[:cells]


@njit(cache=True, nogil=True)
def gaps(rings, ring, flush, pattern, place, at, ptr, idx, cells, run, out):  # type: ignore[no-untyped-def]
    """Longest time between events of a cell; -1 with fewer than two."""
    later = run[cells : 2 * cells]
    for r in range(rings):
        for m in range(ring[r], ring[r + 1]):
            when = at[place[m]]
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                c = idx[q]
                if later[c] != NOTHING:
                    run[c] = max(run[c], later[c] - when)
                later[c] = when
        if flush[r] >= 0:
            out[flush[r] * cells : (flush[r] + 1) * cells] = run[:cells]


@njit(cache=True, nogil=True)
def days(rings, ring, flush, pattern, place, day, ptr, idx, cells, run, out):  # type: ignore[no-untyped-def]
    """Distinct local days.  Clocks set back over midnight show a day again: then day and next day alternate."""
    lowest, next_seen = run[cells : 2 * cells], run[2 * cells : 3 * cells]
    for r in range(rings):
        for m in range(ring[r], ring[r + 1]):
            d = day[place[m]]
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                c = idx[q]
                if d < lowest[c]:
                    next_seen[c] = np.int64(lowest[c] == d + 1)
                    lowest[c] = d
                    run[c] += 1
                elif d > lowest[c] and next_seen[c] == 0:
                    next_seen[c] = 1
                    run[c] += 1
        if flush[r] >= 0:
            out[flush[r] * cells : (flush[r] + 1) * cells] = run[:cells]
