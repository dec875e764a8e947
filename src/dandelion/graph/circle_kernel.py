"""The search for circles: near-equal sums that pass from hand to hand and come back to the first within some days."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def find_circles(seller, buyer, at, fen, by_seller, offsets, span, tolerance, firms_max, used, members, lengths):  # type: ignore[no-untyped-def]
    """Circles of 3 to `firms_max` different firms, each invoice in one at most, earliest first and among these shortest first.

    Invoices ascend by time; ``by_seller[offsets[s]:offsets[s + 1]]`` are those of seller s, ascending.  The first of a circle is
    its earliest; the others lie within `span` of it, in any order, their sums within `tolerance` of its.  Row c of `members`
    gets the invoices of circle c in the order of hands, `lengths[c]` their number; returns how many there are.
    """
    found = 0
    path, cursor = np.zeros(firms_max, np.int64), np.zeros(firms_max, np.int64)
    for root in range(len(at)):
        if used[root]:
            continue
        low, high = fen[root] * (1.0 - tolerance), fen[root] * (1.0 + tolerance)
        closed = False
        for length in range(3, firms_max + 1):
            depth, path[0], cursor[1] = 1, root, offsets[buyer[root]]
            while depth > 0 and not closed:
                hand = buyer[path[depth - 1]]
                step = -1
                while cursor[depth] < offsets[hand + 1]:
                    k = by_seller[cursor[depth]]
                    cursor[depth] += 1
                    if k <= root or used[k] or at[k] > at[root] + span or not low <= fen[k] <= high:
                        continue
                    if depth == length - 1:
                        if buyer[k] == seller[root]:
                            step = k
                            break
                        continue
                    fresh = buyer[k] != seller[root]
                    for d in range(depth):
                        fresh = fresh and buyer[k] != buyer[path[d]]
                    if fresh:
                        step = k
                        break
                if step < 0:
                    depth -= 1
                    continue
                path[depth] = step
                if depth == length - 1:
                    closed = True
                else:
                    depth += 1
                    cursor[depth] = offsets[buyer[step]]
            if closed:
                for d in range(length):
                    members[found, d] = path[d]
                    used[path[d]] = True
                lengths[found] = length
                found += 1
                break
    return found
