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
each_at_least = _each(">=")
each_above = _each(">")
