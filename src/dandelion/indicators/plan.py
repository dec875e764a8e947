"""What to compute for a set of columns, in words of the state: which component of which cell over which windows.

Cells of one component that are asked over the same windows become one step; a view is a pass over the events of one
(kind, role) by one choice of dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dandelion.indicators import steps as s
from dandelion.indicators.declare import Base, window_us
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.layout import Layout
from dandelion.indicators.needs import Part, Recipe, Where, recipe_of, where_of

Key = tuple[str, str]
Source = tuple[Key, str | None]  # (kind, role) and the field of which only the newest event counts
PATTERNS_MAX = 1 << 16
TOGETHER_MAX = 4096  # cells x windows that one step may hold although some of its windows are not asked for
BITS = 64


@dataclass(frozen=True, slots=True)
class Step:
    part: Part
    cells: tuple[Where, ...]
    windows: tuple[int, ...]
    out: int  # first place in the state

    @property
    def size(self) -> int:
        return len(self.cells) * len(self.windows)


@dataclass(frozen=True, slots=True)
class View:
    """`splits` are places of splits in the layout: the dimensions whose codes make the pattern."""

    key: Key
    latest: str | None
    splits: tuple[int, ...]
    windows: tuple[int, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Plan:
    views: tuple[View, ...]
    bases: tuple[tuple[Base, Recipe, Source, Where, int], ...]  # with the length of the window
    slots: dict[tuple[Source, Part, Where], tuple[int, dict[int, int], int, int]]  # first slot, windows, cells, size
    state: int

    def slot(self, source: Source, part: Part, where: Where, window: int, array: int) -> int:
        """Place in the state of one array of a part of a cell over a window; -1 where the recipe does not ask."""
        if array < 0:
            return -1
        first, windows, cells, size = self.slots[source, part, where]
        return first + array * size + windows[window] * cells


def source_of(base: Base) -> Source:
    return (base.stream.kind, base.stream.role), base.stream.latest_by


def plan_of(bases: Iterable[Base], layouts: dict[Key, Layout]) -> Plan:
    known: dict[tuple[object, ...], Where] = {}
    listed = []
    wanted: dict[Source, dict[Part, dict[Where, set[int]]]] = {}
    recipes: dict[tuple[object, ...], Recipe] = {}
    for base in bases:
        source = source_of(base)
        cell = (base.stream.name, base.filters)
        if cell not in known:
            known[cell] = where_of(base, layouts[source[0]])
        figure = (base.stream.name, base.aggregate, base.measure)
        if figure not in recipes:
            recipes[figure] = recipe_of(base)
        window, where, found = window_us(base.window), known[cell], recipes[figure]
        listed.append((base, found, source, where, window))
        for part, array in found.reads:
            if array >= 0:
                wanted.setdefault(source, {}).setdefault(part, {}).setdefault(where, set()).add(window)
    views: list[View] = []
    slots: dict[tuple[Source, Part, Where], tuple[int, dict[int, int], int, int]] = {}
    at = 0
    for source in sorted(wanted, key=repr):
        for splits, parts in _spaces(wanted[source], layouts[source[0]]):
            steps, at = _steps(parts, at)
            for step in steps:
                windows = {window: place for place, window in enumerate(step.windows)}
                for place, where in enumerate(step.cells):
                    slots[source, step.part, where] = step.out + place, windows, len(step.cells), step.size
            lengths = sorted({window for step in steps for window in step.windows})
            views.append(View(*source, splits, tuple(lengths), tuple(steps)))
    return Plan(tuple(views), tuple(listed), slots, at)


Parts = dict[Part, dict[Where, set[int]]]


def _spaces(parts: Parts, layout: Layout) -> list[tuple[tuple[int, ...], Parts]]:
    """Choices of dimensions with few enough patterns of codes; nearly always one."""
    spaces: list[set[int]] = []
    home: dict[frozenset[int], int] = {}
    used = {frozenset(split for split, _ in where) for cells in parts.values() for where in cells}
    for dims in sorted(used, key=lambda dims: (-len(dims), sorted(dims))):
        for i, space in enumerate(spaces):
            if _patterns(space | dims, layout) <= PATTERNS_MAX:
                space |= dims
                home[dims] = i
                break
        else:
            home[dims] = len(spaces)
            spaces.append(set(dims))
    out: list[tuple[tuple[int, ...], Parts]] = []
    for i, space in enumerate(spaces):
        mine = {
            part: {where: w for where, w in cells.items() if home[frozenset(split for split, _ in where)] == i}
            for part, cells in parts.items()
        }
        out.append((tuple(sorted(space)), {part: cells for part, cells in mine.items() if cells}))
    return out


def _patterns(splits: Iterable[int], layout: Layout) -> int:
    return math.prod(len(layout.splits[i].sets) for i in splits)


def _steps(parts: Parts, at: int) -> tuple[list[Step], int]:
    steps: list[Step] = []
    for part in sorted(parts, key=lambda part: (part[0], part[1] or "", part[2] or "")):
        cells = parts[part]
        union = set().union(*cells.values())
        groups: dict[tuple[int, ...], list[Where]] = {}
        for where, windows in cells.items():
            together = len(cells) * len(union) <= TOGETHER_MAX
            groups.setdefault(tuple(sorted(union if together else windows)), []).append(where)
        for lengths, group in groups.items():
            size = BITS if part[0] == s.WHO else len(group)
            for start in range(0, len(group), size):
                step = Step(part, tuple(group[start : start + size]), lengths, at)
                steps.append(step)
                at += step.size * s.OUTPUTS[part[0]]
    return steps, at


def bases_of(definitions: Definitions, names: Sequence[str]) -> dict[str, Base]:
    """Every event column that the columns are made of, by id."""
    out: dict[str, Base] = {}
    for name in names:
        definition = definitions.definition(name)
        for base in (definition,) if isinstance(definition, Base) else definitions.bases_of(name):
            out.setdefault(base.id, base)
    return out
