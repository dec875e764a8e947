"""Compaction: the tail and late files fold into one file per partition; erased rows go; the id index becomes one file.

Files are written first and listed in one transaction, so that a crash leaves the old state and some orphans.  Old files
go to the trash and are deleted only when every reader that could hold them is long gone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from dandelion.core import SECOND_US, Clock, Conflict, event_class
from dandelion.vault import id_index, manifest
from dandelion.vault.actor import Actor
from dandelion.vault.database import Database
from dandelion.vault.erased import erased_subjects
from dandelion.vault.lake import Lake
from dandelion.vault.manifest import IDS, LakeFile
from dandelion.vault.partition import Part, arrange, bucket_of, micros, single, sort_rows
from dandelion.vault.reading import tail_table
from dandelion.vault.tables import erasures, event_subjects, events, seals
from dandelion.vault.work import Work, unit_of_work

GRACE_S = 600  # longer than any read; a request is cut off long before
TRIES = 3
FOLD_MAX = 500_000  # tail events folded in one go


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What a compaction did."""

    folded: int
    files_before: int
    files_after: int
    erased_rows: int
    swept: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one kind looked like when its compaction began."""

    kind: str
    version: int
    files: tuple[LakeFile, ...]
    index: tuple[LakeFile, ...]
    tail: pa.Table


def compact(
    database: Database, lake: Lake, clock: Clock, tenant: str, actor: Actor, *, grace_s: int = GRACE_S
) -> CompactReport:
    """Compact every kind of a tenant.  Safe beside readers and writers.  Errors: Conflict if writers never let up."""
    with database.read() as connection:
        found = set(manifest.kinds(connection, tenant))
        listed = sa.select(events.c.kind).where(events.c.tenant == tenant).distinct()
        found.update(kind for (kind,) in connection.execute(listed))
        erased = erased_subjects(connection, tenant)
        dirty = _dirty(connection, tenant)
    folded = before = after = vanished = 0
    for kind in sorted(found):
        while True:
            done, files, left, rows = _compact_kind(database, lake, clock, tenant, kind, erased, dirty, actor)
            folded, before, after, vanished = folded + done, before + files, after + left, vanished + rows
            if done < FOLD_MAX:
                break
    with unit_of_work(database, clock, tenant) as work:
        for subject in sorted(dirty):
            where = (erasures.c.tenant == tenant, erasures.c.subject == subject)
            work.connection.execute(sa.update(erasures).where(*where).values(lake_clean=True))
    swept = sweep(database, lake, clock, tenant, grace_s=grace_s)
    return CompactReport(folded, before, after, vanished, swept)


def _dirty(connection: sa.Connection, tenant: str) -> frozenset[str]:
    """Erased subjects whose lake rows may still be there."""
    query = sa.select(erasures.c.subject).where(erasures.c.tenant == tenant, erasures.c.lake_clean.is_(False))
    return frozenset(subject for (subject,) in connection.execute(query))


def _compact_kind(
    database: Database,
    lake: Lake,
    clock: Clock,
    tenant: str,
    kind: str,
    erased: frozenset[str],
    dirty: frozenset[str],
    actor: Actor,
) -> tuple[int, int, int, int]:
    """(events folded, files before, files after, rows erased)"""
    for _ in range(TRIES):
        plan = _plan(database, tenant, kind)
        fresh = _not_stored(lake, plan)
        drop: list[LakeFile] = []
        add: list[LakeFile] = []
        vanished = 0
        for role in event_class(kind).ROLES:
            gone, made, rows = _rewrite(lake, tenant, plan, role, fresh, erased, dirty)
            drop, add, vanished = drop + gone, add + made, vanished + rows
        if fresh.num_rows or len(plan.index) > 1:
            drop, add = drop + list(plan.index), [*add, *_one_index(lake, tenant, plan, fresh)]
        if not drop and not add and plan.tail.num_rows == 0:
            return 0, len(plan.files), len(plan.files), 0
        with unit_of_work(database, clock, tenant) as work:
            work.lock(f"lake/{kind}")
            if manifest.version(work.connection, tenant, kind) == plan.version:
                manifest.swap(work.connection, tenant, kind, work.now, add=add, drop=drop)
                _clear_tail(work, plan.tail)
                detail = {"kind": kind, "folded": fresh.num_rows, "files": len(add), "erased_rows": vanished}
                work.audit(actor, "lake.compacted", "*", detail)
                data = [file for file in drop if file.role != IDS], [file for file in add if file.role != IDS]
                after = len(plan.files) - len(data[0]) + len(data[1])
                return fresh.num_rows, len(plan.files), after, vanished
        for file in add:
            (lake.folder / file.path).unlink(missing_ok=True)
    raise Conflict(f"other writers kept changing {kind}; compact when loading is done", field="kind")


def _plan(database: Database, tenant: str, kind: str) -> _Plan:
    columns = (events.c.event_id, events.c.source, events.c.at, events.c.arrived, events.c.replaces, events.c.payload)
    query = sa.select(*columns).where(events.c.tenant == tenant, events.c.kind == kind)
    with database.read() as connection:
        files = [f for role in event_class(kind).ROLES for f in manifest.files(connection, tenant, kind, role)]
        return _Plan(
            kind, manifest.version(connection, tenant, kind), tuple(files),
            tuple(manifest.files(connection, tenant, kind, IDS)),
            tail_table(kind, connection.execute(query.order_by(events.c.at).limit(FOLD_MAX)).all()),
        )  # fmt: skip


def _not_stored(lake: Lake, plan: _Plan) -> pa.Table:
    """Tail rows that the lake does not hold yet."""
    ids = plan.tail.column("event_id")
    doubtful = np.flatnonzero(id_index.suspects(lake, plan.index, id_index.prefixes(ids)))
    if len(doubtful) == 0:
        return plan.tail
    first = event_class(plan.kind).ROLES[0]
    data = [file for file in plan.files if file.role == first]
    held = id_index.held_ids(lake, data, single(ids.take(pa.array(doubtful))))
    return plan.tail.filter(pc.invert(pc.is_in(ids, value_set=held)))


def _rewrite(
    lake: Lake, tenant: str, plan: _Plan, role: str, fresh: pa.Table, erased: frozenset[str], dirty: frozenset[str]
) -> tuple[list[LakeFile], list[LakeFile], int]:
    """(files to drop, files to add, rows erased) of one role: only partitions where something changes."""
    held: dict[Part, list[LakeFile]] = {}
    for file in plan.files:
        if file.role == role:
            bucket = file.bucket if file.buckets == lake.buckets else -1
            held.setdefault(Part(file.month, bucket), []).append(file)
    fresh = _without(fresh, role, erased)
    if any(part.bucket < 0 for part in held):  # the bucket count was changed: lay everything out again
        return _lay_out_again(lake, tenant, plan, role, fresh, erased)
    late = {part: fresh.take(pa.array(rows)) for part, rows in arrange(fresh, role, lake.buckets)}
    touched = {Part(file.month, file.bucket) for file in plan.files if file.role == role and _holds(lake, file, dirty)}
    drop, add, vanished = [], [], 0
    for part in sorted(set(late) | touched | {part for part, files in held.items() if len(files) > 1}):
        old = held.get(part, [])
        if not old and part not in late:
            continue
        pieces = [lake.read_file(file) for file in old] + ([late[part]] if part in late else [])
        whole = pa.concat_tables(pieces)
        kept = _without(whole, role, erased)
        vanished += whole.num_rows - kept.num_rows
        drop += old
        if kept.num_rows:
            add.append(lake.write(tenant, plan.kind, role, part, kept.take(pa.array(sort_rows(kept, role)))))
    return drop, add, vanished


def _lay_out_again(
    lake: Lake, tenant: str, plan: _Plan, role: str, fresh: pa.Table, erased: frozenset[str]
) -> tuple[list[LakeFile], list[LakeFile], int]:
    drop, add, vanished = [], [], 0
    old = [file for file in plan.files if file.role == role]
    months = sorted({file.month for file in old})
    left = fresh
    for month in months:
        files = [file for file in old if file.month == month]
        inside = pc.equal(pc.strftime(left.column("at"), format="%Y-%m"), month)
        whole = pa.concat_tables([*(lake.read_file(file) for file in files), left.filter(inside)])
        left = left.filter(pc.invert(inside))
        kept = _without(whole, role, erased)
        vanished += whole.num_rows - kept.num_rows
        drop += files
        add += _laid_out(lake, tenant, plan.kind, role, kept)
    return drop, add + _laid_out(lake, tenant, plan.kind, role, left), vanished


def _laid_out(lake: Lake, tenant: str, kind: str, role: str, table: pa.Table) -> list[LakeFile]:
    return [
        lake.write(tenant, kind, role, part, table.take(pa.array(rows)))
        for part, rows in arrange(table, role, lake.buckets)
    ]


def _without(table: pa.Table, role: str, subjects: frozenset[str]) -> pa.Table:
    if not subjects or table.num_rows == 0:
        return table
    return table.filter(pc.invert(pc.is_in(table.column(role), value_set=pa.array(sorted(subjects), pa.string()))))


def _holds(lake: Lake, file: LakeFile, subjects: frozenset[str]) -> bool:
    """Whether a file has rows of any of `subjects` (hash first, then the rows)."""
    near = [subject for subject in subjects if bucket_of(subject, file.buckets) == file.bucket]
    if not near:
        return False
    column = lake.read_column(file, file.role)
    return bool(pc.any(pc.is_in(column, value_set=pa.array(near, pa.string()))).as_py())


def _one_index(lake: Lake, tenant: str, plan: _Plan, fresh: pa.Table) -> list[LakeFile]:
    """All ids of the kind in one sorted file."""
    values = [id_index.load(lake, file) for file in plan.index]
    values.append(id_index.prefixes(fresh.column("event_id")))
    spans = [(file.at_min, file.at_max) for file in plan.index]
    if fresh.num_rows:
        at = micros(fresh.column("at"))
        spans.append((int(at.min()), int(at.max())))
    if not spans:
        return []
    low, high = min(span[0] for span in spans), max(span[1] for span in spans)
    return [id_index.write(lake, tenant, plan.kind, np.concatenate(values), low, high)]


def _clear_tail(work: Work, folded: pa.Table) -> None:
    ids = folded.column("event_id").to_pylist()
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        for table in (event_subjects, events):
            work.connection.execute(sa.delete(table).where(table.c.tenant == work.tenant, table.c.event_id.in_(some)))


def sweep(database: Database, lake: Lake, clock: Clock, tenant: str, *, grace_s: int = GRACE_S) -> int:
    """Delete trashed files past their grace, and files no manifest ever listed (a crash left them)."""
    now = clock.now()
    with database.read() as connection:
        dead = manifest.trash(connection, tenant, before=now - grace_s * SECOND_US)
    for path in dead:
        (lake.folder / path).unlink(missing_ok=True)
    if dead:
        with unit_of_work(database, clock, tenant) as work:
            manifest.forget(work.connection, tenant, dead)
    return len(dead) + _sweep_orphans(database, lake, tenant, grace_s)


def _sweep_orphans(database: Database, lake: Lake, tenant: str, grace_s: int) -> int:
    """A file being written is younger than the grace, so it is left alone."""
    old = time.time() - max(grace_s, 0)
    home = lake.folder / tenant
    there = [p for suffix in ("parquet", "u64", "arrow", "npy") for p in home.rglob(f"*.{suffix}")]
    with database.read() as connection:
        listed = manifest.listed_paths(connection, tenant) | set(manifest.trash(connection, tenant))
        sealed = sa.select(seals.c.path).where(seals.c.tenant == tenant)
        listed |= {str(path) for (path,) in connection.execute(sealed)}
    count = 0
    for path in there:
        relative = path.relative_to(lake.folder)
        if relative.parts[1] == "quarantine" or str(relative) in listed or str(relative.with_suffix("")) in listed:
            continue
        if _modified(path) <= old:
            path.unlink(missing_ok=True)
            count += 1
    return count


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
