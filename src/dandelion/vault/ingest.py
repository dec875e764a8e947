"""Bulk loading: Arrow in, validated, given ids, duplicates dropped, laid out, listed in one transaction.

Rows that break the contract go to a quarantine file with row number, field and reason; the others go in.  Loading the
same file twice changes nothing, because an event's id says where it came from.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from dandelion.core import BadInput, Clock, Conflict, content_ids, event_class, event_ids, fields_of, new_id, validate
from dandelion.core.schema import TIMESTAMP, Rejection
from dandelion.vault import id_index, manifest
from dandelion.vault.actor import Actor
from dandelion.vault.database import Database
from dandelion.vault.erased import erased_subjects
from dandelion.vault.lake import Lake
from dandelion.vault.manifest import IDS, LakeFile
from dandelion.vault.partition import arrange, micros, single
from dandelion.vault.tables import events, replacements
from dandelion.vault.work import unit_of_work

SLICE_ROWS = 4_000_000
TRIES = 5


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of a batch: `rows = added + duplicates + rejected`; `quarantine` names the file of rejected rows."""

    kind: str
    source: str
    rows: int
    added: int
    duplicates: int
    rejected: int
    quarantine: Path | None
    files: int
    seconds: float


def ingest(
    database: Database, lake: Lake, clock: Clock, tenant: str, kind: str, batch: pa.Table, source: str, actor: Actor
) -> IngestReport:
    """Load one batch.  Errors: BadInput where a required column is missing; Conflict if other writers never let up."""
    began = time.perf_counter()
    now = clock.now()
    good, rejections = validate(kind, _completed(tenant, kind, batch, source, now), now_us=now)
    quarantine = _quarantine(lake.folder / tenant / "quarantine", batch, rejections) if rejections else None
    added, files = 0, 0
    for start in range(0, good.num_rows, SLICE_ROWS):
        part = good.slice(start, SLICE_ROWS)
        n, m = _load(database, lake, clock, tenant, kind, part, source, actor)
        added, files = added + n, files + m
    return IngestReport(
        kind, source, batch.num_rows, added, good.num_rows - added, len(rejections), quarantine, files,
        time.perf_counter() - began,
    )  # fmt: skip


def _completed(tenant: str, kind: str, batch: pa.Table, source: str, now: int) -> pa.Table:
    """The batch with `source`, `arrived` and `event_id` filled in where it lacks them."""
    if not source:
        raise BadInput("name the source the batch comes from", field="source")
    rows = batch.num_rows
    if "source" not in batch.column_names:
        batch = batch.append_column("source", pa.repeat(pa.scalar(source), rows))
    if "arrived" not in batch.column_names:
        batch = batch.append_column("arrived", pa.repeat(pa.scalar(now, TIMESTAMP), rows))
    if "event_id" in batch.column_names:
        return batch
    if "source_id" in batch.column_names:
        texts = batch.column("source_id").cast(pa.string()).to_pylist()
        ids = iter(event_ids(tenant, source, [text for text in texts if text is not None]))
        return batch.append_column(
            "event_id", pa.array([None if text is None else next(ids) for text in texts], pa.string())
        )
    return batch.append_column("event_id", pa.array(_content_ids(tenant, kind, batch, source), pa.string()))


