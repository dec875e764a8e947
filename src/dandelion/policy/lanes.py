"""Comparisons of many float32 at once: what the kernels are made of.

`at_least` and its like set sixty-four values of one column against one number, as the bits of a word, for tiles;
`each_at_least` and `each_above` set values against their own numbers, as codes of two bits, for one row.  Written as LLVM vector instructions, which numba's loops over booleans do not become by themselves.  The *ordered*
comparisons are false where the value is missing (NaN); the *unordered* ones are true there.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 64
ROW_LANES = 32


def _comparison(predicate: str, *, ordered: bool) -> Any:
    """A numba function (float32 array, first, threshold) -> uint64; bit i is ``array[first + i] predicate threshold``."""

    @intrinsic
    def compare(_context: Any, array: Any, first: Any, threshold: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            held = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
            vector = ir.VectorType(ir.FloatType(), LANES)
            at = builder.bitcast(builder.gep(held.data, [arguments[1]]), vector.as_pointer())
            values = builder.load(at)
            values.align = 4
            nowhere, zero = ir.Constant(vector, ir.Undefined), ir.Constant(ir.IntType(32), 0)
            one = builder.insert_element(nowhere, arguments[2], zero)
            everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
            spread = builder.shuffle_vector(one, nowhere, everywhere)
            how = builder.fcmp_ordered if ordered else builder.fcmp_unordered
            return builder.bitcast(how(predicate, values, spread), ir.IntType(LANES))

        return types.uint64(array, types.uintp, types.float32), build

    return compare


def _each(predicate: str) -> Any:
    """A numba function (values, thresholds, codes, first): 32 codes, 3 where it holds, 2 where a value is missing, else 0.

    It reads and writes 32 places from `first` on, whatever lies there: the arrays must be that much longer.
    """

    @intrinsic
    def compare(_context: Any, values: Any, thresholds: Any, codes: Any, first: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            numbers, bytes_ = ir.VectorType(ir.FloatType(), ROW_LANES), ir.VectorType(ir.IntType(8), ROW_LANES)

            def place(i: int, kind: Any) -> Any:
                held = cgutils.create_struct_proxy(signature.args[i])(context, builder, value=arguments[i])
                return builder.bitcast(builder.gep(held.data, [arguments[3]]), kind.as_pointer())

            x, y = builder.load(place(0, numbers)), builder.load(place(1, numbers))
            x.align = y.align = 4
            true = builder.zext(builder.fcmp_ordered(predicate, x, y), bytes_)
            not_false = builder.zext(builder.fcmp_unordered(predicate, x, y), bytes_)
            stored = builder.store(builder.or_(true, builder.add(not_false, not_false)), place(2, bytes_))
            stored.align = 1
            return context.get_dummy_value()

        return types.none(values, thresholds, codes, types.uintp), build

    return compare


at_least = _comparison(">=", ordered=True)
above = _comparison(">", ordered=True)
at_most = _comparison("<=", ordered=True)
below = _comparison("<", ordered=True)
perhaps_at_least = _comparison(">=", ordered=False)
perhaps_above = _comparison(">", ordered=False)
perhaps_at_most = _comparison("<=", ordered=False)
perhaps_below = _comparison("<", ordered=False)
missing = _comparison("uno", ordered=False)
present = _comparison("ord", ordered=True)


def _turning() -> Any:
    """A numba function (values, at, width, block, to, height): eight rows by eight columns turned in registers.

    The rows begin at ``values.flat[at + width * row]``; column c is written to ``block.flat[to + height * c]`` and on.
    """
    low, high = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
    even, odd = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
    front, back = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
    lane, index = ir.VectorType(ir.FloatType(), 8), ir.VectorType(ir.IntType(32), 8)

    @intrinsic
    def turn(_context: Any, values: Any, at: Any, width: Any, block: Any, to: Any, height: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def place(i: int, first: Any, stride: Any, step: int) -> Any:
                held = cgutils.create_struct_proxy(signature.args[i])(context, builder, value=arguments[i])
                far = builder.add(first, builder.mul(stride, ir.Constant(stride.type, step)))
                return builder.bitcast(builder.gep(held.data, [far]), lane.as_pointer())

            def mixed(a: Any, b: Any, order: list[int]) -> Any:
                return builder.shuffle_vector(a, b, ir.Constant(index, order))

            row = [builder.load(place(0, arguments[1], arguments[2], k)) for k in range(8)]
            for vector in row:
                vector.align = 4
            pair = [mixed(row[k], row[k + 1], how) for k in (0, 2, 4, 6) for how in (low, high)]
            four = [mixed(pair[k], pair[k + 2], how) for k in (0, 1, 4, 5) for how in (even, odd)]
            turned = [mixed(four[k], four[k + 4], how) for how in (front, back) for k in range(4)]
            for k, vector in enumerate(turned):
                builder.store(vector, place(3, arguments[4], arguments[5], k)).align = 4
            return context.get_dummy_value()

        whole = types.uintp
        return types.none(values, whole, whole, block, whole, whole), build

    return turn


turn_eight = _turning()
each_at_least = _each(">=")
each_above = _each(">")
