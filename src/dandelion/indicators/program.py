"""`Program`: a set of columns as the arrays that the kernel reads.  Worked out once, used for every request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.indicators import finishing as f
from dandelion.indicators import kernel as k
from dandelion.indicators import steps as s
from dandelion.indicators.declare import Derive
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.layout import AT, Layout, layouts
from dandelion.indicators.needs import Where
from dandelion.indicators.placing import Lines, table
from dandelion.indicators.plan import Key, Plan, Step, View, bases_of, plan_of

Relation = tuple[int, str]  # (place of a table, field of the counterparty)


@dataclass(frozen=True)
class Program:
    """`names` are the columns in the order the kernel gives them, which is its own.  `tables` are the (kind, role) whose
    blocks are handed over, in this order; `arrays` follow the kernel's order."""

    names: tuple[str, ...]
    tables: tuple[Key, ...]
    layouts: dict[Key, Layout]
    relations: tuple[Relation, ...]
    money: tuple[str, ...]
    arrays: tuple[npt.NDArray[Any], ...]

    def longest(self, key: Key) -> int | None:
        """Of the windows over a table, in microseconds; None where all of it matters."""
        if key not in self.tables:
            return None
        views, _, windows = self.arrays[:3]
        mine = views[views[:, k.VIEW_TABLE] == self.tables.index(key)]
        return max(int(windows[end - 1]) for end in mine[:, k.VIEW_WINDOWS_END])

    @cached_property
    def none_skipped(self) -> npt.NDArray[np.bool_]:
        return np.zeros(len(self.arrays[0]), np.bool_)


NOT_GIVEN = np.empty(0, np.int64)


def program_for(definitions: Definitions, names: Sequence[str]) -> Program:
    """Programs are kept with the definitions, which never change."""
    key = tuple(names)
    found = kept(definitions, key, lambda: compiled(definitions, key))
    assert isinstance(found, Program)
    return found


def kept(definitions: Definitions, key: tuple[str, ...], make: Callable[[], object]) -> object:
    """What is made of a set of columns, once."""
    if key not in definitions.plans:
        if len(definitions.plans) >= 64:  # a process serves few different sets of columns
            definitions.plans.clear()
        definitions.plans[key] = make()
    return definitions.plans[key]


def compiled(definitions: Definitions, names: tuple[str, ...], held: dict[Key, Layout] | None = None) -> Program:
    """`held` are the layouts of blocks that are there already, and may hold more than these columns need.

    Errors (BadInput): unknown column.
    """
    needed = layouts(definitions, names)
    laid = {key: (held or needed).get(key, layout) for key, layout in needed.items()}
    bases = bases_of(definitions, names)
    plan = plan_of(bases.values(), laid)
    tables = tuple(dict.fromkeys(view.key for view in plan.views))
    lines = Lines(definitions, names, plan)
    views = _Views(tables, laid)
    for view in plan.views:
        views.add(view)
    money = tuple(name for name in names if name in definitions.money)
    rooms = np.array([plan.state, views.run_room, views.ring_room, len(lines.of)], np.int64)
    arrays = (*views.arrays(), *lines.arrays(), *_money(definitions, plan, money), rooms)
    return Program(lines.names, tables, laid, tuple(views.relations), money, arrays)


