"""Every SQL table of the vault, on the one `metadata` object that rooms above add their own tables to.

`tenant` is the first column of every primary key and every index.  Times are UTC microseconds in BIGINT, bodies are
bytes, structured text is canonical JSON.  The matching migrations are in `migrations/versions`.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()


def _tenant() -> Column[str]:
    return Column("tenant", String(64), primary_key=True)


def _key(name: str, length: int = 256) -> Column[str]:
    return Column(name, String(length), primary_key=True)


# The recent tail of events: one row per event, and one row per role the event is about.
events = Table(
    "events", metadata,
    _tenant(), _key("event_id"),
    Column("kind", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("arrived", BigInteger, nullable=False),
    Column("source", String(256), nullable=False),
    Column("replaces", String(256)),
    Column("payload", Text, nullable=False),
    sa.Index("events_by_kind", "tenant", "kind", "at"),
)  # fmt: skip

event_subjects = Table(
    "event_subjects", metadata,
    _tenant(), _key("subject"), _key("kind", 64), _key("role", 64),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    _key("event_id"),
    sa.Index("event_subjects_by_event", "tenant", "event_id"),
    sqlite_with_rowid=False,
)  # fmt: skip

# A correction hides what it replaces from the moment the correction arrived.
replacements = Table(
    "replacements", metadata,
    _tenant(), _key("kind", 64), _key("replaced"), _key("by_event"),
    Column("arrived", BigInteger, nullable=False),
    Column("sealed", Boolean, nullable=False),
    sa.Index("replacements_open", "tenant", "sealed", "kind"),
    sqlite_with_rowid=False,
)  # fmt: skip

# The lake's manifest: a file that is not listed here does not exist.
lake_files = Table(
    "lake_files", metadata,
    _tenant(), _key("file_id", 36),
    Column("kind", String(64), nullable=False),
    Column("role", String(64), nullable=False),  # "" for the sorted id index of a kind
    Column("month", String(7), nullable=False),
    Column("bucket", Integer, nullable=False),
    Column("buckets", Integer, nullable=False),
    Column("path", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("at_min", BigInteger, nullable=False),
    Column("at_max", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    sa.Index("lake_files_by_part", "tenant", "kind", "role", "bucket", "month"),
)  # fmt: skip

lake_versions = Table(
    "lake_versions", metadata,
    _tenant(), _key("kind", 64), Column("version", BigInteger, nullable=False),
)  # fmt: skip

# Files that no manifest names any more; deleted once every reader that may still hold them has gone.
lake_trash = Table(
    "lake_trash", metadata,
    _tenant(), _key("path", 512), Column("dropped", BigInteger, nullable=False),
)  # fmt: skip

# The memory-mapped recent store: derived, rebuildable, ignored when its lake version is stale.
seals = Table(
    "seals", metadata,
    _tenant(), _key("kind", 64), _key("role", 64),
    Column("version", BigInteger, nullable=False),
    Column("path", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("from_us", BigInteger, nullable=False),  # rows at or after this are all here
    Column("built", BigInteger, nullable=False),
)  # fmt: skip

grants = Table(
    "grants", metadata,
    _tenant(), _key("grant_id", 64),
    Column("subject", String(256), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("recipient", String(256), nullable=False),
    Column("data_kinds", Text, nullable=False),
    Column("from_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("withdrawn_us", BigInteger),
    Column("terms", Text, nullable=False),  # the ISO/IEC TS 27560 fields of the receipt
    sa.Index("grants_by_subject", "tenant", "subject", "purpose", "recipient"),
)  # fmt: skip

entities = Table(
    "entities", metadata,
    _tenant(), _key("entity_id"),
    Column("entity_kind", String(64), nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
)  # fmt: skip

entity_fields = Table(
    "entity_fields", metadata,
    _tenant(), _key("entity_id"), _key("field", 64),
    Column("sealed", LargeBinary, nullable=False),
    Column("blind", String(64), nullable=False),
    sa.Index("entity_fields_by_blind", "tenant", "field", "blind"),
)  # fmt: skip

erasures = Table(
    "erasures", metadata,
    _tenant(), _key("subject"),
    Column("at", BigInteger, nullable=False),
    Column("lake_clean", Boolean, nullable=False),
)  # fmt: skip

decisions = Table(
    "decisions", metadata,
    _tenant(), _key("decision_id", 64),
    Column("subject", String(256), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("body", LargeBinary),  # NULL once erased; the hash stays
    Column("body_sha256", String(64), nullable=False),
    Column("meta", Text, nullable=False),
    Column("snapshot", String(64)),
    Column("erased", BigInteger),
    sa.Index("decisions_by_subject", "tenant", "subject", "at"),
)  # fmt: skip

# What a decision read: a header, and the event rows of each (kind, role) as compressed Arrow.
snapshots = Table(
    "snapshots", metadata,
    _tenant(), _key("snapshot", 64),
    Column("subject", String(256), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("header", Text, nullable=False),
    sa.Index("snapshots_by_subject", "tenant", "subject"),
)  # fmt: skip

snapshot_parts = Table(
    "snapshot_parts", metadata,
    _tenant(), _key("snapshot", 64), _key("kind", 64), _key("role", 64),
    Column("rows", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
)  # fmt: skip

audit_records = Table(
    "audit_records", metadata,
    _tenant(),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("actor_role", String(64), nullable=False),
    Column("is_human", Boolean, nullable=False),
    Column("action", String(128), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("detail", Text, nullable=False),
    Column("before", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    sa.Index("audit_records_by_subject", "tenant", "subject", "at"),
)  # fmt: skip

audit_heads = Table(
    "audit_heads", metadata,
    _tenant(),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)  # fmt: skip

audit_roots = Table(
    "audit_roots", metadata,
    _tenant(),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("heads", Text, nullable=False),
    Column("before", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)  # fmt: skip

outbox = Table(
    "outbox", metadata,
    _tenant(), _key("id", 36),
    Column("topic", String(64), nullable=False),
    Column("key", String(256), nullable=False),
    Column("payload", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("leased_until", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("done", BigInteger),
    sa.Index("outbox_by_key", "tenant", "topic", "key", unique=True),
)  # fmt: skip
sa.Index(
    "outbox_open", outbox.c.tenant, outbox.c.topic, outbox.c.not_before,
    sqlite_where=outbox.c.done.is_(None), postgresql_where=outbox.c.done.is_(None),
)  # fmt: skip

idempotency = Table(
    "idempotency", metadata,
    _tenant(), _key("key"),
    Column("request_hash", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)  # fmt: skip
