"""Contests of decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "contests",
        sa.Column("tenant", sa.String(64), primary_key=True),
        sa.Column("contest_id", sa.String(36), primary_key=True),
        sa.Column("decision_id", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("opened", sa.BigInteger, nullable=False),
        sa.Column("statement", sa.Text, nullable=False),
        sa.Column("resolved", sa.BigInteger),
        sa.Column("resolved_by", sa.String(256)),
        sa.Column("outcome", sa.String(32)),
        sa.Column("note", sa.Text),
    )
    op.create_index("contests_by_decision", "contests", ["tenant", "decision_id"])
