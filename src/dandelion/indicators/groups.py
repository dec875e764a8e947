"""Row groups of a frame on their way to Parquet: three buffers in turn: one is filled, one waits for its last rows, one is
written.

A column of a group costs some 25 to 80 microseconds to write however short it is, so groups are long; their memory is taken once
and used again, since memory fresh from the system costs as much as what is written to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from dandelion.indicators.direct_file import DirectFile
from dandelion.indicators.rows import Rows

TIME = pa.timestamp("us", tz="UTC")
VALUES_AT_ONCE = 48_000_000  # of a group: 192 MB
BUFFERS = 3
CODEC, SAMPLE, PACKED_MAX = "snappy", 4_096, 0.3  # rows looked at; bytes left of those before
_LINE = 16  # float32 values in a cache line


@dataclass
class Group:
    """`values` (columns, rows) and exact `fen` (money columns, rows) of some rows, filled by the futures in `parts`."""

    values: Floats
    fen: Ints
    rows: int = 0  # spoken for
    parts: list[Future[None]] = field(default_factory=list)


class Groups:
    """Hands out places for rows, in order, and writes each group when all its rows are there.

    As a context it ends by writing what is left; an error of a part comes out there.
    """

    def __init__(self, out: Path | str, schema: pa.Schema, batch: Batch, asked: tuple[pa.Array, Ints, Ints]) -> None:
        """`asked` are the entity, `as_of` and `known_at` of all rows, in the order in which places are asked for."""
        self._batch, self._schema, self.written = batch, schema, 0
        self._heads = [asked[0], *(pa.array(moment).cast(TIME) for moment in asked[1:])]
        most = max(_LINE, min(len(asked[0]), VALUES_AT_ONCE // max(1, len(batch.names))))
        self.most = (
            -(-most // _LINE) | 1
        ) * _LINE  # an odd number of lines: columns do not meet in the same cache sets
        self._free: SimpleQueue[Group] = SimpleQueue()
        for _ in range(BUFFERS):
            values = _lined(len(batch.names) * self.most).reshape(len(batch.names), self.most)
            self._free.put(Group(values, np.empty((len(batch.work.money), self.most), np.int64)))
        self._group: Group | None = None
        self._file = DirectFile(out)
        self._writer: pq.ParquetWriter | None = None
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
            try:
                (self._writer or self._open({})).close()
            finally:
                self._file.close()

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
            for done in group.parts:
                done.result()
            batch = self._columns(group)
            if self._writer is None:
                self._writer = self._open(_packed(self._batch.names, group))
            self._writer.write_batch(batch, row_group_size=batch.num_rows)
            self.written += batch.num_rows
        finally:  # whoever waits for a buffer must not wait for ever
            group.rows, group.parts = 0, []
            self._free.put(group)

    def _open(self, packed: dict[str, str]) -> pq.ParquetWriter:
        """`packed` are the columns to compress, with the codec."""
        return pq.ParquetWriter(
            self._file, self._schema, compression=dict.fromkeys(self._schema.names, "none") | packed,
            use_dictionary=["entity"], data_page_size=1 << 26, write_batch_size=1 << 20,
            write_statistics=["entity", "as_of", "known_at"],
        )  # fmt: skip

    def _columns(self, group: Group) -> pa.RecordBatch:
        arrays = [head.slice(self.written, group.rows) for head in self._heads]
        arrays += [pa.array(line[: group.rows]) for line in group.values]
        place = {name: line for line, name in enumerate(self._batch.work.money)}
        for name in (one.name[4:] for one in self._schema if one.name.startswith("fen:")):
            missing = np.isnan(group.values[self._batch.names.index(name), : group.rows])
            exact = group.fen[place[name], : group.rows] if name in place else np.zeros(group.rows, np.int64)
            arrays.append(pa.array(exact, pa.int64(), mask=missing))
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


def _lined(size: int) -> Floats:
    """Memory that begins with a cache line, so that sixteen rows of a column are one."""
    held = np.empty(size + _LINE, np.float32)
    first = -(held.ctypes.data // held.itemsize) % _LINE
    return held[first : first + size]


def _packed(names: Sequence[str], group: Group) -> dict[str, str]:
    """Columns of which most rows are alike, told by some rows of the group: these are packed nearly as fast as written."""
    codec = pa.Codec(CODEC)
    first = group.rows // 2
    some = group.values[:, first : first + SAMPLE]
    return {name: CODEC for name, line in zip(names, some, strict=True)
            if len(codec.compress(pa.py_buffer(line))) < PACKED_MAX * line.nbytes}  # fmt: skip
