"""Which events made this number."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dandelion.core import Column
from dandelion.indicators.declare import Base, window_us
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.evaluate import evaluate
from dandelion.indicators.prepare import Activity, Bools, Tables
from dandelion.indicators.relations import related_sets


@dataclass(frozen=True, slots=True)
class Term:
    """One event column behind the number: its id, its value, and the events that count, in order of (at, event id)."""

    id: str
    value: float
    events: pa.Table


@dataclass(frozen=True, slots=True)
class Explanation:
    column: Column
    value: float  # NaN where missing; column.null_policy then says why
    terms: tuple[Term, ...]


def explain(
    definitions: Definitions,
    column_id: str,
    events: Tables,
    subject: str,
    as_of: int,
    known_at: int,
    *,
    granted: Collection[str] | None = None,
    related: Mapping[str, Collection[str]] | None = None,
) -> Explanation:
    """The value of one column for one subject with the events behind it.  Errors (BadInput): unknown column."""
    bases = definitions.bases_of(column_id)
    frame = evaluate(definitions, events, [subject], as_of, known_at, columns=[column_id], granted=granted,
                     related=related)  # fmt: skip
    entry = frame.catalogue[column_id]
    value = float(frame[column_id][0])
    if entry.null_policy in ("not_consented", "not_supplied"):
        return Explanation(entry, value, ())
    parts = evaluate(definitions, events, [subject], as_of, known_at, columns=[b.id for b in bases], related=related)
    terms = [
        Term(
            base.id, float(parts[base.id][0]), _events(base, events, subject, as_of, known_at, definitions.tz, related)
        )
        for base in bases
    ]
    return Explanation(entry, value, tuple(terms))


def _events(
    base: Base,
    events: Tables,
    subject: str,
    as_of: int,
    known_at: int,
    tz: str,
    related: Mapping[str, Collection[str]] | None,
) -> pa.Table:
    stream = base.stream
    activity = Activity.of(stream.kind, stream.role, events[stream.kind, stream.role], tz)
    who = pa.array([subject], pa.string())
    (low,), (high,) = activity.slices(who)
    counts: Bools = (activity.at >= as_of - window_us(base.window)) & (activity.at < as_of)
    counts &= (activity.arrived < known_at) & (known_at <= activity.gone)
    counts &= (np.arange(len(counts)) >= low) & (np.arange(len(counts)) < high)
    if stream.latest_by:
        newest = {key: i for i, key in enumerate(activity.codes(stream.latest_by)[0].tolist()) if counts[i]}
        counts &= np.isin(np.arange(len(counts)), list(newest.values()))
    for name, value in base.filters:
        counts &= activity.mask(stream, name, value)
        if stream.dimension(name).source == "standing" and value in ("trade", "related"):
            one = np.array([as_of]), np.array([known_at])
            (close,) = related_sets(events, who, *one, tz, related)
            other = activity.table.column(str(stream.counterparty)).to_pylist()
            counts &= np.array([name in close for name in other], np.bool_) == (value == "related")
    return activity.table.filter(pa.array(counts))
