"""One SQL database behind two dialects: SQLite (WAL, synchronous FULL) and PostgreSQL (psycopg 3).

SQLite has one writer: writers of a process queue on a lock, writers of other processes on the busy timeout, and every
write transaction begins IMMEDIATE, so that none ever fails half-way for want of the lock.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from dandelion.core import BadInput, Unavailable
from dandelion.vault.migrate import migrate
from dandelion.vault.prepared import Prepared

BUSY_S = 30
SQLITE_FROM = (3, 35, 0)  # RETURNING
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={BUSY_S * 1000}",
    "PRAGMA cache_size=-65536",
    "PRAGMA wal_autocheckpoint=16384",  # 64 MiB; a serving process carries the log over long before, see `carry_over`
)
_BEGIN, _BEGIN_IMMEDIATE = Prepared(sa.text("BEGIN")), Prepared(sa.text("BEGIN IMMEDIATE"))
_LOCK_MANY = sa.text("SELECT pg_advisory_xact_lock(number) FROM unnest(CAST(:numbers AS bigint[])) AS number")


class Database:
    """Read snapshots and write transactions on one URL.  Safe for many threads."""

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite and sqlite3.sqlite_version_info < SQLITE_FROM:
            raise Unavailable(f"SQLite {sqlite3.sqlite_version} is too old; Python needs one from 3.35 on")
        options: dict[str, Any] = {"pool_size": 16, "max_overflow": 64, "pool_timeout": BUSY_S}
        if not self.is_sqlite:
            options["pool_pre_ping"] = True
        self.engine = sa.create_engine(parsed, **options)
        self._writer = threading.Lock()
        self._writing: sa.Connection | None = None  # SQLite's, kept between writes: a fifth of what a small one costs
        self._inside = threading.local()
        self.hours_pinned: dict[
            str, int
        ] = {}  # by tenant: an hour whose root of the audit was read; roots stay for ever
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        with self.write() as connection:
            migrate(connection)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One consistent snapshot: what commits meanwhile is not seen."""
        with _in_our_words(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction, all or nothing.  A second one inside the first, in the same thread, is refused."""
        if getattr(self._inside, "writing", False):
            raise RuntimeError("a write transaction is already open in this thread; pass its Work on instead")
        with _in_our_words(), self._turn() as connection:
            self._inside.writing = True
            try:
                with connection.begin():
                    yield connection
            finally:
                self._inside.writing = False

    @contextmanager
    def _turn(self) -> Iterator[sa.Connection]:
        """A connection to write with."""
        if not self.is_sqlite:
            with self.engine.connect() as connection:
                yield connection
            return
        if not self._writer.acquire(timeout=BUSY_S):
            raise Unavailable(f"the database was busy for {BUSY_S} s; try again")
        try:
            if self._writing is None:
                self._writing = self.engine.connect().execution_options(immediate=True)
            try:
                yield self._writing
            except sa.exc.DBAPIError:
                self._let_go()  # whatever is wrong with it, the next write begins with another
                raise
        finally:
            self._writer.release()

    def _let_go(self) -> None:
        if self._writing is not None:
            self._writing.close()
            self._writing = None

    def lock(self, connection: sa.Connection, name: str) -> None:
        """Wait for the named lock and hold it until the transaction ends.  SQLite writers are alone already."""
        if not self.is_sqlite:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": _number(name)})

    def lock_many(self, connection: sa.Connection, names: Sequence[str]) -> None:
        """`lock` for many names, in the order given, in one call; give them sorted."""
        if not self.is_sqlite and names:
            connection.execute(_LOCK_MANY, {"numbers": [_number(name) for name in names]})

    def insert_new(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> int:
        """Insert rows whose key is not there yet; returns how many were new."""
        if not rows:
            return 0
        build: Any = sqlite_insert if self.is_sqlite else postgresql_insert
        statement = build(table).on_conflict_do_nothing().returning(table.c.tenant)
        return len(connection.execute(statement, rows).all())

    def carry_over(self) -> None:
        """Carry what SQLite's log holds over into the file, beside readers and writers; else a commit does it, and waits."""
        if self.is_sqlite:
            with _in_our_words():
                connection = self.engine.raw_connection()
                try:
                    connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").close()
                finally:
                    connection.close()

    def close(self) -> None:
        with self._writer:
            self._let_go()
        self.engine.dispose()


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


@contextmanager
def _in_our_words() -> Iterator[None]:
    """A value no column can hold is bad input; a database that cannot answer now is unavailable."""
    try:
        yield
    except (sa.exc.DataError, OverflowError) as error:
        raise BadInput("a value is too large or holds characters that cannot be stored", field="value") from error
    except sa.exc.OperationalError as error:
        raise Unavailable("the database cannot answer now; try again") from error


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise BadInput(
            "the database URL cannot be read; write sqlite:///vault.db or postgresql+psycopg://host/name", field="url"
        ) from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise BadInput(
            f"{parsed.drivername!r} is not a database we know; use sqlite or postgresql+psycopg", field="url"
        )
    if parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise BadInput("an in-memory database loses what was promised; give a file: sqlite:///vault.db", field="url")
    return parsed


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(connection: sa.Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    (_BEGIN_IMMEDIATE if immediate else _BEGIN).run(connection, {})
