"""Components about counterparties: how many, the largest, how evenly spread.

Counting goes newest event first: a party counts for a cell at its most recent event there, once, so all windows are
exact.  Sums by party go party by party, each newest event first, and touch only the cells that its events are in; what a
party adds from a window on is written down there once, and windows are added up at the end.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.indicators.bits import lowest, tail
from dandelion.indicators.steps import TOLD_CELLS, TOLD_OUT, TOLD_RING, TOLD_WHAT
from dandelion.indicators.whole_math import times_logs

WORD_BITS = 64
AT_ONCE = 512  # entries from which on they are given to their cells
_SUM, _WHOLE, _PART, _TOP, _EACH = range(5)  # of a cell and a window
_TURN, _MARK, _NOW, _LAST, _OWN = range(5)  # of a party and a cell
_WHERE, _AMONG, _NOW_SUM, _BEFORE, _WHOLES, _PARTS, _ENTRY = range(7)  # of an entry: its cell, or -1 less its pattern


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
            of, to = tail(run, told[t, TOLD_WHAT] * WORD_BITS), tail(state, told[t, TOLD_OUT])
            for c in range(told[t, TOLD_CELLS]):
                to[c] = of[c]
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
def _in_order(total, ring_of, window_of, windows, pattern, place, who, value, order):  # type: ignore[no-untyped-def]
    """(party, pattern, amount, first window that holds it) of each event as `order` has them; nobody after the last."""
    whose, which = np.empty(total + 1, np.int64), np.empty(total, np.int64)
    amounts, within = np.empty(total, np.int64), np.empty(total + 1, np.int64)
    for j in range(total):
        m = order[j]
        whose[j], which[j], amounts[j] = who[place[m]], pattern[m], value[place[m]]
        within[j] = window_of[ring_of[m]] if ring_of[m] < len(window_of) else windows
    whose[total], within[total] = -1, windows
    return whose, which, amounts, within


@njit(cache=True, nogil=True)
def party_sums(  # type: ignore[no-untyped-def]
    total, ring_of, window_of, pattern, place, who, value, ptr, idx, cells, windows, top, spread, order, run, state,
):  # fmt: skip
    """`top` is where the largest sum of one party goes, at least 0; `spread` where three arrays go: the sum of positive
    sums, and the sum of s ln s of them, whole and part; -1 where nobody asks.  `order` has the places party by party.

    A sum of a party from a window on is an entry, which says what the party had before; entries of many parties are given
    to their cells together."""
    size = windows * cells
    mine = run[: _OWN * cells]  # of the party: its sum in a cell, and the entry that said so last
    changed = run[_OWN * cells : (_OWN + 1) * cells + 1]
    found = run[(_OWN + 1) * cells + 1 : (_OWN + 1) * cells + 1 + _EACH * size]  # what begins with each window
    found[:] = 0
    for c in range(cells):
        mine[_OWN * c + _TURN], mine[_OWN * c + _MARK] = -1, -1
    entries = np.empty((_ENTRY, AT_ONCE + size + windows), np.int64)
    where, among, sums, before = entries[_WHERE], entries[_AMONG], entries[_NOW_SUM], entries[_BEFORE]
    sums[0], where[0], among[0], before[0] = 0, 0, 0, 0  # nothing
    falls, spreads = False, spread >= 0
    whose, which, amounts, within = _in_order(total, ring_of, window_of, windows, pattern, place, who, value, order)
    for j in range(total):
        falls |= amounts[j] < 0
    at, mark, said = 0, 0, 1
    while at < total:
        other, p = whose[at], which[at]
        first, alike = at, True
        while whose[at] == other and within[at] < windows:
            alike &= which[at] == p
            at += 1
        end = at
        while whose[at] == other:
            at += 1
        if said > AT_ONCE:
            _give(said, entries, spreads, cells, ptr, idx, found)
            said = 1
        k, amount, last = first, 0, 0
        while k < end:
            window, met = within[k], 0
            mark += 1
            while k < end and within[k] == window:
                gained, p = amounts[k], which[k]
                amount = amount + gained
                k += 1
                if alike:  # one sum for all cells
                    continue
                for q in range(ptr[p], ptr[p + 1]):
                    own = _OWN * np.int64(idx[q])
                    turn, seen, now = mine[own + _TURN], mine[own + _MARK], mine[own + _NOW]
                    mine[own + _TURN], mine[own + _MARK] = other, mark
                    mine[own + _NOW] = gained + (now if turn == other else 0)
                    mine[own + _LAST] = mine[own + _LAST] if turn == other else 0
                    changed[met] = idx[q]
                    met += int(seen != mark)
            if alike:
                where[said], among[said], sums[said], before[said] = -1 - p, window * cells, max(amount, 0), last
                last = said
                said += 1
            for j in range(met):
                own = _OWN * changed[j]
                where[said], among[said] = changed[j], window * cells
                sums[said], before[said] = max(mine[own + _NOW], 0), mine[own + _LAST]
                mine[own + _LAST] = said
                said += 1
    _give(said, entries, spreads, cells, ptr, idx, found)
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
def _give(said, entries, spreads, cells, ptr, idx, found):  # type: ignore[no-untyped-def]
    """What entries add to their cells: the sum of a party there instead of the one before."""
    where, among, sums, before = entries[_WHERE], entries[_AMONG], entries[_NOW_SUM], entries[_BEFORE]
    wholes, parts = entries[_WHOLES], entries[_PARTS]
    if spreads:
        times_logs(said, sums, wholes, parts)
    else:
        wholes[:said], parts[:said] = 0, 0
    for e in range(1, said):
        b, now = before[e], sums[e]
        add, add_whole, add_part = now - sums[b], wholes[e] - wholes[b], parts[e] - parts[b]
        if where[e] >= 0:
            _gain(found, _EACH * (among[e] + where[e]), add, add_whole, add_part, now)
            continue
        p = -1 - where[e]
        for q in range(ptr[p], ptr[p + 1]):
            _gain(found, _EACH * (among[e] + np.int64(idx[q])), add, add_whole, add_part, now)


@njit(cache=True, nogil=True)
def _gain(found, to, add, add_whole, add_part, now):  # type: ignore[no-untyped-def]
    found[to + _SUM] += add
    found[to + _WHOLE] += add_whole
    found[to + _PART] += add_part
    found[to + _TOP] = max(found[to + _TOP], now)


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
