"""Sets of small numbers as bits of 64-bit words: counting them, and finding the k-th.  Bits of a float64, too."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

_ONE = np.uint64(1)


@intrinsic
def ones(_context: Any, word: Any) -> Any:
    """How many bits of a word are set."""

    def generate(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@intrinsic
def lowest(_context: Any, word: Any) -> Any:
    """Place of the lowest bit that is set; 64 where none is."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, False))

    return types.int64(types.uint64), generate


_I64, _F64 = ir.IntType(64), ir.DoubleType()
# above 2**52 a float64 goes in steps of 1, above 2**84 in steps of 2**32
_LOW_PART, _LOW_AT, _HIGH_AT, _BOTH_AT = 0xFFFFFFFF, 0x4330000000000000, 0x4530000080000000, 0x4530000080100000


@intrinsic
def as_float(_context: Any, whole: Any) -> Any:
    """``float(whole)``, rounded once, in steps that processors do for several numbers at a time.

    The upper and lower 32 bits are put behind the point of two large floats; these are subtracted, which is exact, and what
    is left of them added."""

    def generate(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        def same(number: int) -> Any:
            return ir.Constant(_I64, number)

        low = builder.or_(builder.and_(arguments[0], same(_LOW_PART)), same(_LOW_AT))
        high = builder.xor(builder.lshr(arguments[0], same(32)), same(_HIGH_AT))
        above = builder.fsub(builder.bitcast(high, _F64), builder.bitcast(same(_BOTH_AT), _F64))
        return builder.fadd(above, builder.bitcast(low, _F64))

    return types.float64(types.int64), generate


@intrinsic
def _times_plus(_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``, rounded once."""

    def generate(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


@njit(cache=True, nogil=True)
def over(x, whole, part):  # type: ignore[no-untyped-def]
    """``x / whole``, rounded once, without a division: `whole` is a whole number above zero below 2**27 times a power of
    two, `part` is ``1 / whole``, and x a number that neither it nor the quotient is too small for.

    The product is a unit in the last place and a half off at most; what it leaves of x is a whole number of such units,
    so that it is exact, and the quotient is never so near the middle of two numbers that its own rounding matters."""
    near = x * part
    return _times_plus(_times_plus(-near, whole, x), part, near)


@intrinsic
def tail(_context: Any, array: Any, start: Any) -> Any:
    """``array[start:]`` where `start` is known to lie inside: nothing is looked at, and the length is not kept.  It does not
    hold the array, which must outlive it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = context.make_array(signature.args[0])(context, builder, arguments[0])
        part = context.make_array(signature.return_type)(context, builder)
        populate_array(part, builder.gep(whole.data, [arguments[1]]), whole.shape, whole.strides, whole.itemsize, None)
        return part._getvalue()

    return array(array, types.int64), generate


@intrinsic
def bare(_context: Any, array: Any) -> Any:
    """The same array, not held: a compiled function that is handed it does not count who holds it, which costs some
    ten nanoseconds for each array of each call.  For arguments only: whoever has made the array must outlive it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = context.make_array(signature.args[0])(context, builder, arguments[0])
        part = context.make_array(signature.return_type)(context, builder)
        populate_array(part, whole.data, whole.shape, whole.strides, whole.itemsize, None)
        return part._getvalue()

    return array(array), generate


@intrinsic
def float_bits(_context: Any, value: Any) -> Any:
    """The bits of a float64 as a whole number."""

    def generate(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], _I64)

    return types.int64(types.float64), generate


@intrinsic
def bits_float(_context: Any, bits: Any) -> Any:
    """The float64 of these bits."""

    def generate(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], _F64)

    return types.float64(types.int64), generate


@njit(cache=True, nogil=True)
def kth(word, k):  # type: ignore[no-untyped-def]
    """Place of the bit that has k set ones below it (k from 0)."""
    place, width = 0, 32
    while width:
        below = word & ((_ONE << np.uint64(width)) - _ONE)
        count = ones(below)
        if k >= count:
            k -= count
            word >>= np.uint64(width)
            place += width
        else:
            word = below
        width >>= 1
    return place
