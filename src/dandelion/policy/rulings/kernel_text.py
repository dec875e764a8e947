"""Loops that write rulings: from what the kernels found to canonical JSON, row after row.

The slow obvious version (json and base64 from the standard library) is in tests/policy/ruling_oracle.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from dandelion.policy.rulings.kernel import NO_CAP, PPM, Bits, Bytes, Ints, lowest

_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8).copy()
_PAIRS = (np.repeat(_ALPHABET, 64) | np.tile(_ALPHABET, 64).astype(np.uint32) << 8).astype(np.uint32)  # of 12 bits each
_THREES = np.array([ord("0") + n // 10**k % 10 for n in range(1000) for k in (2, 1, 0)], np.uint8)  # 000 to 999


@intrinsic
def _put_four(_context: Any, out: Any, at: Any, word: Any) -> Any:
    """Four bytes, the lowest first, into a uint8 array."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
        where = builder.bitcast(builder.gep(held.data, [arguments[1]]), ir.IntType(32).as_pointer())
        builder.store(arguments[2], where).align = 1
        return context.get_dummy_value()

    return types.none(out, types.uintp, types.uint32), build


@njit(nogil=True)
def _copy(out: Any, at: int, source: Any, begin: int, end: int) -> int:
    for i in range(begin, end):
        out[at] = source[i]
        at += 1
    return at


@njit(nogil=True)
def _ppm(out: Any, at: int, number: Any) -> int:
    """Decimal digits of a number from 0 to 999,999."""
    thousands = number // 1000
    low = 3 * (number - 1000 * thousands)
    if thousands:
        at = _three(out, at, 3 * thousands, thousands)
        for k in range(3):
            out[at + k] = _THREES[low + k]
        return at + 3
    return _three(out, at, low, number)


@njit(nogil=True)
def _three(out: Any, at: int, place: int, number: Any) -> int:
    skip = 0 if number >= 100 else (1 if number >= 10 else 2)
    for k in range(skip, 3):
        out[at + k - skip] = _THREES[place + k]
    return at + 3 - skip


@njit(nogil=True)
def _whole(out: Any, at: int, number: Any) -> int:
    """Decimal digits."""
    if number < 0:
        out[at] = 45
        at += 1
        number = -number
    if number < PPM:
        return _ppm(out, at, number)
    left, digits = number, 1
    while left >= 10:
        left //= 10
        digits += 1
    for k in range(at + digits - 1, at - 1, -1):
        rest = number // 10
        out[k] = 48 + number - 10 * rest
        number = rest
    return at + digits


@njit(nogil=True)
def _base64(out: Any, at: int, raw: Any, count: int) -> int:
    whole = count // 3 * 3
    for i in range(0, whole, 3):
        a, b, c = raw[i], raw[i + 1], raw[i + 2]
        word = _PAIRS[np.uint32(a) << 4 | b >> 4] | _PAIRS[np.uint32(b & 15) << 8 | c] << np.uint32(16)
        _put_four(out, np.uintp(at), np.uint32(word))
        at += 4
    if count - whole == 1:
        a = raw[whole]
        out[at], out[at + 1], out[at + 2], out[at + 3] = _ALPHABET[a >> 2], _ALPHABET[(a & 3) << 4], 61, 61
        at += 4
    elif count - whole == 2:
        a, b = raw[whole], raw[whole + 1]
        out[at], out[at + 1] = _ALPHABET[a >> 2], _ALPHABET[(a & 3) << 4 | b >> 4]
        out[at + 2], out[at + 3] = _ALPHABET[(b & 15) << 2], 61
        at += 4
    return at


@njit(nogil=True)
def _bitmap(out: Any, at: int, words: Any, spare: Any, count: int) -> int:
    """`count` bytes of bits as base64; nothing at all where no bit is set."""
    any_bit = np.uint64(0)
    for w in range(words.shape[0]):
        any_bit |= words[w]
    if any_bit == 0:
        return at
    for w in range(words.shape[0]):
        word = words[w]
        for k in range(8):
            spare[8 * w + k] = word & np.uint64(255)
            word >>= np.uint64(8)
    return _base64(out, at, spare, count)


