"""Loops that count triangles: forward over ranks (T. Schank, D. Wagner, 2005; M. Latapy, 2008), with a small stamp.

For an account u its row is stamped into a table, then the rows of its heads v are read: a head w of v that is stamped
makes a triangle u, v, w.  Nearly every look at the stamp says no, so the table is small enough to stay in the closest
cache; two heads that want one slot mark it SEARCH.  A long row takes one slot for every account.  The rows of v lie at
random: they are asked for ahead of time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.graph.flow.fetch import prefetch

SLOTS = 2048  # of the small stamp
SHORT = 256  # rows up to this length use it
ROW_AHEAD, START_AHEAD = 16, 40
SEARCH = -1
_NJIT = {"cache": True, "nogil": True, "boundscheck": False}


@njit(**_NJIT)
def _ask(start, heads, e, last):  # type: ignore[no-untyped-def]
    """Have the row that edge e + ROW_AHEAD points to fetched, and before it, where that row starts."""
    prefetch(start, np.int64(heads[min(e + START_AHEAD, last)] >> 2))
    soon = np.int64(heads[min(e + ROW_AHEAD, last)] >> 2)
    prefetch(heads, min(np.int64(start[soon]), last))
    prefetch(heads, min(np.int64(start[soon]) + 15, last))


@njit(**_NJIT)
def stamp_row(heads, begin, stop, stamp, mask):  # type: ignore[no-untyped-def]
    for e in range(begin, stop):
        slot = np.int64(heads[e] >> 2) & mask
        stamp[slot] = SEARCH if stamp[slot] else e - begin + 1


@njit(**_NJIT)
def clear_row(heads, begin, stop, stamp, mask):  # type: ignore[no-untyped-def]
    for e in range(begin, stop):
        stamp[np.int64(heads[e] >> 2) & mask] = 0


@njit(**_NJIT)
def _search(heads, begin, stop, w):  # type: ignore[no-untyped-def]
    for e in range(begin, stop):
        if np.int64(heads[e] >> 2) == w:
            return e - begin + 1
    return 0


@njit(**_NJIT)
def count_all(start, heads, low, high, stamp, share, out):  # type: ignore[no-untyped-def]
    """Add to `out[rank]` the triangles whose lowest account is of rank `low` to `high`.

    `stamp`: zeros, at least SLOTS and a power of two above the accounts.  `share`: zeros, as long as the longest row.
    """
    last = np.int64(len(heads)) - 1
    for u in range(low, high):
        begin, stop = np.int64(start[u]), np.int64(start[u + 1])
        if stop - begin < 2:
            continue
        mask = SLOTS - 1 if stop - begin <= SHORT else len(stamp) - 1
        stamp_row(heads, begin, stop, stamp, mask)
        total = 0
        for e in range(begin, stop):
            _ask(start, heads, e, last)
            v = np.int64(heads[e] >> 2)
            found = 0
            for f in range(np.int64(start[v]), np.int64(start[v + 1])):
                w = np.int64(heads[f] >> 2)
                k = stamp[w & mask]
                if k != 0:
                    if k < 0:
                        k = _search(heads, begin, stop, w)
                    if k > 0 and np.int64(heads[begin + k - 1] >> 2) == w:
                        share[k - 1] += 1
                        found += 1
            share[e - begin] += found
            total += found
        clear_row(heads, begin, stop, stamp, mask)
        if total:
            out[u] += np.uint32(total)
            for e in range(begin, stop):
                out[heads[e] >> 2] += np.uint32(share[e - begin])
                share[e - begin] = 0


@njit(**_NJIT)
def _note(out, place, beside_shop, both_pay):  # type: ignore[no-untyped-def]
    out[place, 0] += 1
    if not beside_shop:
        out[place, 1] += 1
        if both_pay:
            out[place, 2] += 1


@njit(**_NJIT)
def count_kinds(start, heads, low, high, shop, stamp, share, out):  # type: ignore[no-untyped-def]
    """As :func:`count_all` in three kinds, `out` and `share` (.., 3): all; those whose other two are no shops; of
    these, those where both others pay the account.  `shop[rank]` is 1 for a shop."""
    last = np.int64(len(heads)) - 1
    own = np.zeros((1, 3), np.int64)
    for u in range(low, high):
        begin, stop = np.int64(start[u]), np.int64(start[u + 1])
        if stop - begin < 2:
            continue
        mask = SLOTS - 1 if stop - begin <= SHORT else len(stamp) - 1
        stamp_row(heads, begin, stop, stamp, mask)
        for e in range(begin, stop):
            _ask(start, heads, e, last)
            uv = heads[e]
            v = np.int64(uv >> 2)
            for f in range(np.int64(start[v]), np.int64(start[v + 1])):
                vw = heads[f]
                w = np.int64(vw >> 2)
                k = stamp[w & mask]
                if k != 0:
                    if k < 0:
                        k = _search(heads, begin, stop, w)
                    uw = heads[begin + max(k, 1) - 1]
                    if k > 0 and np.int64(uw >> 2) == w:
                        at_u, at_v, at_w = shop[u] != 0, shop[v] != 0, shop[w] != 0
                        _note(own, 0, at_v or at_w, (uv & 2) != 0 and (uw & 2) != 0)
                        _note(share, e - begin, at_u or at_w, (uv & 1) != 0 and (vw & 2) != 0)
                        _note(share, k - 1, at_u or at_v, (uw & 1) != 0 and (vw & 1) != 0)
        clear_row(heads, begin, stop, stamp, mask)
        if own[0, 0]:
            for kind in range(3):
                out[u, kind] += own[0, kind]
                own[0, kind] = 0
            for e in range(begin, stop):
                for kind in range(3):
                    out[heads[e] >> 2, kind] += share[e - begin, kind]
                    share[e - begin, kind] = 0


@njit(**_NJIT)
def gather(counts, rank, low, high, out):  # type: ignore[no-untyped-def]
    """`out[account]`: what all threads (rows of `counts`, by rank) counted for accounts `low` to `high`."""
    last = high - 1
    for account in range(low, high):
        ahead = np.int64(rank[min(account + START_AHEAD, last)])
        for thread in range(len(counts)):
            prefetch(counts, thread * counts.shape[1] + ahead)
        r = np.int64(rank[account])
        total = counts[0, r]
        for thread in range(1, len(counts)):
            total += counts[thread, r]
        out[account] = total


@njit(**_NJIT)
def over_pairs(count, people, low, high, out):  # type: ignore[no-untyped-def]
    """`count` as a share of the pairs of `people`; NaN without a pair."""
    for i in range(low, high):
        size = np.float64(people[i])
        out[i] = 2.0 * np.float64(count[i]) / (size * (size - 1.0)) if size > 1.0 else np.nan
