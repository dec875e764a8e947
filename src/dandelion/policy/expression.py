"""What a strategy's `when` is made of: frozen nodes of two types, *number* and *truth*.

Every number is a float32; NaN is *missing*.  Every truth is one of true, false, unknown (Kleene's strong logic).
Chained comparisons and ``between`` are spelled out as `And` of comparisons while parsing, so they have no meaning of
their own.  The grammar and the truth tables are in ``docs/strategies.md``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
FLAG_FUNCTIONS = ("in_list", "granted", "filed")


@dataclass(frozen=True, slots=True)
class Ref:
    """The value of a column, score or given fact, by its alias."""

    alias: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A number written in the condition, or a named constant (then `name` says which)."""

    value: float  # always exactly a float32
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``+ - * /``; each step is rounded to float32; division by zero is missing."""

    op: str
    left: Number
    right: Number


@dataclass(frozen=True, slots=True)
class Function:
    """``abs(x)``, ``min(x, y, ...)``, ``max(x, y, ...)``, ``if_missing(x, y)``."""

    name: str
    arguments: tuple[Number, ...]


Number: TypeAlias = Ref | Literal | Arithmetic | Function


@dataclass(frozen=True, slots=True)
class Compare:
    op: str
    left: Number
    right: Number


@dataclass(frozen=True, slots=True)
class InSet:
    """``x in (1, 2, 3)``: equal to one of the numbers; unknown when x is missing."""

    value: Number
    members: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class IsMissing:
    value: Number


@dataclass(frozen=True, slots=True)
class Flag:
    """``in_list(name)``, ``granted(data_kind)``, ``filed(voucher)``: a yes, no or unknown given with the request."""

    function: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.function}({self.name})"


@dataclass(frozen=True, slots=True)
class Fixed:
    truth: bool


@dataclass(frozen=True, slots=True)
class And:
    items: tuple[Truth, ...]


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple[Truth, ...]


@dataclass(frozen=True, slots=True)
class Not:
    item: Truth


Truth: TypeAlias = Compare | InSet | IsMissing | Flag | Fixed | And | Or | Not
Node: TypeAlias = Number | Truth


def to_float32(value: float) -> float:
    """Nearest float32 (ties to even), held in a Python float; beyond its range it is an infinity.

    >>> to_float32(0.1)
    0.10000000149011612
    """
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def children(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Ref | Literal | Flag | Fixed):
        return ()
    if isinstance(node, Compare | Arithmetic):
        return node.left, node.right
    if isinstance(node, And | Or):
        return node.items
    if isinstance(node, InSet):
        return node.value, *node.members
    if isinstance(node, Function):
        return node.arguments
    return (node.item,) if isinstance(node, Not) else (node.value,)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first, left to right."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(reversed(children(found)))


def conjuncts(condition: Truth) -> tuple[Truth, ...]:
    """What must all hold.  The rows of a decision table share these nodes, so that work kept by identity is done once."""
    return condition.items if isinstance(condition, And) else (condition,)


def written(node: Node) -> str:
    """The condition as text in one fixed form, used in explanations."""
    match node:
        case Ref(alias):
            return alias
        case Literal(value, name):
            return name or number_text(value)
        case Arithmetic(op, left, right):
            return f"({written(left)} {op} {written(right)})"
        case Function(name, arguments):
            return f"{name}({', '.join(written(a) for a in arguments)})"
        case Compare(op, left, right):
            return f"{written(left)} {op} {written(right)}"
        case InSet(value, members):
            return f"{written(value)} in ({', '.join(written(m) for m in members)},)"
        case IsMissing(value):
            return f"is_missing({written(value)})"
        case Flag():
            return node.key
        case Fixed(truth):
            return "true" if truth else "false"
        case Not(item):
            return f"not ({written(item)})"
        case And(items):
            return "(" + " and ".join(written(i) for i in items) + ")"
        case Or(items):
            return "(" + " or ".join(written(i) for i in items) + ")"


def number_text(value: float) -> str:
    """Shortest decimal that reads back as the same float32: the same on every machine.

    >>> number_text(to_float32(0.1)), number_text(12.0), number_text(float("nan"))
    ('0.1', '12', 'missing')
    """
    if math.isnan(value):
        return "missing"
    if math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if to_float32(float(text)) == value:
            break
    return _plain(text)


def _plain(text: str) -> str:
    """No exponent for numbers people meet; beyond that the exponent stays."""
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    power = int(exponent)
    if abs(power) > 9:
        return f"{mantissa}e{power}"
    digits = len(mantissa.split(".")[1]) if "." in mantissa else 0
    return f"{float(text):.{max(0, digits - power)}f}"
