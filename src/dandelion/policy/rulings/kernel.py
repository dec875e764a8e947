"""Loops over rulings: from truths by strategy to truths by row, from those to an outcome and its effects.

The slow obvious version is in tests/policy/ruling_oracle.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types
from numba.extending import intrinsic

Bits = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
DECLINE, REFER, TIMES, CAP, PRICE, SCORE, STRENGTH, HELD = range(8)  # what a strategy does
PASSED, DECLINED, REFERRED = range(3)
REASONS_MAX, HELD_MAX = 4, 3
PPM = 1_000_000
NO_CAP = -1


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
def lowest(_context: Any, word: Any) -> Any:
    """The place of the lowest bit that is set in a uint64 that is not zero."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, True))

    return types.int64(types.uint64), build


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
def by_code(codes: Bytes, true: int, unknown: int, fired: Bits, perhaps: Bits) -> None:
    """The bits of codes (rows, strategies): `fired` where one is `true`, `perhaps` where it is `unknown` or more."""
    for i in range(codes.shape[0]):
        for w in range(fired.shape[1]):
            sure, maybe = np.uint64(0), np.uint64(0)
            for s in range(64 * w, min(64 * w + 64, codes.shape[1])):
                bit = np.uint64(1) << np.uint64(s - 64 * w)
                if codes[i, s] == true:
                    sure |= bit
                if codes[i, s] >= unknown:
                    maybe |= bit
            fired[i, w], perhaps[i, w] = sure, maybe


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
            _push(found, 64 * w + lowest(word), reason)
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
                    evidence[i] |= np.uint64(1) << np.uint64(label[64 * w + lowest(word)])
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
                times = times * amount[64 * w + lowest(word)] // PPM
                word &= word - np.uint64(1)
            word = here & masks[CAP, w]
            while word:
                much = amount[64 * w + lowest(word)]
                cap = much if cap == NO_CAP else min(cap, much)
                word &= word - np.uint64(1)
            word = here & masks[PRICE, w]
            while word:
                price += amount[64 * w + lowest(word)]
                word &= word - np.uint64(1)
            word = here & masks[SCORE, w]
            while word:
                score += amount[64 * w + lowest(word)]
                word &= word - np.uint64(1)
        effects[i, 0], effects[i, 1], effects[i, 2], effects[i, 3] = times, cap, price, score
