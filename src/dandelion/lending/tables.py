"""The room's SQL tables, on the vault's metadata: ledger (accounts, postings, entries), lines and what belongs to them.

`tenant` first everywhere.  Money is BIGINT fen, instants BIGINT microseconds, days INTEGER since 1970-01-01 local.
Postings, entries and steps are append-only: triggers in the migration refuse update and delete.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from dandelion.vault import metadata


def _tenant() -> Column[str]:
    return Column("tenant", String(64), primary_key=True)


def _key(name: str, length: int = 64) -> Column[str]:
    return Column(name, String(length), primary_key=True)


def _text(name: str, length: int | None = None, *, null: bool = False) -> Column[str]:
    return Column(name, String(length) if length else Text(), nullable=null)


def _big(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger(), nullable=null)


def _day(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, Integer(), nullable=null)


accounts = Table(
    "ledger_accounts", metadata,
    _tenant(), _key("line_id"), _key("code", 32), _key("party"),
    _big("balance_fen"),
    sa.Index("ledger_accounts_by_code", "tenant", "code", "party"),
)  # fmt: skip

postings = Table(
    "ledger_postings", metadata,
    _tenant(), _key("posting_id", 36),
    _text("reference", 256), _text("kind", 32), _text("line_id", 64), _big("at"), _day("day"), _big("seq"),
    sa.Index("ledger_postings_by_reference", "tenant", "reference", unique=True),
    sa.Index("ledger_postings_by_line", "tenant", "line_id", "seq"),
)  # fmt: skip

entries = Table(
    "ledger_entries", metadata,
    _tenant(), _key("posting_id", 36), Column("n", Integer, primary_key=True, autoincrement=False),
    _text("code", 32), _text("party", 64), _big("amount_fen"),
)  # fmt: skip

lines = Table(
    "lending_lines", metadata,
    _tenant(), _key("line_id"),
    _text("subject", 256), _text("product", 64), _text("product_hash", 64), _text("pack_id", 64),
    _text("pack_hash", 64), _text("decision_id", 64), _big("opened"), _text("time_zone", 64),
    _big("limit_fen"), _big("rate_ppm"), _text("status", 16), _day("year_days"), _text("rounding", 16),
    _text("shares"), _big("interest_total_fen"), _big("interest_paid_total_fen"), _big("credit_fen"),
    _big("written_off_fen"), _day("days_past_due"), _text("bucket", 32), _text("class_name", 32), _big("seq"),
    _day("booked_day"), _day("shard"), Column("watched_day", Integer(), nullable=False, server_default="0"),
    sa.Index("lending_lines_by_subject", "tenant", "subject"),
    sa.Index("lending_lines_by_watermark", "tenant", "shard", "booked_day", "line_id"),
    sa.Index("lending_lines_by_watch", "tenant", "watched_day", "line_id"),
)  # fmt: skip

drawdowns = Table(
    "lending_drawdowns", metadata,
    _tenant(), _key("drawdown_id", 36),
    _text("line_id", 64), _text("request_ref", 256), _text("use_of_money", 64), _big("drawn"),
    _big("amount_fen"), _big("rate_ppm"), _big("overdue_rate_ppm"), _text("status", 16), _day("start_day"),
    _day("accrued_day"), _text("dues"), _big("principal_fen"), _big("carry_fen"), _big("carry_rest"),
    _big("interest_paid_fen"),
    sa.Index("lending_drawdowns_by_line", "tenant", "line_id", "status"),
    sa.Index("lending_drawdowns_by_request", "tenant", "line_id", "request_ref", unique=True),
)  # fmt: skip

steps = Table(
    "lending_steps", metadata,
    _tenant(), _key("line_id"), Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _text("kind", 32), _big("at"), _text("body"),
)  # fmt: skip

# `line_id` is "" for what is proved about the subject itself (identity, payout account).
conditions = Table(
    "lending_conditions", metadata,
    _tenant(), _key("subject", 256), _key("line_id"), _key("condition", 32),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("met", sa.Boolean(), nullable=False), _text("proof"), _big("at"),
)  # fmt: skip

contracts = Table(
    "lending_contracts", metadata,
    _tenant(), _key("line_id"), _key("sha256"),
    _text("body"), _big("rendered"),
)  # fmt: skip

payouts = Table(
    "lending_payouts", metadata,
    _tenant(), _key("payout_id", 36),
    _text("line_id", 64), _text("drawdown_id", 36), _big("amount_fen"), _text("account", 256), _text("status", 16),
    _big("created"), _big("settled", null=True), _text("reason"),
    sa.Index("lending_payouts_by_line", "tenant", "line_id"),
    sa.Index("lending_payouts_by_drawdown", "tenant", "drawdown_id"),
)  # fmt: skip

APPEND_ONLY = (postings, entries, steps)
