"""Idempotency keys: the same key and request get the stored answer; the same key with another request is a Conflict.

The answer is stored in the transaction of its effects.  Of two simultaneous requests with one key, one does the work and
the other waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from dandelion.core import BadInput, Conflict
from dandelion.vault.database import Database
from dandelion.vault.tables import idempotency


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What was answered the first time."""

    status: int
    body: bytes


def seen(
    database: Database, connection: sa.Connection, tenant: str, key: str, request_hash: str
) -> StoredAnswer | None:
    if not 1 <= len(key) <= 256:
        raise BadInput("an idempotency key has 1 to 256 characters", field="idempotency_key")
    database.lock(connection, f"idempotency\x1f{tenant}\x1f{key}")
    row = connection.execute(
        sa.select(idempotency).where(idempotency.c.tenant == tenant, idempotency.c.key == key)
    ).first()
    if row is None:
        return None
    if row.request_hash != request_hash:
        raise Conflict("this idempotency key was used for another request; take a fresh key", field="idempotency_key")
    return StoredAnswer(row.status, bytes(row.body))


def answer(
    connection: sa.Connection, tenant: str, now: int, key: str, request_hash: str, status: int, body: bytes
) -> None:
    connection.execute(
        sa.insert(idempotency).values(
            tenant=tenant, key=key, request_hash=request_hash, status=status, body=body, at=now
        )
    )
