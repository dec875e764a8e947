"""Arrow schemas derived from the event dataclasses, and validation of columnar batches.

A bad row is set aside with its row number, field and reason; the good rows go on.  Nothing is guessed or repaired.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core.errors import BadInput
from dandelion.core.events import ALL_KINDS, Event, Kind

ROWS_MAX = 50_000_000
TEXT_BYTES_MAX = 256
EARLIEST_US = 315_532_800_000_000  # 1980-01-01: anything earlier is a parsing accident
TIMESTAMP = pa.timestamp("us", tz="UTC")
_ARROW = {
    "ident": pa.string(), "text": pa.string(), "choice": pa.string(), "instant": TIMESTAMP,
    "fen": pa.int64(), "count": pa.int64(), "flag": pa.bool_(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One column of an event kind."""

    name: str
    kind: Kind
    optional: bool


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a row was set aside.  `row` counts from 0 within the batch given."""

    row: int
    field: str
    reason: str


def event_class(kind: str) -> type[Event]:
    try:
        return ALL_KINDS[kind]
    except KeyError:
        raise BadInput(f"{kind!r} is not an event kind; known: {', '.join(sorted(ALL_KINDS))}", field="kind") from None


@functools.cache
def fields_of(kind: str) -> tuple[Field, ...]:
    """Fields of a kind in declaration order, the common ones first."""
    cls = event_class(kind)
    hints = get_type_hints(cls, include_extras=True)
    return tuple(Field(f.name, *_unwrap(hints[f.name])) for f in fields(cls))


@functools.cache
def arrow_schema(kind: str) -> pa.Schema:
    """The Arrow schema of a kind; its metadata names kind and version."""
    cls = event_class(kind)
    columns = [pa.field(f.name, _ARROW[f.kind.name], nullable=f.optional) for f in fields_of(kind)]
    return pa.schema(columns, metadata={"dandelion.kind": cls.KIND, "dandelion.version": str(cls.VERSION)})


def _unwrap(hint: Any) -> tuple[Kind, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        inner = [arg for arg in get_args(hint) if arg is not type(None)]
        return _unwrap(inner[0])[0], True
    if get_origin(hint) is Annotated:
        marks = [mark for mark in get_args(hint)[1:] if isinstance(mark, Kind)]
        return marks[-1], False
    raise TypeError(f"{hint!r} carries no Kind")


def validate(kind: str, batch: pa.Table, *, now_us: int) -> tuple[pa.Table, list[Rejection]]:
    """Cast `batch` to the kind's schema row by row: (good rows in input order, rejections in row order).

    Extra columns are dropped.  A missing required column is an error of the whole batch (BadInput), because no row could
    be good.  Instants must lie between 1980 and `now_us` except forward-looking ones (`until`, `starts`, `ends`).
    """
    if batch.num_rows > ROWS_MAX:
        raise BadInput(f"{batch.num_rows:,} rows in one batch; split it at {ROWS_MAX:,}", field="rows")
    missing = [f.name for f in fields_of(kind) if not f.optional and f.name not in batch.column_names]
    if missing:
        raise BadInput(
            f"{kind} batch lacks column {missing[0]!r}; it has {', '.join(batch.column_names)}",
            field=missing[0],
        )
    rows = batch.num_rows
    bad: dict[int, Rejection] = {}
    columns: list[pa.Array] = []
    for field in fields_of(kind):
        if field.name not in batch.column_names:
            columns.append(pa.nulls(rows, _ARROW[field.kind.name]))
            continue
        column = batch.column(field.name)
        values, uncast = _cast(column, field)
        _note(bad, uncast, field, _unreadable(column, field))
        if not field.optional:
            null = np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))
            _note(bad, null, field, _constant(f"is empty; it needs {_wanted(field)}"))
        for rows_bad, reason in _range_breaches(values, field, now_us):
            _note(bad, rows_bad, field, reason)
        columns.append(values)
    table = pa.Table.from_arrays(columns, schema=pa.schema([f.with_nullable(True) for f in arrow_schema(kind)]))
    if bad:
        keep = np.ones(rows, dtype=bool)
        keep[list(bad)] = False
        table = table.filter(pa.array(keep))
    return table.cast(arrow_schema(kind)), [bad[row] for row in sorted(bad)]


def _unreadable(column: pa.ChunkedArray, field: Field) -> Callable[[int], str]:
    return lambda row: f"{column[row].as_py()!r} is not {_wanted(field)}"


def _constant(sentence: str) -> Callable[[int], str]:
    return lambda _row: sentence


def _note(bad: dict[int, Rejection], rows: Iterable[int], field: Field, reason: Callable[[int], str]) -> None:
    for row in rows:
        bad.setdefault(int(row), Rejection(int(row), field.name, f"{field.name}: {reason(int(row))}"))


def _cast(column: pa.ChunkedArray, field: Field) -> tuple[pa.Array, np.ndarray[Any, Any]]:
    """(values with unreadable ones null, row numbers of the unreadable)."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(column, pa.ChunkedArray):  # combine_chunks of several chunks may still be chunked for nested types
        column = pa.concat_arrays(column.chunks)
    target = _ARROW[field.kind.name]
    if column.type == target:
        return column, np.empty(0, np.int64)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        if field.kind.name in ("fen", "count") and pa.types.is_floating(column.type):
            raise pa.ArrowInvalid("money and counts are whole numbers")
        if field.kind.name == "instant" and not pa.types.is_timestamp(column.type):
            raise pa.ArrowInvalid("needs a timestamp")
        if field.kind.name == "instant" and column.type.tz is None:
            raise pa.ArrowInvalid("needs a time zone")
        return column.cast(target), np.empty(0, np.int64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        values = [_cast_one(value, field.kind.name) for value in column.to_pylist()]
        out = pa.array([v if ok else None for v, ok in values], target)
        return out, np.array([i for i, (_, ok) in enumerate(values) if not ok], np.int64)


def _cast_one(value: Any, kind: str) -> tuple[Any, bool]:
    if value is None or (isinstance(value, float) and value != value):
        return None, True
    if kind in ("ident", "text", "choice"):
        return (value, True) if isinstance(value, str) else (None, False)
    if kind == "flag":
        return (value, True) if isinstance(value, bool) else (None, False)
    if kind == "instant":
        ok = hasattr(value, "tzinfo") and value.tzinfo is not None
        return (value, True) if ok else (None, False)
    if isinstance(value, bool):
        return None, False
    if isinstance(value, int):
        return (value, True) if abs(value) < 2**63 else (None, False)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value), True
    return None, False


