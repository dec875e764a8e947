"""Reading events from where they are: sealed files if they are current, the lake if not, and the SQL tail.

Every answer is the same whatever the place: rows in the kind's schema, one per event id, corrected ones gone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from dandelion.core import arrow_schema
from dandelion.vault import manifest
from dandelion.vault.lake import Lake
from dandelion.vault.partition import sort_rows
from dandelion.vault.tables import event_subjects, events, replacements

_TAIL = (events.c.event_id, events.c.source, events.c.at, events.c.arrived, events.c.replaces, events.c.payload)


@dataclass(slots=True)
class Reading:
    """Reads of one tenant within one database snapshot."""

    connection: sa.Connection
    tenant: str
    lake: Lake
    _files: dict[tuple[str, str], list[manifest.LakeFile]] = field(default_factory=dict)

    def of_subject(self, kind: str, role: str, subject: str, start_us: int, end_us: int, known_us: int) -> pa.Table:
        """One subject's rows by (at, event_id)."""
        stored = self.lake.of_subject(self.files(kind, role), kind, role, subject, start_us, end_us, known_us)
        tail = self._tail(kind, role, start_us, end_us, known_us, subject)
        return self._corrected(kind, merged(stored, tail, role), known_us)

    def of_all(self, kind: str, role: str, start_us: int, end_us: int, known_us: int) -> pa.Table:
        """Every subject's rows by (subject, at, event_id)."""
        stored = self.lake.of_all(self.files(kind, role), kind, role, start_us, end_us, known_us)
        tail = self._tail(kind, role, start_us, end_us, known_us, None)
        return self._corrected(kind, merged(stored, tail, role), known_us)

    def files(self, kind: str, role: str) -> list[manifest.LakeFile]:
        if (kind, role) not in self._files:
            self._files[kind, role] = manifest.files(self.connection, self.tenant, kind, role)
        return self._files[kind, role]

    def _tail(self, kind: str, role: str, start_us: int, end_us: int, known_us: int, subject: str | None) -> pa.Table:
        where = [
            event_subjects.c.tenant == self.tenant, event_subjects.c.kind == kind, event_subjects.c.role == role,
            event_subjects.c.at >= start_us, event_subjects.c.at < end_us, events.c.arrived < known_us,
        ]  # fmt: skip
        if subject is not None:
            where.append(event_subjects.c.subject == subject)
        joined = event_subjects.join(
            events,
            sa.and_(events.c.tenant == event_subjects.c.tenant, events.c.event_id == event_subjects.c.event_id),
        )
        rows = self.connection.execute(sa.select(*_TAIL).select_from(joined).where(*where)).all()
        return tail_table(kind, rows)

    def _corrected(self, kind: str, table: pa.Table, known_us: int) -> pa.Table:
        if table.num_rows == 0:
            return table
        query = sa.select(replacements.c.replaced).where(
            replacements.c.tenant == self.tenant, replacements.c.kind == kind, replacements.c.arrived < known_us
        )
        hidden = [replaced for (replaced,) in self.connection.execute(query)]
        if not hidden:
            return table
        return table.filter(pc.invert(pc.is_in(table.column("event_id"), value_set=pa.array(hidden, pa.string()))))


def tail_table(kind: str, rows: Any) -> pa.Table:
    """Rows of the tail (id, source, at, arrived, replaces, payload) in the kind's schema."""
    listed = [
        {
            "event_id": row[0], "source": row[1], "at": row[2], "arrived": row[3], "replaces": row[4],
            **json.loads(row[5]),
        }
        for row in rows
    ]  # fmt: skip
    return pa.Table.from_pylist(listed, schema=arrow_schema(kind))


def merged(stored: pa.Table, tail: pa.Table, role: str) -> pa.Table:
    """Stored rows and tail rows in order; a tail row whose id is stored already is dropped."""
    if tail.num_rows == 0:
        return stored
    if stored.num_rows:
        double = np.asarray(pc.is_in(tail.column("event_id"), value_set=stored.column("event_id")))
        tail = tail.filter(pa.array(~double))
    both = pa.concat_tables([stored, tail])
    return both.take(pa.array(sort_rows(both, role)))
