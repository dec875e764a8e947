"""Decisions: a body that is hashed, a meta that is not, and the snapshot of exactly the events that were read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dandelion.core import BadInput, Conflict, Erased, NotAllowed, NotFound, canonical, content_hash
from dandelion.vault import snapshots
from dandelion.vault.actor import Actor
from dandelion.vault.database import Database
from dandelion.vault.erased import erased_among
from dandelion.vault.prepared import Prepared
from dandelion.vault.snapshots import Snapshot
from dandelion.vault.tables import decisions

RETENTION_PURPOSES = ("audit", "dispute")
_KEPT = ("tenant", "decision_id", "subject", "at", "body", "body_sha256", "meta", "snapshot")
_INSERT = Prepared.insert(decisions, *_KEPT)
RETENTION_ROLES = ("auditor", "analyst")


@dataclass(frozen=True, slots=True)
class NewDecision:
    """What a unit of work keeps: `body` is canonical JSON bytes, `meta` is anything JSON."""

    decision_id: str
    subject: str
    body: bytes
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KeptDecision:
    """A stored decision; `snapshot` names the events it was made from."""

    decision_id: str
    subject: str
    at: int
    body: bytes
    body_sha256: str
    meta: Mapping[str, Any]
    snapshot: str | None


def keep(
    database: Database, connection: sa.Connection, tenant: str, now: int, decision: NewDecision, snapshot: str | None
) -> str:
    """Store a decision; returns the SHA-256 of its body.  Stored before it is told.  Errors: BadInput, Conflict."""
    if canonical(json.loads(decision.body)) != decision.body:
        raise BadInput("a decision body must be canonical JSON; write it with core.canonical", field="body")
    digest = content_hash(decision.body)
    row = {
        "tenant": tenant, "decision_id": decision.decision_id, "subject": decision.subject, "at": now,
        "body": decision.body, "body_sha256": digest, "snapshot": snapshot,
        "meta": json.dumps(dict(decision.meta), ensure_ascii=False, sort_keys=True),
    }  # fmt: skip
    if database.insert_new(connection, decisions, [row]) == 0:
        raise Conflict(
            f"decision {decision.decision_id} is kept already; a decision never changes", field="decision_id"
        )
    return digest


def keep_many(
    connection: sa.Connection, tenant: str, now: int, made: Sequence[NewDecision], hashes: Sequence[str]
) -> None:
    """Store decisions with fresh ids, whose bodies a kernel wrote as canonical JSON, with the SHA-256 of each.

    They read no events, and share one meta: one dict, given to all.
    """
    if not made:
        return
    meta = json.dumps(dict(made[0].meta), ensure_ascii=False, sort_keys=True)
    assert all(one.meta is made[0].meta for one in made), "they share one meta"
    rows = [
        {
            "tenant": tenant, "decision_id": one.decision_id, "subject": one.subject, "at": now, "body": one.body,
            "body_sha256": digest, "meta": meta, "snapshot": None,
        }
        for one, digest in zip(made, hashes, strict=True)
    ]  # fmt: skip
    _INSERT.run_many(connection, rows)


class Decisions:
    """Reading stored decisions.  After erasure only an audit or a dispute may, and only within legal retention."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(
        self, tenant: str, decision_id: str, *, purpose: str | None = None, actor: Actor | None = None
    ) -> KeptDecision:
        """One decision.  Errors: NotFound; Erased for an erased subject or body; NotAllowed for a wrong role."""
        with self._database.read() as connection:
            row = _row(connection, tenant, decision_id)
            if row.body is not None and erased_among(connection, tenant, [row.subject]):
                if purpose is None or actor is None:
                    raise Erased(
                        f"decision {decision_id} was erased; its hash is {row.body_sha256}", field="decision_id"
                    )
                _proved(purpose, actor, None)
        return _kept(row)

    def of(self, tenant: str, subject: str) -> list[KeptDecision]:
        """A subject's decisions, oldest first; none of an erased subject."""
        query = sa.select(decisions).where(
            decisions.c.tenant == tenant, decisions.c.subject == subject, decisions.c.body.is_not(None)
        )
        with self._database.read() as connection:
            if erased_among(connection, tenant, [subject]):
                return []
            return [_kept(row) for row in connection.execute(query.order_by(decisions.c.at, decisions.c.decision_id))]

    def page(
        self, tenant: str, *, subject: str | None, before: str | None, at_most: int
    ) -> tuple[list[KeptDecision], str | None]:
        """(decisions, newest first and at most so many; the id to go on `before`, or None at the end).

        By id, which we mint so that it sorts by time.  Of one subject, or of everybody; none of the erased, so that a
        page may be shorter than asked for although more follow.
        """
        query = sa.select(decisions).where(decisions.c.tenant == tenant, decisions.c.body.is_not(None))
        if subject is not None:
            query = query.where(decisions.c.subject == subject)
        if before is not None:
            query = query.where(decisions.c.decision_id < before)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(decisions.c.decision_id.desc()).limit(at_most + 1)).all()
            gone = erased_among(connection, tenant, [row.subject for row in rows])
        more = rows[at_most - 1].decision_id if len(rows) > at_most else None
        return [_kept(row) for row in rows[:at_most] if row.subject not in gone], more

    def digests(self, tenant: str, first: str, last: str) -> list[tuple[str, str, Mapping[str, Any]]]:
        """(id, SHA-256 of the body, meta) of everything kept from one id to another, both included, in their order.

        Of the erased too: their hashes stay, so that what was kept together can be checked for ever.
        """
        query = sa.select(decisions.c.decision_id, decisions.c.body_sha256, decisions.c.meta).where(
            decisions.c.tenant == tenant, decisions.c.decision_id >= first, decisions.c.decision_id <= last
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(decisions.c.decision_id)).all()
        return [(row.decision_id, row.body_sha256, json.loads(row.meta)) for row in rows]

    def snapshot(self, tenant: str, decision_id: str, *, purpose: str, actor: Actor) -> Snapshot:
        """What a decision read, for an audit or a dispute.  Errors: NotFound, Erased, NotAllowed."""
        with self._database.read() as connection:
            row = _row(connection, tenant, decision_id)
            _proved(purpose, actor, row.subject)
            if row.body is None:
                raise Erased(f"decision {decision_id} was erased; its hash is {row.body_sha256}", field="decision_id")
            if row.snapshot is None:
                raise NotFound(f"decision {decision_id} read no events", field="decision_id")
            return snapshots.load(connection, tenant, row.snapshot)


def _row(connection: sa.Connection, tenant: str, decision_id: str) -> Any:
    query = sa.select(decisions).where(decisions.c.tenant == tenant, decisions.c.decision_id == decision_id)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"there is no decision {decision_id}", field="decision_id")
    return row


def _proved(purpose: str, actor: Actor, subject: str | None) -> None:
    """Auditors and analysts may look, and the subject at its own."""
    if purpose not in RETENTION_PURPOSES:
        raise NotAllowed(f"what is retained is read for {' and '.join(RETENTION_PURPOSES)} only", field="purpose")
    if actor.role not in RETENTION_ROLES and not (actor.role == "merchant" and actor.id == subject):
        raise NotAllowed(f"{actor.role} may not read what is retained; ask an analyst or an auditor", field="role")


def _kept(row: Any) -> KeptDecision:
    if row.body is None:
        raise Erased(f"decision {row.decision_id} was erased; its hash is {row.body_sha256}", field="decision_id")
    return KeptDecision(
        row.decision_id, row.subject, row.at, bytes(row.body), row.body_sha256, json.loads(row.meta), row.snapshot
    )
