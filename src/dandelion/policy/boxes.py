"""What a conjunction asks of each name, as a box: a range, a few values, missing or there, a flag that is yes or no.

Conditions with `or`, arithmetic or `not` of anything but a flag or `is_missing` are no boxes; nothing is claimed of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dandelion.policy.expression import And, Compare, Fixed, Flag, InSet, IsMissing, Literal, Not, Ref, Truth

_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}


@dataclass(frozen=True, slots=True)
class Side:
    """`low` to `high`, ends included; `only` the few values of a set; `missing` where the name must be missing; a flag is
    1 or 0 from end to end."""

    low: float = -math.inf
    high: float = math.inf
    only: frozenset[float] | None = None
    missing: bool = False

    @property
    def empty(self) -> bool:
        return not self.missing and (self.low > self.high or (self.only is not None and not self.only))

    def met(self, other: Side) -> Side:
        """What both ask at once."""
        if self.missing or other.missing:
            return self if self.missing and other.missing else Side(1.0, 0.0)
        low, high = max(self.low, other.low), min(self.high, other.high)
        if self.only is None and other.only is None:
            return Side(low, high)
        values = self.only if other.only is None else other.only if self.only is None else self.only & other.only
        assert values is not None
        kept = frozenset(v for v in values if low <= v <= high)
        return Side(low, high, kept)

    def holds(self, other: Side) -> bool:
        """Whether everything `other` lets through passes here too."""
        if self.missing or other.missing:
            return self.missing and other.missing
        if other.only is not None:
            return all(self.low <= v <= self.high and (self.only is None or v in self.only) for v in other.only)
        if self.only is not None:
            return other.low == other.high and other.low in self.only
        return self.low <= other.low and other.high <= self.high


Box = Mapping[str, Side]


def box_of(condition: Truth) -> Box | None:
    """The box of a conjunction; None for anything else.  A box with an empty side can never be met."""
    box: dict[str, Side] = {}
    waiting = [condition]
    while waiting:
        node = waiting.pop()
        if isinstance(node, And):
            waiting.extend(node.items)
            continue
        if isinstance(node, Fixed) and node.truth:
            continue
        told = _side(node)
        if told is None:
            return None
        name, side = told
        box[name] = box[name].met(side) if name in box else side
    return box


def within(inner: Box, outer: Box) -> bool:
    """Whether every row of `inner` lies in `outer`."""
    return all(name in inner and side.holds(inner[name]) for name, side in outer.items())


def _side(node: Truth) -> tuple[str, Side] | None:
    match node:
        case Compare(op, Ref(alias), Literal(value, _)) if op != "!=":
            return alias, _range(op, value)
        case Compare(op, Literal(value, _), Ref(alias)) if op != "!=":
            return alias, _range(_TURNED[op], value)
        case InSet(Ref(alias), members):
            return alias, Side(only=frozenset(float(np.float32(m.value)) for m in members))
        case IsMissing(Ref(alias)):
            return alias, Side(missing=True)
        case Not(IsMissing(Ref(alias))):
            return alias, Side()
        case Flag():
            return node.key, Side(1.0, 1.0)
        case Not(Flag() as flag):
            return flag.key, Side(0.0, 0.0)
        case _:
            return None


def _range(op: str, value: float) -> Side:
    exact = np.float32(value)
    low = float(np.nextafter(exact, np.float32(np.inf)) if op == ">" else exact)
    high = float(np.nextafter(exact, np.float32(-np.inf)) if op == "<" else exact)
    return Side(low if op in (">", ">=", "==") else -math.inf, high if op in ("<", "<=", "==") else math.inf)
