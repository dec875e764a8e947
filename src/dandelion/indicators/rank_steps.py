"""Quantiles by counting bits: events are numbered by value, a cell and a window are sets of these numbers."""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.indicators.bits import kth, lowest, ones, tail

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
    the places by value.  A cell without events has 0, which nobody reads."""
    if total == 0:
        out[: 3 * windows * cells] = 0
        return
    held, among, amount = by_value(total, pattern, place, value, ptr, idx, cells, order)
    window = np.empty(total, np.int64)
    for j in range(total):
        r = ring_of[order[j]]
        window[j] = window_of[r] if r < len(window_of) else windows
    quantiles(held, among, amount, window, cells, windows, out)


@njit(cache=True, nogil=True)
def by_value(total, pattern, place, value, ptr, idx, cells, order):  # type: ignore[no-untyped-def]
    """(events of each cell, bits of each cell, values): event ``order[j]`` is bit j of its cells and has the j-th value."""
    words = (total + 63) >> 6
    held, among, amount = np.zeros(cells, np.int64), np.zeros(cells * words, np.uint64), np.empty(total, np.int64)
    for j in range(total):
        m = order[j]
        amount[j] = value[place[m]]
        word, bit = j >> 6, np.uint64(1) << np.uint64(j & 63)
        for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
            among[idx[q] * words + word] |= bit
    for c in range(cells):
        for word in range(c * words, (c + 1) * words):
            held[c] += ones(among[word])
    return held, among, amount


@njit(cache=True, nogil=True)
def quantiles(held, among, amount, window, cells, windows, out):  # type: ignore[no-untyped-def]
    """As `ranks`; ``window[j]`` is the first window that holds the event of the j-th value, `windows` if none does."""
    out[: 3 * windows * cells] = 0
    words = (len(amount) + 63) >> 6
    within, mine = np.zeros((windows + 1) * words, np.uint64), np.empty(len(amount), np.int64)
    leave = np.empty(windows + 1, np.int64)
    for j in range(len(amount)):
        within[window[j] * words + (j >> 6)] |= np.uint64(1) << np.uint64(j & 63)
    for w in range(1, windows):
        for word in range(words):
            within[w * words + word] |= within[(w - 1) * words + word]
    for c in range(cells):
        if held[c] == 0:
            continue
        if held[c] <= LIST_MIN + 2 * words:
            _listed(c, words, among, window, amount, mine, leave, cells, windows, out)
        else:
            _counted(c, words, among, within, amount, cells, windows, out)


@njit(cache=True, nogil=True)
def _listed(c, words, among, window, amount, mine, leave, cells, windows, out):  # type: ignore[no-untyped-def]
    """A cell of few events: from the widest window on, each next one leaves out those that are too old for it."""
    size, n = windows * cells, 0
    leave[:] = 0
    for word in range(words):
        left = among[c * words + word]
        while left:
            j = (word << 6) + lowest(left)
            left &= left - np.uint64(1)
            mine[n] = j
            n += int(window[j] < windows)
            leave[window[j]] += 1
    low, middle, high, same = 0, 0, 0, False
    for w in range(windows - 1, -1, -1):
        if n == 0:
            return
        if not same:
            low, middle, high = (
                amount[mine[(n + 9) // 10 - 1]],
                amount[mine[(n + 1) // 2 - 1]],
                amount[mine[(9 * n + 9) // 10 - 1]],
            )
        k = w * cells + c
        out[k], out[size + k], out[2 * size + k] = low, middle, high
        same = leave[w] == 0
        if same:
            continue
        young = 0
        for i in range(n):
            mine[young] = mine[i]
            young += int(window[mine[i]] < w)
        n = young


@njit(cache=True, nogil=True)
def _counted(c, words, among, within, amount, cells, windows, out):  # type: ignore[no-untyped-def]
    size, mine, wider = windows * cells, tail(among, c * words), 0
    for w in range(windows - 1, -1, -1):
        k, n, young = w * cells + c, 0, tail(within, w * words)
        for word in range(words):
            n += ones(mine[word] & young[word])
        if n == 0:
            return
        if n == wider:  # the same events as in the window before
            for a in range(3):
                out[a * size + k] = out[a * size + k + cells]
            continue
        wider = n
        before, word = 0, 0
        here = ones(mine[0] & young[0])
        for a in range(3):
            target = (n + 9) // 10 if a == 0 else (n + 1) // 2 if a == 1 else (9 * n + 9) // 10
            while before + here < target:
                before += here
                word += 1
                here = ones(mine[word] & young[word])
            out[a * size + k] = amount[(word << 6) + kth(mine[word] & young[word], target - before - 1)]
