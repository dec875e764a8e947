"""Arrow columns to whole numbers: order checked, corrections worked out, dimensions as codes, parties numbered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.indicators import localtime
from dandelion.indicators.clock import add_codes, add_number_codes, clock_codes, rows_since
from dandelion.indicators.holidays import day_codes
from dandelion.indicators.layout import GIFT, OTHER, OWN, Layout, Split, edges, is_text, spans
from dandelion.indicators.prepare import gone_at, micros
from dandelion.indicators.textcodes import code_parties, number_parties, text_hashes, text_parties, text_starts

Texts = tuple[Ints, npt.NDArray[np.uint8], npt.NDArray[np.bool_]]
Hashes = npt.NDArray[np.uint64]
Locked = TypeVar("Locked", bound=npt.NDArray[Any])
_NO_BYTES = np.frombuffer(b"", np.uint8)
_NO_NULLS = np.empty(0, np.bool_)
_NO_HASHES = np.empty(0, np.uint64)


@dataclass(frozen=True, slots=True)
class Events:
    """Events of one kind and role in order of (subject, at, event id), still with their Arrow columns.

    Subject s has the events ``bounds[s]:bounds[s + 1]``; event e is the table's row ``kept[e]`` (None: row e).
    """

    table: pa.Table
    role: str
    subjects: pa.Array
    bounds: Ints
    at: Ints
    arrived: Ints
    gone: Ints
    kept: Ints | None = None

    @classmethod
    def of(cls, kind: str, role: str, table: pa.Table) -> Events:
        """Errors (BadInput): a column is missing.  A table that is not in order is put in order."""
        has = table.column_names
        for name in (role, "event_id", "at", "arrived"):
            if name not in has:
                raise BadInput(f"{kind} events lack column {name!r}; they have {', '.join(has)}", field=name)
        made = cls._try(role, table)
        if made is None:
            keys = pa.table({name: _text(table.column(name)) for name in (role, "at", "event_id")})
            made = cls._try(
                role, table.take(pc.sort_indices(keys, [(name, "ascending") for name in keys.column_names]))
            )
        assert made is not None, "a sorted table is in order"
        return made

    @classmethod
    def sorted(cls, role: str, table: pa.Table, since: int | None = None) -> Events:
        """Taken as it is: sorted by (subject, at, event id).  Events before `since` are left out; subjects stay."""
        who = whole(table.column(role))
        starts = starts_of(who)
        subjects, bounds = _plain(who.take(pa.array(starts))), np.append(starts, len(who))
        at, arrived = micros(table.column("at")), micros(table.column("arrived"))
        gone = gone_at(table, arrived)
        if since is None or not len(at) or since <= int(at.min()):
            return cls(table, role, subjects, bounds, at, arrived, gone)
        ends, kept = rows_since(bounds, read_only(at), since)
        return cls(table, role, subjects, ends, at[kept], arrived[kept], gone[kept], kept)

    @classmethod
    def _try(cls, role: str, table: pa.Table) -> Events | None:
        who = whole(table.column(role))
        starts = starts_of(who)
        subjects = _plain(who.take(pa.array(starts)))
        if len(starts) > 1 and len(subjects.unique()) != len(starts):
            return None  # a subject's events are scattered
        at = micros(table.column("at"))
        inside = np.ones(max(0, len(at) - 1), np.bool_)
        inside[starts[1:] - 1] = False
        if np.any(inside & (at[1:] < at[:-1])):
            return None
        ties = np.flatnonzero(inside & (at[1:] == at[:-1]))
        if len(ties):
            ids = table.column("event_id")
            if pc.any(pc.less(ids.take(pa.array(ties + 1)), ids.take(pa.array(ties)))).as_py():
                return None
        arrived = micros(table.column("arrived"))
        return cls(table, role, subjects, np.append(starts, len(at)), at, arrived, gone_at(table, arrived))

    def column(self, name: str) -> pa.ChunkedArray:
        try:
            return self.table.column(name)
        except KeyError:
            has = ", ".join(self.table.column_names)
            raise BadInput(f"events lack column {name!r}; they have {has}", field=name) from None

    def numbers(self, name: str) -> Ints:
        """A whole-number column."""
        column = self.column(name)
        if not pa.types.is_int64(column.type):
            column = micros(column) if pa.types.is_timestamp(column.type) else column.cast(pa.int64())
        return read_only(self._kept(np.asarray(column, np.int64)))

    def codes(self, name: str) -> tuple[Ints, list[object]]:
        """(place of each event's value, distinct values), as `encoded`."""
        places, values = encoded(self.column(name))
        return self._kept(places), values

    def _kept(self, values: Ints) -> Ints:
        return values if self.kept is None else values[self.kept]

    def parties(self, name: str, out: Ints, named: bool) -> tuple[Ints, Hashes]:
        """Number the parties of each subject into `out`; (party bounds by subject, hashes if `named`)."""
        column = whole(self.column(name))
        if pa.types.is_dictionary(column.type):
            codes = self._kept(column.indices.cast(pa.int32()).fill_null(-1).to_numpy(zero_copy_only=False))
            bounds, first = code_parties(self.bounds, read_only(codes), len(column.dictionary), out)
            return bounds, text_hashes(*texts(column.dictionary))[codes[first]] if named else _NO_HASHES
        if pa.types.is_integer(column.type) and not named:
            numbers = self._kept(column.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64))
            bounds, _ = number_parties(self.bounds, read_only(numbers), out)
            return bounds, _NO_HASHES
        rows = self.bounds[:-1] if self.kept is None else _first_rows(self.bounds, self.kept)
        bounds, _, hashes = text_parties(self.bounds, rows, *texts(column), out)
        return bounds, hashes if named else _NO_HASHES