def _range_breaches(
    values: pa.Array, field: Field, now_us: int
) -> Iterable[tuple[np.ndarray[Any, Any], Callable[[int], str]]]:
    def at(mask: pa.Array) -> np.ndarray[Any, Any]:
        return np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False))

    kind = field.kind
    if kind.name in ("ident", "text"):
        yield (
            at(pc.greater(pc.binary_length(values), TEXT_BYTES_MAX)),
            lambda _i: f"longer than {TEXT_BYTES_MAX} bytes",
        )
        if not field.optional:
            yield at(pc.equal(pc.binary_length(values), 0)), lambda _i: "is empty text"
    if kind.choices:
        yield (
            at(pc.invert(pc.is_in(values, value_set=pa.array(kind.choices, pa.string()))))
            if len(values)
            else np.empty(0),
            lambda i: f"{values[i].as_py()!r} is not one of {', '.join(kind.choices)}",
        )
    if kind.low is not None:
        yield at(pc.less(values, kind.low)), lambda i: f"{values[i].as_py()} is below {kind.low}"
    if kind.high is not None:
        yield at(pc.greater(values, kind.high)), lambda i: f"{values[i].as_py()} is above {kind.high}"
    if kind.name == "instant":
        micros = values.cast(pa.int64())
        yield at(pc.less(micros, EARLIEST_US)), lambda _i: "is before 1980; check the time unit"
        if field.name not in ("until", "starts", "ends"):
            yield at(pc.greater(micros, now_us)), lambda _i: "lies in the future; check clock and time zone"


def _wanted(field: Field) -> str:
    return {
        "ident": "an id as text", "text": "text", "instant": "a timestamp with time zone",
        "fen": "a whole number of fen", "count": "a whole number", "flag": "true or false",
        "choice": "one of " + ", ".join(field.kind.choices),
    }[field.kind.name]  # fmt: skip


def to_table(events: Iterable[Event]) -> pa.Table:
    """Events of one kind as a table of that kind's schema."""
    batch = list(events)
    if not batch:
        raise BadInput("no events given", field="events")
    kind = batch[0].KIND
    names = [f.name for f in fields_of(kind)]
    return pa.Table.from_pydict(
        {name: [getattr(event, name) for event in batch] for name in names}, schema=arrow_schema(kind)
    )


def from_table(kind: str, table: pa.Table) -> list[Event]:
    """The events of a table of the kind's schema."""
    cls = event_class(kind)
    instants = [f.name for f in fields_of(kind) if f.kind.name == "instant"]
    for name in instants:
        index = table.column_names.index(name)
        table = table.set_column(index, name, table.column(name).cast(pa.int64()))
    return [cls(**row) for row in table.select([f.name for f in fields_of(kind)]).to_pylist()]
