"""`write_frame`: a training frame of any size, from sorted Parquet to Parquet, a portion of subjects at a time.

Reading, numbering, computing and writing overlap in `workers` threads; what is held is a few portions, whatever the
size of the lake or of the frame.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dandelion.core import BadInput, Column
from dandelion.core.frame import Ints
from dandelion.indicators.batch import Batch
from dandelion.indicators.block import Block
from dandelion.indicators.columns import texts
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.groups import TIME, Group, Groups
from dandelion.indicators.memory import memory_kept
from dandelion.indicators.peer_tables import PeerHistory
from dandelion.indicators.plan import Key
from dandelion.indicators.prepare import micros
from dandelion.indicators.relations import Added
from dandelion.indicators.rows import Rows
from dandelion.indicators.sources import ROWS_AT_ONCE, Files, paths_of, portions
from dandelion.indicators.textcodes import text_order, texts_in_order

_META = b"dandelion.frame"  # where `Frame.from_arrow` looks for the catalogue


@dataclass(frozen=True, slots=True)
class Written:
    """What `write_frame` did.  `events` are the rows of Parquet that were read."""

    rows: int
    columns: int
    events: int


@memory_kept()
def write_frame(
    definitions: Definitions, sources: Mapping[Key, Files], labels: pa.Table | Path | str, out: Path | str, *,
    columns: Sequence[str] | None = None, granted: Collection[str] | None = None, related: Added | None = None,
    workers: int = 2, progress: Callable[[int, int], None] | None = None, rows_at_once: int = ROWS_AT_ONCE,
    peers: PeerHistory | None = None,
) -> Written:  # fmt: skip
    """Write one row per label (`entity`, `as_of`, `known_at`) to the Parquet file `out`, in order of entity.

    `sources` maps (kind, role) to Parquet files sorted by (role, at, event id), in order where there are several; ties
    keep the order of the file.  A kind that is not among them is missing.  Values are float32, money is int64 beside
    them as ``fen:<id>``; the catalogue is in the file's metadata, so that `Frame.from_arrow` reads it whole.
    `progress(done, of)` is told of finished labels.  Errors (BadInput): labels or files that lack a column or are not
    sorted, unknown column.
    """
    batch = Batch.of(definitions, columns, sources.keys(), granted, workers, peers)
    asked = _Labels.of(labels)
    files = {key: paths_of(paths) for key, paths in sources.items()}
    schema = _schema(definitions, batch.names, batch.catalogue)
    events = 0
    with (
        Groups(out, schema, batch, (asked.entity, asked.as_of, asked.known_at)) as groups,
        ThreadPoolExecutor(workers) as pool,
    ):
        waiting: list[Future[None]] = []
        for tables, rows in asked.beside(portions(batch.work.layouts, files, rows_at_once)):
            events += sum(table.num_rows for table in tables.values())
            blocks = _Blocks(batch, tables, rows)
            for group, part, first in groups.places(rows):
                waiting.append(pool.submit(_fill, batch, blocks, part, related, group, first))
                group.parts.append(waiting[-1])
            while len(waiting) > 2 * workers:
                waiting.pop(0).result()
            if progress:
                progress(groups.written, len(asked))
        for future in waiting:
            future.result()
    if progress:
        progress(groups.written, len(asked))
    return Written(groups.written, len(batch.names), events)


class _Blocks:
    """Blocks of a portion, made by whoever needs them first: no thread waits for another to make them."""

    def __init__(self, batch: Batch, tables: Mapping[Key, pa.Table], rows: Rows) -> None:
        self._make: Callable[[], dict[Key, Block]] | None = partial(batch.blocks, tables, rows)
        self._lock = Lock()

    def get(self) -> dict[Key, Block]:
        with self._lock:
            if self._make is not None:
                self._made, self._make = self._make(), None
            return self._made


def _fill(batch: Batch, blocks: _Blocks, rows: Rows, related: Added | None, group: Group, first: int) -> None:
    fen = batch.fill(blocks.get(), rows, related, group.values, columnar=True, first_out=first)
    group.fen[:, first : first + len(rows)] = fen


class _Labels:
    """Labels in order of entity, handed out beside the portions of events."""

    def __init__(self, entity: pa.Array, as_of: Ints, known_at: Ints) -> None:
        self.entity, self.as_of, self.known_at = entity, as_of, known_at

    def __len__(self) -> int:
        return len(self.entity)

    @classmethod
    def of(cls, given: pa.Table | Path | str) -> _Labels:
        table = given if isinstance(given, pa.Table) else pq.ParquetFile(given).read()
        for name in ("entity", "as_of", "known_at"):
            if name not in table.column_names:
                raise BadInput(f"labels lack column {name!r}; they have {', '.join(table.column_names)}", field=name)
        entity = table.column("entity").cast(pa.string()).combine_chunks()
        as_of, known_at = micros(table.column("as_of")), micros(table.column("known_at"))
        if entity.null_count:
            raise BadInput("labels have rows without 'entity'; leave them out", field="entity")
        offsets, data, _ = texts(entity)
        if not texts_in_order(offsets, data):
            order = text_order(offsets, data)
            entity, as_of, known_at = entity.take(pa.array(order)), as_of[order], known_at[order]
        return cls(entity, as_of, known_at)

    def beside(
        self, found: Iterator[tuple[str | None, dict[Key, pa.Table]]]
    ) -> Iterator[tuple[dict[Key, pa.Table], Rows]]:
        start = 0
        for until, tables in found:
            end = len(self) if until is None else _end(self.entity, until, start)
            names = np.asarray(self.entity[start:end].to_numpy(zero_copy_only=False), object)
            if len(names):
                yield tables, Rows(names, self.as_of[start:end], self.known_at[start:end])
            start = end


def _end(entity: pa.Array, until: str, low: int) -> int:
    high = len(entity)
    while low < high:
        middle = (low + high) // 2
        if entity[middle].as_py() <= until:
            low = middle + 1
        else:
            high = middle
    return low


def _schema(definitions: Definitions, names: Sequence[str], catalogue: Mapping[str, Column]) -> pa.Schema:
    entries = [{part.name: getattr(catalogue[name], part.name) for part in fields(Column)} for name in names]
    money = [name for name in names if name in definitions.money]
    listed = [
        *(pa.field(*one, nullable=False) for one in (("entity", pa.string()), ("as_of", TIME), ("known_at", TIME))),
        *(pa.field(name, pa.float32(), nullable=False) for name in names),
        *(pa.field(f"fen:{name}", pa.int64()) for name in money),
    ]
    return pa.schema(listed, metadata={_META: json.dumps(entries, ensure_ascii=False).encode()})
