"""`read_frame`: a frame from sorted Parquet into memory, a portion of subjects at a time, only the columns it needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import Frame
from dandelion.core.frame import Floats, Ints
from dandelion.indicators.batch import Batch
from dandelion.indicators.columns import subjects_of, whole
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.memory import memory_kept, once
from dandelion.indicators.peer_tables import PeerHistory
from dandelion.indicators.plan import Key
from dandelion.indicators.relations import Added
from dandelion.indicators.rows import Rows
from dandelion.indicators.sources import ROWS_AT_ONCE, Files, paths_of, portions, subjects_in


@memory_kept()
def read_frame(
    definitions: Definitions, sources: Mapping[Key, Files], as_of: int, known_at: int, *,
    columns: Sequence[str] | None = None, granted: Collection[str] | None = None, related: Added | None = None,
    workers: int = 2, rows_at_once: int = ROWS_AT_ONCE,
    peers: PeerHistory | None = None,
) -> Frame:  # fmt: skip
    """One row per subject that the files hold, in order, all at one moment; the bytes of `evaluate` on the same events.

    `sources` are as for `write_frame`: Parquet sorted by (role, at, event id).  A subject is one that has events in any
    source that the columns are made of.  Errors (BadInput): unsorted files, missing or unknown columns.
    """
    batch = Batch.of(definitions, columns, sources.keys(), granted, workers, peers)
    work = batch.work
    files = {key: paths_of(given) for key, given in sources.items()}
    subjects = subjects_in({key: files[key] for key in work.tables})
    values = once((len(subjects), len(batch.names)), np.float32)  # each portion writes its rows, in order
    fen = np.empty((len(work.money), len(subjects)), np.int64)
    waiting: deque[tuple[Future[None], int]] = deque()
    first = held = 0  # rows of the frame so far, and of the events that wait
    with ThreadPoolExecutor(workers) as pool:
        for _, tables in portions(work.layouts, files, rows_at_once):
            names = _names({key: tables[key] for key in work.tables if key in tables})
            rows = Rows.of(names, as_of, known_at)  # type: ignore[arg-type]
            events = sum(table.num_rows for table in tables.values())
            waiting.append((pool.submit(_portion, batch, tables, rows, related, values, fen, first), events))
            first, held = first + len(names), held + events
            while held > workers * rows_at_once:  # a full portion for each, and the small ones between them
                future, events = waiting.popleft()
                future.result()
                held -= events
        for future, _ in waiting:
            future.result()
    moment = Rows.of(subjects, as_of, known_at)  # type: ignore[arg-type]
    return Frame(
        subjects, moment.as_of, moment.known_at, batch.names, values, batch.catalogue, batch.money(values, fen)
    )


def _names(tables: Mapping[Key, pa.Table]) -> npt.NDArray[np.object_]:
    """Subjects of a portion, in order."""
    found = [subjects_of(whole(table.column(role))).to_pylist() for (_, role), table in tables.items()]
    return np.array(found[0] if len(found) == 1 else sorted(set().union(*found)), object)


def _portion(
    batch: Batch, tables: Mapping[Key, pa.Table], rows: Rows, related: Added | None, values: Floats, fen: Ints, first: int,
) -> None:  # fmt: skip
    fen[:, first : first + len(rows)] = batch.fill(batch.blocks(tables, rows), rows, related, values, first_out=first)
