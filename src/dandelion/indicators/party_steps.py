"""Components about counterparties: how many, the largest, how evenly spread.

Counting goes newest event first: a party counts for a cell at its most recent event there, once, so all windows are
exact.  Sums by party go party by party, each newest event first, and touch only the cells that its events are in; what a
party adds from a window on is written down there once, and windows are added up at the end.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.indicators.bits import lowest
from dandelion.indicators.steps import TOLD_CELLS, TOLD_OUT, TOLD_RING, TOLD_WHAT
from dandelion.indicators.whole_math import times_log

WORD_BITS = 64
KNOWN = 64  # sums of which s ln s is remembered
_SUM, _WHOLE, _PART, _TOP, _EACH = range(5)  # of a cell and a window
_TURN, _MARK, _NOW, _HELD, _OWN = 0, 1, 2, 3, 8  # of a party and a cell; three numbers from `_HELD` on
_SCATTER = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def parties(rings, ring, pattern, place, who, ptr, word_of, mask_of, words, told, seen, run, state):  # type: ignore[no-untyped-def]
    """Different parties by cell.  Pattern p is in the cells ``mask_of[q]`` of word ``word_of[q]`` for q in
    ``ptr[p]:ptr[p + 1]``; where ring ``told[t, TOLD_RING]`` ends, the cells of a word go to their place in the state."""
    codes = 0
    for m in range(ring[rings]):
        codes = max(codes, who[place[m]] + 1)
    seen[: codes * words] = 0
    run[: words * WORD_BITS] = 0
    t = 0
    for r in range(rings):
        for m in range(ring[r], ring[r + 1]):
            first = who[place[m]] * words
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                k = first + word_of[q]
                known = seen[k]
                new = mask_of[q] & ~known
                if new:
                    seen[k] = known | new
                    base = np.int64(word_of[q]) * WORD_BITS
                    while new:
                        run[base + lowest(new)] += 1
                        new &= new - np.uint64(1)
        while t < len(told) and told[t, TOLD_RING] == r:
            base, to = told[t, TOLD_WHAT] * WORD_BITS, told[t, TOLD_OUT]
            for c in range(told[t, TOLD_CELLS]):
                state[to + c] = run[base + c]
            t += 1


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
    total, ring_of, window_of, pattern, place, who, value, ptr, idx, cells, windows, top, spread, order, run, state,
):  # fmt: skip
    """`top` is where the largest sum of one party goes, at least 0; `spread` where three arrays go: the sum of positive
    sums, and the sum of s ln s of them, whole and part; -1 where nobody asks.  `order` has the places party by party."""
    size, rings = windows * cells, len(window_of)
    mine = run[: _OWN * cells]  # of the party: its sum in a cell, and what that has given so far
    changed = run[_OWN * cells : (_OWN + 1) * cells]
    found = run[(_OWN + 1) * cells : (_OWN + 1) * cells + _EACH * size]  # what begins with each window
    found[:] = 0
    for c in range(cells):
        mine[_OWN * c + _TURN], mine[_OWN * c + _MARK] = -1, -1
    keys, logs = np.zeros(KNOWN, np.int64), np.zeros(2 * KNOWN, np.int64)
    falls, spreads = False, spread >= 0
    for m in range(total):
        falls |= value[place[m]] < 0
    at, mark = 0, 0
    while at < total:
        other, p = who[place[order[at]]], pattern[order[at]]
        first, alike = at, True
        while at < total and who[place[order[at]]] == other and ring_of[order[at]] < rings:
            alike &= pattern[order[at]] == p
            at += 1
        end = at
        while at < total and who[place[order[at]]] == other:
            at += 1
        k, amount, held, whole, part = first, 0, 0, 0, 0
        while k < end:
            window, met = window_of[ring_of[order[k]]], 0
            mark += 1
            while k < end and window_of[ring_of[order[k]]] == window:
                m = order[k]
                k += 1
                amount += value[place[m]]
                if alike:  # one sum for all cells
                    continue
                for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                    own = _OWN * np.int64(idx[q])
                    if mine[own + _TURN] != other:
                        mine[own + _TURN], mine[own + _NOW], mine[own + _HELD], mine[own + 4], mine[own + 5] = (
                            other,
                            0,
                            0,
                            0,
                            0,
                        )
                    if mine[own + _MARK] != mark:
                        mine[own + _MARK] = mark
                        changed[met] = idx[q]
                        met += 1
                    mine[own + _NOW] += value[place[m]]
            if alike:
                now = max(amount, 0)
                new_whole, new_part = 0, 0
                if spreads and now > 0:
                    new_whole, new_part = times_log(now)
                add, add_whole, add_part = now - held, new_whole - whole, new_part - part
                held, whole, part = now, new_whole, new_part
                for q in range(ptr[p], ptr[p + 1]):
                    to = _EACH * (window * cells + np.int64(idx[q]))
                    found[to + _SUM] += add
                    found[to + _WHOLE] += add_whole
                    found[to + _PART] += add_part
                    found[to + _TOP] = max(found[to + _TOP], now)
                continue
            for j in range(met):
                c = _OWN * changed[j]
                now = max(mine[c + _NOW], 0)
                new_whole, new_part = 0, 0
                if spreads and now > 0:  # of the sums that came last s ln s is remembered
                    known = np.int64((np.uint64(now) * _SCATTER) >> np.uint64(58))
                    if keys[known] != now:
                        keys[known] = now
                        logs[2 * known], logs[2 * known + 1] = times_log(now)
                    new_whole, new_part = logs[2 * known], logs[2 * known + 1]
                to = _EACH * (window * cells + changed[j])
                found[to + _SUM] += now - mine[c + _HELD]
                found[to + _WHOLE] += new_whole - mine[c + _HELD + 1]
                found[to + _PART] += new_part - mine[c + _HELD + 2]
                found[to + _TOP] = max(found[to + _TOP], now)
                mine[c + _HELD], mine[c + _HELD + 1], mine[c + _HELD + 2] = now, new_whole, new_part
    for c in range(cells):
        amount, whole, part, largest = 0, 0, 0, 0
        for w in range(windows):
            here, to = _EACH * (w * cells + c), w * cells + c
            amount += found[here + _SUM]
            whole += found[here + _WHOLE]
            part += found[here + _PART]
            largest = max(largest, found[here + _TOP])
            if spreads:
                state[spread + to], state[spread + size + to], state[spread + 2 * size + to] = amount, whole, part
            if top >= 0:
                state[top + to] = largest
    if falls and top >= 0:
        _largest_of_falling(total, ring_of, window_of, pattern, place, who, value, ptr, idx, cells, windows, order, run,
                            state[top:])  # fmt: skip


@njit(cache=True, nogil=True)
def _largest_of_falling(  # type: ignore[no-untyped-def]
    total, ring_of, window_of, pattern, place, who, value, ptr, idx, cells, windows, order, run, out,
):  # fmt: skip
    """The largest sum of one party where amounts may be below zero, so that a longer window may have less."""
    sums, whose, mine = run[:cells], run[cells : 2 * cells], run[2 * cells : 3 * cells]
    whose[:] = -1
    out[: windows * cells] = 0
    at = 0
    while at < total:
        other, met = who[place[order[at]]], 0
        for w in range(windows):
            while at < total and who[place[order[at]]] == other:
                m = order[at]
                if ring_of[m] >= len(window_of) or window_of[ring_of[m]] > w:
                    break
                at += 1
                for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                    c = idx[q]
                    if whose[c] != other:
                        whose[c], sums[c], mine[met] = other, 0, c
                        met += 1
                    sums[c] += value[place[m]]
            for j in range(met):
                out[w * cells + mine[j]] = max(out[w * cells + mine[j]], sums[mine[j]])
        while at < total and who[place[order[at]]] == other:
            at += 1  # older than every window
