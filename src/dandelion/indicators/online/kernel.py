"""Events to bytes and back: the loops.

A record is ``u16 length, i64 at, i64 arrived, i64 per number, u8 per code, (u16 length, bytes) per text``, little-endian.
A text of 32 lowercase hex digits (our own ids) is kept as 16 bytes and marked by the top bit of its length; a missing
text has length 0xFFFF.  Records of one subject are simply joined: a state is any concatenation of its records, so that
an append needs no reading, and writing a record twice changes nothing, because reading drops repeated ids.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NULL = 0xFFFF
HEX = 0x8000
HEX_DIGITS = 32
BAD = -1
_FNV, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


@njit(cache=True, nogil=True)
def hex_value(octet):  # type: ignore[no-untyped-def]
    """0 to 15 for 0-9a-f, 255 for any other octet."""
    if 48 <= octet <= 57:
        return octet - 48
    if 97 <= octet <= 102:
        return octet - 87
    return 255


@njit(cache=True, nogil=True)
def is_hex(text, start, length):  # type: ignore[no-untyped-def]
    if length != HEX_DIGITS:
        return False
    for i in range(start, start + HEX_DIGITS):  # noqa: SIM110 - a plain loop compiles
        if hex_value(text[i]) == 255:
            return False
    return True


@njit(cache=True, nogil=True)
def put_u16(out, at, value):  # type: ignore[no-untyped-def]
    out[at] = value & 0xFF
    out[at + 1] = value >> 8


@njit(cache=True, nogil=True)
def get_u16(data, at):  # type: ignore[no-untyped-def]
    return np.int64(data[at]) | (np.int64(data[at + 1]) << 8)


@njit(cache=True, nogil=True)
def put_i64(out, at, value):  # type: ignore[no-untyped-def]
    bits = np.uint64(value)
    for i in range(8):
        out[at + i] = np.uint8(bits & np.uint64(0xFF))
        bits >>= np.uint64(8)


@njit(cache=True, nogil=True)
def get_i64(data, at):  # type: ignore[no-untyped-def]
    bits = np.uint64(0)
    for i in range(8):
        bits |= np.uint64(data[at + i]) << np.uint64(8 * i)
    return np.int64(bits)


@njit(cache=True, nogil=True)
def pack(subject, subjects, numbers, codes, starts, lengths, text):  # type: ignore[no-untyped-def]
    """(records of all rows, subject by subject; bounds of each subject's records).

    `numbers` is (2 + numbers, rows) with at and arrived first, `codes` (codes, rows); text s of row i is
    ``text[starts[s, i]:][:lengths[s, i]]``, missing where the length is -1.
    """
    rows = len(subject)
    fixed = 2 + 8 * numbers.shape[0] + codes.shape[0]
    hexed = np.zeros((starts.shape[0], rows), np.bool_)
    bounds = np.zeros(subjects + 1, np.int64)
    size = np.empty(rows, np.int64)
    for i in range(rows):
        size[i] = fixed
        for s in range(starts.shape[0]):
            hexed[s, i] = is_hex(text, starts[s, i], lengths[s, i])
            size[i] += 2 + (HEX_DIGITS // 2 if hexed[s, i] else max(lengths[s, i], 0))
        bounds[subject[i] + 1] += size[i]
    for s in range(subjects):
        bounds[s + 1] += bounds[s]
    place = bounds[:-1].copy()
    out = np.empty(bounds[subjects], np.uint8)
    for i in range(rows):
        at = place[subject[i]]
        place[subject[i]] = at + size[i]
        put_u16(out, at, size[i])
        at += 2
        for n in range(numbers.shape[0]):
            put_i64(out, at, numbers[n, i])
            at += 8
        for c in range(codes.shape[0]):
            out[at] = codes[c, i]
            at += 1
        for s in range(starts.shape[0]):
            start, length = starts[s, i], lengths[s, i]
            if length < 0:
                put_u16(out, at, NULL)
                at += 2
            elif hexed[s, i]:
                put_u16(out, at, HEX | (HEX_DIGITS // 2))
                for d in range(HEX_DIGITS // 2):
                    out[at + 2 + d] = (hex_value(text[start + 2 * d]) << 4) | hex_value(text[start + 2 * d + 1])
                at += 2 + HEX_DIGITS // 2
            else:
                put_u16(out, at, length)
                for d in range(length):
                    out[at + 2 + d] = text[start + d]
                at += 2 + length
    return out, bounds


@njit(cache=True, nogil=True)
def count(data, bounds, fixed, texts):  # type: ignore[no-untyped-def]
    """Records of each of the joined states ``data[bounds[s]:bounds[s + 1]]``, or (BAD) where they do not add up."""
    out = np.zeros(len(bounds) - 1, np.int64)
    for s in range(len(bounds) - 1):
        at, end = bounds[s], bounds[s + 1]
        while at < end:
            size = get_u16(data, at) if at + 2 <= end else 0
            if size < fixed + 2 * texts or at + size > end:
                out[s] = BAD
                break
            field, stop = at + fixed, at + size
            for _ in range(texts):
                length = get_u16(data, field) if field + 2 <= stop else NULL
                field += 2 + (0 if length == NULL else length & ~HEX)
            if field != stop:
                out[s] = BAD
                break
            out[s] += 1
            at += size
    return out


@njit(cache=True, nogil=True)
def told_by(data):  # type: ignore[no-untyped-def]
    """(records, when the earliest of them happened) of joined records that are whole."""
    found, earliest, at = 0, np.int64(2**63 - 1), 0
    while at < len(data):
        earliest = min(earliest, get_i64(data, at + 2))
        found += 1
        at += get_u16(data, at)
    return found, earliest


@njit(cache=True, nogil=True)
def hash_text(data, at):  # type: ignore[no-untyped-def]
    """64 bits of the packed text at `at` (FNV-1a over its packed form)."""
    out = _FNV
    length = get_u16(data, at)
    for i in range(at, at + 2 + (0 if length == NULL else length & ~HEX)):
        out = (out ^ np.uint64(data[i])) * _PRIME
    return out ^ (out >> np.uint64(32))


@njit(cache=True, nogil=True)
def same_text(data, one, other):  # type: ignore[no-untyped-def]
    length = get_u16(data, one)
    if length != get_u16(data, other):
        return False
    for i in range(2, 2 + (0 if length == NULL else length & ~HEX)):  # noqa: SIM110 - a plain loop compiles
        if data[one + i] != data[other + i]:
            return False
    return True


@njit(cache=True, nogil=True)
def octet(data, at, i):  # type: ignore[no-untyped-def]
    """Octet i of the packed text at `at` as it was written, or -1 past its end."""
    length = get_u16(data, at)
    if length == NULL:
        return -1
    if length & HEX:
        if i >= HEX_DIGITS:
            return -1
        pair = data[at + 2 + i // 2]
        digit = np.int64(pair >> 4 if i % 2 == 0 else pair & 15)
        return digit + 48 if digit < 10 else digit + 87
    return np.int64(data[at + 2 + i]) if i < length else -1


@njit(cache=True, nogil=True)
def text_before(data, one, other):  # type: ignore[no-untyped-def]
    """Whether text `one` sorts before `other`, by octets."""
    i = 0
    while True:
        a, b = octet(data, one, i), octet(data, other, i)
        if a != b:
            return a < b
        if a < 0:
            return False
        i += 1


@njit(cache=True, nogil=True)
def arrange(data, bounds, counts, fixed):  # type: ignore[no-untyped-def]
    """(places of the records by (state, at, event id), each id once, the first written; records left of each state)."""
    places = np.empty(counts.sum(), np.int64)
    kept = np.zeros(len(counts), np.int64)
    slots = 4
    while slots < 2 * counts.max():
        slots *= 2
    table = np.empty(slots, np.int64)
    filled = 0
    for s in range(len(counts)):
        width = 4
        while width < 2 * counts[s]:
            width *= 2
        table[:width] = -1
        first = filled
        at = bounds[s]
        while at < bounds[s + 1]:
            slot = np.int64(hash_text(data, at + fixed) & np.uint64(width - 1))
            while table[slot] >= 0 and not same_text(data, table[slot] + fixed, at + fixed):
                slot = (slot + 1) & (width - 1)
            if table[slot] < 0:
                table[slot] = at
                places[filled] = at
                filled += 1
            at += get_u16(data, at)
        kept[s] = filled - first
        when = np.empty(filled - first, np.int64)
        ordered = True
        for i in range(first, filled):
            when[i - first] = get_i64(data, places[i] + 2)
            ordered &= i == first or when[i - first] > when[i - first - 1]
        if ordered:
            continue
        order = np.argsort(when, kind="mergesort")
        found = places[first:filled][order]
        when = when[order]
        low = 0
        while low < len(found):  # ties by id, by insertion: they are few
            high = low + 1
            while high < len(found) and when[high] == when[low]:
                one, i = found[high], high
                while i > low and text_before(data, one + fixed, found[i - 1] + fixed):
                    found[i] = found[i - 1]
                    i -= 1
                found[i] = one
                high += 1
            low = high
        places[first:filled] = found
    return places[:filled], kept


@njit(cache=True, nogil=True)
def read_fixed(data, places, numbers, codes):  # type: ignore[no-untyped-def]
    """Fill `numbers` (2 + numbers, rows) and `codes` (codes, rows) from the records at `places`."""
    for i in range(len(places)):
        at = places[i] + 2
        for n in range(numbers.shape[0]):
            numbers[n, i] = get_i64(data, at)
            at += 8
        for c in range(codes.shape[0]):
            codes[c, i] = data[at]
            at += 1


@njit(cache=True, nogil=True)
def read_text(data, places, fixed, which, offsets, valid):  # type: ignore[no-untyped-def]
    """The octets of text `which` of the records; fills `offsets` (rows + 1) and `valid` (rows)."""
    where = np.empty(len(places), np.int64)
    offsets[0] = 0
    for i in range(len(places)):
        at = places[i] + fixed
        for _ in range(which):
            length = get_u16(data, at)
            at += 2 + (0 if length == NULL else length & ~HEX)
        where[i] = at
        length = get_u16(data, at)
        valid[i] = length != NULL
        size = 0 if length == NULL else (HEX_DIGITS if length & HEX else length)
        offsets[i + 1] = offsets[i] + size
    out = np.empty(offsets[len(places)], np.uint8)
    for i in range(len(places)):
        begin, at = offsets[i], where[i]
        length = get_u16(data, at)
        if length == NULL:
            continue
        if length & HEX:
            for d in range(HEX_DIGITS // 2):
                high, low = data[at + 2 + d] >> 4, data[at + 2 + d] & 15
                out[begin + 2 * d] = high + 48 if high < 10 else high + 87
                out[begin + 2 * d + 1] = low + 48 if low < 10 else low + 87
        else:
            for d in range(length):
                out[begin + d] = data[at + 2 + d]
    return out


@njit(cache=True, nogil=True)
def hashes(data, places, fixed):  # type: ignore[no-untyped-def]
    out = np.empty(len(places), np.uint64)
    for i in range(len(places)):
        out[i] = hash_text(data, places[i] + fixed)
    return out


@njit(cache=True, nogil=True)
def from_instant(data, places, before):  # type: ignore[no-untyped-def]
    """The records at `places` that happened at or after `before`, joined."""
    size = 0
    for i in range(len(places)):
        if get_i64(data, places[i] + 2) >= before:
            size += get_u16(data, places[i])
    out = np.empty(size, np.uint8)
    filled = 0
    for i in range(len(places)):
        if get_i64(data, places[i] + 2) >= before:
            length = get_u16(data, places[i])
            out[filled : filled + length] = data[places[i] : places[i] + length]
            filled += length
    return out


@njit(cache=True, nogil=True)
def hash_raw(text, starts, lengths):  # type: ignore[no-untyped-def]
    """`hash_text` of texts that are not packed yet."""
    out = np.empty(len(starts), np.uint64)
    for i in range(len(starts)):
        mixed, start = _FNV, starts[i]
        hexed = is_hex(text, start, lengths[i])
        length = HEX | (HEX_DIGITS // 2) if hexed else lengths[i]
        mixed = (mixed ^ np.uint64(length & 0xFF)) * _PRIME
        mixed = (mixed ^ np.uint64(length >> 8)) * _PRIME
        if hexed:
            for d in range(HEX_DIGITS // 2):
                pair = (hex_value(text[start + 2 * d]) << 4) | hex_value(text[start + 2 * d + 1])
                mixed = (mixed ^ np.uint64(pair)) * _PRIME
        else:
            for d in range(lengths[i]):
                mixed = (mixed ^ np.uint64(text[start + d])) * _PRIME
        out[i] = mixed ^ (mixed >> np.uint64(32))
    return out
