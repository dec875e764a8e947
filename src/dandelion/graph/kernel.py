"""Loops over the graph: exact triangle counting and the matching of money that returns.

Triangles: forward counting over a degree order with a stamp array (T. Schank, D. Wagner, 2005; M. Latapy, 2008).  Each
edge points from the smaller to the larger degree, so that a shop with 100,000 payers has few outgoing edges.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LOW_PAID_HIGH, HIGH_PAID_LOW = 1, 2


@njit(cache=True, nogil=True)
def count_triangles(offsets, heads, paid, shop, out):  # type: ignore[no-untyped-def]
    """Triangles per vertex of a graph whose vertices are in degree order and whose edges point upwards.

    `paid[e]` has bits LOW_PAID_HIGH, HIGH_PAID_LOW.  `out` (vertices, 3): all triangles; triangles without shops among
    the other two; those where both others pay the vertex and neither is a shop.
    """
    stamp = np.full(len(offsets) - 1, -1, np.int64)
    for u in range(len(offsets) - 1):
        for e in range(offsets[u], offsets[u + 1]):
            stamp[heads[e]] = e
        for e in range(offsets[u], offsets[u + 1]):
            v = heads[e]
            for f in range(offsets[v], offsets[v + 1]):
                w = heads[f]
                g = stamp[w]
                if g >= offsets[u]:  # u < v < w all know each other: edges e = uv, f = vw, g = uw
                    note(out, u, shop[v] or shop[w], (paid[e] & 2) != 0 and (paid[g] & 2) != 0)
                    note(out, v, shop[u] or shop[w], (paid[e] & 1) != 0 and (paid[f] & 2) != 0)
                    note(out, w, shop[u] or shop[v], (paid[g] & 1) != 0 and (paid[f] & 1) != 0)


@njit(cache=True, nogil=True, inline="always")
def note(out, vertex, beside_shop, both_pay):  # type: ignore[no-untyped-def]
    out[vertex, 0] += 1
    if not beside_shop:
        out[vertex, 1] += 1
        if both_pay:
            out[vertex, 2] += 1


@njit(cache=True, nogil=True)
def find_edge(offsets, heads, tail, head):  # type: ignore[no-untyped-def]
    """Index of the edge tail -> head, or -1; `heads` ascend within a tail."""
    low, high = offsets[tail], offsets[tail + 1]
    while low < high:
        middle = (low + high) // 2
        if heads[middle] < head:
            low = middle + 1
        else:
            high = middle
    return low if low < offsets[tail + 1] and heads[low] == head else -1


@njit(cache=True, nogil=True)
def match_direct(offsets, heads, tails, first, at, fen, span, circular, spent):  # type: ignore[no-untyped-def]
    """Fen of every payment that the payee and the payer pass back and forth within `span`.

    Payment i of edge e (``first[e] <= i < first[e + 1]``, by time).  For the receipts of edge payer -> payee against
    the payee's payments back, both taken in order of time, each fen once: `circular[i]` of receipts, `spent[j]` of the
    payments back.
    """
    for e in range(len(heads)):
        back = find_edge(offsets, heads, heads[e], tails[e])
        if back < 0 or back == e:
            continue
        start = first[back]
        for i in range(first[e], first[e + 1]):
            while start < first[back + 1] and (at[start] <= at[i] - span or spent[start] == fen[start]):
                start += 1
            for j in range(start, first[back + 1]):
                if at[j] >= at[i] + span or circular[i] == fen[i]:
                    break
                moved = min(fen[i] - circular[i], fen[j] - spent[j])
                circular[i] += moved
                spent[j] += moved


@njit(cache=True, nogil=True)
def match_over_one(  # type: ignore[no-untyped-def]
    offsets, heads, tails, first, in_offsets, in_edges, at, fen, span, low, high, circular, spent, accounts
):
    """Receipts that come back to the payer over one third party: m -> x -> p within `span` of p -> m.

    All three amounts must be alike (between `low` and `high` of the receipt); a payment serves one receipt.
    """
    payer_edge = np.full(accounts, -1, np.int64)
    middle_used = np.full(len(at), -1, np.int64)
    for m in range(accounts):
        for k in range(in_offsets[m], in_offsets[m + 1]):
            payer_edge[tails[in_edges[k]]] = in_edges[k]
        for a in range(offsets[m], offsets[m + 1]):
            x = heads[a]
            if x == m or in_offsets[m] == in_offsets[m + 1]:
                continue
            for b in range(offsets[x], offsets[x + 1]):
                p = heads[b]
                e = payer_edge[p]
                if e < 0 or p == x or heads[e] != m:
                    continue
                for i in range(first[e], first[e + 1]):
                    if circular[i] > 0:
                        continue
                    done = False
                    for j in range(first[a], first[a + 1]):
                        if done or at[j] >= at[i] + span:
                            break
                        if at[j] < at[i] or spent[j] > 0 or not (fen[i] * low <= fen[j] <= fen[i] * high):
                            continue
                        for q in range(first[b], first[b + 1]):
                            if at[q] >= at[i] + span:
                                break
                            if at[q] < at[j] or middle_used[q] == m:
                                continue
                            if fen[i] * low <= fen[q] <= fen[i] * high:
                                circular[i] = min(fen[i], fen[j], fen[q])
                                spent[j] = circular[i]
                                middle_used[q] = m
                                done = True
                                break
        for k in range(in_offsets[m], in_offsets[m + 1]):
            payer_edge[tails[in_edges[k]]] = -1


@njit(cache=True, nogil=True)
def match_quick(reverse, first, at, fen, span, low, high, times, back_fen):  # type: ignore[no-untyped-def]
    """Per edge buyer -> store: how many payments came back within `span` at nearly their amount, and the fen returned.

    Payments of an edge are in order of time; each payment back serves one payment, the earliest that fits.
    """
    for e in range(len(reverse)):
        back = reverse[e]
        if back < 0:
            continue
        taken = np.zeros(first[back + 1] - first[back], np.bool_)
        for i in range(first[e], first[e + 1]):
            for j in range(first[back], first[back + 1]):
                if at[j] >= at[i] + span:
                    break
                if at[j] <= at[i] or taken[j - first[back]]:
                    continue
                if fen[i] * low <= fen[j] <= fen[i] * high:
                    taken[j - first[back]] = True
                    times[e] += 1
                    back_fen[e] += fen[j]
                    break


@njit(cache=True, nogil=True)
def order_by(codes, order, count):  # type: ignore[no-untyped-def]
    """`order` rearranged so that ``codes[order]`` ascends, equal codes staying as they are (a counting sort)."""
    place = np.zeros(count + 1, np.int64)
    for i in range(len(codes)):
        place[codes[i] + 1] += 1
    for c in range(count):
        place[c + 1] += place[c]
    out = np.empty_like(order)
    for k in range(len(order)):
        i = order[k]
        out[place[codes[i]]] = i
        place[codes[i]] += 1
    return out
