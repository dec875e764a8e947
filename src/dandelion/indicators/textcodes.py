"""Loops over text in Arrow buffers: where subjects change, and who is who inside each subject's events."""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.indicators.bits import bare
from dandelion.indicators.text_words import INSIDE, alike, before, leading, mix, text_hash

_NULL = np.uint64(0x9E3779B97F4A7C15)
TOGETHER = 64  # texts looked up side by side
_UPPER = np.uint64(0xFFFFFFFF00000000)


@njit(**INSIDE)
def _same(offsets, data, nulls, i, j):  # type: ignore[no-untyped-def]
    if len(nulls) and (nulls[i] or nulls[j]):
        return nulls[i] and nulls[j]
    size = offsets[i + 1] - offsets[i]
    return offsets[j + 1] - offsets[j] == size and alike(data, offsets[i], data, offsets[j], size)


@njit(cache=True, nogil=True)
def text_starts(offsets, data, nulls):  # type: ignore[no-untyped-def]
    """First event of every run of equal texts."""
    offsets, data, nulls = bare(offsets), bare(data), bare(nulls)
    size = len(offsets) - 1
    out = np.empty(size, np.int64)
    found = 0
    for i in range(size):
        if i == 0 or not _same(offsets, data, nulls, i, i - 1):
            out[found] = i
            found += 1
    return out[:found].copy()


@njit(cache=True, nogil=True)
def texts_in_order(offsets, data):  # type: ignore[no-untyped-def]
    """Whether no text is before the one before it, by bytes."""
    offsets, data = bare(offsets), bare(data)
    for i in range(1, len(offsets) - 1):
        if before(data, offsets[i], offsets[i + 1], data, offsets[i - 1], offsets[i]):
            return False
    return True


@njit(cache=True, nogil=True)
def texts_rise(offsets, data):  # type: ignore[no-untyped-def]
    """Whether every text is after the one before it, by bytes."""
    offsets, data = bare(offsets), bare(data)
    for i in range(1, len(offsets) - 1):
        if not before(data, offsets[i - 1], offsets[i], data, offsets[i], offsets[i + 1]):
            return False
    return True


