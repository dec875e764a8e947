"""Definitions and events to a `Frame`: only the columns asked for, exact, in any number of rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import BadInput, Column, Frame, MoneyColumn
from dandelion.core.frame import Ints
from dandelion.indicators import kernel
from dandelion.indicators.declare import Derive
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.finalise import Doubles, combine, finish
from dandelion.indicators.plan import Plan, plan_for
from dandelion.indicators.prepare import Activity, Tables
from dandelion.indicators.relations import related_codes, related_sets
from dandelion.indicators.streams import Rows, StreamArrays

ROWS_AT_ONCE = 4096  # bounds memory: about 30 kB a row for all standard columns
WORKERS_MAX = 64
_NONE = np.empty(0, np.int64)


def evaluate(
    definitions: Definitions,
    events: Tables,
    subjects: Sequence[str],
    as_of: int | npt.ArrayLike,
    known_at: int | npt.ArrayLike,
    *,
    columns: Sequence[str] | None = None,
    granted: Collection[str] | None = None,
    related: Mapping[str, Collection[str]] | None = None,
    workers: int = 1,
) -> Frame:
    """One row per (subject, as_of, known_at); an event counts if ``at < as_of`` and ``arrived < known_at``, and stops
    counting once a correction of it has arrived before `known_at`.

    `events` maps (kind, role) to that role's table; a stream whose table is not in the mapping is missing
    ("not_supplied"), an empty table means nothing happened.  `granted` names the data kinds a consent covers (None:
    all); columns of others are NaN and the frame's catalogue says "not_consented".  `related` adds accounts whose
    payments to a subject are no trade.  `workers` threads share the rows; the result is the same for any number.
    Errors (BadInput): unknown column, missing event column, instants that do not fit the subjects.
    """
    names = tuple(definitions.columns if columns is None else columns)
    rows = Rows.of(subjects, as_of, known_at)
    if not 1 <= workers <= WORKERS_MAX:
        raise BadInput(f"workers is {workers}; give 1 to {WORKERS_MAX}", field="workers")
    catalogue = {name: definitions.catalogue.get(name) or definitions.column(name) for name in names}
    missing = _missing(definitions, catalogue, events, granted)
    catalogue |= {name: replace(catalogue[name], null_policy=reason) for name, reason in missing.items()}
    computed = tuple(name for name in names if name not in missing) if missing else names
    plan = plan_for(definitions, computed)
    work = _Work(definitions, plan, events, related, [name for name in computed if name in definitions.money])
    values = np.full((len(rows), len(names)), np.nan, np.float32)
    money = {
        name: MoneyColumn(np.zeros(len(rows), np.int64), np.zeros(len(rows), np.bool_))
        for name in names
        if name in definitions.money
    }
    places = [j for j, name in enumerate(names) if name not in missing]
    lines = np.array([plan.lines[name] for name in computed], np.int64)
    pool = ThreadPoolExecutor(workers) if workers > 1 else None
    try:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            some = Rows(rows.names[part], rows.as_of[part], rows.known_at[part])
            found, exact = work.run(some, pool, workers)
            values[part, places] = found[lines].T
            for name, fen in exact.items():
                valid = ~np.isnan(found[plan.lines[name]])
                money[name].fen[part], money[name].valid[part] = np.where(valid, fen, 0), valid
    finally:
        if pool is not None:
            pool.shutdown()
    return Frame(rows.names, rows.as_of, rows.known_at, names, values, catalogue, money)


def _missing(
    definitions: Definitions,
    catalogue: Mapping[str, Column],
    events: Tables,
    granted: Collection[str] | None,
) -> dict[str, str]:
    """Columns that cannot be computed here, with the reason."""
    supplied, kinds = frozenset(events), None if granted is None else frozenset(granted)
    out: dict[str, str] = {}
    for name, entry in catalogue.items():
        if kinds is not None and not kinds.issuperset(entry.data_kinds):
            out[name] = "not_consented"
        elif not definitions.tables_of(name) <= supplied:
            out[name] = "not_supplied"
    return out


class _Work:
    """One evaluation: streams prepared once, then rows in portions."""

    def __init__(self, definitions: Definitions, plan: Plan, events: Tables,
                 related: Mapping[str, Collection[str]] | None, money: Sequence[str]) -> None:  # fmt: skip
        self.definitions, self.plan, self.events, self.related, self.money = definitions, plan, events, related, money
        activities: dict[tuple[str, str], Activity] = {}
        self.streams: dict[str, StreamArrays] = {}
        for cell in plan.cells:
            key = (cell.stream.kind, cell.stream.role)
            if key not in activities:
                activities[key] = Activity.of(*key, events[key], definitions.tz)
            if cell.stream.name not in self.streams:
                self.streams[cell.stream.name] = StreamArrays(cell.stream, activities[key])
        self.by_standing = {cell.stream.name for cell in plan.cells if cell.by_standing}

    def run(self, rows: Rows, pool: Executor | None, workers: int) -> tuple[Doubles, dict[str, Ints]]:
        """(values by line and row, exact fen of the money columns)."""
        plan = self.plan
        state = np.empty((plan.state_count, len(rows), kernel.SLOTS), np.int64)
        subjects = pa.array(rows.names, pa.string())
        slices = {name: stream.activity.slices(subjects) for name, stream in self.streams.items()}
        related = self._related(rows, subjects)
        for cell in plan.cells:
            name = cell.stream.name
            out = state[cell.first_state : cell.first_state + len(cell.windows)]
            near = related[name] if cell.by_standing else (_NONE, _NONE)
            self.streams[name].fill(cell, rows, slices[name], near, out, pool, workers)
        values = np.empty((len(plan.lines), len(rows)), np.float64)
        whole: dict[int, Ints] = {}
        for done in plan.finishes:
            values[done.lines], exact = finish(done.aggregate, done.people, state[done.states], rows.as_of)
            if exact is not None:
                whole |= zip(done.lines.tolist(), exact, strict=True)
        for step in plan.combines:
            values[step.lines] = combine(step.op, values[step.parts.T], step.days)
        return values, {name: self._exact(name, whole) for name in self.money}

    def _related(self, rows: Rows, subjects: pa.Array) -> dict[str, tuple[Ints, Ints]]:
        if not self.by_standing:
            return {}
        sets = related_sets(self.events, subjects, rows.as_of, rows.known_at, self.definitions.tz, self.related)
        return {name: related_codes(sets, self.streams[name].people) for name in self.by_standing}

    def _exact(self, name: str, whole: Mapping[int, Ints]) -> Ints:
        """Whole fen, by the same subtraction in whole numbers."""
        definition = self.definitions.definition(name)
        if not isinstance(definition, Derive):
            return whole[self.plan.lines[name]]
        total = self._exact(definition.of[0], whole)
        for other in definition.of[1:]:
            total = total - self._exact(other, whole)
        return total
