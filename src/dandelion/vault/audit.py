"""The audit: one SHA-256 hash chain per (tenant, shard), and an hourly root over the shards, itself a chain.

A record's hash covers its own fields and the hash before it, so nothing can be altered, dropped or slipped in without
the chain breaking at that record; the roots pin how long each chain was, so that cutting off an end is seen too.
Shards keep unrelated subjects from queueing on one lock.  No personal data belongs in `detail`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from dandelion.core import HOUR_US, DandelionError, canonical
from dandelion.vault.actor import Actor
from dandelion.vault.database import Database
from dandelion.vault.prepared import Prepared
from dandelion.vault.tables import audit_heads, audit_records, audit_roots

SHARDS = 8
GENESIS = "0" * 64
Detail = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the audit; `seq` counts from 1 within its shard."""

    tenant: str
    shard: int
    seq: int
    at: int
    actor: Actor
    action: str
    subject: str
    detail: Detail
    before: str
    hash: str

    def recomputed(self) -> str:
        """The hash this record should have."""
        fields = [
            self.tenant, self.shard, self.seq, self.at, self.actor.id, self.actor.role, self.actor.is_human, self.action,
            self.subject, dict(self.detail), self.before,
        ]  # fmt: skip
        return hashlib.sha256(canonical(fields)).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What `verify` found: `broken` is None, or a sentence that names the first record that does not hold."""

    tenant: str
    records: int
    roots: int
    broken: str | None

    @property
    def holds(self) -> bool:
        return self.broken is None


@dataclass(frozen=True, slots=True)
class Note:
    """A record waiting for the end of its unit of work."""

    actor: Actor
    action: str
    subject: str
    detail: Detail


# Every write of the house passes here.
_OF_TENANT: sa.BindParameter[str] = sa.bindparam("of_tenant")
_OF_HEAD = (audit_heads.c.tenant == _OF_TENANT, audit_heads.c.shard == sa.bindparam("of_shard"))
_HEAD = Prepared(sa.select(audit_heads.c.seq, audit_heads.c.hash).where(*_OF_HEAD))
_MOVE_HEAD = Prepared(
    sa.update(audit_heads).where(*_OF_HEAD).values(seq=sa.bindparam("new_seq"), hash=sa.bindparam("new_hash"))
)
_LAST_HOUR = sa.select(sa.func.max(audit_roots.c.hour)).where(audit_roots.c.tenant == _OF_TENANT).scalar_subquery()
_LAST_ROOT = Prepared(
    sa.select(audit_roots.c.hour, audit_roots.c.hash).where(
        audit_roots.c.tenant == _OF_TENANT, audit_roots.c.hour == _LAST_HOUR
    )
)
_INSERT = Prepared.insert(audit_records)


def shard_of(subject: str) -> int:
    return hashlib.blake2b(subject.encode(), digest_size=2).digest()[0] % SHARDS


def write_notes(database: Database, connection: sa.Connection, tenant: str, now: int, notes: Sequence[Note]) -> None:
    """Chain `notes` on, shards in ascending order so that two transactions never wait for each other."""
    by_shard: dict[int, list[Note]] = {}
    for note in notes:
        by_shard.setdefault(shard_of(note.subject), []).append(note)
    for shard in sorted(by_shard):
        database.lock(connection, f"audit\x1f{tenant}\x1f{shard}")
        seq, before = _head(connection, tenant, shard)
        rows = []
        for note in by_shard[shard]:
            seq += 1
            record = AuditRecord(
                tenant, shard, seq, now, note.actor, note.action, note.subject, note.detail, before, ""
            )
            hash_ = record.recomputed()
            rows.append(_row(record, hash_))
            before = hash_
        _INSERT.run_many(connection, rows)
        _set_head(connection, tenant, shard, seq, before)
    if by_shard:
        _close_hour(database, connection, tenant, now)


def _row(record: AuditRecord, hash_: str) -> dict[str, object]:
    return {
        "tenant": record.tenant, "shard": record.shard, "seq": record.seq, "at": record.at, "actor": record.actor.id,
        "actor_role": record.actor.role, "is_human": record.actor.is_human, "action": record.action,
        "subject": record.subject, "detail": canonical(dict(record.detail)).decode(), "before": record.before,
        "hash": hash_,
    }  # fmt: skip


def _head(connection: sa.Connection, tenant: str, shard: int) -> tuple[int, str]:
    rows = _HEAD.rows(connection, {"of_tenant": tenant, "of_shard": shard})
    return (rows[0][0], rows[0][1]) if rows else (0, GENESIS)


def _set_head(connection: sa.Connection, tenant: str, shard: int, seq: int, hash_: str) -> None:
    to = {"of_tenant": tenant, "of_shard": shard, "new_seq": seq, "new_hash": hash_}
    if _MOVE_HEAD.run(connection, to) == 0:
        connection.execute(sa.insert(audit_heads).values(tenant=tenant, shard=shard, seq=seq, hash=hash_))


def _close_hour(database: Database, connection: sa.Connection, tenant: str, now: int) -> None:
    """The first record of an hour pins the heads as they stand; on the day of doubt nobody can say it was shorter."""
    hour = now // HOUR_US
    if database.hours_pinned.get(tenant, -1) >= hour:
        return
    last = _last_root(connection, tenant)
    if last is not None and last[0] >= hour:
        database.hours_pinned[tenant] = last[0]
        return
    database.lock(connection, f"audit-root\x1f{tenant}")
    last = _last_root(connection, tenant)
    if last is not None and last[0] >= hour:
        return
    rows = connection.execute(
        sa.select(audit_heads.c.shard, audit_heads.c.seq, audit_heads.c.hash).where(audit_heads.c.tenant == tenant)
    ).all()
    heads = canonical(sorted([row.shard, row.seq, row.hash] for row in rows)).decode()
    before = last[1] if last else GENESIS
    connection.execute(
        sa.insert(audit_roots).values(
            tenant=tenant, hour=hour, heads=heads, before=before, hash=root_hash(tenant, hour, heads, before)
        )
    )


def _last_root(connection: sa.Connection, tenant: str) -> tuple[int, str] | None:
    rows = _LAST_ROOT.rows(connection, {"of_tenant": tenant})
    return (rows[0][0], rows[0][1]) if rows else None


def root_hash(tenant: str, hour: int, heads: str, before: str) -> str:
    return hashlib.sha256(canonical([tenant, hour, heads, before])).hexdigest()


class Audit:
    """Reading and verifying; writing happens inside a unit of work only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def records(
        self, tenant: str, *, subject: str | None = None, actions: Sequence[str] | None = None, since: int = 0
    ) -> list[AuditRecord]:
        """Records by time, of one subject or all, of some actions or all."""
        where = [audit_records.c.tenant == tenant, audit_records.c.at >= since]
        if subject is not None:
            where.append(audit_records.c.subject == subject)
        if actions is not None:
            where.append(audit_records.c.action.in_(list(actions)))
        query = sa.select(audit_records).where(*where)
        order = (audit_records.c.at, audit_records.c.shard, audit_records.c.seq)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query.order_by(*order))]

    def people(self, tenant: str, *, subject: str, actions: Sequence[str] | None = None) -> set[str]:
        """The human actors, other than the subject, who had a hand in what happened to `subject`."""
        return {
            record.actor.id
            for record in self.records(tenant, subject=subject, actions=actions)
            if record.actor.is_human and record.actor.id != subject
        }

    def breach(self, record: AuditRecord) -> str | None:
        """What is wrong with one record and its place in the chain, without reading the rest of it; None where it holds.

        The record must be what its hash says, follow the one before it, and be followed by the next one or by the head.
        """
        at = (audit_records.c.tenant == record.tenant, audit_records.c.shard == record.shard)
        beside = sa.select(audit_records).where(*at, audit_records.c.seq.in_([record.seq - 1, record.seq + 1]))
        with self._database.read() as connection:
            near = {found.seq: found for found in map(_record, connection.execute(beside))}
            head = _head(connection, record.tenant, record.shard)
        earlier, later = near.get(record.seq - 1), near.get(record.seq + 1)
        name = f"shard {record.shard} record {record.seq}"
        if earlier is None and record.seq > 1:
            return f"{name}: record {record.seq - 1} is missing before it"
        if (wrong := _breach(record, record.seq, GENESIS if earlier is None else earlier.hash, {})) is not None:
            return wrong
        if later is None and head != (record.seq, record.hash):
            return f"{name} is the last one, the head says {head[0]}"
        return None if later is None or later.before == record.hash else f"record {later.seq} does not follow {name}"

    def verify(self, tenant: str) -> AuditReport:
        """Recompute every chain and every root of a tenant."""
        count, broken = 0, None
        tips: dict[int, tuple[int, str]] = {}
        pinned: dict[tuple[int, int], list[tuple[str, int]]] = {}
        with self._database.read() as connection:
            roots = connection.execute(
                sa.select(audit_roots).where(audit_roots.c.tenant == tenant).order_by(audit_roots.c.hour)
            ).all()
            for root in roots:
                for shard, seq, hash_ in json.loads(root.heads):
                    pinned.setdefault((shard, seq), []).append((hash_, root.hour))
            for record in _in_order(connection, tenant):
                count += 1
                seq, hash_ = tips.get(record.shard, (0, GENESIS))
                broken = broken or _breach(record, seq + 1, hash_, pinned)
                pinned.pop((record.shard, record.seq), None)
                tips[record.shard] = (record.seq, record.hash)
            heads = {
                row.shard: (row.seq, row.hash)
                for row in connection.execute(sa.select(audit_heads).where(audit_heads.c.tenant == tenant))
            }
        for shard in sorted(set(heads) | set(tips)):
            if broken is None and heads.get(shard) != tips.get(shard):
                broken = f"shard {shard}: the chain ends at {tips.get(shard)}, its head says {heads.get(shard)}"
        for (shard, seq), marks in sorted(pinned.items()):
            if seq:
                broken = broken or f"shard {shard} record {seq} is gone, the root of hour {marks[0][1]} names it"
        before = GENESIS
        for root in roots:
            if root.before != before or root.hash != root_hash(tenant, root.hour, root.heads, root.before):
                broken = broken or f"the root of hour {root.hour} does not hold"
            before = root.hash
        return AuditReport(tenant, count, len(roots), broken)


