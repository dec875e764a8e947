"""Loops that take one edge after the other into a graph and keep every account's counters exact.

The neighbours of an account lie in a block of the pool as ``account << 2 | bits`` (bit 1: it paid the neighbour, bit 2: it
was paid): up to LIST of them as a list, more as an open-addressed table half full at most, so that a store with 100,000
payers is asked in one step.  For a new tie the smaller side is walked and the larger side asked: O(min degree).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.graph.flow.fetch import prefetch

# columns of the book, one row (64 bytes) per account
PLACE, ROOM, DEGREE, PAYERS, PAYEES, MUTUAL, ALL, CALM, PAYER_TIES, SHOP = range(10)
COLUMNS = 16
LIST = 64  # longest list
UNIT = 4  # words; smallest block, and what places count in
SLAB = 4096  # words cut into blocks of one size at a time
EMPTY = np.uint32(0xFFFFFFFF)
SLOTS = 1024
AHEAD = 24
_NJIT = {"cache": True, "nogil": True, "boundscheck": False}


@njit(**_NJIT)
def find(pool, place, room, degree, who):  # type: ignore[no-untyped-def]
    """Index in the pool of the entry about `who`, or -1."""
    if room <= LIST:
        for i in range(place, place + degree):
            if np.int64(pool[i] >> 2) == who:
                return i
        return -1
    slot = _slot(who, room)
    while pool[place + slot] != EMPTY:
        if np.int64(pool[place + slot] >> 2) == who:
            return place + slot
        slot = (slot + 1) & (room - 1)
    return -1


@njit(**_NJIT)
def _slot(who, room):  # type: ignore[no-untyped-def]
    mixed = (np.uint64(who) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
    return np.int64(mixed) & (room - 1)


@njit(**_NJIT)
def _take(pool, ends, free, room):  # type: ignore[no-untyped-def]
    """A block of `room` words: one handed back, or the next of a slab, or of the pool's end (`ends[0]`)."""
    size = 0
    while UNIT << size < room:
        size += 1
    if free[size] >= 0:
        place = free[size]
        free[size] = np.int64(pool[place]) * UNIT if pool[place] != EMPTY else -1
        return place
    if room >= SLAB:
        place = ends[0]
        ends[0] += room
        return place
    if ends[2 * size + 1] == ends[2 * size + 2]:
        ends[2 * size + 1] = ends[0]
        ends[2 * size + 2] = ends[0] + SLAB
        ends[0] += SLAB
    place = ends[2 * size + 1]
    ends[2 * size + 1] += room
    return place


