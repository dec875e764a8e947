"""Reading events from where they are: sealed files while they are current, the lake otherwise, and the SQL tail.

Every answer is the same whatever the place: rows in the kind's schema, one per event id, corrected ones gone (or, with
history, marked with the instant from which they are).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from dandelion.core import arrow_schema
from dandelion.vault import manifest
from dandelion.vault.lake import Lake
from dandelion.vault.partition import micros, single, sort_rows
from dandelion.vault.sealed import HIDDEN, Seal, SealedFile, SealedFiles, sealed_schema
from dandelion.vault.tables import event_subjects, events, lake_versions, replacements, seals

Hidden = Mapping[str, int]  # event id -> arrival of the first correction


@dataclass(slots=True)
class Reading:
    """Reads of one tenant within one database snapshot."""

    connection: sa.Connection
    tenant: str
    lake: Lake
    sealed: SealedFiles
    _seals: dict[tuple[str, str], Seal]
    _stored: frozenset[str]  # kinds that have lake files
    _open: dict[str, dict[str, int]]  # kind -> corrections not yet baked into the seals
    _files: dict[tuple[str, str], list[manifest.LakeFile]] = field(default_factory=dict)
    _all: dict[str, dict[str, int]] = field(default_factory=dict)
    _tails: dict[tuple[str, int], dict[tuple[str, str], list[Any]]] = field(default_factory=dict)

    @classmethod
    def start(cls, connection: sa.Connection, tenant: str, lake: Lake, sealed: SealedFiles) -> Reading:
        """Look up which seals are current."""
        current: dict[tuple[str, str], Seal] = {}
        stored = set()
        for row in connection.execute(_VERSIONS, {"tenant": tenant}):
            stored.add(row.kind)
            if row.version == row.lake_version:
                current[row.kind, row.role] = Seal(row.kind, row.role, row.version, row.path, row.rows, row.from_us)
        open_: dict[str, dict[str, int]] = {}
        for kind, replaced, arrived in connection.execute(_OPEN, {"tenant": tenant}):
            _earliest(open_.setdefault(kind, {}), replaced, arrived)
        return cls(connection, tenant, lake, sealed, current, frozenset(stored), open_)

    def of_subject(self, kind: str, role: str, subject: str, start_us: int, end_us: int, known_us: int) -> pa.Table:
        """One subject's rows by (at, event_id)."""
        seal, file = self._current(kind, role)
        if file is None or seal is None:
            stored = self._from_lake(kind, role, subject, start_us, end_us, known_us)
        else:
            stored = self._from_seal(file, kind, subject, max(start_us, seal.from_us), end_us, known_us)
            if start_us < seal.from_us:
                older = self._from_lake(kind, role, subject, start_us, min(end_us, seal.from_us), known_us)
                stored = pa.concat_tables([older, stored]) if older.num_rows else stored
        tail = self._tail_of(subject, end_us, known_us).get((kind, role), [])
        return merged(stored, tail_table(kind, [row for row in tail if row.at >= start_us]), role) if tail else stored

    def of_all(
        self, kind: str, role: str, subjects: pa.Array | None, start_us: int, end_us: int, known_us: int, history: bool
    ) -> pa.Table:
        """The rows of `subjects` (None: everybody's) by (subject, at, event_id); with history also the corrected, and `hidden_from`."""
        seal, file = self._current(kind, role)
        if file is not None and seal is not None and start_us >= seal.from_us:
            stored = file.table() if subjects is None else _chosen(file, subjects)
            hidden: Hidden = self._open.get(kind, {})
        else:
            stored = self.lake.of_all(self.files(kind, role), kind, role, subjects, start_us, end_us, known_us)
            stored = stored.append_column(sealed_schema(kind).field(HIDDEN), pa.nulls(stored.num_rows, pa.int64()))
            hidden = self._corrections(kind)
        tail = self._tail(kind, role, start_us, end_us, known_us, history=history)
        if tail.num_rows:
            tail = tail if subjects is None else tail.filter(pc.is_in(tail.column(role), value_set=subjects))
            marks = self._corrections(kind) if history else {}
            stored = merged(
                stored, _marked(tail.append_column(HIDDEN, pa.nulls(tail.num_rows, pa.int64())), marks), role
            )
        stored = _within(_marked(stored, hidden), start_us, end_us, known_us, hide=not history)
        return stored if history else stored.drop_columns([HIDDEN]).cast(arrow_schema(kind))

    def files(self, kind: str, role: str) -> list[manifest.LakeFile]:
        """Lake files of a kind in a role."""
        if kind not in self._stored:
            return []
        if (kind, role) not in self._files:
            self._files[kind, role] = manifest.files(self.connection, self.tenant, kind, role)
        return self._files[kind, role]

    def _current(self, kind: str, role: str) -> tuple[Seal | None, SealedFile | None]:
        seal = self._seals.get((kind, role))
        return seal, self.sealed.open(seal.path, role) if seal else None

    def _from_seal(
        self, file: SealedFile, kind: str, subject: str, start_us: int, end_us: int, known_us: int
    ) -> pa.Table:
        rows = file.of_subject(subject)
        if rows.num_rows:
            at = micros(rows.column("at"))
            low, high = np.searchsorted(at, (start_us, end_us))
            rows = rows.slice(int(low), max(0, int(high - low)))
        rows = _visible(rows, known_us, self._open.get(kind, {}))
        return rows.drop_columns([HIDDEN])

    def _from_lake(self, kind: str, role: str, subject: str, start_us: int, end_us: int, known_us: int) -> pa.Table:
        rows = self.lake.of_subject(self.files(kind, role), kind, role, subject, start_us, end_us, known_us)
        if rows.num_rows == 0:
            return rows
        return _without(rows, (id_ for id_, arrived in self._corrections(kind).items() if arrived < known_us))

    def _tail_of(self, subject: str, end_us: int, known_us: int) -> dict[tuple[str, str], list[Any]]:
        """The subject's tail rows of every kind and role: one query, however many kinds are then asked for."""
        rows = self._tails.get((subject, end_us))
        if rows is None:
            values = {"tenant": self.tenant, "subject": subject, "stop": end_us, "known": known_us}
            rows = self._tails[subject, end_us] = {}
            for row in self.connection.execute(_TAIL_OF_SUBJECT, values):
                rows.setdefault((row.kind, row.role), []).append(row)
        return rows

    def _tail(self, kind: str, role: str, start_us: int, end_us: int, known_us: int, *, history: bool) -> pa.Table:
        values = {
            "tenant": self.tenant, "kind": kind, "role": role, "start": start_us, "stop": end_us, "known": known_us,
        }  # fmt: skip
        return tail_table(kind, self.connection.execute(_TAIL_HISTORY if history else _TAIL, values))

    def _corrections(self, kind: str) -> dict[str, int]:
        """Every correction of a kind; the sealed ones too."""
        if kind not in self._all:
            found: dict[str, int] = {}
            for replaced, arrived in self.connection.execute(_ALL, {"tenant": self.tenant, "kind": kind}):
                _earliest(found, replaced, arrived)
            self._all[kind] = found
        return self._all[kind]