def _breach(
    record: AuditRecord, seq: int, before: str, pinned: Mapping[tuple[int, int], list[tuple[str, int]]]
) -> str | None:
    name = f"shard {record.shard} record {record.seq}"
    if record.seq != seq:
        return f"{name}: record {seq} is missing before it"
    if record.before != before:
        return f"{name} does not follow the record before it"
    if record.hash != record.recomputed():
        return f"{name} was altered"
    for hash_, hour in pinned.get((record.shard, record.seq), []):
        if hash_ != record.hash:
            return f"{name} differs from what the root of hour {hour} pinned"
    return None


def _in_order(connection: sa.Connection, tenant: str) -> Iterator[AuditRecord]:
    query = (
        sa.select(audit_records)
        .where(audit_records.c.tenant == tenant)
        .order_by(audit_records.c.shard, audit_records.c.seq)
    )
    for row in connection.execution_options(yield_per=5000).execute(query):
        yield _record(row)


def _record(row: sa.Row[tuple[object, ...]]) -> AuditRecord:
    m = row._mapping
    return AuditRecord(
        m["tenant"], m["shard"], m["seq"], m["at"], Actor(m["actor"], m["actor_role"], m["is_human"]), m["action"],
        m["subject"], _detail(m["detail"]), m["before"], m["hash"],
    )  # fmt: skip


def _detail(text: str) -> Detail:
    """The detail as it was written; text that no writer could have written never hashes right."""
    try:
        parsed = json.loads(text)
        if isinstance(parsed, dict) and canonical(parsed).decode() == text:
            return parsed
    except (ValueError, DandelionError):
        pass
    return {"unreadable": True}
