"""Texts in Arrow's buffers eight bytes at a time: their hash, their order, whether they are the same, copies.

Each becomes part of the loop that calls it.  There `data` should be `bare`: a call, and counting for each text who holds
the array, cost ten times what the few bytes of an id do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

_BYTE, _HALF, _LAST = np.uint64(8), np.uint64(32), np.uint64(255)
_ODD = np.uint64(0x9FB21C651E98DF25)
INSIDE = {"cache": True, "nogil": True, "inline": "always"}


@intrinsic
def _eight(_context: Any, data: Any, at: Any) -> Any:
    """Eight bytes of a uint8 array from place `at` on as one number, the first of them lowest, wherever they stand."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        word = builder.load(builder.bitcast(place, context.get_value_type(types.uint64).as_pointer()))
        word.align = 1
        return word

    return types.uint64(data, types.int64), generate


@intrinsic
def _put_eight(_context: Any, data: Any, at: Any, word: Any) -> Any:
    """The other way round."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        builder.store(arguments[2], builder.bitcast(place, arguments[2].type.as_pointer())).align = 1
        return context.get_dummy_value()

    return types.void(data, types.int64, types.uint64), generate


@intrinsic
def _turned(_context: Any, word: Any) -> Any:
    """The eight bytes in the other order."""

    def generate(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bswap(arguments[0])

    return types.uint64(types.uint64), generate


@njit(**INSIDE)
def _few(data, at, end):  # type: ignore[no-untyped-def]
    """As `_eight`, of the fewer than eight bytes before `end`; zeros behind them."""
    rest = end - at
    if end >= 8:  # what stands before them is shifted out
        return _eight(data, end - 8) >> (_BYTE * np.uint64(8 - rest)) if rest else np.uint64(0)
    word, shift = np.uint64(0), np.uint64(0)
    if rest & 4:
        word = (
            np.uint64(data[at])
            | np.uint64(data[at + 1]) << _BYTE
            | np.uint64(data[at + 2]) << np.uint64(16)
            | np.uint64(data[at + 3]) << np.uint64(24)
        )
        at, shift = at + 4, _HALF
    if rest & 2:
        word |= (np.uint64(data[at]) | np.uint64(data[at + 1]) << _BYTE) << shift
        at, shift = at + 2, shift + np.uint64(16)
    if rest & 1:
        word |= np.uint64(data[at]) << shift
    return word


@njit(**INSIDE)
def leading(data, start, end):  # type: ignore[no-untyped-def]
    """The first eight bytes of a text as a number in the order of texts; a shorter one goes on with zeros."""
    at, stop = np.int64(start), np.int64(end)
    return _turned(_eight(data, at) if stop - at >= 8 else _few(data, at, max(at, stop)))


@njit(**INSIDE)
def text_hash(data, start, end):  # type: ignore[no-untyped-def]
    """64 bits of a text, eight bytes at a time; the same wherever the text stands."""
    at, stop = np.int64(start), np.int64(end)
    h = np.uint64(0xCBF29CE484222325) ^ np.uint64(stop - at)
    while at + 8 <= stop:
        h = (h ^ _eight(data, at)) * _ODD
        h ^= h >> _HALF
        at += 8
    if at < stop:
        h = (h ^ _few(data, at, stop)) * _ODD
        h ^= h >> _HALF
    return mix(h)


@njit(**INSIDE)
def mix(h):  # type: ignore[no-untyped-def]
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xFF51AFD7ED558CCD)
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


@njit(**INSIDE)
def alike(data, at, other, there, size):  # type: ignore[no-untyped-def]
    """Whether so many bytes from these places on are the same: the last eight are looked at first, where ids differ."""
    a, b, left = np.int64(at), np.int64(there), np.int64(size)
    if left < 8:
        return _few(data, a, a + left) == _few(other, b, b + left)
    if _eight(data, a + left - 8) != _eight(other, b + left - 8):
        return False
    while left > 8:
        if _eight(data, a) != _eight(other, b):
            return False
        a, b, left = a + 8, b + 8, left - 8
    return True


@njit(**INSIDE)
def before(data, start, end, other, first, last):  # type: ignore[no-untyped-def]
    """Whether one text is before another, by bytes."""
    a, b = np.int64(start), np.int64(first)
    size, length = np.int64(end) - a, np.int64(last) - b
    while size >= 8 and length >= 8 and _eight(data, a) == _eight(other, b):
        a, b, size, length = a + 8, b + 8, size - 8, length - 8
    one, two = leading(data, a, a + size), leading(other, b, b + length)
    return size < length if one == two else one < two


@njit(**INSIDE)
def copy(data, start, end, out, at):  # type: ignore[no-untyped-def]
    """A text to place `at`.  Returns the place behind it."""
    a, stop, to = np.int64(start), np.int64(end), np.int64(at)
    behind = to + stop - a
    if stop - a < 8:
        word = _few(data, a, stop)
        while to < behind:
            out[to], word, to = np.uint8(word & _LAST), word >> _BYTE, to + 1
        return behind
    while stop - a > 8:
        _put_eight(out, to, _eight(data, a))
        a, to = a + 8, to + 8
    _put_eight(out, behind - 8, _eight(data, stop - 8))
    return behind