class _Views:
    """Views and steps as rows of numbers, and the tables that they share."""

    def __init__(self, tables: tuple[Key, ...], laid: dict[Key, Layout]) -> None:
        self.tables, self.laid = tables, laid
        self.views: list[list[int]] = []
        self.dims: list[list[int]] = []
        self.windows: list[int] = []
        self.steps: list[list[int]] = []
        self.flush: list[int] = []
        self.passes: list[list[int]] = []
        self.ptr: list[Ints] = []
        self.idx: list[npt.NDArray[np.int32]] = []
        self.masks: list[npt.NDArray[np.uint64]] = []
        self.relations: list[Relation] = []
        self.run_room = self.ring_room = 1
        self._lists: dict[tuple[Key, tuple[int, ...], tuple[Where, ...]], int] = {}
        self._sizes = {"ptr": 0, "idx": 0, "masks": 0}

    def add(self, view: View) -> None:
        layout, table = self.laid[view.key], self.tables.index(view.key)
        latest = -1 if view.latest is None else layout.party_line(view.latest)
        row = [
            table,
            latest,
            len(self.dims),
            0,
            len(self.windows),
            0,
            len(self.steps),
            0,
            -1,
            AT,
            0,
            len(self.passes),
            0,
        ]
        stride = 1
        for place in view.splits:
            split = layout.splits[place]
            standing = split.dimension.source == "standing"
            self.dims.append([layout.word_line(split), split.shift, (1 << split.bits) - 1, stride, int(standing)])
            stride *= len(split.sets)
            if standing:
                relation = (table, str(split.other))
                if relation not in self.relations:
                    self.relations.append(relation)
                row[k.VIEW_RELATION] = self.relations.index(relation)
                row[k.VIEW_RELATION_LINE] = layout.party_line(str(split.other))
        self.windows += view.windows
        for step in view.steps:
            self._step(step, view, layout, stride)
            row[k.VIEW_RING_OF] |= int(step.part[0] in (s.TOP, s.ENTROPY, s.RANKS))
        row[k.VIEW_DIMS_END], row[k.VIEW_WINDOWS_END] = len(self.dims), len(self.windows)
        row[k.VIEW_STEPS_END] = len(self.steps)
        self._pass_over(row[k.VIEW_STEPS])
        row[k.VIEW_PASSES_END] = len(self.passes)
        self.ring_room = max(self.ring_room, len(view.windows) + 1)
        self.views.append(row)

    def _step(self, step: Step, view: View, layout: Layout, patterns: int) -> None:
        component, measure, party = step.part
        rings = view.windows.index(step.windows[-1]) + 1
        by_ring = component in (s.TOP, s.ENTROPY, s.RANKS)
        own = {window: place for place, window in enumerate(step.windows)}
        flush = [
            next(i for i, mine in enumerate(step.windows) if mine >= window) if by_ring else own.get(window, -1)
            for window in view.windows[:rings]
        ]
        ptr, masks = self._cells(step, view, layout, patterns)
        self.steps.append([
            component, AT if measure is None else layout.measure_line(measure),
            AT if party is None else layout.party_line(party), ptr, patterns, len(step.cells), len(step.windows),
            step.out, masks, rings, len(self.flush),
        ])  # fmt: skip
        self.flush += flush
        self.run_room = max(self.run_room, 4 * len(step.cells), 2 * step.size)

    def _pass_over(self, first: int) -> None:
        """Steps of the same cells and windows are carried together, with one measure at most."""
        groups: dict[tuple[int, ...], list[int]] = {}
        alone = []
        for place in range(first, len(self.steps)):
            step = self.steps[place]
            fits = step[k.STEP_COMPONENT] in s.TOGETHER
            ends = self.flush[step[k.STEP_FLUSH] : step[k.STEP_FLUSH] + step[k.STEP_RINGS]]
            if fits:
                groups.setdefault((step[k.STEP_PTR], step[k.STEP_CELLS], *ends), []).append(place)
            else:
                alone.append(place)
        for group in groups.values():
            measured = [p for p in group if self.steps[p][k.STEP_COMPONENT] in (s.SUM, s.SQUARES, s.MIN, s.MAX)]
            lines = list(dict.fromkeys(self.steps[p][k.STEP_LINE] for p in measured)) or [AT]
            for number, line in enumerate(lines):
                mine = [p for p in group if (self.steps[p][k.STEP_LINE] == line if p in measured else number == 0)]
                if len(mine) == 1:
                    alone += mine
                    continue
                of = {self.steps[p][k.STEP_COMPONENT]: self.steps[p][k.STEP_OUT] for p in mine}
                self.passes.append([mine[0], line, *(of.get(component, -1) for component in s.TOGETHER)])
                self.run_room = max(self.run_room, s.CARRIED * self.steps[mine[0]][k.STEP_CELLS])
        self.passes += [[place, -1, *[-1] * len(s.TOGETHER)] for place in alone]

    def _cells(self, step: Step, view: View, layout: Layout, patterns: int) -> tuple[int, int]:
        """Places of the lists of cells by pattern, and of their bits for counting parties."""
        key = (view.key, view.splits, step.cells)
        if key not in self._lists:
            ptr, idx = _lists(step.cells, view.splits, layout, patterns)
            self._lists[key] = self._sizes["ptr"]
            self.ptr.append(ptr + self._sizes["idx"])
            self.idx.append(idx)
            self._sizes["ptr"] += len(ptr)
            self._sizes["idx"] += len(idx)
        if step.part[0] != s.WHO:
            return self._lists[key], 0
        ptr, idx = _lists(step.cells, view.splits, layout, patterns)
        bits = np.zeros(patterns, np.uint64)
        np.bitwise_or.at(bits, np.repeat(np.arange(patterns), np.diff(ptr)), np.uint64(1) << idx.astype(np.uint64))
        self.masks.append(bits)
        self._sizes["masks"] += patterns
        return self._lists[key], self._sizes["masks"] - patterns

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        return (
            table(self.views, k.VIEW_FIELDS), table(self.dims, k.DIM_FIELDS), np.array(self.windows, np.int64),
            table(self.steps, k.STEP_FIELDS), np.array(self.flush, np.int64),
            np.concatenate([*self.ptr, np.empty(0, np.int64)]), np.concatenate([*self.idx, np.empty(0, np.int32)]),
            np.concatenate([*self.masks, np.empty(0, np.uint64)]), table(self.passes, k.PASS_FIELDS),
        )  # fmt: skip