def _tail_query(*, of_subject: bool, hide: bool = True) -> sa.Select[Any]:
    s, e, r = event_subjects.c, events.c, replacements.c
    joined = event_subjects.join(events, sa.and_(e.tenant == s.tenant, e.event_id == s.event_id))
    where = [s.tenant == sa.bindparam("tenant"), s.at < sa.bindparam("stop"), e.arrived < sa.bindparam("known")]
    if of_subject:
        where.append(s.subject == sa.bindparam("subject"))
    else:
        where += [e.tenant == sa.bindparam("tenant"), e.kind == sa.bindparam("kind"), s.role == sa.bindparam("role")]
        where.append(e.at >= sa.bindparam("start"))
    if hide:
        corrected = sa.exists().where(
            r.tenant == s.tenant, r.kind == s.kind, r.replaced == s.event_id, r.arrived < sa.bindparam("known")
        )
        where.append(~corrected)
    columns = (e.event_id, e.source, e.at, e.arrived, e.replaces, e.payload, s.kind, s.role)
    return sa.select(*columns).select_from(joined).where(*where)


_TAIL_OF_SUBJECT = _tail_query(of_subject=True)
_TAIL = _tail_query(of_subject=False)
_TAIL_HISTORY = _tail_query(of_subject=False, hide=False)
_VERSIONS = (
    sa.select(
        lake_versions.c.kind, lake_versions.c.version.label("lake_version"), seals.c.role, seals.c.version,
        seals.c.path, seals.c.rows, seals.c.from_us,
    )
    .select_from(
        lake_versions.outerjoin(
            seals, sa.and_(seals.c.tenant == lake_versions.c.tenant, seals.c.kind == lake_versions.c.kind)
        )
    )
    .where(lake_versions.c.tenant == sa.bindparam("tenant"))
)  # fmt: skip
_OPEN = sa.select(replacements.c.kind, replacements.c.replaced, replacements.c.arrived).where(
    replacements.c.tenant == sa.bindparam("tenant"), replacements.c.sealed.is_(False)
)
_ALL = sa.select(replacements.c.replaced, replacements.c.arrived).where(
    replacements.c.tenant == sa.bindparam("tenant"), replacements.c.kind == sa.bindparam("kind")
)


