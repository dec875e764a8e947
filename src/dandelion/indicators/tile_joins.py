"""What came after the tiles were made, joined with them: numbers of the older events from tiles, of the newer ones by going
through them, and what the two have in common worked out by itself.

Every newer event happened after every older one, so a window that reaches an older one holds all newer ones.  Counts, sums,
squares and extremes join number by number.  A party (or a day) that is in both is looked up among the older events, newest
first: it counts once, its two sums become one.  A gap may lie between the two, and the k-th of two sorted lists is found
from either's k-th.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.indicators import kernel as k
from dandelion.indicators import steps as s
from dandelion.indicators.bits import lowest
from dandelion.indicators.merge_steps import CARRIED
from dandelion.indicators.tile_ranks import members
from dandelion.indicators.whole_math import times_log


@njit(cache=True, nogil=True)
def ends_of(step, flush, ends):  # type: ignore[no-untyped-def]
    """Older events in each of the step's own windows."""
    out = np.zeros(step[k.STEP_WINDOWS], np.int64)
    for r in range(step[k.STEP_RINGS]):
        window = flush[step[k.STEP_FLUSH] + r]
        if window >= 0:
            out[window] = ends[r]
    return out


@njit(cache=True, nogil=True)
def join(component, size, old, new):  # type: ignore[no-untyped-def]
    """Number by number, into `old`; `size` is cells x windows."""
    if component in (s.N, s.SUM, s.WHO, s.DAYS, s.ENTROPY):
        for j in range(3 * size if component == s.ENTROPY else size):
            old[j] += new[j]
    elif component == s.SQUARES:
        for j in range(size):
            low = np.uint64(old[size + j]) + np.uint64(new[size + j])
            carry = np.uint64(low < np.uint64(new[size + j]))
            old[j] = np.int64(np.uint64(old[j]) + np.uint64(new[j]) + carry)
            old[size + j] = np.int64(low)
    elif component == s.MIN:
        for j in range(size):
            old[j] = min(old[j], new[j])
    elif component in (s.MAX, s.TOP, s.GAP):
        for j in range(size):
            old[j] = max(old[j], new[j])
    elif component == s.FIRST:
        for j in range(size):
            if old[j] == s.NOTHING:
                old[j] = new[j]
    elif component in (s.LAST, s.LAST_VALUE):
        for j in range(size):
            if new[j] != s.NOTHING:
                old[j] = new[j]


@njit(cache=True, nogil=True)
def newest_of(pattern, ptr, idx, cells):  # type: ignore[no-untyped-def]
    """Place of the newest event of each cell; the number of events where it has none."""
    out = np.full(cells, len(pattern), np.int64)
    left = cells
    for m in range(len(pattern)):
        for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
            if out[idx[q]] == len(pattern):
                out[idx[q]] = m
                left -= 1
        if left == 0:
            break
    return out


@njit(cache=True, nogil=True)
def join_gaps(ends, newest, at, place, pattern, when, ptr, idx, cells, out):  # type: ignore[no-untyped-def]
    """The gap between the newest older event of a cell (``at[newest]``) and its oldest newer one."""
    oldest = np.full(cells, s.NOTHING, np.int64)
    for m in range(len(place)):
        for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
            oldest[idx[q]] = when[place[m]]
    for w in range(len(ends)):
        for c in range(cells):
            if oldest[c] != s.NOTHING and newest[c] < ends[w]:
                out[w * cells + c] = max(out[w * cells + c], oldest[c] - at[newest[c]])


