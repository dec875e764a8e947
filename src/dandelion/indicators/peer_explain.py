"""Whom a column against peers was held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.indicators.block import Block
from dandelion.indicators.declare import Derive
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.evaluate import Tables, evaluate
from dandelion.indicators.layout import layouts
from dandelion.indicators.peer_groups import groups_of
from dandelion.indicators.peer_tables import PeerHistory
from dandelion.indicators.peers import BY, OP, parts_of, settings
from dandelion.indicators.rows import Rows


@dataclass(frozen=True, slots=True)
class PeerGroup:
    """The group as the table of `boundary` has it: `subjects` merchants and the quartiles of `own`, the column compared."""

    own: str
    by: tuple[str, ...]
    boundary: int
    table: str  # content hash of the month's table
    subjects: int
    low: float
    middle: float
    high: float


def group_of(
    definitions: Definitions, column: str, events: Tables, subject: str, as_of: int, known_at: int, peers: PeerHistory
) -> PeerGroup | None:
    """None for another column, before the first month, and where the group is unknown or below five."""
    definition = definitions.definition(column)
    before = [at for at in peers.boundaries() if at <= min(as_of, known_at)]
    if not isinstance(definition, Derive) or definition.op != OP or not before:
        return None
    own, parts, size = definition.of[0], parts_of(definition), settings().size.column
    rows = Rows.of([subject], as_of, known_at)
    blocks = {key: Block.of(layout, events[key]) for key, layout in layouts(definitions, definition.of).items()}
    receipts = None
    if "size" in parts:
        receipts = evaluate(definitions, events, [subject], as_of, known_at, columns=[size]).values[:, 0]
    keys, known = groups_of(definitions, frozenset(parts), blocks, rows, receipts)
    table = peers.table(before[-1])
    groups = table.by.get(".".join(parts))
    use = np.array([name in parts for name in BY])
    place = None if groups is None else groups.place.get(tuple(np.where(use, keys[0], 0).tolist()))
    if groups is None or place is None or not known[0, use].all() or own not in table.line:
        return None
    low, middle, high = groups.quartiles[:, place, table.line[own]].tolist()
    count = int(groups.subjects[place, table.line[own]])
    return PeerGroup(own, parts, before[-1], table.hash, count, low, middle, high) if count else None
