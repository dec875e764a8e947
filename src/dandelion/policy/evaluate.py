"""Conditions over many rows at once: numpy float32 in, a (true, unknown) pair of masks out."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core.frame import Floats
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
)

Bools = npt.NDArray[np.bool_]
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """n rows: float32 (n,) by alias with NaN for missing; flags by key as (true, unknown) masks of shape (n,)."""

    count: int
    numbers: Mapping[str, Floats]
    flags: Mapping[str, tuple[Bools, Bools]]


@dataclass(frozen=True, slots=True)
class Truths:
    """Kleene truth of n rows; never both at once, and neither means false."""

    true: Bools
    unknown: Bools

    @property
    def false(self) -> Bools:
        return ~(self.true | self.unknown)


def evaluate(condition: Truth, rows: Rows) -> Truths:
    """The truth of `condition` in each row."""
    with np.errstate(all="ignore"):
        return _truth(condition, rows)


def _truth(node: Truth, rows: Rows) -> Truths:
    match node:
        case Compare(op, left, right):
            a, b = _number(left, rows), _number(right, rows)
            unknown = np.isnan(a) | np.isnan(b)
            return Truths(_COMPARE[op](a, b) & ~unknown, unknown)
        case InSet(value, members):
            a = _number(value, rows)
            unknown = np.isnan(a)
            return Truths(np.isin(a, np.array([m.value for m in members], np.float32)) & ~unknown, unknown)
        case IsMissing(value):
            return Truths(np.isnan(_number(value, rows)), np.zeros(rows.count, bool))
        case Flag():
            return Truths(*rows.flags[node.key])
        case Fixed(truth):
            return Truths(np.full(rows.count, truth), np.zeros(rows.count, bool))
        case Not(item):
            inner = _truth(item, rows)
            return Truths(inner.false, inner.unknown)
        case And(items):
            parts = [_truth(item, rows) for item in items]
            true = np.logical_and.reduce([p.true for p in parts])
            false = np.logical_or.reduce([p.false for p in parts])
            return Truths(true, ~(true | false))
        case Or(items):
            parts = [_truth(item, rows) for item in items]
            true = np.logical_or.reduce([p.true for p in parts])
            false = np.logical_and.reduce([p.false for p in parts])
            return Truths(true, ~(true | false))


def _number(node: Number, rows: Rows) -> Floats:
    match node:
        case Ref(alias):
            return rows.numbers[alias]
        case Literal(value, _):
            return np.full(rows.count, value, np.float32)
        case Arithmetic(op, left, right):
            return _arithmetic(op, _number(left, rows), _number(right, rows))
        case Function(name, arguments):
            return _function(name, [_number(argument, rows) for argument in arguments])


def _arithmetic(op: str, a: Floats, b: Floats) -> Floats:
    if op == "+":
        return a + b
    if op == "-":
        return a - b
    if op == "*":
        return a * b
    return np.where(b == 0, np.float32(np.nan), a / b).astype(np.float32)


def _function(name: str, arguments: list[Floats]) -> Floats:
    if name == "abs":
        return np.abs(arguments[0])
    if name == "if_missing":
        return np.where(np.isnan(arguments[0]), arguments[1], arguments[0])
    reduce = np.minimum if name == "min" else np.maximum
    out = arguments[0]
    for argument in arguments[1:]:
        out = reduce(out, argument)
    return out
