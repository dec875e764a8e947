"""Single loops over the rows of a tile, which compile to vector code.

Each function holds one loop and nothing else: written inside a larger loop, the same lines are no longer turned into
vector code, and run twenty times slower.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from dandelion.models.forest.bits import ones


@njit(nogil=True)
def count_above(x: Any, cut: Any, at: Any) -> None:
    for i in range(len(at)):
        at[i] += np.int32(1) if x[i] > cut else np.int32(0)


@njit(nogil=True)
def halve(x: Any, cuts: Any, half: Any, at: Any) -> None:
    for i in range(len(at)):
        at[i] += half if cuts[at[i] + half - 1] < x[i] else np.int32(0)


@njit(nogil=True)
def ranks(x: Any, at: Any, missing: Any, out: Any) -> None:
    for i in range(len(at)):
        out[i] = missing if x[i] != x[i] else at[i]


@njit(nogil=True)
def look_up(rank: Any, table: Any, out: Any) -> None:
    for i in range(len(out)):
        out[i] = table[rank[i]]


@njit(nogil=True)
def first_of_four(a: Any, b: Any, c: Any, d: Any, leaf: Any) -> None:
    for i in range(len(leaf)):
        byte, base, here = d[i], np.uint8(24), c[i]
        if here != 255:
            byte, base = here, np.uint8(16)
        here = b[i]
        if here != 255:
            byte, base = here, np.uint8(8)
        here = a[i]
        if here != 255:
            byte, base = here, np.uint8(0)
        bit = np.uint8(~byte & (byte + np.uint8(1)))
        leaf[i] = base + ones(np.uint8(bit - np.uint8(1)))


@njit(nogil=True)
def clear(out: Any) -> None:
    for i in range(len(out)):
        out[i] = 0


@njit(nogil=True)
def last(plane: Any, base: Any, byte: Any, leaf: Any) -> None:
    for i in range(len(leaf)):
        byte[i] = plane[i]
        leaf[i] = base


@njit(nogil=True)
def earlier(plane: Any, base: Any, byte: Any, leaf: Any) -> None:
    for i in range(len(leaf)):
        here, b, at = plane[i], byte[i], leaf[i]
        if here != 255:
            b, at = here, base
        byte[i] = b
        leaf[i] = at


@njit(nogil=True)
def lowest(byte: Any, leaf: Any) -> None:
    for i in range(len(leaf)):
        b = byte[i]
        bit = np.uint8(~b & (b + np.uint8(1)))
        leaf[i] += ones(np.uint8(bit - np.uint8(1)))


@njit(nogil=True)
def add_four(a: Any, b: Any, c: Any, d: Any, at: Any, total: Any) -> None:
    at_a, at_b, at_c, at_d = at[0], at[1], at[2], at[3]
    for i in range(len(total)):
        total[i] += a[at_a[i]] + b[at_b[i]] + c[at_c[i]] + d[at_d[i]]


@njit(nogil=True)
def add_one(own: Any, at: Any, total: Any) -> None:
    for i in range(len(total)):
        total[i] += own[at[i]]
