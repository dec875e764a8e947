"""Definitions and events to a `Frame`: only the columns asked for, exact, in any number of rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import Frame
from dandelion.indicators.batch import Batch
from dandelion.indicators.block import Block
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.peer_tables import PeerHistory
from dandelion.indicators.plan import Key
from dandelion.indicators.rows import Rows

Tables = Mapping[Key, pa.Table]


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
    peers: PeerHistory | None = None,
) -> Frame:
    """One row per (subject, as_of, known_at); an event counts if ``at < as_of`` and ``arrived < known_at``, and stops
    counting once a correction of it has arrived before `known_at`.

    `events` maps (kind, role) to that role's table; a stream whose table is not in the mapping is missing
    ("not_supplied"), an empty table means nothing happened.  `granted` names the data kinds a consent covers (None:
    all); columns of others are NaN and the frame's catalogue says "not_consented".  `related` adds accounts whose
    payments to a subject are no trade.  `workers` threads share the rows; the result is the same for any number.
    `peers` are the monthly tables that columns against peers read; without them those are missing ("no_peer_table").
    Errors (BadInput): unknown column, missing event column, instants that do not fit the subjects.
    """
    batch = Batch.of(definitions, columns, events.keys(), granted, workers, peers)
    rows = Rows.of(subjects, as_of, known_at)
    blocks = {key: Block.of(layout, events[key]) for key, layout in batch.work.layouts.items() if key in events}
    values = np.empty((len(rows), len(batch.names)), np.float32)
    fen = batch.fill(blocks, rows, related, values, workers=workers)
    return Frame(rows.names, rows.as_of, rows.known_at, batch.names, values, batch.catalogue, batch.money(values, fen))
