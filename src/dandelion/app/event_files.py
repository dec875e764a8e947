"""Events from a plain Parquet file: checked, put in order, one table per role; no workspace needed.

A file may hold less than a record does.  Without `arrived` an event is taken as known when it happened; without
`event_id` ties in time are in the order of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dandelion.core import BadInput, NotFound, fields_of
from dandelion.indicators import Definitions
from dandelion.indicators.declare import OF_SHARES, OF_WHO, Base
from dandelion.indicators.whose import MARK, parts

Key = tuple[str, str]
Events = dict[Key, pa.Table]
Tell = Callable[[str], None]
TIMESTAMP = pa.timestamp("us", tz="UTC")
OPTIONAL = ("replaces",)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The columns of a kind that some ids are made of: column -> the id that asks for it."""

    kind: str
    roles: tuple[str, ...]
    columns: dict[str, str]


def wanted_by(definitions: Definitions, ids: Iterable[str]) -> dict[str, Wanted]:
    """What files of events must hold for these ids, by kind.  Errors (BadInput): an id there is not."""
    found: dict[str, Wanted] = {}
    for name in ids:
        for base in _bases_behind(definitions, name):
            stream = base.stream
            known = found.get(stream.kind, Wanted(stream.kind, (), {}))
            columns = dict.fromkeys(_columns_of(base), name) | known.columns
            found[stream.kind] = Wanted(stream.kind, tuple(dict.fromkeys((*known.roles, stream.role))), columns)
    return found


def _bases_behind(definitions: Definitions, name: str) -> list[Base]:
    """Of a column of counterparties, what theirs is made of too."""
    far = (parts(name)[1],) if MARK in name else ()
    return [base for one in (name, *far) for base in definitions.bases_of(one)]


def _columns_of(base: Base) -> list[str]:
    stream = base.stream
    dimensions = [stream.dimension(name) for name, _ in base.filters]
    standing = any(dimension.source == "standing" for dimension in dimensions)
    found = [stream.role, "at", *(str(d.field) for d in dimensions if d.source == "value")]
    if base.measure is not None:
        found.append(stream.measure(base.measure).field)
    if stream.counterparty and (standing or base.aggregate in (*OF_WHO, *OF_SHARES)):
        found.append(stream.counterparty)
    return found + ([stream.latest_by] if stream.latest_by else [])


def read(file: Path, wanted: Wanted, tell: Tell) -> Events:
    """(kind, role) -> events in order of (subject, at, event id).

    Errors: NotFound without a file; BadInput naming a column that is missing, empty somewhere or of a wrong type.
    """
    if not file.is_file():
        raise NotFound(f"there is no file {file}; give a Parquet file of {wanted.kind} events", field="--events")
    try:
        has = pq.read_schema(file).names
    except pa.ArrowInvalid as error:
        raise BadInput(f"{file} is no Parquet file: {error}; write it as Parquet", field="--events") from error
    for column, name in wanted.columns.items():
        if column not in has:
            raise BadInput(f"{file} lacks column {column!r}, which {name} is made of; add the column or leave out what "
                           f"needs it (the file has {', '.join(has)})", field=column)  # fmt: skip
    kinds = {field.name: field.kind for field in fields_of(wanted.kind)}
    names = [n for n in kinds if n in wanted.columns or n in ("event_id", "arrived", *OPTIONAL, "channel")]
    coded = [n for n in names if kinds[n].name in ("ident", "text", "choice") and n not in ("event_id", *OPTIONAL)]
    raw = pq.read_table(file, columns=[n for n in names if n in has], read_dictionary=coded)
    table = pa.table({n: _cast(file, n, raw.column(n), kinds[n].name, tell) for n in raw.column_names})
    if "arrived" not in has:
        tell(f"{file.name} has no column arrived: every event counts as known when it happened")
        table = table.append_column("arrived", table.column("at"))
    for name in table.column_names:
        _told_strangers(file, name, table.column(name), kinds[name].choices, tell)
    return {(wanted.kind, role): _ordered(table, role) for role in wanted.roles}


