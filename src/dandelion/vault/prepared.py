"""`Prepared`: a statement whose SQL is built once for each dialect and run on the driver's own cursor.

Building and binding a statement costs SQLAlchemy five times what SQLite takes to run it; what every ruling and every audit
record passes through is prepared.  It runs in the connection's own transaction, and fails in the same words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

Row = tuple[Any, ...]


class Prepared:
    """One statement, or one for each dialect; every parameter is given by name each time.

    >>> from dandelion.vault.tables import audit_heads
    >>> heads = Prepared(sa.select(audit_heads.c.seq).where(audit_heads.c.tenant == sa.bindparam("of_tenant")))
    >>> with sa.create_engine("sqlite://").begin() as connection:
    ...     audit_heads.create(connection)
    ...     heads.rows(connection, {"of_tenant": "t"})
    []
    """

    def __init__(self, statement: sa.ClauseElement, *, on_postgresql: sa.ClauseElement | None = None) -> None:
        self._plain, self._postgresql = statement, statement if on_postgresql is None else on_postgresql
        self._built: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    @classmethod
    def insert(cls, table: sa.Table, *columns: str) -> Prepared:
        """An insert of these columns, or of all."""
        return cls(sa.insert(table).values({name: sa.bindparam(name) for name in columns or table.c.keys()}))

    def rows(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[Row]:
        """Run it and fetch what it selects."""
        return self._run(connection, "execute", values)[0]

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> int:
        """Run it; how many rows it touched."""
        return self._run(connection, "execute", values)[1]

    def run_many(self, connection: sa.Connection, values: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each of these; nothing for none."""
        if values:
            self._run(connection, "executemany", values)

    def _run(self, connection: sa.Connection, how: str, values: Any) -> tuple[list[Row], int]:
        text, order = self._text(connection.dialect)
        if order is not None:
            values = _ordered(order, values) if how == "execute" else [_ordered(order, one) for one in values]
        errors: Any = connection.dialect.loaded_dbapi
        cursor = connection.connection.cursor()
        try:
            getattr(cursor, how)(text, values)
            return (list(cursor.fetchall()) if cursor.description else []), cursor.rowcount
        except errors.Error as error:
            raise sa.exc.DBAPIError.instance(text, None, error, errors.Error, hide_parameters=True) from error
        finally:
            cursor.close()

    def _text(self, dialect: sa.Dialect) -> tuple[str, tuple[str, ...] | None]:
        """The driver's own text, and the order of the values where it takes them by place."""
        built = self._built.get(dialect.name)
        if built is None:
            statement = self._plain if dialect.name == "sqlite" else self._postgresql
            compiled: Any = statement.compile(dialect=dialect)
            order = None if compiled.positiontup is None else tuple(compiled.positiontup)
            built = self._built[dialect.name] = str(compiled), order
        return built


def _ordered(order: tuple[str, ...], values: Mapping[str, Any]) -> Row:
    return tuple([values[name] for name in order])


def among(columns: Sequence[sa.Column[Any]], scope: sa.ColumnElement[bool], key: sa.Column[str], name: str) -> Prepared:
    """A select of rows whose `key` is one of the texts given as `name` (see `given`), with one SQL text however many."""
    listed: Any = sa.select(sa.column("value")).select_from(sa.func.json_each(sa.bindparam(name, type_=sa.Text)))
    any_of = key == sa.any_(sa.bindparam(name, type_=postgresql.ARRAY(sa.Text)))
    query = sa.select(*columns).where(scope)
    return Prepared(query.where(key.in_(listed)), on_postgresql=query.where(any_of))


def given(connection: sa.Connection, texts: Sequence[str]) -> Any:
    """Texts as the driver takes the list of `among`."""
    return json.dumps(list(texts)) if connection.dialect.name == "sqlite" else list(texts)
