"""Quantiles by counting bits: events are numbered by value, a cell and a window are sets of these numbers."""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.indicators.bits import kth, lowest, ones

DIGIT, DIGITS_MIN = 11, 256  # bits of a pass of the sort; events from which on it is quicker than merging
LIST_MIN = 32  # events of a cell up to which, with two for each word, a list is quicker than bits


@njit(cache=True, nogil=True)
def sort_by_value(total, place, value, order, spare):  # type: ignore[no-untyped-def]
    """Places of the first `total` events by value; those of equal values in their order."""
    for m in range(total):
        order[m] = m
    if total >= DIGITS_MIN:
        _by_digits(total, place, value, order, spare)
        return
    width = 1
    while width < total:
        for low in range(0, total, 2 * width):
            middle, high = min(low + width, total), min(low + 2 * width, total)
            a, b = low, middle
            for k in range(low, high):
                if a < middle and (b >= high or value[place[order[a]]] <= value[place[order[b]]]):
                    spare[k] = order[a]
                    a += 1
                else:
                    spare[k] = order[b]
                    b += 1
        order[:total] = spare[:total]
        width *= 2


@njit(cache=True, nogil=True)
def _by_digits(total, place, value, order, spare):  # type: ignore[no-untyped-def]
    """By the lowest digit first, over what values are above the least."""
    least, most = value[place[0]], value[place[0]]
    for m in range(1, total):
        least, most = min(least, value[place[m]]), max(most, value[place[m]])
    span, base = np.uint64(most) - np.uint64(least), np.uint64(least)
    shift, mask = np.uint64(0), np.uint64((1 << DIGIT) - 1)
    start = np.empty((1 << DIGIT) + 1, np.int64)
    while shift < np.uint64(64) and (span >> shift) > np.uint64(0):
        start[:] = 0
        for m in range(total):
            start[((np.uint64(value[place[m]]) - base) >> shift & mask) + np.uint64(1)] += 1
        for digit in range(1 << DIGIT):
            start[digit + 1] += start[digit]
        for k in range(total):
            m = order[k]
            mine = (np.uint64(value[place[m]]) - base) >> shift & mask
            spare[start[mine]] = m
            start[mine] += 1
        order[:total] = spare[:total]
        shift += np.uint64(DIGIT)


@njit(cache=True, nogil=True)
def ranks(  # type: ignore[no-untyped-def]
    total, ring_of, window_of, pattern, place, value, ptr, idx, cells, windows, order, out,
):  # fmt: skip
    """Values of rank ceil(n / 10), ceil(n / 2), ceil(9 n / 10) of each (window, cell), as three arrays.  `order` has
    the places by value: event j of it is bit j of its cells and of its windows.  A cell without events has 0, which
    nobody reads."""
    size, rings = windows * cells, len(window_of)
    out[: 3 * size] = 0
    if total == 0:
        return
    words = (total + 63) >> 6
    held, among = np.zeros(cells, np.int64), np.zeros(cells * words, np.uint64)
    within = np.zeros(windows * words, np.uint64)
    amount, window = np.empty(total, np.int64), np.empty(total, np.int64)
    mine = np.empty(total, np.int64)
    for j in range(total):
        m = order[j]
        amount[j] = value[place[m]]
        if ring_of[m] >= rings:
            continue
        window[j] = window_of[ring_of[m]]
        word, bit = j >> 6, np.uint64(1) << np.uint64(j & 63)
        within[window[j] * words + word] |= bit
        for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
            held[idx[q]] += 1
            among[idx[q] * words + word] |= bit
    for w in range(1, windows):
        for word in range(words):
            within[w * words + word] |= within[(w - 1) * words + word]
    for c in range(cells):
        if held[c] == 0:
            continue
        if held[c] <= LIST_MIN + 2 * words:
            _listed(c, held[c], words, among, window, amount, mine, cells, windows, out)
        else:
            _counted(c, held[c], words, among, within, amount, cells, windows, out)


@njit(cache=True, nogil=True)
def _listed(c, n, words, among, window, amount, mine, cells, windows, out):  # type: ignore[no-untyped-def]
    """A cell of few events: from the widest window on, each next one leaves out those that are too old for it."""
    size, found = windows * cells, 0
    for word in range(words):
        left = among[c * words + word]
        while left:
            mine[found] = (word << 6) + lowest(left)
            left &= left - np.uint64(1)
            found += 1
    for w in range(windows - 1, -1, -1):
        k = w * cells + c
        out[k] = amount[mine[(n + 9) // 10 - 1]]
        out[size + k] = amount[mine[(n + 1) // 2 - 1]]
        out[2 * size + k] = amount[mine[(9 * n + 9) // 10 - 1]]
        young = 0
        for j in range(n):
            mine[young] = mine[j]
            young += int(window[mine[j]] < w)
        n = young
        if n == 0:
            return


@njit(cache=True, nogil=True)
def _counted(c, n, words, among, within, amount, cells, windows, out):  # type: ignore[no-untyped-def]
    size, first = windows * cells, c * words
    for w in range(windows - 1, -1, -1):
        k = w * cells + c
        if w < windows - 1:
            n = 0
            for word in range(words):
                n += ones(among[first + word] & within[w * words + word])
            if n == 0:
                return
        before, word = 0, 0
        both = among[first] & within[w * words]
        here = ones(both)
        for a in range(3):
            target = (n + 9) // 10 if a == 0 else (n + 1) // 2 if a == 1 else (9 * n + 9) // 10
            while before + here < target:
                before += here
                word += 1
                both = among[first + word] & within[w * words + word]
                here = ones(both)
            out[a * size + k] = amount[(word << 6) + kth(both, target - before - 1)]