def _ordered(table: pa.Table, role: str) -> pa.Table:
    """By (subject, at, event id).  Subjects are sorted as codes and ids only where times tie: ten times faster than
    sorting three columns of text."""
    names = _codes(table.column(role))
    rank = np.empty(len(names.dictionary), np.int64)
    rank[pc.sort_indices(names.dictionary).to_numpy()] = np.arange(len(rank))
    who = rank[names.indices.to_numpy()] if len(rank) else np.empty(0, np.int64)
    at = table.column("at").cast(pa.int64()).to_numpy()
    order = np.lexsort((at, who))
    same = (who[order][1:] == who[order][:-1]) & (at[order][1:] == at[order][:-1])
    tied = np.flatnonzero(np.concatenate([same, [False]]) | np.concatenate([[False], same]))
    if len(tied) and "event_id" in table.column_names:
        some = order[tied]
        keys = pa.table({"who": who[some], "at": at[some], "id": table.column("event_id").take(pa.array(some))})
        by = [("who", "ascending"), ("at", "ascending"), ("id", "ascending")]
        order[tied] = some[pc.sort_indices(keys, by).to_numpy()]
    table = table.take(pa.array(order))
    if "event_id" not in table.column_names:  # ties stay as they were in the file
        place = pa.array(np.arange(table.num_rows)).cast(pa.string())
        table = table.append_column("event_id", pc.utf8_lpad(place, len(str(table.num_rows)), "0"))
    return table


def _codes(column: pa.ChunkedArray) -> pa.DictionaryArray:
    if pa.types.is_dictionary(column.type):
        return column.unify_dictionaries().combine_chunks()
    return column.combine_chunks().dictionary_encode()


def _cast(file: Path, name: str, column: pa.ChunkedArray, kind: str, tell: Tell) -> pa.ChunkedArray:
    if name not in OPTIONAL and column.null_count:
        row = int(np.flatnonzero(column.combine_chunks().is_null().to_numpy(zero_copy_only=False))[0])
        raise BadInput(f"{file}: {name} is empty in row {row}; fill it in or leave the row out", field=name)
    if pa.types.is_dictionary(column.type):
        if pa.types.is_string(column.type.value_type) and kind in ("ident", "text", "choice"):
            return column if name not in ("event_id", *OPTIONAL) else column.cast(pa.string())
        column = column.cast(column.type.value_type)
    try:
        if kind == "instant":
            return _instant(file, name, column, tell)
        if kind in ("fen", "count"):
            return column.cast(pa.int64())  # a fraction is refused: safe casts do not round
        if kind == "flag":
            return column.cast(pa.bool_())
        text = column.cast(pa.string())
        return text if name in ("event_id", *OPTIONAL) else pa.chunked_array([_codes(text)])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        said = {"instant": "a timestamp", "fen": "whole fen (int64)", "count": "whole numbers (int64)", "flag": "bool"}
        wanted = said.get(kind, "text")
        raise BadInput(f"{file}: {name} is {column.type}; write it as {wanted} ({error})", field=name) from error


def _instant(file: Path, name: str, column: pa.ChunkedArray, tell: Tell) -> pa.ChunkedArray:
    if pa.types.is_int64(column.type):
        tell(f"{file.name}: {name} is a whole number and is read as UTC microseconds")
        return column.cast(TIMESTAMP)
    if not pa.types.is_timestamp(column.type):
        raise pa.ArrowInvalid("no timestamp")
    if column.type.tz is None:
        tell(f"{file.name}: {name} has no time zone and is read as UTC")
        column = column.cast(pa.timestamp(column.type.unit, tz="UTC"))
    return column.cast(TIMESTAMP)


def _told_strangers(file: Path, name: str, column: Any, choices: tuple[str, ...], tell: Tell) -> None:
    """A value that no level can name is most often a spelling; it is told, and counts under no level."""
    if choices:
        strange = sorted(set(pc.unique(column).to_pylist()) - set(choices))
        if strange:
            tell(f"{file.name}: {name} holds {strange[0]!r}, which is none of {', '.join(choices)}")


def subjects_of(tables: Events) -> list[str]:
    """Everybody in the role columns, in byte order."""
    found: set[str] = set()
    for (_, role), table in tables.items():
        found.update(pc.unique(table.column(role)).to_pylist())
    return sorted(found)


def only_of(tables: Events, subjects: list[str]) -> Events:
    """The events of some subjects, still in order."""
    some = pa.array(subjects, pa.string())
    return {key: table.filter(pc.is_in(table.column(key[1]), value_set=some)) for key, table in tables.items()}
