"""The lending room's tables; postings, entries and steps refuse update and delete."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Text

revision = "0002"
down_revision = "0001"


def _table(name: str, key: list[tuple[str, Any]], *columns: Column[Any]) -> None:
    keys: list[Column[Any]] = [
        Column(part, type_, primary_key=True, autoincrement=False) for part, type_ in [("tenant", String(64)), *key]
    ]
    op.create_table(name, *keys, *columns)


def _text(name: str, length: int | None = None) -> Column[Any]:
    return Column(name, String(length) if length else Text(), nullable=False)


def _big(name: str, null: bool = False) -> Column[Any]:
    return Column(name, BigInteger(), nullable=null)


def _day(name: str) -> Column[Any]:
    return Column(name, Integer(), nullable=False)


def upgrade() -> None:
    id_, uuid, code, number = String(64), String(36), String(32), Integer()
    _table("ledger_accounts", [("line_id", id_), ("code", code), ("party", id_)], _big("balance_fen"))
    op.create_index("ledger_accounts_by_code", "ledger_accounts", ["tenant", "code", "party"])
    _table("ledger_postings", [("posting_id", uuid)], _text("reference", 256), _text("kind", 32), _text("line_id", 64),
           _big("at"), _day("day"), _big("seq"))  # fmt: skip
    op.create_index("ledger_postings_by_reference", "ledger_postings", ["tenant", "reference"], unique=True)
    op.create_index("ledger_postings_by_line", "ledger_postings", ["tenant", "line_id", "seq"])
    _table("ledger_entries", [("posting_id", uuid), ("n", number)], _text("code", 32), _text("party", 64),
           _big("amount_fen"))  # fmt: skip

    _table("lending_lines", [("line_id", id_)], _text("subject", 256), _text("product", 64), _text("product_hash", 64),
           _text("pack_id", 64), _text("pack_hash", 64), _text("decision_id", 64), _big("opened"),
           _text("time_zone", 64), _big("limit_fen"), _big("rate_ppm"), _text("status", 16), _day("year_days"),
           _text("rounding", 16), _text("shares"), _big("interest_total_fen"), _big("interest_paid_total_fen"),
           _big("credit_fen"), _big("written_off_fen"), _day("days_past_due"), _text("bucket", 32),
           _text("class_name", 32), _big("seq"), _day("booked_day"), _day("shard"))  # fmt: skip
    op.create_index("lending_lines_by_subject", "lending_lines", ["tenant", "subject"])
    op.create_index("lending_lines_by_watermark", "lending_lines", ["tenant", "shard", "booked_day", "line_id"])
    _table("lending_drawdowns", [("drawdown_id", uuid)], _text("line_id", 64), _text("request_ref", 256),
           _text("use_of_money", 64), _big("drawn"), _big("amount_fen"), _big("rate_ppm"), _big("overdue_rate_ppm"),
           _text("status", 16), _day("start_day"), _day("accrued_day"), _text("dues"), _big("principal_fen"),
           _big("carry_fen"), _big("carry_rest"), _big("interest_paid_fen"))  # fmt: skip
    op.create_index("lending_drawdowns_by_line", "lending_drawdowns", ["tenant", "line_id", "status"])
    op.create_index("lending_drawdowns_by_request", "lending_drawdowns", ["tenant", "line_id", "request_ref"],
                    unique=True)  # fmt: skip
    _table("lending_steps", [("line_id", id_), ("seq", BigInteger())], _text("kind", 32), _big("at"), _text("body"))
    _table("lending_conditions", [("subject", String(256)), ("line_id", id_), ("condition", code), ("seq", number)],
           Column("met", Boolean(), nullable=False), _text("proof"), _big("at"))  # fmt: skip
    _table("lending_contracts", [("line_id", id_), ("sha256", id_)], _text("body"), _big("rendered"))
    _table("lending_payouts", [("payout_id", uuid)], _text("line_id", 64), _text("drawdown_id", 36),
           _big("amount_fen"), _text("account", 256), _text("status", 16), _big("created"), _big("settled", null=True),
           _text("reason"))  # fmt: skip
    op.create_index("lending_payouts_by_line", "lending_payouts", ["tenant", "line_id"])
    op.create_index("lending_payouts_by_drawdown", "lending_payouts", ["tenant", "drawdown_id"])

    for name in ("ledger_postings", "ledger_entries", "lending_steps"):
        _append_only(name)


def _append_only(name: str) -> None:
    sentence = f"{name} is append-only: correct it with a new posting"
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
                f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {name}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{sentence}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_append_only()"
    )