def _lists(
    cells: tuple[Where, ...], splits: tuple[int, ...], layout: Layout, patterns: int
) -> tuple[Ints, npt.NDArray[np.int32]]:
    """(ends, cells): pattern p is in ``cells[ends[p]:ends[p + 1]]``."""
    found, which = [], []
    for place, where in enumerate(cells):
        codes = np.zeros(1, np.int64)
        stride = 1
        for split in splits:
            sets = layout.splits[split].sets
            levels = [level for at, level in where if at == split]
            fit = [code for code, held in enumerate(sets) if all(level in held for level in levels)]
            codes = np.add.outer(np.array(fit, np.int64) * stride, codes).ravel()
            stride *= len(sets)
        found.append(codes)
        which.append(np.full(len(codes), place, np.int32))
    pattern, cell = np.concatenate(found), np.concatenate(which)
    order = np.lexsort((cell, pattern))
    ends = np.concatenate([[0], np.cumsum(np.bincount(pattern, minlength=patterns))])
    return ends.astype(np.int64), cell[order]


def _money(definitions: Definitions, plan: Plan, money: tuple[str, ...]) -> tuple[Ints, Ints]:
    """Exact fen of each money column: places in the state to add (1) and take off (-1)."""
    at = {base.id: (recipe, source, where, window) for base, recipe, source, where, window in plan.bases}
    ends, slots = [0], []

    def terms(name: str, sign: int) -> None:
        definition = definitions.definition(name)
        if isinstance(definition, Derive) and definition.op == "difference":
            for i, inner in enumerate(definition.of):
                terms(inner, sign if i == 0 else -sign)
            return
        if name not in at or at[name][0].formula not in (f.WHOLE, f.PICKED):
            raise BadInput(f"{name!r} is no exact money; a money column is made of sums and picks", field=name)
        recipe, source, where, window = at[name]
        slots.append([plan.slot(source, recipe.reads[0][0], where, window, 0), sign])

    for name in money:
        terms(name, 1)
        ends.append(len(slots))
    return np.array(ends, np.int64), table(slots, 2)
