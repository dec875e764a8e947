"""Row groups of a frame on their way to Parquet: three buffers in turn: one is filled, one waits for its last rows, one is
written.

A column of a group costs some 80 microseconds to write however short it is, so groups are long; their memory is taken once
and used again, since memory fresh from the system costs as much as what is written to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dandelion.core.frame import Floats, Ints
from dandelion.indicators.batch import Batch
from dandelion.indicators.rows import Rows

TIME = pa.timestamp("us", tz="UTC")
VALUES_AT_ONCE = 48_000_000  # of a group: 192 MB
BUFFERS = 3
_LINE = 16  # float32 values in a cache line


@dataclass
class Group:
    """`values` (columns, rows) and exact `fen` (money columns, rows) of some rows, filled by the futures in `parts`."""

    values: Floats
    fen: Ints
    rows: int = 0  # spoken for
    parts: list[tuple[Rows, Future[None]]] = field(default_factory=list)


class Groups:
    """Hands out places for rows, in order, and writes each group when all its rows are there.

    As a context it ends by writing what is left; an error of a part comes out there.
    """

    def __init__(self, out: Path | str, schema: pa.Schema, batch: Batch, rows: int) -> None:
        self._batch, self._schema, self.written = batch, schema, 0
        most = max(_LINE, min(rows, VALUES_AT_ONCE // max(1, len(batch.names))))
        self.most = (
            -(-most // _LINE) | 1
        ) * _LINE  # an odd number of lines: columns do not meet in the same cache sets
        self._free: SimpleQueue[Group] = SimpleQueue()
        for _ in range(BUFFERS):
            shape = len(batch.names), self.most
            self._free.put(Group(np.empty(shape, np.float32), np.empty((len(batch.work.money), self.most), np.int64)))
        self._group: Group | None = None
        self._writer = pq.ParquetWriter(
            out, schema, compression="none", use_dictionary=["entity"], data_page_size=1 << 26, write_batch_size=1 << 20,
            write_statistics=["entity", "as_of", "known_at"],
        )  # fmt: skip
        self._thread = ThreadPoolExecutor(1)
        self._writing: list[Future[None]] = []

    def __enter__(self) -> Groups:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._group is not None and kind is None:
                self._close(self._group)
            self._thread.shutdown()
            for future in self._writing:
                if kind is None:
                    future.result()
        finally:
            self._writer.close()

    def places(self, rows: Rows) -> Iterator[tuple[Group, Rows, int]]:
        """(group, some of the rows, first place in it): all rows in order.  Waits for a buffer where both are taken."""
        start = 0
        while start < len(rows):
            if self._group is not None and self._group.rows == self.most:
                self._close(self._group)
                self._group = None
            if self._group is None:
                self._group = self._free.get()
            group = self._group
            part = rows.part(start, start + self.most - group.rows)
            first, group.rows = group.rows, group.rows + len(part)
            start += len(part)
            yield group, part, first

    def _close(self, group: Group) -> None:
        self._writing.append(self._thread.submit(self._write, group))

    def _write(self, group: Group) -> None:
        try:
            for _, done in group.parts:
                done.result()
            batch = self._columns(group)
            self._writer.write_batch(batch, row_group_size=batch.num_rows)
            self.written += batch.num_rows
        finally:  # whoever waits for a buffer must not wait for ever
            group.rows, group.parts = 0, []
            self._free.put(group)

    def _columns(self, group: Group) -> pa.RecordBatch:
        parts = [rows for rows, _ in group.parts]
        names = np.concatenate([part.names for part in parts])
        moments = [np.concatenate([getattr(part, name) for part in parts]) for name in ("as_of", "known_at")]
        arrays = [pa.array(names, pa.string()), *(pa.array(moment).cast(TIME) for moment in moments)]
        arrays += [pa.array(line[: group.rows]) for line in group.values]
        place = {name: line for line, name in enumerate(self._batch.work.money)}
        for name in (one.name[4:] for one in self._schema if one.name.startswith("fen:")):
            missing = np.isnan(group.values[self._batch.names.index(name), : group.rows])
            exact = group.fen[place[name], : group.rows] if name in place else np.zeros(group.rows, np.int64)
            arrays.append(pa.array(exact, pa.int64(), mask=missing))
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)
