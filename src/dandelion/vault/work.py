"""`Work`: one SQL transaction.  Everything in it happens, or nothing does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from dandelion.core import Clock
from dandelion.core.events import Event
from dandelion.vault import audit, decisions, idempotency, outbox, tail
from dandelion.vault.actor import Actor
from dandelion.vault.audit import Detail, Note
from dandelion.vault.database import Database
from dandelion.vault.decisions import NewDecision
from dandelion.vault.idempotency import Answered, StoredAnswer
from dandelion.vault.outbox import Payload
from dandelion.vault.tail import AppendReport

SaveSnapshot = Callable[[sa.Connection], str]


@dataclass(slots=True)
class Work:
    """Handed out by `unit_of_work`.  `now` stands still from beginning to end."""

    connection: sa.Connection
    tenant: str
    now: int
    _database: Database
    _save_snapshot: SaveSnapshot | None = None
    _notes: list[Note] = field(default_factory=list)

    def keep(self, decision: NewDecision) -> str:
        """Store a decision, with the snapshot of what the record read; returns the hash of its body."""
        snapshot = self._save_snapshot(self.connection) if self._save_snapshot else None
        return decisions.keep(self._database, self.connection, self.tenant, self.now, decision, snapshot)

    def keep_many(self, made: Sequence[NewDecision], hashes: Sequence[str]) -> None:
        """Store decisions made from given columns: fresh ids, one meta, canonical bodies with the SHA-256 of each."""
        decisions.keep_many(self.connection, self.tenant, self.now, made, hashes)

    def audit(self, actor: Actor, action: str, subject: str, detail: Detail | None = None) -> None:
        """Chain a record on when the work commits.  No personal data in `detail`."""
        self._notes.append(Note(actor, action, subject, dict(detail or {})))

    def emit(self, topic: str, key: str, payload: Payload) -> str:
        """Put a row into the outbox; returns its id.  The same topic and key again is the same row."""
        return outbox.emit(self.connection, self.tenant, self.now, topic, key, payload)

    def append(self, events: Sequence[Event]) -> AppendReport:
        """Append events to the tail; those known by id are left alone."""
        return tail.append(self._database, self.connection, self.tenant, self.now, events)

    def seen(self, key: str, request_hash: str) -> StoredAnswer | None:
        """The answer stored under an idempotency key.  Errors: Conflict where the key came with another request."""
        return idempotency.seen(self._database, self.connection, self.tenant, key, request_hash)

    def answer(self, key: str, request_hash: str, status: int, body: bytes) -> None:
        """Store the answer under its idempotency key, with the effects, in this transaction."""
        idempotency.answer(self.connection, self.tenant, self.now, key, request_hash, status, body)

    def seen_many(self, keys: Sequence[str]) -> dict[str, tuple[str, StoredAnswer]]:
        """(request hash, stored answer) of those idempotency keys that were used."""
        return idempotency.seen_many(self._database, self.connection, self.tenant, keys)

    def answer_many(self, answered: Sequence[Answered]) -> None:
        """Store the answers of many requests, with their effects, in this transaction."""
        idempotency.answer_many(self.connection, self.tenant, self.now, answered)

    def lock(self, name: str) -> None:
        """Wait for the tenant's named lock and hold it to the end (a line, an account); take several in sorted order."""
        self._database.lock(self.connection, f"{self.tenant}\x1f{name}")

    def _finish(self) -> None:
        audit.write_notes(self._database, self.connection, self.tenant, self.now, self._notes)


@contextmanager
def unit_of_work(
    database: Database, clock: Clock, tenant: str, save_snapshot: SaveSnapshot | None = None
) -> Iterator[Work]:
    """Open, hand out, commit; any exception rolls everything back."""
    with database.write() as connection:
        work = Work(connection, tenant, clock.now(), database, save_snapshot)
        yield work
        work._finish()
