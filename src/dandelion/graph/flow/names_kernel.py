"""Loops of the dictionary of account names: bytes to numbers by an open-addressing table."""

from __future__ import annotations

import numpy as np
from numba import njit

_NJIT = {"cache": True, "nogil": True, "boundscheck": False}


@njit(**_NJIT)
def hash_of(data, begin, stop):  # type: ignore[no-untyped-def]
    """FNV-1a of 64 bits (G. Fowler, L. C. Noll, K.-P. Vo), its high half mixed into the low."""
    state = np.uint64(0xCBF29CE484222325)
    for i in range(begin, stop):
        state = (state ^ np.uint64(data[i])) * np.uint64(0x100000001B3)
    return state ^ (state >> np.uint64(32))


@njit(**_NJIT)
def hash_all(data, offsets, out):  # type: ignore[no-untyped-def]
    for i in range(len(offsets) - 1):
        out[i] = hash_of(data, offsets[i], offsets[i + 1])


@njit(**_NJIT)
def _same(data, begin, stop, held, at, end):  # type: ignore[no-untyped-def]
    if stop - begin != end - at:
        return False
    i = 0
    while i < stop - begin and data[begin + i] == held[at + i]:
        i += 1
    return i == stop - begin


@njit(**_NJIT)
def look_up(data, offsets, held, bounds, table, found):  # type: ignore[no-untyped-def]
    """Number of each name, -1 for one that is not held.  `table` has number + 1 in its slots, 0 where nobody is."""
    mask = np.uint64(len(table) - 1)
    for i in range(len(offsets) - 1):
        slot = hash_of(data, offsets[i], offsets[i + 1]) & mask
        found[i] = -1
        while table[slot] != 0:
            k = np.int64(table[slot]) - 1
            if _same(data, offsets[i], offsets[i + 1], held, bounds[k], bounds[k + 1]):
                found[i] = k
                break
            slot = (slot + np.uint64(1)) & mask


@njit(**_NJIT)
def enter(held, bounds, first, count, table):  # type: ignore[no-untyped-def]
    """Enter names `first` to `count` - 1, none of which the table holds."""
    mask = np.uint64(len(table) - 1)
    for k in range(first, count):
        slot = hash_of(held, bounds[k], bounds[k + 1]) & mask
        while table[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = np.uint32(k + 1)
