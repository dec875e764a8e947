"""`Record`: one subject's events under a live grant, at one instant, from one snapshot of the database.

An event is seen if `start <= at < as_of` and `arrived < known_at`, unless a correction that arrived before `known_at`
replaces it.  What was read is remembered, so that a decision can keep exactly that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa
import sqlalchemy as sa

from dandelion.core import BadInput, Clock, event_class
from dandelion.vault import snapshots
from dandelion.vault.consents import OWN_RECORDS
from dandelion.vault.database import Database
from dandelion.vault.reading import Reading, empty
from dandelion.vault.snapshots import Header, Part
from dandelion.vault.work import Work, unit_of_work

PERSON_ROLES = frozenset({("login", "person"), ("credit_inquiry", "person"), ("outside_loan", "borrower")})


@dataclass(slots=True)
class Record:
    """Handed out by `vault.open`; valid inside its `with` block."""

    tenant: str
    subject: str
    purpose: str
    recipient: str
    as_of: int
    known_at: int
    data_kinds: frozenset[str]
    grants: tuple[str, ...]
    _reading: Reading
    _database: Database
    _clock: Clock
    _read: dict[tuple[str, str], Part] = field(default_factory=dict)
    _owner: Record | None = None

    def beside_owner(self, owner: Record) -> None:
        """Read the owner's own record with this one: what a person's kinds tell about the owner counts here too.

        `owner` was opened under the owner's own grant, for the same instant.  Errors: BadInput where it was not.
        """
        if (owner.as_of, owner.known_at, owner.purpose) != (self.as_of, self.known_at, self.purpose):
            raise BadInput("owner and firm are read for one purpose at one instant; open both alike", field="owner")
        if self._read.keys() & PERSON_ROLES:
            raise BadInput("join the owner before reading a person's kinds", field="owner")
        self._owner = owner
        self.grants = (*self.grants, *owner.grants)
        self.data_kinds = self.data_kinds | {event_class(k).DATA_KIND for k, _ in PERSON_ROLES} & owner.data_kinds

    def granted(self, data_kind: str) -> bool:
        """Whether the grants name this data kind; the lender's own records need no naming."""
        return data_kind in self.data_kinds or data_kind in OWN_RECORDS

    def events(self, kind: str, role: str, start_us: int | None = None) -> pa.Table:
        """The subject's events in `role`, by (at, event_id), in the kind's schema; empty where not granted."""
        checked_role(kind, role)
        if not self.granted(event_class(kind).DATA_KIND):
            return empty(kind)
        start = 0 if start_us is None else max(0, start_us)
        known = self._read.get((kind, role))
        if known is None or start < known.start_us:
            table = self._reading.of_subject(kind, role, self.subject, start, self.as_of, self.known_at)
            if self._owner is not None and (kind, role) in PERSON_ROLES:
                table = joined(table, self._owner.events(kind, role, start), role, self.subject)
            known = self._read[(kind, role)] = Part(kind, role, start, table)
        return known.since(start)

    def snapshot_hash(self) -> str:
        """SHA-256 that names the exact rows read so far, and the instant they were read for."""
        return snapshots.name(self._header(), self._read.values())

    @contextmanager
    def unit_of_work(self) -> Iterator[Work]:
        """A `Work` whose `keep` also keeps what this record read."""
        with unit_of_work(self._database, self._clock, self.tenant, self._save) as work:
            yield work

    def _save(self, connection: sa.Connection) -> str:
        return snapshots.save(self._database, connection, self.tenant, self._header(), list(self._read.values()))

    def _header(self) -> Header:
        return Header(
            self.subject, self.purpose, self.recipient, self.as_of, self.known_at, tuple(sorted(self.data_kinds)),
            self.grants, "" if self._owner is None else self._owner.subject,
        )  # fmt: skip


def checked_role(kind: str, role: str) -> None:
    """Errors: BadInput where the kind has no such role."""
    roles = event_class(kind).ROLES
    if role not in roles:
        raise BadInput(f"{kind} has no role {role!r}; it has {', '.join(roles)}", field="role")


def joined(own: pa.Table, owners: pa.Table, role: str, subject: str) -> pa.Table:
    """A subject's rows with its owner's, told as the subject's, by (at, event_id)."""
    if owners.num_rows == 0:
        return own
    place = owners.column_names.index(role)
    told = owners.set_column(place, owners.schema.field(role), pa.array([subject] * owners.num_rows, pa.string()))
    return pa.concat_tables([own, told]).sort_by([("at", "ascending"), ("event_id", "ascending")])
