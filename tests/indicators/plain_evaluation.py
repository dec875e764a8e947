"""The plain evaluation: cell by cell, window by window, event by event.  The kernel is held to its bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import plain_kernel as kernel
import pyarrow as pa
from plain_plan import plan_of
from plain_prepare import Activity, Tables
from plain_relations import related_codes, related_sets
from plain_streams import StreamArrays
from plain_values import combine, finish

from dandelion.core.frame import Floats, Ints
from dandelion.indicators import Definitions, Derive
from dandelion.indicators.rows import Rows

_NONE = np.empty(0, np.int64)


def plain(
    definitions: Definitions, events: Tables, subjects: Sequence[str], as_of: object, known_at: object,
    columns: Sequence[str], related: Mapping[str, Collection[str]] | None = None,
) -> tuple[Floats, dict[str, Ints]]:  # fmt: skip
    """(values (rows, columns), exact fen of the money columns, 0 where missing)."""
    rows = Rows.of(subjects, as_of, known_at)  # type: ignore[arg-type]
    plan = plan_of(definitions, columns)
    activities: dict[tuple[str, str], Activity] = {}
    streams: dict[str, StreamArrays] = {}
    for cell in plan.cells:
        key = (cell.stream.kind, cell.stream.role)
        if key not in activities:
            activities[key] = Activity.of(*key, events[key], definitions.tz)
        if cell.stream.name not in streams:
            streams[cell.stream.name] = StreamArrays(cell.stream, activities[key])
    names = pa.array(rows.names, pa.string())
    sets = related_sets(events, names, rows.as_of, rows.known_at, definitions.tz, related)
    state = np.empty((plan.state_count, len(rows), kernel.SLOTS), np.int64)
    for cell in plan.cells:
        stream = streams[cell.stream.name]
        near = related_codes(sets, stream.people) if cell.by_standing else (_NONE, _NONE)
        out = state[cell.first_state : cell.first_state + len(cell.windows)]
        stream.fill(cell, rows, stream.activity.slices(names), near, out, None, 1)
    values = np.empty((len(plan.lines), len(rows)), np.float64)
    whole: dict[int, Ints] = {}
    for done in plan.finishes:
        values[done.lines], exact = finish(done.aggregate, done.people, state[done.states], rows.as_of)
        if exact is not None:
            whole |= zip(done.lines.tolist(), exact, strict=True)
    for step in plan.combines:
        values[step.lines] = combine(step.op, values[step.parts.T], step.days)

    def fen(name: str) -> Ints:
        definition = definitions.definition(name)
        if not isinstance(definition, Derive):
            return whole[plan.lines[name]]
        total = fen(definition.of[0])
        for other in definition.of[1:]:
            total = total - fen(other)
        return total

    found = values[[plan.lines[name] for name in columns]].T.astype(np.float32)
    money = {name: np.where(np.isnan(values[plan.lines[name]]), 0, fen(name))
             for name in columns if name in definitions.money}  # fmt: skip
    return found, money
