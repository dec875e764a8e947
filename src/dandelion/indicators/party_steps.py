"""Components about counterparties: how many, the largest, how evenly spread; and values by rank.

Counting goes newest event first: a party counts for a cell at its most recent event there, once, so all windows are
exact.  Sums by party go party by party, each newest event first, and touch only the cells that its events are in.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.indicators.whole_math import times_log


@njit(cache=True, nogil=True)
def forget(total, place, who, seen):  # type: ignore[no-untyped-def]
    """No party of the first `total` events has been seen in any cell."""
    for m in range(total):
        seen[who[place[m]]] = 0


@njit(cache=True, nogil=True)
def parties(rings, ring, flush, pattern, place, who, masks, ptr, idx, cells, seen, run, out):  # type: ignore[no-untyped-def]
    """Different parties of at most 64 cells; ``masks[p]`` has a bit for each cell of pattern p."""
    for r in range(rings):
        for m in range(ring[r], ring[r + 1]):
            p, other = pattern[m], who[place[m]]
            known = seen[other]
            new = masks[p] & ~known
            if new:
                seen[other] = known | new
                for q in range(ptr[p], ptr[p + 1]):
                    run[idx[q]] += np.int64((new >> np.uint64(idx[q])) & np.uint64(1))
        if flush[r] >= 0:
            out[flush[r] * cells : (flush[r] + 1) * cells] = run[:cells]


@njit(cache=True, nogil=True)
def by_party(total, place, who, start, order):  # type: ignore[no-untyped-def]
    """Places of the first `total` events, party by party, each newest first.  Returns the number of parties' codes."""
    codes = 0
    for m in range(total):
        codes = max(codes, who[place[m]] + 1)
    start[: codes + 1] = 0
    for m in range(total):
        start[who[place[m]] + 1] += 1
    for code in range(codes):
        start[code + 1] += start[code]
    for m in range(total):
        code = who[place[m]]
        order[start[code]] = m
        start[code] += 1
    return codes


@njit(cache=True, nogil=True)
def party_sums(  # type: ignore[no-untyped-def]
    total, ring_of, window_of, pattern, place, who, value, ptr, idx, cells, windows, spread, order, run, out,
):  # fmt: skip
    """Without `spread`: the largest sum of one party, at least 0.  With it three arrays: the sum of positive sums, and
    the sum of s ln s of them, whole and part.  `order` has the places party by party."""
    size = windows * cells
    sums, since, turn, touched = (
        run[:cells],
        run[cells : 2 * cells],
        run[2 * cells : 3 * cells],
        run[3 * cells : 4 * cells],
    )
    out[: 3 * size if spread else size] = 0
    turn[:] = -1
    at = 0
    known, (whole, part) = np.int64(1), times_log(np.int64(1))  # sums of one event are alike in all its cells
    while at < total:
        other = who[place[order[at]]]
        found = 0
        end = at
        while end < total and who[place[order[end]]] == other:
            end += 1
        for k in range(at, end):
            m = order[k]
            if ring_of[m] >= len(window_of):
                break
            window = window_of[ring_of[m]]
            amount = value[place[m]]
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                c = idx[q]
                if turn[c] != other:
                    turn[c], sums[c], since[c] = other, 0, window
                    touched[found] = c
                    found += 1
                elif since[c] < window:
                    if spread and sums[c] > 0 and sums[c] != known:
                        known = sums[c]
                        whole, part = times_log(known)
                    _settle(sums[c], since[c], window, c, cells, size, spread, whole, part, out)
                    since[c] = window
                sums[c] += amount
        at = end
        for k in range(found):
            c = touched[k]
            if spread and sums[c] > 0 and sums[c] != known:
                known = sums[c]
                whole, part = times_log(known)
            _settle(sums[c], since[c], windows, c, cells, size, spread, whole, part, out)


@njit(cache=True, nogil=True)
def _settle(amount, first, end, c, cells, size, spread, whole, part, out):  # type: ignore[no-untyped-def]
    """One party's sum in cell c is `amount` in the windows ``first:end``."""
    if amount <= 0:
        return
    if not spread:
        for w in range(first, end):
            out[w * cells + c] = max(out[w * cells + c], amount)
        return
    for w in range(first, end):
        out[w * cells + c] += amount
        out[size + w * cells + c] += whole
        out[2 * size + w * cells + c] += part


@njit(cache=True, nogil=True)
def sort_by_value(total, place, value, order, spare):  # type: ignore[no-untyped-def]
    """Places of the first `total` events by value, by merging runs of growing length."""
    for m in range(total):
        order[m] = m
    width = 1
    while width < total:
        for low in range(0, total, 2 * width):
            middle, high = min(low + width, total), min(low + 2 * width, total)
            a, b = low, middle
            for k in range(low, high):
                if a < middle and (b >= high or value[place[order[a]]] <= value[place[order[b]]]):
                    spare[k] = order[a]
                    a += 1
                else:
                    spare[k] = order[b]
                    b += 1
        order[:total] = spare[:total]
        width *= 2


@njit(cache=True, nogil=True)
def ranks(  # type: ignore[no-untyped-def]
    total, ring_of, window_of, pattern, place, value, ptr, idx, cells, windows, order, run, out,
):  # fmt: skip
    """Values of rank ceil(n / 10), ceil(n / 2), ceil(9 n / 10) of each (window, cell), as three arrays.  `order` has
    the places by value.  The events of a cell are listed by value; from the widest window on, each next one leaves out
    those that are too old for it.  A cell without events keeps a value that nobody reads."""
    size = windows * cells
    until = run[: cells + 1]
    until[:] = 0
    out[: 3 * size] = 0
    for m in range(total):
        if ring_of[m] < len(window_of):
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                until[idx[q] + 1] += 1
    for c in range(cells):
        until[c + 1] += until[c]
    listed = np.empty(until[cells], np.int32)
    for j in range(total):
        m = order[j]
        if ring_of[m] < len(window_of):
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                listed[until[idx[q]]] = m
                until[idx[q]] += 1
    first = 0
    for c in range(cells):
        mine = listed[first : until[c]]
        first = until[c]
        n = len(mine)
        for window in range(windows - 1, -1, -1):
            if n == 0:
                break
            k = window * cells + c
            out[k] = value[place[mine[(n + 9) // 10 - 1]]]
            out[size + k] = value[place[mine[(n + 1) // 2 - 1]]]
            out[2 * size + k] = value[place[mine[(9 * n + 9) // 10 - 1]]]
            young = 0
            for j in range(n):
                m = mine[j]
                mine[young] = m
                young += window_of[ring_of[m]] < window
            n = young
