"""Of the plain evaluation: one loop over events per cell, row and window, with no cleverness."""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.indicators.whole_math import add_square

SLOTS = 13
N, SUM, SQUARES_HIGH, SQUARES_LOW, MIN, MAX, FIRST, LAST, LAST_VALUE, GAP, DAYS, WHO, TOP_SUM = range(SLOTS)
COUNT_ALL, ONLY_OTHERS, ONLY_RELATED = 0, 1, 2


@njit(cache=True, nogil=True)
def first_at_or_after(at, low, high, when):  # type: ignore[no-untyped-def]
    while low < high:
        middle = (low + high) // 2
        if at[middle] < when:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def fill_states(  # type: ignore[no-untyped-def]
    first_row, end_row, low, high, as_of, known_at, windows, at, arrived, gone, value, day, who, who_size, key,
    key_size, keep, related_from, related, relation, out,
):  # fmt: skip
    """Fill `out` (windows, rows, SLOTS) int64 for the rows ``first_row:end_row``.

    Row r looks at events ``low[r]:high[r]`` (one subject, in order of at and id).  An event counts if
    ``as_of - window <= at < as_of``, ``arrived < known_at <= gone`` and `keep`.  With `key` only the newest event of
    each key counts, and `keep` is asked of that one.  `related[related_from[r]:related_from[r + 1]]` are counterparties
    close to the subject; `relation` says whether to leave them out or take only them.
    """
    seen = np.zeros(who_size, np.int64)
    related_in = np.full(who_size, -1, np.int64)
    sums = np.zeros(who_size, np.int64)
    newest = np.zeros(key_size, np.int64)
    newest_in = np.zeros(key_size, np.int64)
    turn = 0
    for row in range(first_row, end_row):
        end = first_at_or_after(at, low[row], high[row], as_of[row])
        if relation != COUNT_ALL:
            for i in range(related_from[row], related_from[row + 1]):
                related_in[related[i]] = row
        for w in range(len(windows)):
            turn += 1
            start = first_at_or_after(at, low[row], end, as_of[row] - windows[w])
            state = out[w, row]
            state[:] = 0
            squares_high, squares_low = np.uint64(0), np.uint64(0)
            if key_size > 0:
                for i in range(start, end):
                    if arrived[i] < known_at[row] <= gone[i]:
                        newest[key[i]], newest_in[key[i]] = i, turn
            newest_day = np.int64(-(2**62))
            for i in range(start, end):
                if not keep[i] or not arrived[i] < known_at[row] <= gone[i]:
                    continue
                if key_size > 0 and not (newest_in[key[i]] == turn and newest[key[i]] == i):
                    continue
                if relation != COUNT_ALL and (related_in[who[i]] == row) != (relation == ONLY_RELATED):
                    continue
                if state[N] == 0:
                    state[FIRST], state[MIN], state[MAX] = at[i], value[i], value[i]
                else:
                    state[GAP] = max(state[GAP], at[i] - state[LAST])
                    state[MIN], state[MAX] = min(state[MIN], value[i]), max(state[MAX], value[i])
                state[N] += 1
                state[SUM] += value[i]
                squares_high, squares_low = add_square(squares_high, squares_low, value[i])
                state[LAST], state[LAST_VALUE] = at[i], value[i]
                if day[i] > newest_day:
                    newest_day = day[i]
                    state[DAYS] += 1
                if who_size > 0:
                    if seen[who[i]] != turn:
                        seen[who[i]] = turn
                        sums[who[i]] = 0
                        state[WHO] += 1
                    sums[who[i]] += value[i]
            if who_size > 0:
                for i in range(start, end):
                    if seen[who[i]] == turn:
                        state[TOP_SUM] = max(state[TOP_SUM], sums[who[i]])
            state[SQUARES_HIGH], state[SQUARES_LOW] = np.int64(squares_high), np.int64(squares_low)
