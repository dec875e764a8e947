"""Conditions over one row: the same meaning as `evaluate`, in plain Python, with every literal kept for explaining."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dandelion.policy.expression import (
    And,
    Arithmetic,
    Compare,
    Fixed,
    Flag,
    Function,
    InSet,
    IsMissing,
    Literal,
    Not,
    Number,
    Or,
    Ref,
    Truth,
    number_text,
    to_float32,
    walk,
    written,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: float32 values held in Python floats (NaN for missing), flags with None for unknown."""

    numbers: Mapping[str, float]
    flags: Mapping[str, bool | None]


def truth_of(node: Truth, row: Row) -> bool | None:
    """True, False, or None for unknown."""
    if isinstance(node, Compare):
        return _compare(node.op, number(node.left, row), number(node.right, row))
    if isinstance(node, And):
        unknown = False
        for item in node.items:
            truth = truth_of(item, row)
            if truth is False:
                return False
            unknown = unknown or truth is None
        return None if unknown else True
    if isinstance(node, Or):
        unknown = False
        for item in node.items:
            truth = truth_of(item, row)
            if truth:
                return True
            unknown = unknown or truth is None
        return None if unknown else False
    if isinstance(node, Not):
        truth = truth_of(node.item, row)
        return None if truth is None else not truth
    if isinstance(node, IsMissing):
        return math.isnan(number(node.value, row))
    if isinstance(node, Flag):
        return row.flags[node.key]
    if isinstance(node, InSet):
        value = number(node.value, row)
        return None if math.isnan(value) else any(value == member.value for member in node.members)
    assert isinstance(node, Fixed)
    return node.truth


def number(node: Number, row: Row) -> float:
    if isinstance(node, Ref):
        return row.numbers[node.alias]
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Arithmetic):
        return _arithmetic(node.op, number(node.left, row), number(node.right, row))
    assert isinstance(node, Function)
    values = [number(argument, row) for argument in node.arguments]
    if node.name == "abs":
        return abs(values[0])
    if node.name == "if_missing":
        return values[1] if math.isnan(values[0]) else values[0]
    if any(math.isnan(value) for value in values):
        return math.nan
    return min(values) if node.name == "min" else max(values)


def _compare(op: str, a: float, b: float) -> bool | None:
    if a != a or b != b:
        return None
    if op == "<":
        return a < b
    if op == "<=":
        return a <= b
    if op == ">":
        return a > b
    if op == ">=":
        return a >= b
    return a == b if op == "==" else a != b


def _arithmetic(op: str, a: float, b: float) -> float:
    # One float64 step rounded to float32 equals the float32 step itself: 53 >= 2 * 24 + 2 (Figueroa 1995).
    if op == "+":
        return to_float32(a + b)
    if op == "-":
        return to_float32(a - b)
    if op == "*":
        return to_float32(a * b)
    return math.nan if b == 0 else to_float32(a / b)


@dataclass(frozen=True, slots=True)
class LiteralTrace:
    """One leaf of a condition in one row: what was asked, what was found, and how far apart they are.

    `value`, `threshold` and `distance` (value minus threshold) are decimal text; empty where there is none.
    """

    text: str
    truth: bool | None
    value: str
    threshold: str
    distance: str


def trace(condition: Truth, row: Row) -> list[LiteralTrace]:
    """Every leaf of the condition, left to right."""
    return [
        _trace(node, row) for node in walk(condition) if isinstance(node, Compare | InSet | IsMissing | Flag | Fixed)
    ]


def _trace(node: Compare | InSet | IsMissing | Flag | Fixed, row: Row) -> LiteralTrace:
    truth = truth_of(node, row)
    if isinstance(node, Compare):
        a, b = number(node.left, row), number(node.right, row)
        if isinstance(node.left, Literal) and not isinstance(node.right, Literal):
            a, b = b, a
        gap = "" if math.isnan(a) or math.isnan(b) else number_text(to_float32(a - b))
        return LiteralTrace(written(node), truth, number_text(a), number_text(b), gap)
    if isinstance(node, InSet | IsMissing):
        return LiteralTrace(written(node), truth, number_text(number(node.value, row)), "", "")
    return LiteralTrace(written(node), truth, "", "", "")