def _first_rows(bounds: Ints, kept: Ints) -> Ints:
    """Row of the first event of each subject; the others follow it."""
    return np.append(kept, 0)[bounds[:-1]]


def codes_word(layout: Layout, events: Events, at: Ints, day: Ints, words: Ints) -> None:
    """Fill the local day and the words of dimension codes."""
    words[:] = 0
    coding = coding_of(layout)
    clock_codes(at, *localtime.offsets(layout.tz), day, words, *coding.clocks)
    for split in coding.holidays:
        add_codes(words[split.word], day_codes(day), split.code_of(range(3)), split.shift)
    for split in coding.standings:
        word = words[split.word]
        word += _standing(events, str(split.other)) << split.shift
    for split, bounds, codes in coding.numbers:
        add_number_codes(words[split.word], events.numbers(str(split.dimension.field)), bounds, codes, split.shift)
    for split, code in coding.texts:
        places, values = events.codes(str(split.dimension.field))
        codes = np.array([code.get(value, code[None]) for value in [*values, None]], np.int64)
        add_codes(words[split.word], read_only(places.astype(np.int64)), codes, split.shift)


@dataclass(frozen=True, slots=True)
class Coding:
    """How a layout's dimensions become codes: worked out once."""

    clocks: tuple[Ints, Ints, Ints, Ints]  # words, shifts, tables by hour, tables by weekday
    holidays: list[Split]
    standings: list[Split]
    numbers: list[tuple[Split, Ints, Ints]]  # edges and the code of each span
    texts: list[tuple[Split, dict[object, int]]]  # code of each value; None for all others