@njit(cache=True, nogil=True)
def join_days(ends, old_place, old_pattern, old_day, place, pattern, day, ptr, idx, cells, out):  # type: ignore[no-untyped-def]
    """Days that both have in a cell count once."""
    if not len(place):
        return
    first, last = day[place[0]], day[place[0]]
    for m in range(len(place)):
        first, last = min(first, day[place[m]]), max(last, day[place[m]])
    met = np.zeros((last - first + 1) * cells, np.bool_)
    for m in range(len(place)):
        for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
            met[(day[place[m]] - first) * cells + idx[q]] = True
    for m in range(len(old_place)):
        d = old_day[old_place[m]]
        if d < first - 1:  # clocks set back show a day again, never two
            break
        if d < first or d > last:
            continue
        for q in range(ptr[old_pattern[m]], ptr[old_pattern[m] + 1]):
            c = np.int64(idx[q])
            if met[(d - first) * cells + c]:
                met[(d - first) * cells + c] = False
                for w in range(len(ends)):
                    out[w * cells + c] -= np.int64(ends[w] > m)


@njit(cache=True, nogil=True)
def join_parties(ends, start, chain, chain_pattern, place, pattern, who, masks, cells, out):  # type: ignore[no-untyped-def]
    """Parties that both have in a cell count once.  Party p has the older events ``chain[start[p]:start[p + 1]]``, with their
    patterns beside them."""
    codes = who[place]
    order = np.argsort(codes, kind="mergesort")
    at = 0
    while at < len(order):
        party, left = codes[order[at]], np.uint64(0)
        while at < len(order) and codes[order[at]] == party:
            left |= masks[pattern[order[at]]]
            at += 1
        if party + 1 >= len(start):
            continue
        for q in range(start[party], start[party + 1]):
            m = chain[q]
            both = masks[chain_pattern[q]] & left
            left &= ~both
            while both:
                c = lowest(both)
                both &= both - np.uint64(1)
                for w in range(len(ends)):
                    out[w * cells + c] -= np.int64(ends[w] > m)
            if left == 0:
                break


@njit(cache=True, nogil=True)
def join_sums(  # type: ignore[no-untyped-def]
    spreads, ends, start, chain, chain_pattern, chain_value, place, pattern, who, value, ptr, idx, cells, out,
):  # fmt: skip
    """Sums of parties that both have: the largest, or with `spreads` the three sums of `steps.ENTROPY`."""
    size = len(ends) * cells
    codes = who[place]
    order = np.argsort(codes, kind="mergesort")
    old, new, mine = np.zeros(cells, np.int64), np.zeros(cells, np.int64), np.empty(cells, np.int64)
    in_new = np.zeros(cells, np.bool_)
    at = 0
    while at < len(order):
        party, count = codes[order[at]], 0
        while at < len(order) and codes[order[at]] == party:
            m = order[at]
            at += 1
            for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
                c = idx[q]
                if not in_new[c]:
                    in_new[c] = True
                    mine[count] = c
                    count += 1
                new[c] += value[place[m]]
        q, end = (start[party], start[party + 1]) if party + 1 < len(start) else (0, 0)
        if q < end:
            for w in range(len(ends)):
                while q < end and chain[q] < ends[w]:
                    p, amount = chain_pattern[q], chain_value[q]
                    q += 1
                    for i in range(ptr[p], ptr[p + 1]):
                        old[idx[i]] += amount
                for j in range(count if ends[w] else 0):
                    c = mine[j]
                    to = w * cells + c
                    both = old[c] + new[c]
                    if not spreads:
                        out[to] = max(out[to], both)
                    elif old[c] > 0 or new[c] > 0 or both > 0:
                        for total, sign in ((both, 1), (old[c], -1), (new[c], -1)):
                            if total > 0:
                                whole, part = times_log(total)
                                out[to] += sign * total
                                out[size + to] += sign * whole
                                out[2 * size + to] += sign * part
            old[:] = 0
        for j in range(count):
            new[mine[j]], in_new[mine[j]] = 0, False


