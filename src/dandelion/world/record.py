"""Writes the record: one Parquet file a kind, payments one file a month, row groups as they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dandelion.core import arrow_schema
from dandelion.core.schema import TIMESTAMP
from dandelion.world.draws import Ints, time_order
from dandelion.world.names import instants, text

SOURCE = "world"
MONTHLY = ("payment",)  # kinds large enough for a file a month
UNIQUE_TEXT = ("source_id", "order_id", "invoice_no", "loan", "grant", "registration_no")  # no use for a dictionary
PREFIX = {
    "payment": "p", "order": "o", "refund": "f", "review": "v", "invoice": "i", "tax_filing": "t", "login": "l",
    "credit_inquiry": "q", "outside_loan": "b", "shareholding": "s", "role": "r", "placement": "g", "works": "w",
}  # fmt: skip


class RecordWriter:
    """Appends events of all kinds under `folder`; use as a context manager.  `counts` holds rows by kind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self._open: dict[str, pq.ParquetWriter] = {}
        self._month = -1

    def __enter__(self) -> RecordWriter:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._open.values():
            writer.close()
        self._open.clear()

    def start_month(self, month: int) -> None:
        """Close the files of the month before and start the next ones."""
        for kind in MONTHLY:
            if kind in self._open:
                self._open.pop(kind).close()
        self._month = month

    def write(
        self, kind: str, block: int, at: Ints, arrived: Ints, columns: Mapping[str, pa.Array], end_us: int
    ) -> None:
        """Append rows of `kind` that happen before `end_us`, sorted by `at`; arrival never precedes the event.

        `source_id` is unique within the kind: prefix, block number and place.  Optional fields left out are null.
        """
        keep = np.flatnonzero(at < end_us)
        order = keep[time_order(at[keep])]
        rows = len(order)
        if rows == 0:
            return
        self.counts[kind] += rows
        schema = _schema(kind)
        at = at[order]
        arrived = np.clip(arrived[order], at, np.maximum(end_us - 1, at))
        ready: dict[str, pa.Array] = {
            "source_id": text(np.arange(rows), f"{PREFIX[kind]}{block}-"),
            "source": pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([SOURCE])),
            "at": instants(at),
            "arrived": instants(arrived),
        }
        take = None if np.array_equal(order, np.arange(len(columns[next(iter(columns))]))) else pa.array(order)
        for name, values in columns.items():
            ready[name] = values if take is None else values.take(take)
        arrays, types = [], []
        for field in schema:
            values = ready.get(field.name)
            values = pa.nulls(rows, field.type) if values is None else values
            arrays.append(values)
            types.append(pa.field(field.name, values.type, field.nullable))
        writer = self._writer(kind, pa.schema(types))
        writer.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(types)))

    def _writer(self, kind: str, schema: pa.Schema) -> pq.ParquetWriter:
        if kind not in self._open:
            path = self.folder / f"{kind}.parquet"
            if kind in MONTHLY:
                (self.folder / kind).mkdir(exist_ok=True)
                path = self.folder / kind / f"part-{self._month:03d}.parquet"
            self._open[kind] = open_writer(path, schema)
        return self._open[kind]


def open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Parquet without the Arrow schema, so that readers get plain strings; statistics on the instants only."""
    texts = [f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_dictionary(f.type)]
    instants_only = [f.name for f in schema if pa.types.is_timestamp(f.type)]
    return pq.ParquetWriter(
        path, schema, compression="lz4", use_dictionary=[name for name in texts if name not in UNIQUE_TEXT],
        write_statistics=instants_only, store_schema=False,
    )  # fmt: skip


def write_table(path: Path, table: pa.Table) -> int:
    """A whole table in one file; returns its rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_writer(path, table.schema) as writer:
        writer.write_table(table)
    return int(table.num_rows)


def _schema(kind: str) -> pa.Schema:
    """Columns of the record: the kind's own without event_id, with source_id first."""
    own = [field for field in arrow_schema(kind) if field.name != "event_id"]
    return pa.schema([pa.field("source_id", pa.string(), False), *own])


def empty_kind(kind: str) -> pa.Table:
    """No rows, right columns: for worlds too small to show a kind."""
    return _schema(kind).empty_table()


__all__ = ["TIMESTAMP", "RecordWriter", "empty_kind", "open_writer", "write_table"]
