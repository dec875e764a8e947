"""Loops over edges and payments: who stands at both ends, and the matching of money that returns."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def meet(offsets, heads, in_offsets, in_edges, tails, reverse, ends, neighbours, paid):  # type: ignore[no-untyped-def]
    """Walk the edges out of and into every account side by side, both ascending.

    Fills `reverse` (the edge the other way round, -1 without one), `neighbours` with `paid` (1: the account paid it, 2: it
    was paid, 3: both) and where each account's neighbours end; returns how many there are.
    """
    filled = 0
    for x in range(len(offsets) - 1):
        out, into = offsets[x], in_offsets[x]
        while out < offsets[x + 1] or into < in_offsets[x + 1]:
            payee = heads[out] if out < offsets[x + 1] else len(offsets)
            payer = tails[in_edges[into]] if into < in_offsets[x + 1] else len(offsets)
            neighbours[filled] = min(payee, payer)
            paid[filled] = 3 if payee == payer else 1 if payee < payer else 2
            if payee <= payer:
                reverse[out] = in_edges[into] if payee == payer else -1
                out += 1
            if payer <= payee:
                into += 1
            filled += 1
        ends[x] = filled
    return filled


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
def match_quick(reverse, first, at, fen, span, low, high, times, back_fen, price):  # type: ignore[no-untyped-def]
    """Per edge buyer -> store: how many payments came back within `span` at nearly their amount, the fen returned, and their price.

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
                    price[e] += fen[i]
                    break


@njit(cache=True, nogil=True)
def match_hired(  # type: ignore[no-untyped-def]
    rows, payer, payee, at, fen, in_offsets, in_edges, tails, first, span, low, high, extra, place, who, back
):
    """Payments in `rows` (buyer to store) after which a third account paid the buyer within `span`: fen between `low` of the
    price and `high` of it and `extra`.  Fills place in `rows`, the third account, fen; returns how many there are, which may
    be more than there was room for.
    """
    filled = 0
    for k in range(len(rows)):
        i = rows[k]
        buyer, store = payer[i], payee[i]
        for m in range(in_offsets[buyer], in_offsets[buyer + 1]):
            e = in_edges[m]
            if tails[e] == store:
                continue
            start, stop = first[e], first[e + 1]
            while start < stop:  # the first payment after this one
                middle = (start + stop) // 2
                if at[middle] <= at[i]:
                    start = middle + 1
                else:
                    stop = middle
            for j in range(start, first[e + 1]):
                if at[j] >= at[i] + span:
                    break
                if fen[i] * low <= fen[j] <= fen[i] * high + extra:
                    if filled < len(place):
                        place[filled], who[filled], back[filled] = k, tails[e], fen[j]
                    filled += 1
                    break
    return filled


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