@njit(cache=True, nogil=True)
def join_ranks(  # type: ignore[no-untyped-def]
    ends, old_place, old_value, first, seen, by_value, rank, table_at, table, chunk, place, pattern, value, ptr, idx, cells,
    new, out,
):  # fmt: skip
    """Quantiles over both; `new` are those of the newer events alone."""
    size = len(ends) * cells
    mine_at, mine = members(pattern, ptr, idx, cells)
    for c in range(cells):
        count = mine_at[c + 1] - mine_at[c]
        if count == 0:
            continue
        young = np.empty(count, np.int64)
        for j in range(count):
            young[j] = value[place[mine[mine_at[c] + j]]]
        young.sort()
        low, high = first[c], first[c + 1]
        chunks = (high - low + chunk - 1) // chunk
        upto = np.empty(chunks + 1, np.int64)
        for w in range(len(ends)):
            n = np.searchsorted(seen[low:high], ends[w])
            if n == 0:
                for a in range(3):
                    out[a * size + w * cells + c] = new[a * size + w * cells + c]
                continue
            tile = n // chunk  # `upto[j]`: older events of the window in chunks before j
            upto[:] = 0
            for i in range(tile * chunk, n):
                upto[rank[low + i] // chunk + 1] += 1
            for j in range(chunks):
                upto[j + 1] += upto[j]
            for j in range(chunks):
                upto[j + 1] += table[table_at[c] + j * (chunks + 1) + tile]
            total = n + count
            for a in range(3):
                target = (total + 9) // 10 if a == 0 else (total + 1) // 2 if a == 1 else (9 * total + 9) // 10
                least, most = max(0, target - n), min(target, count)
                while least < most:  # how many of the first `target` are newer ones
                    middle = (least + most) // 2
                    if (
                        _kth(target - middle, n, upto, chunk, low, high, by_value, seen, old_place, old_value)
                        > young[middle]
                    ):
                        least = middle + 1
                    else:
                        most = middle
                found = s.NOTHING if least == 0 else young[least - 1]
                if target > least:
                    found = max(
                        found, _kth(target - least, n, upto, chunk, low, high, by_value, seen, old_place, old_value)
                    )
                out[a * size + w * cells + c] = found


@njit(cache=True, nogil=True)
def _kth(target, n, upto, chunk, low, high, by_value, seen, place, value):  # type: ignore[no-untyped-def]
    """The value of that rank among the older events of a cell in a window."""
    j = np.searchsorted(upto, target) - 1
    found = upto[j]
    for i in range(j * chunk, high - low):
        if by_value[low + i] < n:
            found += 1
            if found == target:
                return value[place[seen[low + by_value[low + i]]]]
    return s.NOTHING


@njit(cache=True, nogil=True)
def chains(place, who):  # type: ignore[no-untyped-def]
    """(start, events): the events of each party, newest first."""
    start = np.zeros(who.max() + 2, np.int64)
    for m in range(len(place)):
        start[who[place[m]] + 1] += 1
    for p in range(len(start) - 1):
        start[p + 1] += start[p]
    at, out = start[:-1].copy(), np.empty(len(place), np.int64)
    for m in range(len(place)):
        p = who[place[m]]
        out[at[p]] = m
        at[p] += 1
    return start, out


@njit(cache=True, nogil=True)
def go_through(  # type: ignore[no-untyped-def]
    lines, as_of, known_at, related, view, dims, windows, steps_, flush, ptr, idx, masks, passes, merges, whos, told, rooms,
    place, pattern, ring, state,
):  # fmt: skip
    """One view of few events into `state`, as the kernel does; how many count.  `related` are parties close to the subject."""
    room = lines.shape[1] + 1
    close, newest = np.zeros(room, np.int64), np.zeros(room, np.int64)
    close[related] = 1
    found = k.gather(lines, 0, room - 1, as_of, known_at, view, dims, windows, 1, close, newest, place, pattern, ring)
    ring_of, order, ranked, spare = (
        np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    )  # fmt: skip
    start, seen = np.empty(max(room + 1, rooms[5]), np.int64), np.empty(room * rooms[4], np.uint64)
    records, stamp = np.empty(CARRIED * rooms[5], np.int64), np.zeros(rooms[5], np.int64)
    k.add_up(lines, view, steps_, passes, merges, whos, told, flush, ptr, idx, masks, place, pattern, ring, ring_of, seen, start,
             order, ranked, spare, records, stamp, 1, np.empty(rooms[1], np.int64), state)  # fmt: skip
    return found