def coding_of(layout: Layout) -> Coding:
    if "coding" not in layout.kept:
        by_hour = [split for split in layout.splits if split.dimension.source == "hour"]
        by_weekday = [split for split in layout.splits if split.dimension.source == "weekday"]
        words = np.array([split.word for split in (*by_hour, *by_weekday)], np.int64)
        shifts = np.array([split.shift for split in (*by_hour, *by_weekday)], np.int64)
        values = [split for split in layout.splits if split.dimension.source == "value"]
        layout.kept["coding"] = Coding(
            (words, shifts, _tables(by_hour, range(24)), _tables(by_weekday, range(1, 8))),
            [split for split in layout.splits if split.dimension.source == "holiday"],
            [split for split in layout.splits if split.dimension.source == "standing"],
            [(split, np.array(edges(split.dimension), np.int64), split.code_of(spans(split.dimension)))
             for split in values if not is_text(split.dimension)],
            [(split, _text_codes(split)) for split in values if is_text(split.dimension)],
        )  # fmt: skip
    found = layout.kept["coding"]
    assert isinstance(found, Coding)
    return found


def _text_codes(split: Split) -> dict[object, int]:
    values = [None, *dict.fromkeys(level.equals for level in split.dimension.levels)]
    return dict(zip(values, split.code_of(values).tolist(), strict=True))


def _tables(splits: list[Split], points: range) -> Ints:
    return np.array([split.code_of(points) for split in splits], np.int64).reshape(len(splits), len(points))


def _standing(events: Events, other: str) -> Ints:
    """Own, gift or other, whatever the relations say later."""
    here, there = whole(events.column(events.role)), whole(events.column(other))
    own = events._kept(pc.equal(_plain(here), _plain(there)).fill_null(False).to_numpy(zero_copy_only=False))
    out = np.full(len(own), OTHER, np.int64)
    if "channel" in events.table.column_names:
        places, values = events.codes("channel")
        if "red_packet" in values:
            out[places == values.index("red_packet")] = GIFT
    out[own] = OWN
    return out


def encoded(column: pa.ChunkedArray) -> tuple[Ints, list[object]]:
    """(place of each event's value, distinct values); null is the place after the last."""
    array = whole(column)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    values = array.dictionary.to_pylist()
    indices = array.indices
    if indices.null_count:
        indices = indices.fill_null(len(values))
    return indices.to_numpy(zero_copy_only=False), values


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Codes do not sort; what they stand for does."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def read_only(values: Locked) -> Locked:
    """The same numbers under a lock: what comes from Arrow is locked, and each form would be compiled by itself."""
    locked = values.view()
    locked.setflags(write=False)
    return locked


def whole(column: Any) -> pa.Array:
    """A column as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    if pa.types.is_string(column.type) and column.nbytes > 2**30:
        column = column.cast(pa.large_string())
    return column.combine_chunks()


def subjects_of(who: pa.Array) -> pa.Array:
    """The text of every run of equal texts."""
    return _plain(who.take(pa.array(starts_of(who))))


def starts_of(who: pa.Array) -> Ints:
    """First place of every run of equal texts."""
    if pa.types.is_dictionary(who.type):
        codes = who.indices.to_numpy(zero_copy_only=False)
    elif pa.types.is_integer(who.type):
        codes = who.to_numpy(zero_copy_only=False)
    else:
        return np.asarray(text_starts(*texts(who)), np.int64)
    change = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    return np.concatenate([np.zeros(min(1, len(codes)), np.int64), change]).astype(np.int64)


def texts(array: pa.Array, *, wide: bool = True) -> Texts:
    """(offsets, bytes, nulls) of a text array; the offsets in 64 bits, or read-only as Arrow has them."""
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        array = array.cast(pa.string())
    size = np.int64 if pa.types.is_large_string(array.type) else np.int32
    _, offsets, data = array.buffers()
    ends: npt.NDArray[Any]
    if offsets is None or len(array) == 0:
        ends = np.zeros(len(array) + 1, np.int64 if wide else size)
        return ends if wide else read_only(ends), _NO_BYTES, _NO_NULLS
    ends = np.frombuffer(offsets, size, len(array) + 1, array.offset * np.dtype(size).itemsize)
    ends = ends.astype(np.int64) if wide else read_only(ends)
    nulls = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else _NO_NULLS
    return ends, _NO_BYTES if data is None else read_only(np.frombuffer(data, np.uint8)), nulls
