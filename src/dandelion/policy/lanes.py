"""Comparisons of many float32 at once: what the kernels are made of.

`at_least` and its like set sixty-four values of one column against one number, as the bits of a word, for tiles;
`each_at_least` and `each_above` set values against their own numbers, as codes of two bits, for one row.  Written as LLVM vector instructions, which numba's loops over booleans do not become by themselves.  The *ordered*
comparisons are false where the value is missing (NaN); the *unordered* ones are true there.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import binding as llvm  # type: ignore[import-untyped]
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils, config
from numba.extending import intrinsic

LANES = 64
ROW_LANES = 32
# With 256-bit integer vectors, eight comparisons are packed into bits by instructions that take halves in turn.  Instead
# of putting their output in order (a quarter of all work), the rows of a tile are laid out so that it comes in order:
# of 32 rows, places 0 to 7 hold rows 0 to 3 and 16 to 19, places 8 to 15 rows 4 to 7 and 20 to 23, and so on.
PACKED = (
    platform.machine().lower() in ("x86_64", "amd64")
    and bool(llvm.get_host_cpu_features().get("avx2"))
    and config.CPU_NAME is None
    and config.CPU_FEATURES is None
)
ROWS_APART = 16 if PACKED else 4  # `turn_eight` takes four rows, and four more so many rows further on
ROWS_ON = 4 if PACKED else 8  # from one call of it to the next within 32 rows


@njit(cache=True, nogil=True)
def place(row: int) -> int:
    """Where a row of a tile lies, so that its bit is bit `row`."""
    if not PACKED:
        return row
    return row // 32 * 32 + row % 16 // 4 * 8 + row % 32 // 16 * 4 + row % 4


def _comparison(predicate: str, *, ordered: bool) -> Any:
    """A numba function (float32 array, first, threshold) -> uint64: bit `row` is ``array[first + place(row)] predicate
    threshold``."""

    def plain(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
        vector = ir.VectorType(ir.FloatType(), LANES)
        values = builder.load(builder.bitcast(builder.gep(held.data, [arguments[1]]), vector.as_pointer()))
        values.align = 4
        how = builder.fcmp_ordered if ordered else builder.fcmp_unordered
        return builder.bitcast(how(predicate, values, _spread(builder, arguments[2], LANES)), ir.IntType(LANES))

    def packed(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
        eight, masks = ir.VectorType(ir.FloatType(), 8), ir.VectorType(ir.IntType(32), 8)
        shorts, bytes_ = ir.VectorType(ir.IntType(16), 16), ir.VectorType(ir.IntType(8), 32)

        def call(name: str, out: Any, *given: Any) -> Any:
            kind = ir.FunctionType(out, [one.type for one in given])
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.avx2.{name}"), given)

        how = builder.fcmp_ordered if ordered else builder.fcmp_unordered
        against, halves = _spread(builder, arguments[2], 8), []
        for half in range(2):
            found = []
            for k in range(4):
                at = builder.add(arguments[1], ir.Constant(arguments[1].type, half * 32 + k * 8))
                values = builder.load(builder.bitcast(builder.gep(held.data, [at]), eight.as_pointer()))
                values.align = 4
                found.append(builder.sext(how(predicate, values, against), masks))
            pairs = [call("packssdw", shorts, found[k], found[k + 1]) for k in (0, 2)]
            bits = call("pmovmskb", ir.IntType(32), call("packsswb", bytes_, *pairs))
            halves.append(builder.zext(bits, ir.IntType(64)))
        return builder.or_(halves[0], builder.shl(halves[1], ir.Constant(ir.IntType(64), 32)))

    @intrinsic
    def compare(_context: Any, array: Any, first: Any, threshold: Any) -> Any:
        return types.uint64(array, types.uintp, types.float32), packed if PACKED else plain

    return compare


def _spread(builder: Any, number: Any, lanes: int) -> Any:
    nowhere = ir.Constant(ir.VectorType(ir.FloatType(), lanes), ir.Undefined)
    one = builder.insert_element(nowhere, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, nowhere, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes))


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

    Rows 0 to 3 begin at ``values.flat[at + width * row]``, four more `ROWS_APART` rows further on; column c is written to
    ``block.flat[to + height * c]`` and on.
    """
    low, high = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
    even, odd = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
    front, back = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
    lane, index = ir.VectorType(ir.FloatType(), 8), ir.VectorType(ir.IntType(32), 8)

    @intrinsic
    def turn(_context: Any, values: Any, at: Any, width: Any, block: Any, to: Any, height: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def lane_at(i: int, first: Any, stride: Any, step: int) -> Any:
                held = cgutils.create_struct_proxy(signature.args[i])(context, builder, value=arguments[i])
                far = builder.add(first, builder.mul(stride, ir.Constant(stride.type, step)))
                return builder.bitcast(builder.gep(held.data, [far]), lane.as_pointer())

            def mixed(a: Any, b: Any, order: list[int]) -> Any:
                return builder.shuffle_vector(a, b, ir.Constant(index, order))

            places = [*range(4), *range(ROWS_APART, ROWS_APART + 4)]
            row = [builder.load(lane_at(0, arguments[1], arguments[2], k)) for k in places]
            for vector in row:
                vector.align = 4
            pair = [mixed(row[k], row[k + 1], how) for k in (0, 2, 4, 6) for how in (low, high)]
            four = [mixed(pair[k], pair[k + 2], how) for k in (0, 1, 4, 5) for how in (even, odd)]
            turned = [mixed(four[k], four[k + 4], how) for how in (front, back) for k in range(4)]
            for k, vector in enumerate(turned):
                builder.store(vector, lane_at(3, arguments[4], arguments[5], k)).align = 4
            return context.get_dummy_value()

        whole = types.uintp
        return types.none(values, whole, whole, block, whole, whole), build

    return turn


turn_eight = _turning()
each_at_least = _each(">=")
each_above = _each(">")
