"""Loops over labels that are dealt out to the row groups of a sorted file: to whom, what they ask, and what they get."""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.indicators.bits import bare
from dandelion.indicators.text_words import INSIDE, before, copy, leading
from dandelion.indicators.textcodes import places_in

COUNTED_MAX = 32  # rows that are counted side by side rather than halved once more
_NO_NULLS = np.empty(0, np.bool_)


@njit(cache=True, nogil=True)
def share_out(offsets, data, nulls, first_offsets, firsts, begin, end, of):  # type: ignore[no-untyped-def]
    """Fill ``of[begin:end]``, the group of each label: the last of which the first subject is not after it; -1 for labels
    before all of them, and without a text.  Returns (labels of each group, bytes of their texts)."""
    data, firsts = bare(data), bare(firsts)
    count = len(first_offsets) - 1
    keys = np.empty(count, np.uint64)
    for g in range(count):
        keys[g] = leading(firsts, first_offsets[g], first_offsets[g + 1])
    counts, sizes = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for i in range(begin, end):
        first, last = offsets[i], offsets[i + 1]
        key, g = leading(data, first, last), -1
        for k in range(count):
            g += int(keys[k] <= key)
        while g >= 0 and keys[g] == key and before(data, first, last, firsts, first_offsets[g], first_offsets[g + 1]):
            g -= 1
        if len(nulls) and nulls[i]:
            g = -1
        of[i] = g
        if g >= 0:
            counts[g] += 1
            sizes[g] += last - first
    return counts, sizes


@njit(cache=True, nogil=True)
def deal(group, begin, end, starts, bytes_at, offsets, data, as_of, known_at, out_offsets, out_data, now, known):  # type: ignore[no-untyped-def]
    """Labels ``begin:end`` to the others of their group, from ``starts[g]`` on: what they ask, and their texts."""
    data, out_data, at, byte = bare(data), bare(out_data), starts.copy(), bytes_at.copy()
    for i in range(begin, end):
        g = group[i]
        if g < 0:
            continue
        k, to = at[g], byte[g]
        now[k] = as_of[i]
        known[k] = known_at[i]
        byte[g] = out_offsets[k + 1] = copy(data, offsets[i], offsets[i + 1], out_data, to)
        at[g] = k + 1


@njit(**INSIDE)
def row_known(start, end, as_of, known_at, at, arrived):  # type: ignore[no-untyped-def]
    """Of rows ``start:end``, in order of (at, arrived), the last that happened before `as_of` and was known, or -1."""
    low, left = start, end - start
    while left > COUNTED_MAX:  # without a jump that could be guessed wrong
        half = (left + 1) >> 1
        low += half * int(at[low + half - 1] < as_of)
        left -= half
    happened = 0
    for i in range(low, low + left):
        happened += at[i] < as_of
    row = low + happened - 1
    while row >= start and arrived[row] >= known_at:
        row -= 1
    return row if row >= start else -1


@njit(cache=True, nogil=True)
def rows_of(offsets, data, as_of, known_at, names_at, names, lookup, bounds, at, arrived):  # type: ignore[no-untyped-def]
    """(row, left, last): for each dealt label the row of its group that counts, or -1; places of labels of the first
    subject that have none; the last moment.

    Labels are put in order of their subjects, so that rows are gone through from the first to the last."""
    at, arrived = bare(at), bare(arrived)
    places = places_in(offsets, data, _NO_NULLS, names_at, names, lookup)
    size, last = len(places), -1 << 63
    rows, order, ends = np.empty(size, np.int32), np.empty(size, np.int32), np.zeros(len(bounds) + 1, np.int32)
    for k in range(size):
        ends[places[k] + 2] += 1
        last = max(last, as_of[k])  # all moments are looked at in order, so that they are near when they are asked for
    for s in range(1, len(ends)):
        ends[s] += ends[s - 1]
    for k in range(size):
        j = ends[places[k] + 1]
        order[j] = k
        ends[places[k] + 1] = j + 1
    for j in range(ends[0]):
        rows[order[j]] = -1
    for s in range(len(bounds) - 1):
        for j in range(ends[s], ends[s + 1]):
            k = order[j]
            rows[k] = row_known(bounds[s], bounds[s + 1], as_of[k], known_at[k], at, arrived)
    first = order[ends[0] : ends[1]]
    return rows, first[rows[first] < 0].astype(np.int64), last


@njit(cache=True, nogil=True)
def take(rows, values, out):  # type: ignore[no-untyped-def]
    """The value of each row, 0 where there is none."""
    for k in range(len(rows)):
        out[k] = values[rows[k]] if rows[k] >= 0 else 0


@njit(cache=True, nogil=True)
def collect(group, begin, end, starts, found, out):  # type: ignore[no-untyped-def]
    """What the dealt labels found to the labels ``begin:end`` that they are, in one go along every group."""
    at = starts.copy()
    for i in range(begin, end):
        g = group[i]
        if g >= 0:
            out[i] = found[at[g]]
            at[g] += 1
        else:
            out[i] = 0
