"""Of the plain evaluation: what to compute for a set of columns.

All values of a request live in one matrix; a plan says which line of it each column is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dandelion.core import DAY_US
from dandelion.core.frame import Ints
from dandelion.indicators.declare import Base, Stream, window_us
from dandelion.indicators.definitions import Definitions

Filters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One kernel call: the events of a stream that pass the filters, with one measure, over several windows.
    Its states are lines ``first_state`` onwards, one per window."""

    stream: Stream
    filters: Filters
    measure: str | None
    windows: Ints
    first_state: int

    @property
    def by_standing(self) -> bool:
        return any(self.stream.dimension(name).source == "standing" for name, _ in self.filters)


@dataclass(frozen=True, slots=True)
class Finish:
    """One aggregate of many states: line ``states[i]`` becomes value ``lines[i]``."""

    aggregate: str
    people: bool
    states: Ints
    lines: Ints


@dataclass(frozen=True, slots=True)
class Combine:
    """One operation on many columns: ``parts`` is (columns, operands) lines, ``days`` the windows of the operands."""

    op: str
    parts: Ints
    days: Ints
    lines: Ints


@dataclass(frozen=True, slots=True)
class Plan:
    lines: dict[str, int]  # column id -> line of the matrix of values
    state_count: int
    cells: tuple[Cell, ...]
    finishes: tuple[Finish, ...]
    combines: tuple[Combine, ...]  # in order: operands come first


def plan_of(definitions: Definitions, names: Sequence[str]) -> Plan:
    bases = {base.id: base for name in names for base in definitions.bases_of(name)}
    lines = {name: line for line, name in enumerate(sorted(bases))}
    cells: list[Cell] = []
    finishes: dict[tuple[str, bool], list[tuple[int, int]]] = {}
    states = 0
    for (_, filters, measure), group in _grouped([bases[name] for name in lines]).items():
        stream = group[0].stream
        lengths = sorted({window_us(base.window) for base in group})
        cells.append(Cell(stream, filters, measure, np.array(lengths, np.int64), states))
        for base in group:
            state = states + lengths.index(window_us(base.window))
            finishes.setdefault((base.aggregate, stream.people), []).append((state, lines[base.id]))
        states += len(lengths)
    combines = _combines(definitions, names, lines)
    finish = tuple(Finish(*key, *np.array(pairs, np.int64).T.copy()) for key, pairs in finishes.items())
    return Plan(lines, states, tuple(cells), finish, combines)


def _grouped(bases: Sequence[Base]) -> dict[tuple[str, Filters, str | None], list[Base]]:
    groups: dict[tuple[str, Filters, str | None], list[Base]] = {}
    for base in bases:
        groups.setdefault((base.stream.name, base.filters, base.measure), []).append(base)
    for key in [key for key in groups if key[2] is None]:  # what needs no measure rides along with one
        host = next((other for other in groups if other[:2] == key[:2] and other[2] is not None), None)
        if host is not None:
            groups[host] += groups.pop(key)
    return groups


def _combines(definitions: Definitions, names: Sequence[str], lines: dict[str, int]) -> tuple[Combine, ...]:
    """Derived columns, grouped by depth, operation and number of operands; adds their lines."""
    depth: dict[str, int] = {}
    groups: dict[tuple[int, str, int], list[str]] = {}

    def place(name: str) -> int:
        definition = definitions.definition(name)
        if isinstance(definition, Base):
            return 0
        if name not in depth:
            depth[name] = 1 + max(place(inner) for inner in definition.of)
            lines[name] = len(lines)
            groups.setdefault((depth[name], definition.op, len(definition.of)), []).append(name)
        return depth[name]

    for name in names:
        place(name)
    out = []
    for _, op, operands in sorted(groups):
        group = groups[_, op, operands]
        of = [definitions.definition(name).of for name in group]  # type: ignore[union-attr]
        days = [[_days(definitions, inner) for inner in one] for one in of]
        parts = [[lines[inner] for inner in one] for one in of]
        out.append(Combine(op, np.array(parts, np.int64), np.array(days, np.int64),
                           np.array([lines[name] for name in group], np.int64)))  # fmt: skip
    return tuple(out)


def _days(definitions: Definitions, name: str) -> int:
    definition = definitions.definition(name)
    return window_us(definition.window) // DAY_US if isinstance(definition, Base) else 0
