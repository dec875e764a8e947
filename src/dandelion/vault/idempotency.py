"""Idempotency keys: the same key and request get the stored answer; the same key with another request is a Conflict.

The answer is stored in the transaction of its effects.  Of two simultaneous requests with one key, one does the work and
the other waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from dandelion.core import BadInput, Conflict
from dandelion.vault.database import Database
from dandelion.vault.tables import idempotency

_IN_MAX = 500
_AMONG = sa.select(idempotency).where(
    idempotency.c.tenant == sa.bindparam("tenant"), idempotency.c.key.in_(sa.bindparam("keys", expanding=True))
)
_INSERT = sa.insert(idempotency)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What was answered the first time."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and what it was answered."""

    key: str
    request_hash: str
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


def seen_many(
    database: Database, connection: sa.Connection, tenant: str, keys: Sequence[str]
) -> dict[str, tuple[str, StoredAnswer]]:
    """(request hash, stored answer) of those keys that were used; the others are this transaction's until it ends."""
    wanted = sorted(set(keys))
    database.lock_many(connection, [f"idempotency\x1f{tenant}\x1f{key}" for key in wanted])
    found: dict[str, tuple[str, StoredAnswer]] = {}
    for first in range(0, len(wanted), _IN_MAX):
        rows = connection.execute(_AMONG, {"tenant": tenant, "keys": wanted[first : first + _IN_MAX]})
        found |= {row.key: (row.request_hash, StoredAnswer(row.status, bytes(row.body))) for row in rows}
    return found


def answer_many(connection: sa.Connection, tenant: str, now: int, answered: Sequence[Answered]) -> None:
    """Store the answers of many requests."""
    if answered:
        rows = [
            {
                "tenant": tenant, "key": one.key, "request_hash": one.request_hash, "status": one.status,
                "body": one.body, "at": now,
            }
            for one in answered
        ]  # fmt: skip
        connection.execute(_INSERT, rows)


def answer(
    connection: sa.Connection, tenant: str, now: int, key: str, request_hash: str, status: int, body: bytes
) -> None:
    connection.execute(
        sa.insert(idempotency).values(
            tenant=tenant, key=key, request_hash=request_hash, status=status, body=body, at=now
        )
    )
