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
from dandelion.vault.prepared import Prepared, among, given
from dandelion.vault.tables import idempotency

_STORED = (idempotency.c.key, idempotency.c.request_hash, idempotency.c.status, idempotency.c.body)
_OF_TENANT = idempotency.c.tenant == sa.bindparam("of_tenant")
_AMONG = among(_STORED, _OF_TENANT, idempotency.c.key, "keys")
_ONE = Prepared(sa.select(*_STORED).where(_OF_TENANT, idempotency.c.key == sa.bindparam("of_key")))
_INSERT = Prepared.insert(idempotency)


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
    rows = _ONE.rows(connection, {"of_tenant": tenant, "of_key": key})
    if not rows:
        return None
    _, stored_hash, status, body = rows[0]
    if stored_hash != request_hash:
        raise Conflict("this idempotency key was used for another request; take a fresh key", field="idempotency_key")
    return StoredAnswer(status, bytes(body))


def seen_many(
    database: Database, connection: sa.Connection, tenant: str, keys: Sequence[str]
) -> dict[str, tuple[str, StoredAnswer]]:
    """(request hash, stored answer) of those keys that were used; the others are this transaction's until it ends."""
    wanted = sorted(set(keys))
    database.lock_many(connection, [f"idempotency\x1f{tenant}\x1f{key}" for key in wanted])
    rows = _AMONG.rows(connection, {"of_tenant": tenant, "keys": given(connection, wanted)})
    return {key: (request_hash, StoredAnswer(status, bytes(body))) for key, request_hash, status, body in rows}


def answer_many(connection: sa.Connection, tenant: str, now: int, answered: Sequence[Answered]) -> None:
    """Store the answers of many requests."""
    rows = [
        {
            "tenant": tenant, "key": one.key, "request_hash": one.request_hash, "status": one.status, "body": one.body,
            "at": now,
        }
        for one in answered
    ]  # fmt: skip
    _INSERT.run_many(connection, rows)


def answer(
    connection: sa.Connection, tenant: str, now: int, key: str, request_hash: str, status: int, body: bytes
) -> None:
    answer_many(connection, tenant, now, [Answered(key, request_hash, status, body)])