@njit(cache=True, nogil=True)
def text_order(offsets, data):  # type: ignore[no-untyped-def]
    """Places of texts in order of their bytes, those that are equal as they stood: by the last eight bytes first."""
    offsets, data = bare(offsets), bare(data)
    size = len(offsets) - 1
    order, spare = np.arange(size), np.empty(size, np.int64)
    keys, moved = np.empty(size, np.uint64), np.empty(size, np.uint64)
    longest = 0
    for i in range(size):
        keys[i] = np.uint64(offsets[i + 1] - offsets[i])  # the shorter of two that go on with zeros
        longest = max(longest, int(offsets[i + 1] - offsets[i]))
    for word in range((longest + 7) // 8, -1, -1):
        for i in range(size if word < (longest + 7) // 8 else 0):
            keys[i] = leading(data, np.int64(offsets[order[i]]) + 8 * word, offsets[order[i] + 1])
        for shift in range(0, 64, 8):
            counts = np.zeros(257, np.int64)
            for i in range(size):
                counts[np.int64(keys[i] >> np.uint64(shift) & np.uint64(255)) + 1] += 1
            if counts.max() == size:
                continue
            counts = np.cumsum(counts)
            for i in range(size):
                bucket = np.int64(keys[i] >> np.uint64(shift) & np.uint64(255))
                spare[counts[bucket]], moved[counts[bucket]] = order[i], keys[i]
                counts[bucket] += 1
            order, spare, keys, moved = spare, order, moved, keys
    return order


@njit(cache=True, nogil=True)
def text_parties(bounds, rows, offsets, data, nulls, out):  # type: ignore[no-untyped-def]
    """Fill `out` with codes 0, 1, ... in order of appearance inside each slice; texts are compared in full.

    The texts of slice s stand in rows ``rows[s]``, ``rows[s] + 1``, ...  Returns (party bounds by slice, row of the
    first event of each party, 64-bit hash of each party).
    """
    offsets, data, nulls = bare(offsets), bare(data), bare(nulls)
    slices = len(bounds) - 1
    first = np.empty(len(out), np.int64)
    hashes = np.empty(len(out), np.uint64)
    party_bounds = np.zeros(slices + 1, np.int64)
    table = np.empty(16, np.int64)
    total = 0
    for s in range(slices):
        low, high = bounds[s], bounds[s + 1]
        room = 16
        while room < 2 * (high - low):
            room *= 2
        if room > len(table):
            table = np.empty(room, np.int64)
        table[:room] = -1
        mask = np.uint64(room - 1)
        for event in range(low, high):
            i = rows[s] + event - low
            null = len(nulls) > 0 and nulls[i]
            h = _NULL if null else text_hash(data, offsets[i], offsets[i + 1])
            at = np.int64(h & mask)
            while True:
                code = table[at]
                if code < 0:
                    table[at] = total
                    first[total], hashes[total] = i, h
                    out[event] = total - party_bounds[s]
                    total += 1
                    break
                if hashes[code] == h and _same(offsets, data, nulls, first[code], i):
                    out[event] = code - party_bounds[s]
                    break
                at = (at + 1) & np.int64(mask)
        party_bounds[s + 1] = total
    return party_bounds, first[:total].copy(), hashes[:total].copy()


@njit(cache=True, nogil=True)
def number_parties(bounds, numbers, out):  # type: ignore[no-untyped-def]
    """As `text_parties`, for whole numbers.  Returns (party bounds, first event of each)."""
    slices = len(bounds) - 1
    first = np.empty(len(out), np.int64)
    party_bounds = np.zeros(slices + 1, np.int64)
    table = np.empty(16, np.int64)
    total = 0
    for s in range(slices):
        low, high = bounds[s], bounds[s + 1]
        room = 16
        while room < 2 * (high - low):
            room *= 2
        if room > len(table):
            table = np.empty(room, np.int64)
        table[:room] = -1
        mask = room - 1
        for i in range(low, high):
            at = np.int64(mix(np.uint64(numbers[i])) & np.uint64(mask))
            while True:
                code = table[at]
                if code < 0:
                    table[at] = total
                    first[total] = i
                    out[i] = total - party_bounds[s]
                    total += 1
                    break
                if numbers[first[code]] == numbers[i]:
                    out[i] = code - party_bounds[s]
                    break
                at = (at + 1) & mask
        party_bounds[s + 1] = total
    return party_bounds, first[:total].copy()


@njit(cache=True, nogil=True)
def code_parties(bounds, codes, size, out):  # type: ignore[no-untyped-def]
    """As `number_parties`, for codes of a dictionary of so many values, -1 among them: each has a place of its own."""
    first = np.empty(len(out), np.int64)
    party_bounds = np.zeros(len(bounds), np.int64)
    places = np.full(size + 1, -1, np.int64)  # among all parties; those of the slices before do not count
    total = 0
    for s in range(len(bounds) - 1):
        begin = total
        for i in range(bounds[s], bounds[s + 1]):
            place = places[codes[i]]
            if place < begin:
                places[codes[i]] = place = total
                first[total] = i
                total += 1
            out[i] = place - begin
        party_bounds[s + 1] = total
    return party_bounds, first[:total].copy()


@njit(cache=True, nogil=True)
def text_hashes(offsets, data, nulls):  # type: ignore[no-untyped-def]
    """64-bit hash of every text, and of none behind the last."""
    offsets, data, nulls = bare(offsets), bare(data), bare(nulls)
    out = np.empty(len(offsets), np.uint64)
    for i in range(len(offsets) - 1):
        out[i] = _NULL if len(nulls) and nulls[i] else text_hash(data, offsets[i], offsets[i + 1])
    out[-1] = _NULL
    return out


@njit(cache=True, nogil=True)
def lookup_of(offsets, data):  # type: ignore[no-untyped-def]
    """Where `places_in` finds texts that are all different: half of a text's hash and its place from 1 on, by the hash."""
    offsets, data = bare(offsets), bare(data)
    room = 16
    while room < 2 * len(offsets):
        room *= 2
    out, mask = np.zeros(room, np.uint64), np.uint64(room - 1)
    for i in range(len(offsets) - 1):
        h = text_hash(data, offsets[i], offsets[i + 1])
        at = h & mask
        while out[at]:
            at = (at + np.uint64(1)) & mask
        out[at] = (h & _UPPER) | np.uint64(i + 1)
    return out


@njit(cache=True, nogil=True)
def places_in(offsets, data, nulls, known_offsets, known, lookup):  # type: ignore[no-untyped-def]
    """Place of each text among the known ones, compared in full; -1 where it is none of them, or null.

    Memory is asked for by many of them at once; each by itself would wait for it three times."""
    offsets, data, known_offsets, known = bare(offsets), bare(data), bare(known_offsets), bare(known)
    out = np.empty(len(offsets) - 1, np.int64)
    hashes, slots = np.empty(TOGETHER, np.uint64), np.empty(TOGETHER, np.uint64)
    begins, seen = np.empty(TOGETHER, np.int64), np.empty(TOGETHER, np.uint8)
    mask = np.uint64(len(lookup) - 1)
    for first in range(0, len(out), TOGETHER):
        count = min(TOGETHER, len(out) - first)
        for k in range(count):
            hashes[k] = text_hash(data, offsets[first + k], offsets[first + k + 1])
            slots[k] = lookup[hashes[k] & mask]
        for k in range(count):
            begins[k] = known_offsets[max(np.int64(slots[k] & ~_UPPER) - 1, 0)]
        for k in range(count):
            seen[k] = known[begins[k]] if begins[k] < len(known) else np.uint8(0)
        for k in range(count):
            i = first + k
            out[i] = -1
            if len(nulls) and nulls[i]:
                continue
            size, at = offsets[i + 1] - offsets[i], hashes[k] & mask
            while lookup[at]:
                if (lookup[at] ^ hashes[k]) & _UPPER == 0:
                    place = np.int64(lookup[at] & ~_UPPER) - 1
                    begin = known_offsets[place]
                    if known_offsets[place + 1] - begin == size and alike(data, offsets[i], known, begin, size):
                        out[i] = place
                        break
                at = (at + np.uint64(1)) & mask
    return out
