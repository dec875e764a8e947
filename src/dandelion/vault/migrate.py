"""Brings a database to the newest schema.  Safe when several processes start at once; cheap when nothing is to do."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

FOLDER = Path(__file__).parent / "migrations"


def newest() -> str:
    """The newest revision: the four digits that the last migration file starts with."""
    return max(file.name[:4] for file in (FOLDER / "versions").glob("[0-9]*.py"))


def migrate(connection: sa.Connection) -> None:
    """Run what is missing on `connection`, whose write transaction is already open.

    On PostgreSQL an advisory lock lets one process migrate while the others wait; on SQLite the write transaction does.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7310310)"))
    if current(connection) == newest():
        return
    from alembic import command  # only now: a server that is up to date need not load it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def current(connection: sa.Connection) -> str | None:
    """The revision the database is at, or None for an empty one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return found