@njit(**_NJIT)
def _give_back(pool, free, place, room):  # type: ignore[no-untyped-def]
    size = 0
    while UNIT << size < room:
        size += 1
    pool[place] = np.uint32(free[size] // UNIT) if free[size] >= 0 else EMPTY
    free[size] = place


@njit(**_NJIT)
def _larger(room):  # type: ignore[no-untyped-def]
    """The room after `room`: lists double; the first table has four slots per entry, so that it is not soon full."""
    return UNIT if room == 0 else 4 * room if room == LIST else 2 * room


@njit(**_NJIT)
def _is_full(degree, room):  # type: ignore[no-untyped-def]
    return degree == room if room <= LIST else 2 * degree >= room


@njit(**_NJIT)
def _insert(book, pool, ends, free, account, entry):  # type: ignore[no-untyped-def]
    """Add a neighbour that is not there yet."""
    room, degree = np.int64(book[account, ROOM]), np.int64(book[account, DEGREE])
    place = np.int64(book[account, PLACE]) * UNIT
    if _is_full(degree, room):
        wider = _larger(room)
        fresh = _take(pool, ends, free, wider)
        if wider <= LIST:
            for i in range(degree):
                pool[fresh + i] = pool[place + i]
        else:
            for i in range(wider):
                pool[fresh + i] = EMPTY
            for i in range(room):
                if pool[place + i] != EMPTY:
                    _put(pool, fresh, wider, pool[place + i])
        if room:
            _give_back(pool, free, place, room)
        book[account, PLACE], book[account, ROOM] = np.uint32(fresh // UNIT), np.uint32(wider)
        place, room = fresh, wider
    if room <= LIST:
        pool[place + degree] = entry
    else:
        _put(pool, place, room, entry)
    book[account, DEGREE] += np.uint32(1)


@njit(**_NJIT)
def _put(pool, place, room, entry):  # type: ignore[no-untyped-def]
    slot = _slot(np.int64(entry >> 2), room)
    while pool[place + slot] != EMPTY:
        slot = (slot + 1) & (room - 1)
    pool[place + slot] = entry


@njit(**_NJIT)
def _closed(book, a, b, w, of_a, of_b, tie_is_new):  # type: ignore[no-untyped-def]
    """a has paid b for the first time, and w deals with both (`of_a`, `of_b`: the entries about w)."""
    shop_a, shop_b, shop_w = book[a, SHOP] != 0, book[b, SHOP] != 0, book[w, SHOP] != 0
    one = np.uint32(1)
    if (of_b & 2) != 0 and not shop_a and not shop_w:
        book[b, PAYER_TIES] += one
    if not tie_is_new:
        return
    book[a, ALL] += one
    book[b, ALL] += one
    book[w, ALL] += one
    if not shop_b and not shop_w:
        book[a, CALM] += one
    if not shop_a and not shop_w:
        book[b, CALM] += one
    if not shop_a and not shop_b:
        book[w, CALM] += one
        if (of_a & 1) != 0 and (of_b & 1) != 0:
            book[w, PAYER_TIES] += one


@njit(**_NJIT)
def _close(book, pool, stamp, a, b, tie_is_new):  # type: ignore[no-untyped-def]
    """Every account that deals with both a and b."""
    small, large = (a, b) if book[a, DEGREE] <= book[b, DEGREE] else (b, a)
    room, wide = np.int64(book[small, ROOM]), np.int64(book[large, ROOM])
    place, far = np.int64(book[small, PLACE]) * UNIT, np.int64(book[large, PLACE]) * UNIT
    degree, many = np.int64(book[small, DEGREE]), np.int64(book[large, DEGREE])
    if degree == 0:
        return
    if wide > LIST:
        steps = degree if room <= LIST else room
        for i in range(place, place + steps):
            mine = pool[i]
            if mine == EMPTY:
                continue
            w = np.int64(mine >> 2)
            at = find(pool, far, wide, many, w)
            if at >= 0:
                if small == a:
                    _closed(book, a, b, w, mine, pool[at], tie_is_new)
                else:
                    _closed(book, a, b, w, pool[at], mine, tie_is_new)
        return
    for i in range(place, place + degree):
        slot = np.int64(pool[i] >> 2) & (SLOTS - 1)
        stamp[slot] = 255 if stamp[slot] else i - place + 1
    for i in range(far, far + many):
        theirs = pool[i]
        w = np.int64(theirs >> 2)
        k = np.int64(stamp[w & (SLOTS - 1)])
        if k == 0:
            continue
        at = place + k - 1 if k < 255 else find(pool, place, room, degree, w)
        if at >= 0 and np.int64(pool[at] >> 2) == w:
            if small == a:
                _closed(book, a, b, w, pool[at], theirs, tie_is_new)
            else:
                _closed(book, a, b, w, theirs, pool[at], tie_is_new)
    for i in range(place, place + degree):
        stamp[np.int64(pool[i] >> 2) & (SLOTS - 1)] = 0


@njit(**_NJIT)
def absorb(payer, payee, begin, book, pool, ends, free, stamp):  # type: ignore[no-untyped-def]
    """Take the payments from `begin` on; returns the place of the first that the pool had no room for, or their number."""
    last = len(payer) - 1
    for e in range(begin, len(payer)):
        far, near = min(e + AHEAD, last), min(e + AHEAD // 2, last)
        prefetch(book, np.int64(payer[far]) * COLUMNS)
        prefetch(book, np.int64(payee[far]) * COLUMNS)
        prefetch(pool, np.int64(book[payer[near], PLACE]) * UNIT)
        prefetch(pool, np.int64(book[payee[near], PLACE]) * UNIT)
        a, b = np.int64(payer[e]), np.int64(payee[e])
        if a == b:
            continue
        wanted = max(_larger(np.int64(book[a, ROOM])), SLAB) + max(_larger(np.int64(book[b, ROOM])), SLAB)
        if ends[0] + wanted > len(pool):
            return e
        small, other = (a, b) if book[a, DEGREE] <= book[b, DEGREE] else (b, a)
        at = find(pool, np.int64(book[small, PLACE]) * UNIT, np.int64(book[small, ROOM]),
                  np.int64(book[small, DEGREE]), other)  # fmt: skip
        forth, back = (np.uint32(1), np.uint32(2)) if small == a else (np.uint32(2), np.uint32(1))
        if at < 0:
            _close(book, pool, stamp, a, b, True)
            _insert(book, pool, ends, free, small, np.uint32(other) << np.uint32(2) | forth)
            _insert(book, pool, ends, free, other, np.uint32(small) << np.uint32(2) | back)
        elif pool[at] & forth:
            continue
        else:
            pool[at] |= forth
            theirs = find(pool, np.int64(book[other, PLACE]) * UNIT, np.int64(book[other, ROOM]),
                          np.int64(book[other, DEGREE]), small)  # fmt: skip
            pool[theirs] |= back
            book[a, MUTUAL] += np.uint32(1)
            book[b, MUTUAL] += np.uint32(1)
            _close(book, pool, stamp, a, b, False)
        book[a, PAYEES] += np.uint32(1)
        book[b, PAYERS] += np.uint32(1)
    return len(payer)


@njit(**_NJIT)
def add_money(payer, payee, fen, at, received, paid, receipts, first, last):  # type: ignore[no-untyped-def]
    """Exact sums per account, and when it was first and last paid; payments to oneself are left out."""
    for e in range(len(payer)):
        a, b = np.int64(payer[e]), np.int64(payee[e])
        if a == b:
            continue
        paid[a] += fen[e]
        received[b] += fen[e]
        receipts[b] += 1
        first[b] = min(first[b], at[e])
        last[b] = max(last[b], at[e])
