"""Loops that turn edge arrays into rows: count ends, rank by degree, part by row, sort within a part.

Ids are below 2^30.  A *head* is ``rank << 2 | bits``; bit 1 says that the row's account (of lower rank) paid the head's,
bit 2 that it was paid by it.  What is written at random stays within a processor's own cache: edges are parted first.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.graph.flow.fetch import prefetch

LOW_PAID, HIGH_PAID = 1, 2
AHEAD = 32
_NJIT = {"cache": True, "nogil": True, "boundscheck": False}


@njit(**_NJIT)
def count_ends(payer, payee, low, high, ends):  # type: ignore[no-untyped-def]
    """Add the ends of edges `low` to `high` to `ends`; payments to oneself are left out.  Returns -1, or the place of
    the first edge with an account that `ends` has no room for."""
    n = np.uint32(len(ends))
    for e in range(low, high):
        a, b = payer[e], payee[e]
        if a >= n or b >= n:
            return e
        if a != b:
            ends[a] += np.uint32(1)
            ends[b] += np.uint32(1)
    return -1


@njit(**_NJIT)
def add_up(into, other):  # type: ignore[no-untyped-def]
    for i in range(len(into)):
        into[i] += other[i]


@njit(**_NJIT)
def rank_by(degree, rank):  # type: ignore[no-untyped-def]
    """`rank[account]` in ascending degree, equal degrees by number (a counting sort).  Above the number of accounts, which
    only repeats can reach, degrees count as equal: any order gives exact counts."""
    most, top = np.int64(len(degree)), np.int64(0)
    for d in degree:
        top = max(top, min(np.int64(d), most))
    place = np.zeros(top + 2, np.uint32)
    for d in degree:
        place[min(np.int64(d), most) + 1] += np.uint32(1)
    for d in range(len(place) - 1):
        place[d + 1] += place[d]
    for account in range(len(degree)):
        d = min(np.int64(degree[account]), most)
        rank[account] = place[d]
        place[d] += np.uint32(1)


@njit(**_NJIT)
def count_parts(payer, payee, low, high, rank, shift, sizes):  # type: ignore[no-untyped-def]
    """How many edges `low` to `high` have their lower end in each part of the ranks."""
    last = high - 1
    for e in range(low, high):
        ahead = min(e + AHEAD, last)
        prefetch(rank, np.int64(payer[ahead]))
        prefetch(rank, np.int64(payee[ahead]))
        a, b = rank[payer[e]], rank[payee[e]]
        if a != b:
            sizes[min(a, b) >> shift] += 1


@njit(**_NJIT)
def part_edges(payer, payee, low, high, rank, shift, place, out):  # type: ignore[no-untyped-def]
    """Write (lower rank, head) of edges `low` to `high` to where `place` says that the next of its part goes."""
    last = high - 1
    for e in range(low, high):
        ahead = min(e + AHEAD, last)
        prefetch(rank, np.int64(payer[ahead]))
        prefetch(rank, np.int64(payee[ahead]))
        a, b = np.uint64(rank[payer[e]]), np.uint64(rank[payee[e]])
        if a == b:
            continue
        row, head = (a, b << np.uint64(2) | np.uint64(1)) if a < b else (b, a << np.uint64(2) | np.uint64(2))
        part = np.int64(row >> np.uint64(shift))
        out[place[part]] = row << np.uint64(32) | head
        place[part] += 1


@njit(**_NJIT)
def sort_part(pairs, low, high, first_row, rows, heads, start, place, seen):  # type: ignore[no-untyped-def]
    """Pairs `low` to `high` are all edges of `rows` rows from `first_row`: write the heads from `low`, row by row and
    each once, and where the rows start.  Returns how many heads there are.  `place` has `rows` + 1 zeros; `seen` is
    a table of zeros; both are handed back as they came."""
    for e in range(low, high):
        place[np.int64(pairs[e] >> np.uint64(32)) - first_row + 1] += 1
    for r in range(rows):
        place[r + 1] += place[r]
    for e in range(low, high):
        row = np.int64(pairs[e] >> np.uint64(32)) - first_row
        heads[low + place[row]] = np.uint32(pairs[e] & np.uint64(0xFFFFFFFF))
        place[row] += 1
    begin, end = low, low  # a row ends where the next began before `place` moved on
    for r in range(rows):
        begin, stop = (low if r == 0 else low + place[r - 1]), low + place[r]
        start[first_row + r] = np.uint32(end)
        end = _keep_once(heads, begin, stop, end, seen)
    place[: rows + 1] = 0
    return end - low


@njit(**_NJIT)
def _keep_once(heads, begin, stop, end, seen):  # type: ignore[no-untyped-def]
    """Move heads `begin` to `stop` down to `end`, each account once with the bits of all; returns the new end."""
    if stop - begin > 128:
        return _keep_once_of_many(heads, begin, stop, end)
    mask = len(seen) - 1
    row = end
    for e in range(begin, stop):
        head = heads[e]
        slot = np.int64(head >> np.uint32(2)) & mask
        k = seen[slot]
        while k != 0 and (heads[row + k - 1] ^ head) >> np.uint32(2) != 0:
            slot = (slot + 1) & mask
            k = seen[slot]
        if k:
            heads[row + k - 1] |= head
        else:
            heads[end] = head
            end += 1
            seen[slot] = end - row
    for e in range(row, end):  # every slot between a head's own and where it was put is taken: empty them all
        slot = np.int64(heads[e] >> np.uint32(2)) & mask
        while seen[slot] != 0:
            seen[slot] = 0
            slot = (slot + 1) & mask
    return end


@njit(**_NJIT)
def _keep_once_of_many(heads, begin, stop, end):  # type: ignore[no-untyped-def]
    room = 256
    while room < 2 * (stop - begin):
        room *= 2
    seen = np.zeros(room, np.uint32)
    row = end
    for e in range(begin, stop):
        head = heads[e]
        slot = np.int64((head >> np.uint32(2)) * np.uint32(2654435769)) & (room - 1)
        k = np.int64(seen[slot])
        while k != 0 and (heads[row + k - 1] ^ head) >> np.uint32(2) != 0:
            slot = (slot + 1) & (room - 1)
            k = np.int64(seen[slot])
        if k:
            heads[row + k - 1] |= head
        else:
            heads[end] = head
            end += 1
            seen[slot] = end - row
    return end


@njit(**_NJIT)
def close_gaps(heads, start, first_rows, lows, kept):  # type: ignore[no-untyped-def]
    """Move the heads of the parts together after repeats were dropped; returns how many heads there are."""
    end = np.int64(0)
    for part in range(len(lows)):
        gap = lows[part] - end
        if gap:
            for e in range(lows[part], lows[part] + kept[part]):
                heads[e - gap] = heads[e]
            for row in range(first_rows[part], first_rows[part + 1]):
                start[row] -= np.uint32(gap)
        end += kept[part]
    return end


@njit(**_NJIT)
def count_degrees(start, heads, degree):  # type: ignore[no-untyped-def]
    """Neighbours by rank."""
    for row in range(len(start) - 1):
        degree[row] += start[row + 1] - start[row]
        for e in range(start[row], start[row + 1]):
            degree[heads[e] >> np.uint32(2)] += np.uint32(1)
