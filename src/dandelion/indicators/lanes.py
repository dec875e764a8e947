"""Four or eight numbers side by side: what the compiler does not find by itself in the loops of `cells_kernel`.

Written in vectors of LLVM, which any processor runs; where it has such vectors, four numbers cost what one does.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic

LANES = 32  # cells that fit between two fields of `add_four`
BOTH, TOTAL, LOW, MIDDLE, HIGH, MOST, LEAST = range(
    7
)  # fields: events and parties; sum; squares in three parts; extremes
FIELDS = 8
CORNER = 16  # rows turned into columns at a time: a cache line of each column
_I32, _I64, _F32 = ir.IntType(32), ir.IntType(64), ir.FloatType()
_FOUR = ir.VectorType(_I64, 4)
_COUNTS = 0x1_0000_0001  # a bit of the events, and one of the parties


def _data(context: Any, builder: Any, kind: Any, given: Any) -> Any:
    return context.make_array(kind)(context, builder, given).data


def _all(builder: Any, value: Any) -> Any:
    """The number in each lane."""
    one = builder.insert_element(ir.Constant(_FOUR, ir.Undefined), value, ir.Constant(_I32, 0))
    return builder.shuffle_vector(one, ir.Constant(_FOUR, ir.Undefined), ir.Constant(ir.VectorType(_I32, 4), [0] * 4))


def _same(value: int) -> Any:
    return ir.Constant(_FOUR, [value] * 4)


def _load(builder: Any, data: Any, at: Any, kind: Any, align: int) -> tuple[Any, Any]:
    """(place, vector) from element `at` on."""
    place = builder.bitcast(builder.gep(data, [at]), kind.as_pointer())
    found = builder.load(place)
    found.align = align
    return place, found


def _store(builder: Any, value: Any, place: Any, align: int) -> None:
    builder.store(value, place).align = align


def _in_cell(builder: Any, both: Any, first: Any) -> Any:
    lane = builder.add(_all(builder, first), ir.Constant(_FOUR, [0, 1, 2, 3]))
    return builder.and_(builder.lshr(_all(builder, both), lane), _same(_COUNTS))


@intrinsic
def add_four(_context: Any, state: Any, first: Any, both: Any, amount: Any, low: Any, middle: Any) -> Any:
    """Add an event to those of the cells ``first:first + 4`` that it is in: bit c of `both` says so, bit 32 + c that its
    party is new there.  Field f of cell c is ``state[f * LANES + c]``; the least amount is for `least_four`."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        held, first, both, amount, low, middle = given
        data = _data(context, builder, signature.args[0], held)
        bits = _in_cell(builder, both, first)
        inside = builder.and_(bits, _same(1))
        taken = builder.sub(_same(0), inside)
        added = [bits, *(builder.and_(_all(builder, one), taken) for one in (amount, low, middle))]
        old = [_load(builder, data, builder.add(first, ir.Constant(_I64, field * LANES)), _FOUR, 8)
               for field in (BOTH, TOTAL, LOW, MIDDLE, MOST)]  # fmt: skip
        new = [builder.add(value, one) for (_, value), one in zip(old, added, strict=False)]
        larger = builder.and_(
            builder.icmp_signed(">", _all(builder, amount), old[-1][1]), builder.icmp_signed("!=", inside, _same(0))
        )
        new.append(builder.select(larger, _all(builder, amount), old[-1][1]))
        for value, (place, _) in zip(new, old, strict=True):
            _store(builder, value, place, 8)
        return context.get_dummy_value()

    return types.void(state, types.int64, types.uint64, types.int64, types.int64, types.int64), generate


@intrinsic
def least_four(_context: Any, state: Any, first: Any, both: Any, amount: Any) -> Any:
    """As `add_four`, for the least amount."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        held, first, both, amount = given
        data = _data(context, builder, signature.args[0], held)
        inside = builder.and_(_in_cell(builder, both, first), _same(1))
        place, old = _load(builder, data, builder.add(first, ir.Constant(_I64, LEAST * LANES)), _FOUR, 8)
        smaller = builder.and_(
            builder.icmp_signed("<", _all(builder, amount), old), builder.icmp_signed("!=", inside, _same(0))
        )
        _store(builder, builder.select(smaller, _all(builder, amount), old), place, 8)
        return context.get_dummy_value()

    return types.void(state, types.int64, types.uint64, types.int64), generate


@intrinsic
def copy_four(_context: Any, source: Any, start: Any, target: Any, to: Any) -> Any:
    """``target.ravel()[to:to + 4] = source[start:start + 4]``, of float32."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = ir.VectorType(_F32, 4)
        _, found = _load(builder, _data(context, builder, signature.args[0], given[0]), given[1], kind, 4)
        data = _data(context, builder, signature.args[2], given[2])
        _store(builder, found, builder.bitcast(builder.gep(data, [given[3]]), kind.as_pointer()), 4)
        return context.get_dummy_value()

    return types.void(source, types.int64, target, types.int64), generate


@intrinsic
def _turn_eight(_context: Any, source: Any, start: Any, across: Any, target: Any, to: Any, down: Any) -> Any:
    """Eight by eight float32: element j of line i, at ``start + i * across + j``, goes to ``to + j * down + i``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        held, start, across, out, to, down = given
        kind, steps = ir.VectorType(_F32, 8), [ir.Constant(_I64, i) for i in range(8)]
        data, shown = _data(context, builder, signature.args[0], held), _data(context, builder, signature.args[3], out)
        lines = [_load(builder, data, builder.add(start, builder.mul(across, i)), kind, 4)[1] for i in steps]
        halves = [
            ir.Constant(ir.VectorType(_I32, 8), [half + i // 2 + 8 * (i % 2) for i in range(8)]) for half in (0, 4)
        ]
        for _ in range(3):  # zipped three times with those half of them away, lines have become columns
            lines = [builder.shuffle_vector(lines[i], lines[i + 4], half) for i in range(4) for half in halves]
        for i, line in zip(steps, lines, strict=True):
            place = builder.gep(shown, [builder.add(to, builder.mul(down, i))])
            _store(builder, line, builder.bitcast(place, kind.as_pointer()), 4)
        return context.get_dummy_value()

    return types.void(source, types.int64, types.int64, target, types.int64, types.int64), generate


@njit(cache=True, nogil=True)
def turn_over(corner, begin, end, first, out):  # type: ignore[no-untyped-def]
    """Rows ``begin:end`` of `corner` into `out` (columns, rows), row r to ``first + r``."""
    columns = out.shape[0]
    turned = 0
    if begin == 0 and end == CORNER and out.strides[1] == out.itemsize:
        across, down = corner.shape[1], out.strides[0] // out.itemsize
        while turned + 8 <= columns:
            for r in range(0, CORNER, 8):
                _turn_eight(corner, r * across + turned, across, out, turned * down + first + r, down)
            turned += 8
    for c in range(turned, columns):
        for r in range(begin, end):
            out[c, first + r] = corner[r, c]
