"""The nightly watch: each line knows up to which day the warning strategies have looked at it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("lending_lines", sa.Column("watched_day", sa.Integer, nullable=False, server_default="0"))
    op.create_index("lending_lines_by_watch", "lending_lines", ["tenant", "watched_day", "line_id"])
