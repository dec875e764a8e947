"""`Program`: a set of columns as the arrays that the kernel reads.  Worked out once, used for every request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

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
from dandelion.indicators.passes import Lists, Passes, Placed, bits_of
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
    def none_given(self) -> npt.NDArray[np.bool_]:
        return np.zeros(len(self.arrays[0]), np.bool_)

    @cached_property
    def nothing(self) -> npt.NDArray[np.float32]:
        """The values of a subject without events, which are the same at every moment."""
        count = len(self.tables)
        extents = np.array([(0, self.layouts[key].lines, 0) for key in self.tables], np.int64).reshape(count, 3)
        low, moment = np.zeros((count, 1), np.int64), np.zeros(1, np.int64)
        out, fen = np.empty((1, len(self.names)), np.float32), np.empty((len(self.money), 1), np.int64)
        k.run_rows(0, 1, extents, low, low, moment, moment,
                   np.zeros((len(self.relations), 2), np.int64), np.empty(0, np.int64), 1, *self.arrays,
                   np.empty(0, np.float32), *Work.of(self), self.none_given, False, out, fen)  # fmt: skip
        return out[0]


class Work(NamedTuple):
    """What a row leaves behind for the next: the state, the values, and which views had events.  For one thread at a time."""

    state: Ints
    values: npt.NDArray[np.float64]
    left: Ints

    @classmethod
    def of(cls, program: Program) -> Work:
        rooms = program.arrays[-1]
        return cls(np.empty(rooms[0], np.int64), np.empty(rooms[3], np.float64), np.full(1, -1, np.int64))


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
    run, ring, words, patterns = views.rooms
    rooms = np.array([plan.state, run, ring, len(lines.of), words, patterns], np.int64)
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
        self.lists = Lists()
        self.passes = Passes(self.lists, self.flush)
        self.relations: list[Relation] = []
        self.run_room = self.ring_room = 1

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
            len(self.passes.passes),
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
        placed = []
        for step in view.steps:
            placed.append(Placed(len(self.steps), step, self._step(step, view, layout, stride)))
            row[k.VIEW_RING_OF] |= int(step.part[0] in (s.TOP, s.ENTROPY, s.RANKS))
        row[k.VIEW_DIMS_END], row[k.VIEW_WINDOWS_END] = len(self.dims), len(self.windows)
        row[k.VIEW_STEPS_END] = len(self.steps)
        self.passes.add(placed, view, layout, stride)
        row[k.VIEW_PASSES_END] = len(self.passes.passes)
        self.ring_room = max(self.ring_room, len(view.windows) + 1)
        self.views.append(row)

    def _step(self, step: Step, view: View, layout: Layout, patterns: int) -> list[int]:
        component, measure, party = step.part
        rings = view.windows.index(step.windows[-1]) + 1
        by_ring = component in (s.TOP, s.ENTROPY, s.RANKS)
        own = {window: place for place, window in enumerate(step.windows)}
        flush = [
            next(i for i, mine in enumerate(step.windows) if mine >= window) if by_ring else own.get(window, -1)
            for window in view.windows[:rings]
        ]
        ptr, ends, idx = self.lists.cells(step.cells, view, layout, patterns)
        masks = self.lists.bits(bits_of(ends, idx)) if component == s.WHO else 0
        self.steps.append([
            component, AT if measure is None else layout.measure_line(measure),
            AT if party is None else layout.party_line(party), ptr, patterns, len(step.cells), len(step.windows),
            step.out, masks, rings, len(self.flush),
        ])  # fmt: skip
        self.flush += flush
        self.run_room = max(self.run_room, 3 * len(step.cells))
        return self.steps[-1]

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        made = self.passes
        return (
            table(self.views, k.VIEW_FIELDS), table(self.dims, k.DIM_FIELDS), np.array(self.windows, np.int64),
            table(self.steps, k.STEP_FIELDS), np.array(self.flush, np.int64), *self.lists.arrays(),
            table(made.passes, k.PASS_FIELDS), table(made.merges, k.MERGE_FIELDS), table(made.whos, k.WHO_FIELDS),
            table(made.told, s.TOLD_FIELDS),
        )  # fmt: skip

    @property
    def rooms(self) -> list[int]:
        """Numbers that a pass carries, rings of a view, words of bits for a party, patterns."""
        return [max(self.run_room, self.passes.run_room), self.ring_room, self.passes.words, self.passes.patterns]


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
