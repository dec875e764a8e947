"""Which events made this number."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dandelion.core import Column
from dandelion.indicators.block import Block
from dandelion.indicators.columns import Events
from dandelion.indicators.compute import places_of
from dandelion.indicators.declare import Base, window_us
from dandelion.indicators.definitions import RELATION_TABLES, Definitions
from dandelion.indicators.evaluate import Tables, evaluate
from dandelion.indicators.layout import ARRIVED, AT, GONE, OWN, layouts
from dandelion.indicators.needs import where_of
from dandelion.indicators.peer_explain import PeerGroup, group_of
from dandelion.indicators.peer_tables import PeerHistory
from dandelion.indicators.relations import related_of


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
    group: PeerGroup | None = None  # of a column against peers: whom it was held against


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
    peers: PeerHistory | None = None,
) -> Explanation:
    """The value of one column for one subject with the events behind it.  Errors (BadInput): unknown column."""
    bases = definitions.bases_of(column_id)
    frame = evaluate(definitions, events, [subject], as_of, known_at, columns=[column_id], granted=granted,
                     related=related, peers=peers)  # fmt: skip
    entry = frame.catalogue[column_id]
    value = float(frame[column_id][0])
    if entry.null_policy in ("not_consented", "not_supplied", "no_peer_table"):
        return Explanation(entry, value, ())
    parts = evaluate(definitions, events, [subject], as_of, known_at, columns=[b.id for b in bases], related=related)
    terms = [
        Term(base.id, float(parts[base.id][0]), events_of(definitions, base, events, subject, as_of, known_at, related))
        for base in bases
    ]
    group = None if peers is None else group_of(definitions, column_id, events, subject, as_of, known_at, peers)
    if group is not None and (own := group.own) not in {term.id for term in terms}:
        told = evaluate(definitions, events, [subject], as_of, known_at, columns=[own], related=related)
        terms.insert(0, Term(own, float(told[own][0]), next(iter(events.values())).slice(0, 0)))
    return Explanation(entry, value, tuple(terms), group)


def events_of(
    definitions: Definitions,
    base: Base,
    events: Tables,
    subject: str,
    as_of: int,
    known_at: int,
    related: Mapping[str, Collection[str]] | None,
) -> pa.Table:
    """The events that count for one event column, one by one and without the kernel."""
    key = (base.stream.kind, base.stream.role)
    laid = layouts(definitions, [base.id])
    found = Events.of(*key, events[key])
    blocks = {other: Block.of(layout, events[other]) for other, layout in laid.items() if other in events}
    block = blocks[key] = Block.of_events(laid[key], found)
    (place,) = block.slices([subject])
    if place < 0:
        return found.table.slice(0, 0)
    low, high = int(block.bounds[place]), int(block.bounds[place + 1])
    data, layout = block.data[:, low:high], block.layout
    counts = (data[AT] >= as_of - window_us(base.window)) & (data[AT] < as_of)
    counts &= (data[ARRIVED] < known_at) & (known_at <= data[GONE])
    if base.stream.latest_by:
        keys = data[layout.party_line(base.stream.latest_by)]
        newest = {keys[i]: i for i in np.flatnonzero(counts)}
        counts &= np.isin(np.arange(len(counts)), list(newest.values()))
    for split_at, level in where_of(base, layout):
        split = layout.splits[split_at]
        codes = data[layout.word_line(split)] >> split.shift & ((1 << split.bits) - 1)
        if split.dimension.source == "standing":
            names = np.array([subject], object)
            relations = {k: b for k, b in blocks.items() if k in RELATION_TABLES or k == key}
            close = related_of(relations, names, places_of(relations, names), np.array([as_of]), np.array([known_at]),
                               related)  # fmt: skip
            party = layout.parties.index(str(split.other))
            _, parties = close.codes(block, party, np.array([place]))
            codes = codes + 2 * (np.isin(data[layout.party_line(str(split.other))], parties) & (codes != OWN))
        fit = [code for code, levels in enumerate(split.sets) if level in levels]
        counts &= np.isin(codes, fit)
    return found.table.slice(low, high - low).filter(pa.array(counts))
