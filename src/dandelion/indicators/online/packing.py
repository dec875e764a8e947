"""Arrow tables of events to records by subject, and records back to Arrow tables in order, each event once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import Unavailable, arrow_schema
from dandelion.core.frame import Ints
from dandelion.indicators.online import kernel
from dandelion.indicators.online.layout import Table
from dandelion.indicators.prepare import micros

Octets = npt.NDArray[np.uint8]
Words64 = npt.NDArray[np.uint64]
_ABSENT = np.empty(0, np.uint8)


@dataclass(frozen=True, slots=True)
class Packed:
    """Records of several subjects: those of `subjects[s]` are ``data[bounds[s]:bounds[s + 1]]``."""

    subjects: list[str]
    data: bytes
    bounds: Ints

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        edges = self.bounds.tolist()
        data = self.data
        for name, low, high in zip(self.subjects, edges, edges[1:], strict=False):
            yield name, data[low:high]


def pack(table: Table, events: pa.Table) -> Packed:
    """Records of `events` (the contract's schema, nothing missing that is required), subject by subject."""
    subject = whole(events.column(table.role)).dictionary_encode()
    rows = events.num_rows
    numbers = np.empty((2 + len(table.numbers), rows), np.int64)
    numbers[0], numbers[1] = micros(events.column("at")), micros(events.column("arrived"))
    for n, name in enumerate(table.numbers):
        column = events.column(name)
        numbers[2 + n] = micros(column) if name in table.instants else column.to_numpy()
    codes = np.empty((len(table.codes), rows), np.uint8)
    for c, (name, choices) in enumerate(table.codes):
        codes[c] = _codes(events.column(name), choices)
    starts = np.empty((len(table.texts), rows), np.int64)
    lengths = np.empty((len(table.texts), rows), np.int64)
    parts: list[Octets] = []
    before = 0
    for s, name in enumerate(table.texts):
        part, starts[s], lengths[s] = octets_of(whole(events.column(name)))
        starts[s] += before
        before += len(part)
        parts.append(part)
    text = np.concatenate(parts)
    who = subject.indices.to_numpy(zero_copy_only=False)
    data, bounds = kernel.pack(who, len(subject.dictionary), numbers, codes, starts, lengths, text)
    return Packed(subject.dictionary.to_pylist(), data.tobytes(), bounds)


def unpack(table: Table, subjects: Sequence[str], states: Sequence[bytes]) -> tuple[pa.Table, Words64]:
    """(events of these subjects by (subject as given, at, event id), each id once; a 64-bit hash of each id).

    The table has the kept fields.  `subjects` are distinct.  Errors (Unavailable): a state does not hold whole records.
    """
    data = np.frombuffer(b"".join(states), np.uint8)
    bounds = np.concatenate([[0], np.cumsum([len(state) for state in states], dtype=np.int64)]).astype(np.int64)
    fixed = 2 + 8 * (2 + len(table.numbers)) + len(table.codes)
    counts = kernel.count(data, bounds, fixed, len(table.texts))
    if len(counts) and counts.min() < 0:
        raise Unavailable(
            f"the stored {table.name} events of one subject are damaged; rebuild the state from the log or the vault",
            field="store",
        )
    if counts.sum() == 0:
        return _empty(table), np.empty(0, np.uint64)
    places, kept = kernel.arrange(data, bounds, counts, fixed)
    rows = len(places)
    numbers = np.empty((2 + len(table.numbers), rows), np.int64)
    codes = np.empty((len(table.codes), rows), np.uint8)
    kernel.read_fixed(data, places, numbers, codes)
    schema = arrow_schema(table.kind)
    who = pa.DictionaryArray.from_arrays(
        np.repeat(np.arange(len(kept), dtype=np.int32), kept), pa.array(subjects, pa.string())
    )
    columns: dict[str, Any] = {table.role: who.dictionary_decode()}
    columns["at"], columns["arrived"] = (pa.array(numbers[i]).view(schema.field("at").type) for i in (0, 1))
    for n, name in enumerate(table.numbers):
        column = pa.array(numbers[2 + n])
        columns[name] = column.view(schema.field(name).type) if name in table.instants else column
    for c, (name, choices) in enumerate(table.codes):
        flag = pa.types.is_boolean(schema.field(name).type)
        known = pa.array([*choices, None], pa.string())  # a value outside a closed set belongs to no level
        columns[name] = pa.array(codes[c] == 1) if flag else known.take(pa.array(codes[c]))
    for s, name in enumerate(table.texts):
        columns[name] = _text(data, places, fixed, s)
    return pa.table(columns), kernel.hashes(data, places, fixed)


def reach_of(table: Table, state: bytes, before: int) -> bytes:
    """The records of one subject's state at or after `before`, each id once, in order; what older windows need is gone."""
    data = np.frombuffer(state, np.uint8)
    fixed = 2 + 8 * (2 + len(table.numbers)) + len(table.codes)
    bounds = np.array([0, len(data)], np.int64)
    places, _ = kernel.arrange(data, bounds, kernel.count(data, bounds, fixed, len(table.texts)), fixed)
    return bytes(kernel.from_instant(data, places, before))


def whole(column: Any) -> Any:
    """A column as one array, dictionaries decoded."""
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _codes(column: Any, choices: Sequence[str]) -> Any:
    column = whole(column)
    if pa.types.is_boolean(column.type):
        return column.to_numpy(zero_copy_only=False)
    found = pc.index_in(column, value_set=pa.array(choices, pa.string()))
    return (found.fill_null(len(choices)) if found.null_count else found).to_numpy(zero_copy_only=False)


def octets_of(column: Any) -> tuple[Octets, Ints, Ints]:
    """(octets, start and length of each text); a missing one has length -1."""
    rows = len(column)
    _, offsets, data = column.buffers()
    edges = np.frombuffer(offsets, np.int32, rows + 1, column.offset * 4).astype(np.int64)
    octets = _ABSENT if data is None else np.frombuffer(data, np.uint8)[edges[0] : edges[-1]]
    lengths = np.diff(edges)
    if column.null_count:
        lengths[np.asarray(column.is_null().to_numpy(zero_copy_only=False))] = -1
    return octets, edges[:-1] - edges[0], lengths


def _text(data: Octets, places: Ints, fixed: int, which: int) -> pa.Array:
    offsets = np.empty(len(places) + 1, np.int32)
    valid = np.empty(len(places), np.bool_)
    octets = kernel.read_text(data, places, fixed, which, offsets, valid)
    bitmap = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    buffers = [bitmap, pa.py_buffer(offsets), pa.py_buffer(octets)]
    return pa.Array.from_buffers(pa.string(), len(places), buffers)


def _empty(table: Table) -> pa.Table:
    names = {table.role, "at", "arrived", *table.kept}
    return arrow_schema(table.kind).empty_table().select([n for n in arrow_schema(table.kind).names if n in names])
