"""Decisions: a body that is hashed, a meta that is not, and the snapshot of exactly the events that were read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dandelion.core import BadInput, Erased, NotFound, canonical, content_hash
from dandelion.vault.database import Database
from dandelion.vault.tables import decisions


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


def keep(connection: sa.Connection, tenant: str, now: int, decision: NewDecision, snapshot: str | None) -> str:
    """Store a decision; returns the SHA-256 of its body.  Stored before it is told."""
    if canonical(json.loads(decision.body)) != decision.body:
        raise BadInput("a decision body must be canonical JSON; write it with core.canonical", field="body")
    digest = content_hash(decision.body)
    connection.execute(
        sa.insert(decisions).values(
            tenant=tenant,
            decision_id=decision.decision_id,
            subject=decision.subject,
            at=now,
            body=decision.body,
            body_sha256=digest,
            meta=json.dumps(dict(decision.meta), ensure_ascii=False, sort_keys=True),
            snapshot=snapshot,
        )
    )
    return digest


class Decisions:
    """Reading stored decisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, tenant: str, decision_id: str) -> KeptDecision:
        """One decision.  Errors: NotFound; Erased where the body was erased."""
        query = sa.select(decisions).where(decisions.c.tenant == tenant, decisions.c.decision_id == decision_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFound(f"there is no decision {decision_id}", field="decision_id")
        if row.body is None:
            raise Erased(f"decision {decision_id} was erased; its hash is {row.body_sha256}", field="decision_id")
        return _kept(row)

    def of(self, tenant: str, subject: str) -> list[KeptDecision]:
        """A subject's decisions that are not erased, oldest first."""
        query = sa.select(decisions).where(
            decisions.c.tenant == tenant, decisions.c.subject == subject, decisions.c.body.is_not(None)
        )
        with self._database.read() as connection:
            return [_kept(row) for row in connection.execute(query.order_by(decisions.c.at, decisions.c.decision_id))]


def _kept(row: Any) -> KeptDecision:
    return KeptDecision(
        row.decision_id, row.subject, row.at, bytes(row.body), row.body_sha256, json.loads(row.meta), row.snapshot
    )
