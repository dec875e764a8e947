"""Loops over rulings: from truths by strategy to truths by row, from those to an outcome, from all of it to bytes.

The slow obvious version (json and base64 from the standard library) is in tests/policy/ruling_oracle.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

Bits = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
DECLINE, REFER, TIMES, CAP, PRICE, SCORE, STRENGTH, HELD = range(8)  # what a strategy does
PASSED, DECLINED, REFERRED = range(3)
REASONS_MAX, HELD_MAX = 4, 3
PPM = 1_000_000
NO_CAP = -1
_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8).copy()
_PAIRS = (np.repeat(_ALPHABET, 64) | np.tile(_ALPHABET, 64).astype(np.uint32) << 8).astype(np.uint32)  # of 12 bits each
_THREES = np.array([ord("0") + n // 10**k % 10 for n in range(1000) for k in (2, 1, 0)], np.uint8)  # 000 to 999


@njit(cache=True, nogil=True)
def by_row(words: Bits, rows: int, out: Bits) -> None:
    """out[row, s // 64] >> s % 64 = words[s, row // 64] >> row % 64: squares of 64 turned about their diagonal."""
    square = np.empty(64, np.uint64)
    for block in range(out.shape[1]):
        first = 64 * block
        for w in range(words.shape[1]):
            for i in range(64):
                square[i] = words[first + i, w] if first + i < words.shape[0] else np.uint64(0)
            step, mask = 32, np.uint64(0x00000000FFFFFFFF)
            while step:
                shift = np.uint64(step)
                for k in range(0, 64, 2 * step):
                    for i in range(k, k + step):
                        other = ((square[i] >> shift) ^ square[i + step]) & mask
                        square[i] ^= other << shift
                        square[i + step] ^= other
                step >>= 1
                mask ^= mask << np.uint64(step)
            for i in range(min(64, rows - 64 * w)):
                out[64 * w + i, block] = square[i]


@intrinsic
def _first(_context: Any, word: Any) -> Any:
    """The place of the lowest bit that is set in a uint64 that is not zero."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, True))

    return types.int64(types.uint64), build


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
def _push(found: Any, strategy: int, reason: Any) -> None:
    """Put a strategy after those in found[1 : 1 + found[0]], unless its reason is there or four are."""
    count = found[0]
    if count == REASONS_MAX:
        return
    for k in range(1, count + 1):
        if reason[found[k]] == reason[strategy]:
            return
    found[count + 1] = strategy
    found[0] = count + 1


@njit(cache=True, nogil=True)
def gather(values: Any, columns: Ints, out: Any) -> None:
    """out[i, j] = values[i, columns[j]]."""
    for i in range(values.shape[0]):
        for j in range(columns.shape[0]):
            out[i, j] = values[i, columns[j]]


@njit(nogil=True)
def _name(row: Any, mine: Any, of: Any, reason: Any, found: Any, most: int) -> None:
    """Put the first strategies of `of` that fired into found[1 :], each reason once, until there are `most`."""
    for w in range(row.shape[0]):
        word = row[w] & mine[w] & of[w]
        while word:
            if found[0] >= most:
                return
            _push(found, 64 * w + _first(word), reason)
            word &= word - np.uint64(1)


@njit(cache=True, nogil=True)
def rule_rows(
    fired: Bits, live: Bits, masks: Bits, amount: Ints, reason: Any, label: Any, outcome: Bytes, effects: Ints, reasons: Any,
    evidence: Bits,
) -> None:  # fmt: skip
    """What the strategies of `live` (rows or 1, words) that fired do to each row.

    masks (8, words): the strategies of each kind, then those that make an offer smaller or dearer.  effects (rows, 4):
    limit times in ppm, lowest cap in fen, price and score in ppm; a row that does not pass has none.  reasons (rows, 5):
    how many, then the strategies they come from, each reason once.  evidence: a bit for each label asked for.
    """
    for i in range(fired.shape[0]):
        row, mine, found = fired[i], live[i if live.shape[0] > 1 else 0], reasons[i]
        found[:] = 0
        evidence[i] = np.uint64(0)
        effects[i, 0], effects[i, 1], effects[i, 2], effects[i, 3] = PPM, NO_CAP, 0, 0
        _name(row, mine, masks[DECLINE], reason, found, REASONS_MAX)
        if found[0]:
            outcome[i] = DECLINED
            continue
        _name(row, mine, masks[REFER], reason, found, REASONS_MAX)
        if found[0]:
            outcome[i] = REFERRED
            for w in range(row.shape[0]):
                word = row[w] & mine[w] & masks[REFER, w]
                while word:
                    evidence[i] |= np.uint64(1) << np.uint64(label[64 * w + _first(word)])
                    word &= word - np.uint64(1)
            continue
        outcome[i] = PASSED
        _name(row, mine, masks[HELD], reason, found, HELD_MAX)
        _name(row, mine, masks[STRENGTH], reason, found, REASONS_MAX)
        times, cap, price, score = np.int64(PPM), np.int64(NO_CAP), np.int64(0), np.int64(0)
        for w in range(row.shape[0]):
            here = row[w] & mine[w]
            word = here & masks[TIMES, w]
            while word:
                times = times * amount[64 * w + _first(word)] // PPM
                word &= word - np.uint64(1)
            word = here & masks[CAP, w]
            while word:
                much = amount[64 * w + _first(word)]
                cap = much if cap == NO_CAP else min(cap, much)
                word &= word - np.uint64(1)
            word = here & masks[PRICE, w]
            while word:
                price += amount[64 * w + _first(word)]
                word &= word - np.uint64(1)
            word = here & masks[SCORE, w]
            while word:
                score += amount[64 * w + _first(word)]
                word &= word - np.uint64(1)
        effects[i, 0], effects[i, 1], effects[i, 2], effects[i, 3] = times, cap, price, score


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
    entity: Bytes, entity_at: Ints, reason_text: Bytes, reason_at: Ints, label_text: Bytes, label_at: Ints, out: Bytes,
    ends: Ints,
) -> None:  # fmt: skip
    """The record of every row, one after the other; ends[i] is where that of row i ends.

    values (rows, columns) as uint32.  What is the same in all rows is `fixed`, cut at `fixed_at`, in the order in which
    the fields follow each other.  `live` and `shadow` are (rows or 1, words).
    """
    words = fired.shape[1]
    size = (strategies + 7) // 8
    line = np.empty(values.shape[1], np.uint32)
    raw = line.view(np.uint8)
    some, spare = np.empty(words, np.uint64), np.empty(8 * words, np.uint8)
    at = np.int64(0)
    for i in range(values.shape[0]):
        mine, beside = live[i if live.shape[0] > 1 else 0], shadow[i if shadow.shape[0] > 1 else 0]
        at = _copy(out, at, fixed, fixed_at[0], fixed_at[1])
        at = _copy(out, at, arm, arm_at[i], arm_at[i + 1])
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
            k = _first(asked)
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
        said = 9 + outcome[i]  # names and outcome: one of three
        at = _copy(out, at, fixed, fixed_at[said], fixed_at[said + 1])
        if pd[i] < 0:
            out[at], out[at + 1], out[at + 2], out[at + 3] = 110, 117, 108, 108
            at += 4
        else:
            at = _whole(out, at, min(max(pd[i] + effects[i, 3], 0), PPM))
        at = _copy(out, at, fixed, fixed_at[12], fixed_at[13])  # product; reasons
        for k in range(reasons[i, 0]):
            if k:
                out[at] = 44
                at += 1
            s = reasons[i, k + 1]
            at = _copy(out, at, reason_text, reason_at[s], reason_at[s + 1])
        at = _copy(out, at, fixed, fixed_at[13], fixed_at[14])  # scores
        for m in range(scores.shape[1]):
            if m:
                out[at] = 44
                at += 1
            at = _whole(out, at, scores[i, m])
        at = _copy(out, at, fixed, fixed_at[14], fixed_at[15])  # shadow
        for w in range(words):
            some[w] = fired[i, w] & beside[w]
        at = _bitmap(out, at, some, spare, size)
        at = _copy(out, at, fixed, fixed_at[15], fixed_at[16])  # unknown
        for w in range(words):
            some[w] = perhaps[i, w] & ~fired[i, w] & mine[w]
        at = _bitmap(out, at, some, spare, size)
        at = _copy(out, at, fixed, fixed_at[16], fixed_at[17])
        ends[i] = at