def tail_table(kind: str, rows: Iterable[Any]) -> pa.Table:
    """Rows of the tail (id, source, at, arrived, replaces, payload) in the kind's schema."""
    listed = [
        {
            "event_id": row[0], "source": row[1], "at": row[2], "arrived": row[3], "replaces": row[4],
            **json.loads(row[5]),
        }
        for row in rows
    ]  # fmt: skip
    return pa.Table.from_pylist(listed, schema=arrow_schema(kind)) if listed else empty(kind)


@functools.cache
def empty(kind: str) -> pa.Table:
    """No rows, in the kind's schema."""
    return arrow_schema(kind).empty_table()


def merged(stored: pa.Table, tail: pa.Table, role: str) -> pa.Table:
    """Stored rows and tail rows in order; a tail row whose id is stored already is dropped."""
    if tail.num_rows == 0:
        return stored
    if stored.num_rows:
        double = pc.is_in(stored.column("event_id"), value_set=tail.column("event_id"))
        if pc.any(double).as_py():
            known = single(stored.column("event_id").filter(double))
            tail = tail.filter(pc.invert(pc.is_in(tail.column("event_id"), value_set=known)))
    both = pa.concat_tables([stored, tail.cast(stored.schema)])
    return both.take(pa.array(sort_rows(both, role)))


def _earliest(found: dict[str, int], replaced: str, arrived: int) -> None:
    found[replaced] = min(arrived, found.get(replaced, arrived))


def _visible(rows: pa.Table, known_us: int, open_: Hidden) -> pa.Table:
    """Sealed rows of one subject that count at `known_us`."""
    if rows.num_rows == 0:
        return rows
    keep = micros(rows.column("arrived")) < known_us
    marks = rows.column(HIDDEN)
    if marks.null_count < rows.num_rows:
        keep &= pc.fill_null(marks, known_us).to_numpy() >= known_us
    if not keep.all():
        rows = rows.filter(pa.array(keep))
    return _without(rows, (id_ for id_, arrived in open_.items() if arrived < known_us)) if open_ else rows


def _without(rows: pa.Table, ids: Iterable[str]) -> pa.Table:
    gone = pa.array(list(ids), pa.string())
    if len(gone) == 0:
        return rows
    return rows.filter(pc.invert(pc.is_in(rows.column("event_id"), value_set=gone)))


def _chosen(file: SealedFile, subjects: pa.Array) -> pa.Table:
    """Rows of some subjects, without copying where that is everybody."""
    names, counts = file.subjects()
    wanted = np.asarray(pc.is_in(names, value_set=subjects))
    return file.table() if wanted.all() else file.table().filter(pa.array(np.repeat(wanted, counts)))


def _marked(table: pa.Table, hidden: Hidden) -> pa.Table:
    """`hidden_from` with these corrections taken in."""
    if not hidden or table.num_rows == 0:
        return table
    found = pc.index_in(table.column("event_id"), value_set=pa.array(list(hidden), pa.string()))
    if found.null_count == table.num_rows:
        return table
    marks = pc.min_element_wise(
        pa.array(list(hidden.values()), pa.int64()).take(single(found)), single(table.column(HIDDEN))
    )
    return table.set_column(table.column_names.index(HIDDEN), HIDDEN, marks)


def _within(table: pa.Table, start_us: int, end_us: int, known_us: int, *, hide: bool) -> pa.Table:
    at, arrived = micros(table.column("at")), micros(table.column("arrived"))
    keep = (at >= start_us) & (at < end_us) & (arrived < known_us)
    marks = table.column(HIDDEN)
    if hide and marks.null_count < table.num_rows:
        keep &= pc.fill_null(marks, known_us).to_numpy() >= known_us
    return table if keep.all() else table.filter(pa.array(keep))
