"""The vault's own tables: events and lake manifest, consent, entities, decisions, audit, outbox, idempotency."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, String, Text

revision = "0001"
down_revision = None


def _table(name: str, key: list[tuple[str, Any]], *columns: Column[Any], rowid: bool = True) -> None:
    keys: list[Column[Any]] = [
        Column(part, type_, primary_key=True, autoincrement=False) for part, type_ in [("tenant", String(64)), *key]
    ]
    op.create_table(name, *keys, *columns, sqlite_with_rowid=rowid)


def _text(name: str, length: int | None = None, null: bool = False) -> Column[Any]:
    return Column(name, String(length) if length else Text(), nullable=null)


def _int(name: str, null: bool = False) -> Column[Any]:
    return Column(name, BigInteger(), nullable=null)


def _small(name: str) -> Column[Any]:
    return Column(name, Integer(), nullable=False)


def _bytes(name: str, null: bool = False) -> Column[Any]:
    return Column(name, LargeBinary(), nullable=null)


def _flag(name: str) -> Column[Any]:
    return Column(name, Boolean(), nullable=False)


def upgrade() -> None:
    wide, name, uuid = String(256), String(64), String(36)
    _table("events", [("event_id", wide)], _text("kind", 64), _int("at"), _int("arrived"), _text("source", 256),
           _text("replaces", 256, null=True), _text("payload"))  # fmt: skip
    op.create_index("events_by_kind", "events", ["tenant", "kind", "at"])
    _table("event_subjects", [("subject", wide), ("kind", name), ("role", name), ("at", BigInteger()),
           ("event_id", wide)], rowid=False)  # fmt: skip
    op.create_index("event_subjects_by_event", "event_subjects", ["tenant", "event_id"])
    _table("replacements", [("kind", name), ("replaced", wide), ("by_event", wide)], _int("arrived"),
           _flag("sealed"), rowid=False)  # fmt: skip
    op.create_index("replacements_open", "replacements", ["tenant", "sealed", "kind"])

    _table("lake_files", [("file_id", uuid)], _text("kind", 64), _text("role", 64), _text("month", 7),
           _small("bucket"), _small("buckets"), _text("path"), _int("rows"), _int("bytes"), _text("sha256", 64), _int("at_min"),
           _int("at_max"), _int("created"))  # fmt: skip
    op.create_index("lake_files_by_part", "lake_files", ["tenant", "kind", "role", "bucket", "month"])
    _table("lake_versions", [("kind", name)], _int("version"))
    _table("lake_trash", [("path", String(512))], _int("dropped"))
    _table("seals", [("kind", name), ("role", name)], _int("version"), _text("path"), _int("rows"),
           _int("from_us"), _int("built"))  # fmt: skip

    _table("grants", [("grant_id", name)], _text("subject", 256), _text("purpose", 64), _text("recipient", 256),
           _text("data_kinds"), _int("from_us"), _int("until_us"), _int("withdrawn_us", null=True),
           _text("terms"))  # fmt: skip
    op.create_index("grants_by_subject", "grants", ["tenant", "subject", "purpose", "recipient"])
    _table("entities", [("entity_id", wide)], _text("entity_kind", 64), _bytes("wrapped_key"), _int("created"))
    _table("entity_fields", [("entity_id", wide), ("field", name)], _bytes("sealed"), _text("blind", 64))
    op.create_index("entity_fields_by_blind", "entity_fields", ["tenant", "field", "blind"])
    _table("erasures", [("subject", wide)], _int("at"), _flag("lake_clean"))

    _table("decisions", [("decision_id", name)], _text("subject", 256), _int("at"), _bytes("body", null=True),
           _text("body_sha256", 64), _text("meta"), _text("snapshot", 64, null=True),
           _int("erased", null=True))  # fmt: skip
    op.create_index("decisions_by_subject", "decisions", ["tenant", "subject", "at"])
    _table("snapshots", [("snapshot", name)], _text("subject", 256), _int("at"), _text("header"))
    op.create_index("snapshots_by_subject", "snapshots", ["tenant", "subject"])
    _table("snapshot_parts", [("snapshot", name), ("kind", name), ("role", name)], _int("rows"), _bytes("content"))

    _table("audit_records", [("shard", Integer()), ("seq", BigInteger())], _int("at"), _text("actor", 256),
           _text("actor_role", 64), _flag("is_human"), _text("action", 128), _text("subject", 256), _text("detail"),
           _text("before", 64), _text("hash", 64))  # fmt: skip
    op.create_index("audit_records_by_subject", "audit_records", ["tenant", "subject", "at"])
    _table("audit_heads", [("shard", Integer())], _int("seq"), _text("hash", 64))
    _table("audit_roots", [("hour", BigInteger())], _text("heads"), _text("before", 64), _text("hash", 64))

    _table("outbox", [("id", uuid)], _text("topic", 64), _text("key", 256), _text("payload"), _int("created"),
           _int("not_before"), _int("leased_until"), _small("attempts"), _int("done", null=True))  # fmt: skip
    op.create_index("outbox_by_key", "outbox", ["tenant", "topic", "key"], unique=True)
    still_open = sa.text("done IS NULL")
    op.create_index("outbox_open", "outbox", ["tenant", "topic", "not_before"], sqlite_where=still_open,
                    postgresql_where=still_open)  # fmt: skip
    _table("idempotency", [("key", wide)], _text("request_hash", 64), _small("status"), _bytes("body"), _int("at"))
