"""The outbox: what must happen outside once a transaction has committed.  At least once, never forgotten.

A row is emitted in the transaction it belongs to, claimed under a lease, and either marked done or given back.  A worker
that dies keeps its rows only until the lease ends.  The receiver must recognise a row it has seen (`id` is stable).
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dandelion.core import SECOND_US, BadInput, Clock, Conflict, NotFound, canonical, new_id
from dandelion.vault.database import Database
from dandelion.vault.tables import outbox

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One thing to do; `attempts` counts this claim too."""

    tenant: str
    id: str
    topic: str
    key: str
    payload: Payload
    created: int
    attempts: int


def emit(connection: sa.Connection, tenant: str, now: int, topic: str, key: str, payload: Payload) -> str:
    """Put a row in; the same topic, key and payload again is the same row, another payload is a Conflict."""
    text = canonical(dict(payload)).decode()
    found = connection.execute(
        sa.select(outbox.c.id, outbox.c.payload).where(
            outbox.c.tenant == tenant, outbox.c.topic == topic, outbox.c.key == key
        )
    ).first()
    if found is not None:
        if found.payload != text:
            raise Conflict(f"{topic} {key} was already emitted with another payload; use a new key", field="key")
        return str(found.id)
    id_ = new_id()
    connection.execute(
        sa.insert(outbox).values(
            tenant=tenant,
            id=id_,
            topic=topic,
            key=key,
            payload=text,
            created=now,
            not_before=now,
            leased_until=0,
            attempts=0,
        )
    )
    return id_


class Outbox:
    """Claiming and finishing rows.  Safe for many workers, threads or processes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def claim(self, topic: str, limit: int = 100, lease_s: int = 60, *, tenant: str | None = None) -> list[OutboxRow]:
        """Up to `limit` rows due now, oldest first within a tenant, each ours alone until the lease ends."""
        if not 1 <= limit <= 10_000 or lease_s < 1:
            raise BadInput("claim between 1 and 10000 rows for at least one second", field="limit")
        now = self._clock.now()
        rows: list[sa.Row[Any]] = []
        with self._database.write() as connection:
            for one in [tenant] if tenant is not None else _waiting_tenants(connection):
                query = sa.select(outbox).where(
                    outbox.c.tenant == one, outbox.c.topic == topic, outbox.c.done.is_(None),
                    outbox.c.not_before <= now, outbox.c.leased_until <= now,
                ).order_by(outbox.c.not_before, outbox.c.id).limit(limit - len(rows))  # fmt: skip
                rows += connection.execute(query.with_for_update(skip_locked=True)).all()
                if len(rows) == limit:
                    break
            for row in rows:
                connection.execute(
                    sa.update(outbox)
                    .where(outbox.c.tenant == row.tenant, outbox.c.id == row.id)
                    .values(leased_until=now + lease_s * SECOND_US, attempts=row.attempts + 1)
                )
        return [
            OutboxRow(r.tenant, r.id, r.topic, r.key, json.loads(r.payload), r.created, r.attempts + 1) for r in rows
        ]

    def done(self, row: OutboxRow) -> None:
        """The row has been carried out.  Saying so twice is harmless."""
        self._set(row, done=self._clock.now())

    def retry(self, row: OutboxRow, not_before: int) -> None:
        """Give the row back, to be claimed again from `not_before` on."""
        self._set(row, not_before=not_before, leased_until=0)

    def waiting(self, topic: str, *, tenant: str | None = None) -> int:
        """How many rows of a topic are not done."""
        where = [outbox.c.topic == topic, outbox.c.done.is_(None)]
        if tenant is not None:
            where.append(outbox.c.tenant == tenant)
        with self._database.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(outbox).where(*where)).scalar_one())

    def _set(self, row: OutboxRow, **values: int) -> None:
        with self._database.write() as connection:
            found = connection.execute(
                sa.update(outbox)
                .where(outbox.c.tenant == row.tenant, outbox.c.id == row.id, outbox.c.done.is_(None))
                .values(**values)
            )
            if found.rowcount == 0 and "done" not in values:
                raise NotFound(f"outbox row {row.id} is done or never was; do not retry it", field="id")


def _waiting_tenants(connection: sa.Connection) -> list[str]:
    """Tenants with anything open, in an order that differs from call to call, so that none starves the others."""
    query = sa.select(outbox.c.tenant).where(outbox.c.done.is_(None)).distinct()
    found = [str(one) for (one,) in connection.execute(query)]
    random.shuffle(found)
    return found
