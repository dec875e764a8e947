"""A book over plain files, without a workspace: a catalogue as JSON, a frame as Parquet, and what fired as Parquet."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dandelion.core import BadInput, Column
from dandelion.core.frame import Floats
from dandelion.policy.book import Book
from dandelion.policy.engine import Engine
from dandelion.policy.strategy import Action, Strategy

ROWS_AT_ONCE = 65_536
FIRED = pa.schema([("row", pa.int64()), ("strategy", pa.string()), ("action", pa.string())])


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a frame.  `hits` are rows by strategy, in the book's order; `missing` the columns the book asks for
    and the frame lacks: they were missing in every row."""

    rows: int
    fired: int
    hits: Mapping[str, int]
    missing: tuple[str, ...]


def read_catalogue(file: Path) -> dict[str, Column]:
    """Columns by id from a JSON list such as ``dandelion indicators list --json`` prints; only id and unit are needed.

    Errors: BadInput naming the file and the entry.
    """
    try:
        entries = json.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInput(f"{file}: cannot be read as JSON ({error})", field=str(file)) from None
    if not isinstance(entries, list):
        raise BadInput(f"{file}: must hold a list of columns", field=str(file))
    found = {}
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("id", "unit")):
            raise BadInput(f"{file}: entry {number} must hold id and unit as text", field="id")
        low, high = _range(entry.get("range", [None, None]), f"{file}: entry {number}")
        texts = {
            key: str(entry.get(key, "")) for key in ("null_policy", "room", "purpose", "definition_hash", "zh", "en")
        }
        kinds = tuple(map(str, entry.get("data_kinds", ())))
        found[entry["id"]] = Column(entry["id"], entry["unit"], (low, high), **texts, data_kinds=kinds)
    return found


def run_book(
    book: Book, frame: Path, out: Path, *, product: str | None = None, shadow: bool = False,
    tell: Callable[[int], None] = lambda rows: None,
) -> Run:  # fmt: skip
    """Write one row (row, strategy, action) for each row of `frame` and live strategy that fires on it, in that order.

    `frame` is Parquet; its columns are called by alias or by column id, flags by key (``granted(payments)``) as booleans.
    Null and NaN are missing, a flag that is not there is unknown.  Every strategy meets every row, whatever its share or
    arm; dates are held against a column ``as_of`` where there is one.  `shadow` runs shadow strategies too, `product`
    leaves out those of others; `tell` hears how many rows are done.  Errors: BadInput naming the file and the column.
    """
    strategies = [
        s
        for s in book.strategies
        if (s.mode == "live" or (shadow and s.mode == "shadow")) and (product is None or s.product in ("*", product))
    ]
    engine = Engine.of([s.condition for s in strategies])
    try:
        source = pq.ParquetFile(frame)
    except (OSError, pa.ArrowInvalid) as error:
        raise BadInput(f"{frame}: cannot be read as Parquet ({error})", field=str(frame)) from None
    given = set(source.schema_arrow.names)
    held = {name: _found(name, book, given) for name in engine.columns}
    wanted = sorted({name for name in held.values() if name is not None})
    dated = ["as_of"] if "as_of" in given else []
    hits, done = np.zeros(len(strategies), np.int64), 0
    with pq.ParquetWriter(out, FIRED, compression="zstd") as writer:
        for batch in source.iter_batches(ROWS_AT_ONCE, columns=[*wanted, *dated]):
            columns = {name: floats_of(batch.column(name), frame, name) for name in wanted}
            values = np.full((batch.num_rows, len(engine.columns)), np.nan, np.float32)
            for j, name in enumerate(engine.columns):
                if held[name] is not None:
                    values[:, j] = columns[str(held[name])]
            mask = engine.fired(values).mask()
            if dated:
                mask &= _in_force(strategies, batch.column("as_of"))
            hits += mask.sum(axis=1)
            writer.write_table(_table(mask, strategies, done))
            done += batch.num_rows
            tell(done)
    lacking = tuple(name for name, at in held.items() if at is None)
    by_id = {s.id: int(n) for s, n in zip(strategies, hits, strict=True)}
    return Run(done, int(hits.sum()), by_id, lacking)


def action_text(action: Action) -> str:
    """``decline``, ``limit_times_ppm=600000``, ``refer=lease``."""
    amount = action.label or (str(action.amount) if action.kind not in ("decline", "freeze") else "")
    return f"{action.kind}={amount}" if amount else action.kind


def _found(name: str, book: Book, given: set[str]) -> str | None:
    use = book.columns.get(name)
    return next((n for n in (name, use.id if use else name) if n in given), None)


def floats_of(column: pa.Array | pa.ChunkedArray, frame: Path, name: str) -> Floats:
    try:
        plain = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
        return plain.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float32)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise BadInput(f"{frame}: column {name!r} is {column.type}; it must hold numbers", field=name) from None


def _in_force(strategies: list[Strategy], as_of: pa.Array) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    at = as_of.cast(pa.timestamp("us")).cast(pa.int64()) if pa.types.is_timestamp(as_of.type) else as_of
    moments = np.asarray(at.to_numpy(zero_copy_only=False), np.int64)
    spans = np.array([(s.from_us, s.to_us) for s in strategies], np.int64).reshape(-1, 2)
    return (spans[:, :1] <= moments) & (moments < spans[:, 1:])


def _table(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], strategies: list[Strategy], first: int) -> pa.Table:
    row, strategy = np.nonzero(mask.T)
    texts = [
        pa.DictionaryArray.from_arrays(pa.array(strategy, pa.int32()), pa.array(names, pa.string())).cast(pa.string())
        for names in ([s.id for s in strategies], [action_text(s.action) for s in strategies])
    ]
    return pa.table([pa.array(row + first, pa.int64()), *texts], schema=FIRED)


def _range(value: object, where: str) -> tuple[float | None, float | None]:
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not all(v is None or isinstance(v, int | float) for v in value)
    ):
        raise BadInput(f"{where}: range is {value!r}; give [low, high] with null for open", field="range")
    low, high = (None if v is None else float(v) for v in value)
    return low, high
