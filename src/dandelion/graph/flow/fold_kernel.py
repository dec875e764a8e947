"""Loops that fold payments into directed edges with weights, and two such graphs into one."""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.graph.flow.fetch import prefetch

AHEAD = 24
COUNT_MAX, FEN_MAX = 0xFFFF, 0xFFFFFFFF  # what stands for "look among the large ones"
_NJIT = {"cache": True, "nogil": True, "boundscheck": False}


@njit(**_NJIT)
def count_parts(payer, payee, low, high, accounts, shift, sizes):  # type: ignore[no-untyped-def]
    """How many payments each part of the payers made; returns -1, or the first payment with an unknown account."""
    for i in range(low, high):
        if payer[i] >= accounts or payee[i] >= accounts:
            return i
        if payer[i] != payee[i]:
            sizes[payer[i] >> shift] += 1
    return -1


@njit(**_NJIT)
def part_payments(payer, payee, low, high, shift, place, keys, source):  # type: ignore[no-untyped-def]
    """Key (payer within its part, payee) and row of payments `low` to `high`, each to the next place of its part."""
    within = (np.uint64(1) << np.uint64(shift)) - np.uint64(1)
    for i in range(low, high):
        if payer[i] != payee[i]:
            part = payer[i] >> shift
            keys[place[part]] = (np.uint64(payer[i]) & within) << np.uint64(30) | np.uint64(payee[i])
            source[place[part]] = np.uint32(i)
            place[part] += 1


@njit(**_NJIT)
def fold_part(  # type: ignore[no-untyped-def]
    sorted_keys,
    bits,
    source,
    fen,
    second,
    span,
    first_row,
    rows,
    begin,
    start,
    payee,
    count,
    amount,
    first,
    last,
    spread,
    large,
):
    """Fold one part, whose keys carry the place in `source` in their lowest `bits`, into edges from `begin` on.

    `second` counts from the origin; `spread` has bit k where a payment fell in the k-th `span` seconds.  Returns (end,
    how many edges have sums too large for the columns); those are written to `large` as far as it has room.
    """
    keep = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    end, many, row = begin, 0, -1
    here = np.uint64(0)
    times, total = np.int64(0), np.int64(0)
    last_place = len(sorted_keys) - 1
    for i in range(len(sorted_keys) + 1):
        key = np.uint64(0xFFFFFFFFFFFFFFFF) if i > last_place else sorted_keys[i] >> np.uint64(bits)
        if i == 0 or key != here:
            if i > 0:  # close the edge
                if times >= COUNT_MAX or total >= FEN_MAX:
                    if many < len(large):
                        large[many, 0], large[many, 1], large[many, 2] = end - 1, times, total
                    many += 1
                count[end - 1] = np.uint16(COUNT_MAX if times >= COUNT_MAX else times)
                amount[end - 1] = np.uint32(FEN_MAX if total >= FEN_MAX else total)
            if i > last_place:
                break
            here, times, total = key, np.int64(0), np.int64(0)
            while row < np.int64(key >> np.uint64(30)):
                row += 1
                start[first_row + row] = np.uint32(end)
            payee[end] = np.uint32(key & np.uint64((1 << 30) - 1))
            first[end], last[end], spread[end] = np.uint32(0xFFFFFFFF), np.uint32(0), np.uint16(0)
            end += 1
        soon = min(i + AHEAD, last_place)
        ahead = np.int64(source[np.int64(sorted_keys[soon] & keep) if bits else soon])
        prefetch(fen, ahead)
        prefetch(second, ahead)
        at = np.int64(source[np.int64(sorted_keys[i] & keep) if bits else i])
        when = second[at]
        times += 1
        total += fen[at]
        first[end - 1] = min(first[end - 1], when)
        last[end - 1] = max(last[end - 1], when)
        spread[end - 1] |= np.uint16(1 << (when // span))
    for empty in range(row + 1, rows):
        start[first_row + empty] = np.uint32(end)
    return end, many


@njit(**_NJIT)
def to_seconds(at, origin, limit, low, high, out):  # type: ignore[no-untyped-def]
    """Whole seconds since `origin` of instants in microseconds; returns -1, or the first row outside [0, `limit`)."""
    for i in range(low, high):
        second = (at[i] - origin) // 1_000_000
        if at[i] < origin or second >= limit:
            return i
        out[i] = np.uint32(second)
    return -1


@njit(**_NJIT)
def move_down(begin, stop, to, payee, count, amount, first, last, spread):  # type: ignore[no-untyped-def]
    """Edges `begin` to `stop` to where the edges before them end."""
    for i in range(begin, stop):
        j = to + i - begin
        payee[j], count[j], amount[j] = payee[i], count[i], amount[i]
        first[j], last[j], spread[j] = first[i], last[i], spread[i]


@njit(**_NJIT)
def merge_rows(a_start, a_payee, b_start, b_payee, row, from_a, from_b, begin):  # type: ignore[no-untyped-def]
    """Edges of one payer in both graphs, side by side: where each comes from (-1: not there); returns the end."""
    end = begin
    i, i_stop = np.int64(a_start[row]), np.int64(a_start[row + 1])
    j, j_stop = np.int64(b_start[row]), np.int64(b_start[row + 1])
    while i < i_stop or j < j_stop:
        mine = np.int64(a_payee[i]) if i < i_stop else np.int64(1 << 40)
        theirs = np.int64(b_payee[j]) if j < j_stop else np.int64(1 << 40)
        from_a[end] = i if mine <= theirs else -1
        from_b[end] = j if theirs <= mine else -1
        i += mine <= theirs
        j += theirs <= mine
        end += 1
    return end


@njit(**_NJIT)
def merge(a_start, a_payee, b_start, b_payee, start, from_a, from_b):  # type: ignore[no-untyped-def]
    end = 0
    for row in range(len(start) - 1):
        start[row] = np.uint32(end)
        end = merge_rows(a_start, a_payee, b_start, b_payee, row, from_a, from_b, end)
    start[len(start) - 1] = np.uint32(end)
    return end
