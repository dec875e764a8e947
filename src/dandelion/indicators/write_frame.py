"""`write_frame`: a training frame of any size, from sorted Parquet to Parquet, a portion of subjects at a time.

Reading, numbering, computing and writing overlap in `workers` threads; what is held is a few portions, whatever the
size of the lake or of the frame.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dandelion.core import BadInput, Column
from dandelion.core.frame import Ints
from dandelion.indicators.batch import Batch
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.plan import Key
from dandelion.indicators.prepare import micros
from dandelion.indicators.relations import Added
from dandelion.indicators.rows import Rows
from dandelion.indicators.sources import ROWS_AT_ONCE, Files, paths_of, portions

CELLS_AT_ONCE = 16_000_000  # values computed at a time by one thread: 64 MB
_META = b"dandelion.frame"  # where `Frame.from_arrow` looks for the catalogue
_TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Written:
    """What `write_frame` did.  `events` are the rows of Parquet that were read."""

    rows: int
    columns: int
    events: int


def write_frame(
    definitions: Definitions, sources: Mapping[Key, Files], labels: pa.Table | Path | str, out: Path | str, *,
    columns: Sequence[str] | None = None, granted: Collection[str] | None = None, related: Added | None = None,
    workers: int = 2, progress: Callable[[int, int], None] | None = None, rows_at_once: int = ROWS_AT_ONCE,
) -> Written:  # fmt: skip
    """Write one row per label (`entity`, `as_of`, `known_at`) to the Parquet file `out`, in order of entity.

    `sources` maps (kind, role) to Parquet files sorted by (role, at, event id), in order where there are several; ties
    keep the order of the file.  A kind that is not among them is missing.  Values are float32, money is int64 beside
    them as ``fen:<id>``; the catalogue is in the file's metadata, so that `Frame.from_arrow` reads it whole.
    `progress(done, of)` is told of finished labels.  Errors (BadInput): labels or files that lack a column or are not
    sorted, unknown column.
    """
    batch = Batch.of(definitions, columns, sources.keys(), granted, workers)
    asked = _Labels.of(labels)
    files = {key: paths_of(paths) for key, paths in sources.items()}
    schema = _schema(definitions, batch.names, batch.catalogue)
    done = events = 0
    with ThreadPoolExecutor(workers) as pool, pq.ParquetWriter(
        out, schema, compression="none", use_dictionary=["entity"], write_statistics=["entity", "as_of", "known_at"],
        data_page_size=1 << 22,
    ) as writer:  # fmt: skip
        waiting: list[Future[list[pa.RecordBatch]]] = []

        def settle(most: int) -> int:
            written = 0
            while len(waiting) > most:
                for batch in waiting.pop(0).result():
                    writer.write_batch(batch, row_group_size=batch.num_rows)
                    written += batch.num_rows
            return written

        for tables, rows in asked.beside(portions(batch.work.layouts, files, rows_at_once)):
            events += sum(table.num_rows for table in tables.values())
            waiting.append(pool.submit(_portion, batch, schema, tables, rows, related))
            done += settle(workers)
            if progress:
                progress(done, len(asked))
        done += settle(0)
        if progress:
            progress(done, len(asked))
    return Written(done, len(batch.names), events)


class _Labels:
    """Labels in order of entity, handed out beside the portions of events."""

    def __init__(self, entity: pa.Array, as_of: Ints, known_at: Ints) -> None:
        self.entity, self.as_of, self.known_at = entity, as_of, known_at

    def __len__(self) -> int:
        return len(self.entity)

    @classmethod
    def of(cls, given: pa.Table | Path | str) -> _Labels:
        table = given if isinstance(given, pa.Table) else pq.read_table(given)
        for name in ("entity", "as_of", "known_at"):
            if name not in table.column_names:
                raise BadInput(f"labels lack column {name!r}; they have {', '.join(table.column_names)}", field=name)
        entity = table.column("entity").cast(pa.string()).combine_chunks()
        as_of, known_at = micros(table.column("as_of")), micros(table.column("known_at"))
        if pc.any(pc.less(entity[1:], entity[:-1])).as_py():
            order = np.asarray(pc.sort_indices(entity).to_numpy(), np.int64)
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


def _portion(
    batch: Batch, schema: pa.Schema, tables: Mapping[Key, pa.Table], rows: Rows, related: Added | None
) -> list[pa.RecordBatch]:
    """Numbers, values and columns of one portion of subjects."""
    work, names = batch.work, batch.names
    blocks = batch.blocks(tables, rows)
    step = max(1, CELLS_AT_ONCE // max(1, len(names)))
    out = []
    for start in range(0, len(rows), step):
        part = rows.part(start, start + step)
        values = np.empty((len(names), len(part)), np.float32)
        fen = batch.fill(blocks, part, related, values, columnar=True)
        arrays = [
            pa.array(part.names, pa.string()),
            *(pa.array(moment).cast(_TIME) for moment in (part.as_of, part.known_at)),
            *(pa.array(line) for line in values),
        ]
        place = {name: line for line, name in enumerate(work.money)}
        for money in (field.name[4:] for field in schema if field.name.startswith("fen:")):
            known = np.isnan(values[names.index(money)])
            exact = fen[place[money]] if money in place else np.zeros(len(part), np.int64)
            arrays.append(pa.array(exact, pa.int64(), mask=known))
        out.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return out


def _schema(definitions: Definitions, names: Sequence[str], catalogue: Mapping[str, Column]) -> pa.Schema:
    entries = json.dumps([asdict(catalogue[name]) for name in names], ensure_ascii=False)
    money = [name for name in names if name in definitions.money]
    fields = [
        *(pa.field(*one, nullable=False) for one in (("entity", pa.string()), ("as_of", _TIME), ("known_at", _TIME))),
        *(pa.field(name, pa.float32(), nullable=False) for name in names), *(pa.field(f"fen:{name}", pa.int64()) for name in money),
    ]  # fmt: skip
    return pa.schema(fields, metadata={_META: entries.encode()})