def _content_ids(tenant: str, kind: str, batch: pa.Table, source: str) -> list[str]:
    """:func:`core.content_ids` over the content columns, without holding a Python tuple per row of the whole batch."""
    names = [f.name for f in fields_of(kind) if f.name not in ("event_id", "source", "arrived")]
    columns = [_as_text(batch.column(name)) for name in names if name in batch.column_names]
    if not columns:
        return [""] * batch.num_rows
    content = pc.binary_join_element_wise(*columns, "\x1e")
    codes = pc.dictionary_encode(single(content))
    index = codes.indices.to_numpy()
    repeated = np.bincount(index, minlength=len(codes.dictionary))[index] > 1
    ids = np.empty(batch.num_rows, object)
    for chosen in (np.flatnonzero(repeated), *np.array_split(np.flatnonzero(~repeated), 1 + batch.num_rows // 500_000)):
        rows = [(text,) for text in content.take(pa.array(chosen)).to_pylist()]
        ids[chosen] = content_ids(tenant, source, rows)
    return list(ids)


def _as_text(column: Any) -> Any:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64())
    return pc.fill_null(column.cast(pa.string()), "None")


def _quarantine(folder: Path, batch: pa.Table, rejections: Sequence[Rejection]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{new_id()}.parquet"
    rows = [rejection.row for rejection in rejections]
    why = pa.table(
        {
            "row": pa.array(rows, pa.int64()),
            "field": pa.array([rejection.field for rejection in rejections], pa.string()),
            "reason": pa.array([rejection.reason for rejection in rejections], pa.string()),
        }
    )
    given = batch.take(pa.array(rows))
    for name in given.column_names:
        why = why.append_column(f"given_{name}", given.column(name))
    pq.write_table(why, path)
    return path


def _load(
    database: Database, lake: Lake, clock: Clock, tenant: str, kind: str, rows: pa.Table, source: str, actor: Actor
) -> tuple[int, int]:
    """(rows added, files written).  Begins again where another writer changed the kind meanwhile."""
    rows = rows.combine_chunks()
    first = _first_of_each(id_index.prefixes(rows.column("event_id")), rows)
    for _ in range(TRIES):
        with database.read() as connection:
            version = manifest.version(connection, tenant, kind)
            index = manifest.files(connection, tenant, kind, IDS)
            role = event_class(kind).ROLES[0]
            data = manifest.files(connection, tenant, kind, role)
            tail = _tail_ids(connection, tenant, kind)
            gone = erased_subjects(connection, tenant)
        fresh = _without_known(lake, first, index, data, tail)
        if fresh.num_rows == 0:
            return 0, 0
        made = _write(lake, tenant, kind, fresh, gone)
        with unit_of_work(database, clock, tenant) as work:
            work.lock(f"lake/{kind}")
            unchanged = manifest.version(work.connection, tenant, kind) == version
            if unchanged and erased_subjects(work.connection, tenant) == gone:
                manifest.swap(work.connection, tenant, kind, work.now, add=made, drop=[])
                _remember_corrections(database, work.connection, tenant, kind, fresh)
                detail = {"kind": kind, "source": source, "rows": fresh.num_rows, "files": len(made)}
                work.audit(actor, "events.ingested", "*", detail)
                return fresh.num_rows, len(made)
        for file in made:
            (lake.folder / file.path).unlink(missing_ok=True)
    raise Conflict(f"other writers kept changing {kind}; load one batch of a kind at a time", field="kind")


def _first_of_each(values: id_index.Prefixes, rows: pa.Table) -> pa.Table:
    """Rows whose id did not occur before in the batch."""
    order = np.argsort(values, kind="stable")
    same = np.flatnonzero(np.diff(values[order].view(np.int64)) == 0)
    if len(same) == 0:
        return rows
    doubtful = np.unique(np.concatenate([order[same], order[same + 1]]))
    ids = rows.column("event_id").take(pa.array(doubtful)).to_pylist()
    seen: set[str] = set()
    keep = np.ones(rows.num_rows, bool)
    for row, id_ in zip(doubtful, ids, strict=True):
        keep[row] = id_ not in seen
        seen.add(id_)
    return rows.filter(pa.array(keep))


def _without_known(
    lake: Lake, rows: pa.Table, index: Sequence[LakeFile], data: Sequence[LakeFile], tail: pa.Array
) -> pa.Table:
    known = pa.array([], pa.string())
    doubtful = np.flatnonzero(id_index.suspects(lake, index, id_index.prefixes(rows.column("event_id"))))
    if len(doubtful):
        ids = single(rows.column("event_id").take(pa.array(doubtful)))
        known = id_index.held_ids(lake, data, ids)
    if len(tail):
        known = pa.concat_arrays([known, tail])
    if len(known) == 0:
        return rows
    return rows.filter(pc.invert(pc.is_in(rows.column("event_id"), value_set=known))).combine_chunks()


def _tail_ids(connection: sa.Connection, tenant: str, kind: str) -> pa.Array:
    query = sa.select(events.c.event_id).where(events.c.tenant == tenant, events.c.kind == kind)
    return pa.array([id_ for (id_,) in connection.execute(query)], pa.string())


def _write(lake: Lake, tenant: str, kind: str, rows: pa.Table, gone: frozenset[str]) -> list[LakeFile]:
    """One copy per role, and the index of ids."""
    made: list[LakeFile] = []
    with ThreadPoolExecutor(lake.threads) as pool:
        for role in event_class(kind).ROLES:
            kept = rows
            if gone:
                kept = rows.filter(
                    pc.invert(pc.is_in(rows.column(role), value_set=pa.array(sorted(gone))))
                ).combine_chunks()
            waiting = [
                pool.submit(lambda role, part, chosen, table: lake.write(tenant, kind, role, part, table.take(chosen)),
                            role, part, pa.array(chosen), kept)
                for part, chosen in arrange(kept, role, lake.buckets)
            ]  # fmt: skip
            made += [done.result() for done in waiting]
    at = micros(rows.column("at"))
    values = id_index.prefixes(rows.column("event_id"))
    made.append(id_index.write(lake, tenant, kind, values, int(at.min()), int(at.max())))
    return made


def _remember_corrections(
    database: Database, connection: sa.Connection, tenant: str, kind: str, rows: pa.Table
) -> None:
    if rows.column("replaces").null_count == rows.num_rows:
        return
    some = rows.filter(pc.is_valid(rows.column("replaces"))).select(["replaces", "event_id", "arrived"])
    new = [
        {"tenant": tenant, "kind": kind, "replaced": replaced, "by_event": id_, "arrived": arrived, "sealed": False}
        for replaced, id_, arrived in zip(
            some.column("replaces").to_pylist(), some.column("event_id").to_pylist(),
            micros(some.column("arrived")).tolist(), strict=True,
        )
    ]  # fmt: skip
    database.insert_new(connection, replacements, new)
