"""Loops behind the portrait of an account: ties between payers per edge, crowds, equal sums, money passed on."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def support(offsets, heads, edge, bits, skip, common, tied):  # type: ignore[no-untyped-def]
    """Common acquaintances of every undirected edge, and tied pairs of payers of every vertex.

    Vertices in degree order, edges upwards: `heads`, number of the undirected `edge`, `bits` (1 low paid high, 2 high paid
    low).  `skip` marks vertices that count as nobody's acquaintance (shops).  Adds to `common` (edges,) the triangles whose third
    vertex is not skipped, and to `tied` (vertices, 2) pairs of payers that deal with each other: all, skipped ones left out.
    Forward counting with a stamp array, as in `flow/cluster_kernel.py`.
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
                if g < offsets[u]:
                    continue
                if not skip[w]:
                    common[edge[e]] += 1
                if not skip[v]:
                    common[edge[g]] += 1
                if not skip[u]:
                    common[edge[f]] += 1
                if bits[e] & 2 and bits[g] & 2:
                    tied[u, 0] += 1
                    tied[u, 1] += 0 if skip[v] or skip[w] else 1
                if bits[e] & 1 and bits[f] & 2:
                    tied[v, 0] += 1
                    tied[v, 1] += 0 if skip[u] or skip[w] else 1
                if bits[g] & 1 and bits[f] & 1:
                    tied[w, 0] += 1
                    tied[w, 1] += 0 if skip[u] or skip[v] else 1


@njit(cache=True, nogil=True)
def crowds(offsets, at, fen, payer, span, near, crowded, largest, equal):  # type: ignore[no-untyped-def]
    """Per account, over its receipts in order of time: receipts with at least two other payers within `span`, the most
    receipts within one `span`, and receipts with the sum of at least two other payers within ``2 * span`` (sums alike
    within the share `near`)."""
    for a in range(len(offsets) - 1):
        low, high = offsets[a], offsets[a + 1]
        left = low
        right = low
        for i in range(low, high):
            while at[i] - at[left] > span:
                left += 1
            if i - left + 1 > largest[a]:
                largest[a] = i - left + 1
            while right < high and at[right] - at[i] <= span:
                right += 1
            one = two = -1
            for j in range(max(left, i - 40), min(right, i + 40)):
                p = payer[j]
                if p == payer[i] or p == one:
                    continue
                if one < 0:
                    one = p
                else:
                    two = p
                    break
            if two >= 0:
                crowded[a] += 1
            one = two = -1
            for j in range(max(low, i - 40), min(high, i + 40)):
                if abs(at[j] - at[i]) > 2 * span or payer[j] == payer[i] or payer[j] == one:
                    continue
                if abs(fen[j] - fen[i]) <= near * fen[i]:
                    if one < 0:
                        one = payer[j]
                    else:
                        two = payer[j]
                        break
            if two >= 0:
                equal[a] += 1


@njit(cache=True, nogil=True)
def passed_on(in_offsets, in_at, in_fen, out_offsets, out_at, out_fen, before, after, onward, fronted):  # type: ignore[no-untyped-def]
    """Fen of receipts that one payment of the account hands on within `before`, or had laid out up to `after` ahead.

    A payment counts as far as receipts around it cover at least half of it and it is at least half of them.
    """
    for a in range(len(in_offsets) - 1):
        low, high = in_offsets[a], in_offsets[a + 1]
        first = last = ahead = low
        behind_sum = 0
        for o in range(out_offsets[a], out_offsets[a + 1]):
            while last < high and in_at[last] <= out_at[o]:
                behind_sum += in_fen[last]
                last += 1
            while first < last and in_at[first] < out_at[o] - before:
                behind_sum -= in_fen[first]
                first += 1
            if ahead < last:
                ahead = last
            while ahead < high and in_at[ahead] <= out_at[o] + after:
                ahead += 1
            inside = 0
            for i in range(last, min(ahead, last + 200)):
                inside += in_fen[i]
            if behind_sum >= 0.5 * out_fen[o] and out_fen[o] >= 0.5 * behind_sum and last - first >= 3:
                onward[a] += min(behind_sum, out_fen[o])
            if inside >= 0.5 * out_fen[o] and out_fen[o] >= 0.5 * inside and ahead - last >= 3:
                fronted[a] += min(inside, out_fen[o])
