"""A cell's eight numbers as two vectors of four: an event or a record is added to them in a few steps of the processor.

Written in vectors of LLVM, which any processor runs.  The least amount and the first moment are kept with all their bits
turned over, so that the larger of two is wanted for all of the last four.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

COUNT, TOTAL, HIGH, LOW, LEAST, FIRST, MOST, LAST, FIELDS = range(9)
_I32, _I64, _BIT = ir.IntType(32), ir.IntType(64), ir.IntType(1)
_FOUR, _FOUR_BITS = ir.VectorType(_I64, 4), ir.VectorType(_BIT, 4)
_HALF = 4


def _data(context: Any, builder: Any, kind: Any, given: Any) -> Any:
    return context.make_array(kind)(context, builder, given).data


def _half(builder: Any, data: Any, at: Any, offset: int) -> Any:
    place = builder.gep(data, [builder.add(at, ir.Constant(_I64, offset))])
    return builder.bitcast(place, _FOUR.as_pointer())


def _load(builder: Any, place: Any) -> Any:
    found = builder.load(place)
    found.align = 8
    return found


def _store(builder: Any, value: Any, place: Any) -> None:
    builder.store(value, place).align = 8


def _put(builder: Any, numbers: Any) -> Any:
    found = ir.Constant(_FOUR, ir.Undefined)
    for lane, number in enumerate(numbers):
        found = builder.insert_element(found, number, ir.Constant(_I32, lane))
    return found


def _shuffled(builder: Any, one: Any, other: Any, lanes: list[int]) -> Any:
    return builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(_I32, 4), lanes))


def _add(builder: Any, sums: Any, others: Any) -> Any:
    """Four sums, of which the last two are one of 128 bits."""
    total = builder.add(sums, others)
    fell = builder.icmp_unsigned("<", total, others)
    carry = _shuffled(builder, fell, ir.Constant(_FOUR_BITS, [0] * 4), [4, 4, LOW, 4])
    return builder.sub(total, builder.sext(carry, _FOUR))


def _larger(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.icmp_signed(">", other, one), other, one)


def _event(builder: Any, amount: Any, high: Any, low: Any, when: Any) -> tuple[Any, Any]:
    """An event as a record of one."""
    sums = _put(builder, [ir.Constant(_I64, 1), amount, high, low])
    return sums, _put(builder, [builder.not_(amount), builder.not_(when), amount, when])


@intrinsic
def begin_event(_context: Any, records: Any, k: Any, amount: Any, high: Any, low: Any, when: Any) -> Any:
    """``records[k:k + 8]`` holds this event; its square is (high, low)."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = _data(context, builder, signature.args[0], given[0])
        for half, value in enumerate(_event(builder, *given[2:])):
            _store(builder, value, _half(builder, data, given[1], _HALF * half))
        return context.get_dummy_value()

    return types.void(records, types.int64, *[types.int64] * 4), generate


@intrinsic
def add_event(_context: Any, records: Any, k: Any, amount: Any, high: Any, low: Any, when: Any) -> Any:
    """``records[k:k + 8]`` holds this event too."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = _data(context, builder, signature.args[0], given[0])
        for half, (value, joined) in enumerate(zip(_event(builder, *given[2:]), (_add, _larger), strict=True)):
            place = _half(builder, data, given[1], _HALF * half)
            _store(builder, joined(builder, _load(builder, place), value), place)
        return context.get_dummy_value()

    return types.void(records, types.int64, *[types.int64] * 4), generate


@intrinsic
def add_record(_context: Any, lines: Any, k: Any, records: Any, j: Any) -> Any:
    """``lines[k:k + 8]`` holds what ``records[j:j + 8]`` does too."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = _data(context, builder, signature.args[0], given[0])
        source = _data(context, builder, signature.args[2], given[2])
        for half, joined in enumerate((_add, _larger)):
            place = _half(builder, data, given[1], _HALF * half)
            value = _load(builder, _half(builder, source, given[3], _HALF * half))
            _store(builder, joined(builder, _load(builder, place), value), place)
        return context.get_dummy_value()

    return types.void(lines, types.int64, records, types.int64), generate


@intrinsic
def four_cells(_context: Any, lines: Any, k: Any, beside: Any, across: Any, at: Any) -> Any:
    """Field f of the four cells from ``lines[k]`` on goes to ``beside[f * across + at:][:4]``."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        held, k, out, across, at = given
        data, shown = _data(context, builder, signature.args[0], held), _data(context, builder, signature.args[2], out)
        for half in range(2):
            rows = [_load(builder, _half(builder, data, k, FIELDS * cell + _HALF * half)) for cell in range(4)]
            pairs = [_shuffled(builder, rows[i], rows[i + 1], lanes)
                     for lanes in ([0, 4, 2, 6], [1, 5, 3, 7]) for i in (0, 2)]  # fmt: skip
            turned = [_shuffled(builder, pairs[i], pairs[i + 1], lanes)
                      for lanes in ([0, 1, 4, 5], [2, 3, 6, 7]) for i in (0, 2)]  # fmt: skip
            for field, value in enumerate(turned):
                line = builder.mul(across, ir.Constant(_I64, _HALF * half + field))
                _store(builder, value, _half(builder, shown, builder.add(line, at), 0))
        return context.get_dummy_value()

    return types.void(lines, types.int64, beside, types.int64, types.int64), generate
