"""The monthly job: tables of peers from everybody's events."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from dandelion.indicators.batch import Batch
from dandelion.indicators.block import Block
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.evaluate import Tables
from dandelion.indicators.late import late_columns
from dandelion.indicators.peer_groups import groups_of
from dandelion.indicators.peer_stage import PeerStage
from dandelion.indicators.peer_tables import PeerTable, PeerTables, quartiles_of
from dandelion.indicators.peers import OP, settings
from dandelion.indicators.rows import Rows


def peer_tables(
    definitions: Definitions, events: Tables, subjects: Sequence[str], boundaries: Sequence[int], columns: Collection[str],
    *, workers: int = 1,
) -> PeerTables:  # fmt: skip
    """The tables of `boundaries` (UTC microseconds) that the columns against peers among `columns` are read from.

    Each holds only what had happened and arrived before its own boundary.  `subjects` are those whom others may be
    compared with; `events` hold what each of them allowed to be read.  Errors (BadInput): unknown column, a table of
    events that is missing.
    """
    stage = PeerStage.of(definitions, _against(definitions, columns), PeerTables({}))
    measured = {column.own: column.definition for column in stage.columns}
    groupings = tuple(dict.fromkeys(column.parts for column in stage.columns))
    batch = Batch.of(definitions, stage.inner, definitions.needs(stage.inner), None, workers)
    blocks = {key: Block.of(layout, events[key]) for key, layout in batch.work.layouts.items()}
    made: dict[int, PeerTable] = {}
    parts = frozenset(part for grouping in groupings for part in grouping)
    size = settings().size.column
    for boundary in sorted(boundaries):
        rows = Rows.of(subjects, boundary, boundary)
        values = np.empty((len(rows), len(batch.names)), np.float32)
        batch.fill(blocks, rows, None, values, workers=workers)
        receipts = values[:, batch.names.index(size)] if size in batch.names else None
        keys, known = groups_of(definitions, parts, blocks, rows, receipts)
        own = values[:, [batch.names.index(name) for name in measured]]
        made[boundary] = quartiles_of(boundary, measured, own, keys, known, groupings, settings().subjects_min)
    return PeerTables(made)


def _against(definitions: Definitions, columns: Collection[str]) -> list[str]:
    return [name for name, definition in late_columns(definitions, columns).items() if definition.op == OP]
