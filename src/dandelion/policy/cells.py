"""One cell of a decision table: what a column must be, as text and nodes, and whether two cells can hold at once."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dandelion.core import BadInput
from dandelion.policy.expression import And, Truth
from dandelion.policy.grammar import Names, parse
from dandelion.policy.records import Place

_RANGE = re.compile(r"([\[(])\s*([^,\s]*)\s*,\s*([^,\s]*?)\s*([\])])")
_COMPARE = re.compile(r"(<=|>=|!=|==|=|<|>)\s*(\S+)")
_NUMBER = re.compile(r"-?\d[\d_]*(?:\.\d+)?(?:[eE]-?\d+)?|[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Cell:
    """`nodes` must all hold; none for an empty cell.  `low` to `high` is what the value may be, ends included, `only` the
    few values of a set; `missing` and `present` say whether the value may be missing or there."""

    text: str = ""
    nodes: tuple[Truth, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    only: tuple[float, ...] | None = None
    missing: bool = True
    present: bool = True

    def meets(self, other: Cell) -> bool:
        """Whether one value can pass both cells."""
        if self.missing and other.missing:
            return True
        if not (self.present and other.present):
            return False
        for one, two in ((self, other), (other, self)):
            if one.only is not None:
                return any(two.low <= v <= two.high and (two.only is None or v in two.only) for v in one.only)
        return max(self.low, other.low) <= min(self.high, other.high)


def read_cell(name: str, text: str, names: Names, place: Place) -> Cell:
    """``[a,b)`` with either end open for no bound, ``>= a``, ``a``, ``a|b|c``, ``missing``, ``present``; for a flag
    ``yes`` or ``no``; empty for anything.  Errors: BadInput with file and line."""
    if not text:
        return Cell()
    if "(" in name:
        if text not in ("yes", "no"):
            raise BadInput(f"{place}: {name} is {text!r}; a flag is yes, no or empty", field=name)
        said = name if text == "yes" else f"not {name}"
        value = 1.0 if text == "yes" else 0.0
        return Cell(said, _nodes(said, names, name, place), value, value, missing=False)
    if text in ("missing", "present"):
        said = f"is_missing({name})" if text == "missing" else f"not is_missing({name})"
        gone = text == "missing"
        return Cell(said, _nodes(said, names, name, place), missing=gone, present=not gone)
    if "|" in text:
        parts = [part.strip() for part in text.split("|")]
        values = tuple(_value(part, names, name, place) for part in parts)
        said = f"{name} in ({', '.join(parts)},)"
        return Cell(said, _nodes(said, names, name, place), min(values), max(values), values, missing=False)
    bounds = _bounds(text, name, place)
    said = " and ".join(f"{name} {op} {number}" for op, number in bounds)
    low, high = -math.inf, math.inf
    for op, number in bounds:
        exact = np.float32(_value(number, names, name, place))
        if op in (">", ">=", "=="):
            low = max(low, float(np.nextafter(exact, np.float32(np.inf)) if op == ">" else exact))
        if op in ("<", "<=", "=="):
            high = min(high, float(np.nextafter(exact, np.float32(-np.inf)) if op == "<" else exact))
    if low > high:
        raise BadInput(f"{place}: {name} is {text!r}, which no value can be", field=name)
    return Cell(said, _nodes(said, names, name, place), low, high, missing=False)


def overlaps(rows: Sequence[Sequence[Cell]]) -> tuple[int, int] | None:
    """The first two rows that can hold at once, or None."""
    if not rows or not rows[0]:
        return None
    together = np.full((len(rows), -(-len(rows) // 8)), 255, np.uint8)  # bits: does row i meet row j
    for cells in zip(*rows, strict=True):
        kinds = list({id(cell): cell for cell in cells}.values())  # a cell written alike is the same one
        at = {id(cell): k for k, cell in enumerate(kinds)}
        meets = np.array([[a.meets(b) for b in kinds] for a in kinds], bool)
        codes = np.array([at[id(cell)] for cell in cells])
        together &= np.packbits(meets[:, codes], axis=1)[codes]
    met = np.flatnonzero(np.bitwise_count(together).sum(axis=1) > 1)  # every row meets itself
    if not len(met):
        return None
    first = int(met[0])
    others = np.flatnonzero(np.unpackbits(together[first], count=len(rows)))
    return first, int(others[others != first][0])


def _bounds(text: str, name: str, place: Place) -> list[tuple[str, str]]:
    found = bounds_of(text)
    if not found:
        raise BadInput(
            f"{place}: {name} is {text!r}; write [a,b) or >= a or a or a|b or missing or present, or leave it empty",
            field=name,
        )
    return found


def bounds_of(text: str) -> list[tuple[str, str]]:
    """(operator, number or constant) for each bound of a range or comparison; none where it is neither."""
    between, compare = _RANGE.fullmatch(text), _COMPARE.fullmatch(text)
    if between is not None and (between[2] or between[3]):
        low = [(">=" if between[1] == "[" else ">", between[2])] if between[2] else []
        return low + ([("<=" if between[4] == "]" else "<", between[3])] if between[3] else [])
    if compare is not None:
        return [("==" if compare[1] == "=" else compare[1], compare[2])]
    if _NUMBER.fullmatch(text):
        return [("==", text)]
    return []


def _value(text: str, names: Names, name: str, place: Place) -> float:
    if text in names.constants:
        return names.constants[text]
    if not _NUMBER.fullmatch(text) or text[0].isalpha():
        raise BadInput(f"{place}: {name}: {text!r} is neither a number nor a constant of this book", field=name)
    return float(text)


def _nodes(text: str, names: Names, name: str, place: Place) -> tuple[Truth, ...]:
    try:
        node = parse(text, names)
    except BadInput as error:
        raise BadInput(f"{place}: {name}: {error.message}", field=name) from None
    return node.items if isinstance(node, And) else (node,)