@njit(cache=True, nogil=True)
def write_rows(
    values: Any, scores: Ints, pd: Ints, fired: Bits, perhaps: Bits, live: Bits, shadow: Bits, strategies: int,
    outcome: Bytes, effects: Ints, reasons: Any, evidence: Bits, fixed: Bytes, fixed_at: Ints, arm: Bytes, arm_at: Ints,
    entity: Bytes, entity_at: Ints, beside: Bytes, beside_at: Ints, reason_text: Bytes, reason_at: Ints, label_text: Bytes,
    label_at: Ints, out: Bytes, ends: Ints, said: Ints,
) -> None:  # fmt: skip
    """The record of every row, one after the other; ends[i] is where that of row i ends, said[i] the PD it tells or -1.

    values (rows, columns) as uint32.  What is the same in all rows is `fixed`, cut at `fixed_at`, in the order in which
    the fields follow each other.  `live` and `shadow` are (rows or 1, words); `arm` and `beside` (the rollout) hold a
    text for each row, or one for all.
    """
    words = fired.shape[1]
    size = (strategies + 7) // 8
    line = np.empty(values.shape[1], np.uint32)
    raw = line.view(np.uint8)
    some, spare = np.empty(words, np.uint64), np.empty(8 * words, np.uint8)
    at = np.int64(0)
    for i in range(values.shape[0]):
        mine, watching = live[i if live.shape[0] > 1 else 0], shadow[i if shadow.shape[0] > 1 else 0]
        at = _copy(out, at, fixed, fixed_at[0], fixed_at[1])
        one = i if arm_at.shape[0] > 2 else 0
        at = _copy(out, at, arm, arm_at[one], arm_at[one + 1])
        at = _copy(out, at, fixed, fixed_at[1], fixed_at[2])  # as_of; columns
        for j in range(line.shape[0]):
            bits = values[i, j]
            line[j] = np.uint32(0x7FC00000) if bits & np.uint32(0x7FFFFFFF) > np.uint32(0x7F800000) else bits
        at = _base64(out, at, raw, raw.shape[0])
        at = _copy(out, at, fixed, fixed_at[2], fixed_at[3])  # effects: limit cap
        if effects[i, 1] == NO_CAP:
            out[at], out[at + 1], out[at + 2], out[at + 3] = 110, 117, 108, 108  # null
            at += 4
        else:
            at = _whole(out, at, effects[i, 1])
        for k, column in ((3, 0), (4, 2), (5, 3)):  # limit times, price, score
            at = _copy(out, at, fixed, fixed_at[k], fixed_at[k + 1])
            at = _whole(out, at, effects[i, column])
        at = _copy(out, at, fixed, fixed_at[6], fixed_at[7])
        at = _copy(out, at, entity, entity_at[i], entity_at[i + 1])
        at = _copy(out, at, fixed, fixed_at[7], fixed_at[8])  # evidence
        asked, first = evidence[i], True
        while asked:
            k = lowest(asked)
            asked &= asked - np.uint64(1)
            if not first:
                out[at] = 44
                at += 1
            first = False
            at = _copy(out, at, label_text, label_at[k], label_at[k + 1])
        at = _copy(out, at, fixed, fixed_at[8], fixed_at[9])  # fired
        for w in range(words):
            some[w] = fired[i, w] & mine[w]
        at = _bitmap(out, at, some, spare, size)
        ruled = 9 + outcome[i]  # names and outcome: one of three
        at = _copy(out, at, fixed, fixed_at[ruled], fixed_at[ruled + 1])
        if pd[i] < 0:
            said[i] = -1
            out[at], out[at + 1], out[at + 2], out[at + 3] = 110, 117, 108, 108
            at += 4
        else:
            said[i] = min(max(pd[i] + effects[i, 3], 0), PPM)
            at = _whole(out, at, said[i])
        at = _copy(out, at, fixed, fixed_at[12], fixed_at[13])  # product; reasons
        for k in range(reasons[i, 0]):
            if k:
                out[at] = 44
                at += 1
            s = reasons[i, k + 1]
            at = _copy(out, at, reason_text, reason_at[s], reason_at[s + 1])
        at = _copy(out, at, fixed, fixed_at[13], fixed_at[14])
        one = i if beside_at.shape[0] > 2 else 0
        at = _copy(out, at, beside, beside_at[one], beside_at[one + 1])
        at = _copy(out, at, fixed, fixed_at[14], fixed_at[15])  # scores
        for m in range(scores.shape[1]):
            if m:
                out[at] = 44
                at += 1
            at = _whole(out, at, scores[i, m])
        at = _copy(out, at, fixed, fixed_at[15], fixed_at[16])  # shadow
        for w in range(words):
            some[w] = fired[i, w] & watching[w]
        at = _bitmap(out, at, some, spare, size)
        at = _copy(out, at, fixed, fixed_at[16], fixed_at[17])  # unknown
        for w in range(words):
            some[w] = perhaps[i, w] & ~fired[i, w] & mine[w]
        at = _bitmap(out, at, some, spare, size)
        at = _copy(out, at, fixed, fixed_at[17], fixed_at[18])
        ends[i] = at
