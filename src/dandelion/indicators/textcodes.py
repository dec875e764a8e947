"""Loops over text in Arrow buffers: where subjects change, and who is who inside each subject's events."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

_NULL = np.uint64(0x9E3779B97F4A7C15)
TOGETHER = 64  # texts looked up side by side
_BYTE = np.uint64(8)
_UPPER = np.uint64(0xFFFFFFFF00000000)


@intrinsic
def _eight(_context: Any, data: Any, at: Any) -> Any:
    """Eight bytes of a uint8 array from place `at` on as one number, wherever they stand in memory."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        word = builder.load(builder.bitcast(place, context.get_value_type(types.uint64).as_pointer()))
        word.align = 1
        return word

    return types.uint64(data, types.int64), generate


@njit(cache=True, nogil=True)
def text_hash(data, start, end):  # type: ignore[no-untyped-def]
    """64 bits of a text, eight bytes at a time; the same wherever the text stands."""
    h = np.uint64(0xCBF29CE484222325) ^ np.uint64(end - start)
    at = np.int64(start)
    while at + 8 <= end:
        h = (h ^ _eight(data, at)) * np.uint64(0x9FB21C651E98DF25)
        h ^= h >> np.uint64(32)
        at += 8
    if at < end:
        word = np.uint64(0)
        for b in range(min(8, end - at)):
            word |= np.uint64(data[at + b]) << np.uint64(8 * b)
        h = (h ^ word) * np.uint64(0x9FB21C651E98DF25)
        h ^= h >> np.uint64(32)
    return mix(h)


@njit(cache=True, nogil=True)
def mix(h):  # type: ignore[no-untyped-def]
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xFF51AFD7ED558CCD)
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


@njit(cache=True, nogil=True)
def _same(offsets, data, nulls, i, j):  # type: ignore[no-untyped-def]
    if len(nulls) and (nulls[i] or nulls[j]):
        return nulls[i] and nulls[j]
    size = offsets[i + 1] - offsets[i]
    if offsets[j + 1] - offsets[j] != size:
        return False
    a, b = np.int64(offsets[i]), np.int64(offsets[j])
    while size >= 8:
        if _eight(data, a) != _eight(data, b):
            return False
        a, b, size = a + 8, b + 8, size - 8
    for k in range(size - 1, -1, -1):  # ids differ at the end first  # noqa: SIM110 - a plain loop compiles best
        if data[a + k] != data[b + k]:
            return False
    return True


@njit(cache=True, nogil=True)
def text_starts(offsets, data, nulls):  # type: ignore[no-untyped-def]
    """First event of every run of equal texts."""
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
    for i in range(1, len(offsets) - 1):
        a, b = np.int64(offsets[i - 1]), np.int64(offsets[i])
        size, other = b - a, np.int64(offsets[i + 1]) - b
        k = 0
        while k < size and k < other and data[a + k] == data[b + k]:
            k += 1
        if k < size and (k == other or data[a + k] > data[b + k]):
            return False
    return True


@njit(cache=True, nogil=True)
def text_order(offsets, data):  # type: ignore[no-untyped-def]
    """Places of texts in order of their bytes, those that are equal as they stood: by the last eight bytes first."""
    size = len(offsets) - 1
    order, spare = np.arange(size), np.empty(size, np.int64)
    keys, moved = np.empty(size, np.uint64), np.empty(size, np.uint64)
    longest = 0
    for i in range(size):
        keys[i] = np.uint64(offsets[i + 1] - offsets[i])  # the shorter of two that go on with zeros
        longest = max(longest, int(offsets[i + 1] - offsets[i]))
    for word in range((longest + 7) // 8, -1, -1):
        for i in range(size if word < (longest + 7) // 8 else 0):
            start, end = np.int64(offsets[order[i]]) + 8 * word, np.int64(offsets[order[i] + 1])
            key = np.uint64(0)
            for b in range(8):
                key = (key << _BYTE) | (np.uint64(data[start + b]) if start + b < end else np.uint64(0))
            keys[i] = key
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
    out = np.empty(len(offsets), np.uint64)
    for i in range(len(offsets) - 1):
        out[i] = _NULL if len(nulls) and nulls[i] else text_hash(data, offsets[i], offsets[i + 1])
    out[-1] = _NULL
    return out


@njit(cache=True, nogil=True)
def lookup_of(offsets, data):  # type: ignore[no-untyped-def]
    """Where `places_in` finds texts that are all different: half of a text's hash and its place from 1 on, by the hash."""
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
    """Place of each text among the known ones, compared in full; -1 where it is none of them, or null."""
    out = np.empty(len(offsets) - 1, np.int64)
    mask = np.uint64(len(lookup) - 1)
    hashes, slots = np.empty(TOGETHER, np.uint64), np.empty(TOGETHER, np.uint64)
    begins, seen = np.empty(TOGETHER, np.int64), np.empty(TOGETHER, np.uint8)
    for first in range(0, len(out), TOGETHER):
        count = min(TOGETHER, len(out) - first)
        for k in range(
            count
        ):  # memory is asked for by many texts at once; each by itself would wait for it three times
            hashes[k] = text_hash(data, offsets[first + k], offsets[first + k + 1])
            slots[k] = lookup[hashes[k] & mask]
        for k in range(count):
            begins[k] = known_offsets[max(np.int64(slots[k] & ~_UPPER) - 1, 0)] if len(known_offsets) > 1 else 0
        for k in range(count):
            seen[k] = known[begins[k]] if begins[k] < len(known) else np.uint8(0)
        for k in range(count):
            i = first + k
            out[i] = -1
            if len(nulls) and nulls[i]:
                continue
            start, size, at = np.int64(offsets[i]), offsets[i + 1] - offsets[i], hashes[k] & mask
            while lookup[at]:
                if (lookup[at] ^ hashes[k]) & _UPPER == 0:
                    place = np.int64(lookup[at] & ~_UPPER) - 1
                    begin = np.int64(known_offsets[place])
                    same, b = known_offsets[place + 1] - begin == size, 0
                    while same and b < size:
                        same = data[start + b] == known[begin + b]
                        b += 1
                    if same:
                        out[i] = place
                        break
                at = (at + np.uint64(1)) & mask
    return out
