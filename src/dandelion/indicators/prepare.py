"""Instants and corrections out of Arrow columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core.frame import Ints

NEVER = np.iinfo(np.int64).max


def micros(column: Any) -> Ints:
    """Instants of a timestamp (any unit) or int64 column."""
    if pa.types.is_timestamp(column.type):
        if column.type.unit != "us":
            column = column.cast(pa.timestamp("us", tz=column.type.tz))
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        parts = [chunk.view(pa.int64()).to_numpy(zero_copy_only=False) for chunk in chunks]
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int64), *parts])
    return np.asarray(column.to_numpy(), np.int64)


def gone_at(table: pa.Table, arrived: Ints) -> Ints:
    """When a correction of each event arrived; from then on (strictly after) the event no longer counts."""
    gone = np.full(table.num_rows, NEVER, np.int64)
    if "replaces" not in table.column_names or table.column("replaces").null_count == table.num_rows:
        return gone
    replaces = table.column("replaces").combine_chunks()
    correcting = np.flatnonzero(replaces.is_valid().to_numpy(zero_copy_only=False))
    at = pc.index_in(replaces.take(pa.array(correcting)), value_set=table.column("event_id").combine_chunks())
    found = pc.fill_null(at, -1).to_numpy(zero_copy_only=False)
    np.minimum.at(gone, found[found >= 0], arrived[correcting[found >= 0]])
    return gone
