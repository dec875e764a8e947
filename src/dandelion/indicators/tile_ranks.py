"""Quantiles of the newest n events of a cell, for any n, without going through them.

The events of a cell are kept by value.  They are cut into chunks by value and into tiles by age, and a table holds how
many events of the first chunks lie in the first tiles; a request looks at one line of it, one tile and one chunk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from dandelion.core.frame import Ints
from dandelion.indicators.rank_steps import by_value, quantiles, sort_by_value

CHUNK = 1024
BITS_MAX = 65_536  # events up to which bits are counted
Short = npt.NDArray[np.int32]


@dataclass(frozen=True)
class RankTiles:
    """Cell c has events ``first[c]:first[c + 1]``: `seen` are their places among all, newest first; `by_value` says
    which of them is next by value, `rank` where each of them is by value; its table starts at ``table_at[c]``.
    `chunk` events make a chunk."""

    first: Ints
    seen: Short
    by_value: Short
    rank: Short
    table_at: Ints
    table: Short
    chunk: int

    @classmethod
    def of(cls, place: Ints, pattern: Ints, value: Ints, ptr: Ints, idx: Short, cells: int, chunk: int) -> RankTiles:
        first, seen = members(pattern, ptr, idx, cells)
        chunks = -(-np.diff(first) // chunk)
        table_at = np.concatenate([[0], np.cumsum(chunks * (chunks + 1))]).astype(np.int64)
        by_value, rank = np.empty(len(seen), np.int32), np.empty(len(seen), np.int32)
        table = np.zeros(int(table_at[-1]), np.int32)
        for c in range(cells):
            one = slice(int(first[c]), int(first[c + 1]))
            mine = place[seen[one]]
            order, spare = np.empty(len(mine), np.int64), np.empty(len(mine), np.int64)
            sort_by_value(len(mine), mine, value, order, spare)
            by_value[one] = order
            rank[first[c] + order] = np.arange(len(order))
            count_up(order, chunk, int(chunks[c]), table[table_at[c] : table_at[c + 1]])
        return cls(first, seen, by_value, rank, table_at, table, chunk)


@dataclass(frozen=True)
class RankBits:
    """For not very many events: their order by value and what `rank_steps.quantiles` reads of it, kept."""

    order: Ints
    held: Ints
    among: npt.NDArray[np.uint64]
    amount: Ints

    @classmethod
    def of(cls, place: Ints, pattern: Ints, value: Ints, ptr: Ints, idx: Short, cells: int) -> RankBits:
        order, spare = np.empty(len(place), np.int64), np.empty(len(place), np.int64)
        sort_by_value(len(place), place, value, order, spare)
        return cls(order, *by_value(len(place), pattern, place, value, ptr, idx, cells, order))


@njit(cache=True, nogil=True)
def bits_until(order, held, among, amount, ends, window_of, cells, windows, out):  # type: ignore[no-untyped-def]
    """The quantiles of every cell and window; ring r ends before event ``ends[r]`` and is in window ``window_of[r]``."""
    window_at = np.full(len(order), windows, np.int64)
    m = 0
    for r in range(len(window_of)):
        while m < ends[r]:
            window_at[m] = window_of[r]
            m += 1
    window = np.empty(len(order), np.int64)
    for j in range(len(order)):
        window[j] = window_at[order[j]]
    quantiles(held, among, amount, window, cells, windows, out)


@njit(cache=True, nogil=True)
def members(pattern, ptr, idx, cells):  # type: ignore[no-untyped-def]
    """(first event of each cell, places of the events): the events of every cell, newest first."""
    first = np.zeros(cells + 1, np.int64)
    for m in range(len(pattern)):
        for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
            first[idx[q] + 1] += 1
    for c in range(cells):
        first[c + 1] += first[c]
    at = first[:-1].copy()
    seen = np.empty(first[cells], np.int32)
    for m in range(len(pattern)):
        for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
            seen[at[idx[q]]] = m
            at[idx[q]] += 1
    return first, seen


@njit(cache=True, nogil=True)
def count_up(order, chunk, chunks, table):  # type: ignore[no-untyped-def]
    """``table[j, t]``: events of chunks 0 to j (by value) that lie before tile t (by age)."""
    width = chunks + 1
    for i in range(len(order)):
        table[(i // chunk) * width + order[i] // chunk + 1] += 1
    for j in range(chunks):
        for t in range(1, width):
            table[j * width + t] += table[j * width + t - 1]
        if j:
            for t in range(width):
                table[j * width + t] += table[(j - 1) * width + t]


@njit(cache=True, nogil=True)
def ranks_until(end, place, value, first, seen, by_value, rank, table_at, table, chunk, cells, window, size, out):  # type: ignore[no-untyped-def]
    """The three quantiles of every cell over the newest `end` events, into place `window` of each array."""
    extra = np.empty(len(seen) // chunk + 2, np.int64)
    for c in range(cells):
        low, high = first[c], first[c + 1]
        n = np.searchsorted(seen[low:high], end)
        chunks = (high - low + chunk - 1) // chunk
        width = chunks + 1
        tile = n // chunk
        extra[: chunks + 1] = 0
        for i in range(tile * chunk, n):
            extra[rank[low + i] // chunk] += 1
        j, before, more = 0, 0, 0
        for a in range(3):
            target = (n + 9) // 10 if a == 0 else (n + 1) // 2 if a == 1 else (9 * n + 9) // 10
            at = a * size + window * cells + c
            out[at] = 0
            if n == 0:
                continue
            while table[table_at[c] + j * width + tile] + more + extra[j] < target:
                more += extra[j]
                before = table[table_at[c] + j * width + tile] + more
                j += 1
            found = before
            for i in range(j * chunk, high - low):
                if by_value[low + i] < n:
                    found += 1
                    if found == target:
                        out[at] = value[place[seen[low + by_value[low + i]]]]
                        break
