"""Arrow tables of events to plain arrays, subject by subject, with the corrections worked out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.indicators import localtime
from dandelion.indicators.declare import Dimension, Stream

Tables = Mapping[tuple[str, str], pa.Table]
Bools = npt.NDArray[np.bool_]
NEVER = np.iinfo(np.int64).max
SUM_MAX = 2.0**62


@dataclass(frozen=True)
class Activity:
    """Events of one kind in one role, sorted by (subject, at, event id).  `gone[i]` is when a correction of event i
    arrived; from then on (strictly after) the event no longer counts."""

    table: pa.Table
    subjects: pa.Array  # distinct, in order of their slices
    bounds: Ints  # slice of subject s is bounds[s]:bounds[s + 1]
    at: Ints
    arrived: Ints
    gone: Ints
    tz: str

    @classmethod
    def of(cls, kind: str, role: str, table: pa.Table, tz: str) -> Activity:
        """Errors (BadInput): a column is missing.  A table that is not in order is put in order."""
        for name in (role, "event_id", "at", "arrived"):
            if name not in table.column_names:
                raise BadInput(f"{kind} events lack column {name!r}; they have {', '.join(table.column_names)}",
                               field=name)  # fmt: skip
        made = cls._try(role, table, tz)
        if made is None:
            order = pc.sort_indices(table, [(role, "ascending"), ("at", "ascending"), ("event_id", "ascending")])
            made = cls._try(role, table.take(order), tz)
        assert made is not None, "a sorted table is in order"
        return made

    @classmethod
    def _try(cls, role: str, table: pa.Table, tz: str) -> Activity | None:
        codes, subjects = encode(table.column(role))
        at = micros(table.column("at"))
        same = codes[1:] == codes[:-1]
        if int(np.count_nonzero(~same)) + 1 != len(subjects) and len(codes):
            return None  # a subject's events are scattered
        if np.any(same & (at[1:] < at[:-1])):
            return None
        ties = np.flatnonzero(same & (at[1:] == at[:-1]))
        if len(ties):
            ids = table.column("event_id")
            if pc.any(pc.less(ids.take(pa.array(ties + 1)), ids.take(pa.array(ties)))).as_py():
                return None
        starts = np.flatnonzero(np.concatenate([[True], ~same])) if len(codes) else np.empty(0, np.int64)
        bounds = np.append(starts, len(codes)).astype(np.int64)
        arrived = micros(table.column("arrived"))
        return cls(table, subjects, bounds, at, arrived, _gone(table, arrived), tz)

    def slices(self, subjects: pa.Array) -> tuple[Ints, Ints]:
        """(low, high) of each subject's events; an unknown subject has none."""
        at = pc.fill_null(pc.index_in(subjects, value_set=self.subjects), -1).to_numpy(zero_copy_only=False)
        known = at >= 0
        low = np.where(known, self.bounds[at * known], 0).astype(np.int64)
        return low, np.where(known, self.bounds[at * known + known], 0).astype(np.int64)

    def numbers(self, name: str) -> Ints:
        """A whole-number column.  Errors (BadInput): sums of it could leave 64 bits."""
        values = np.asarray(self._column(name).cast(pa.int64()).to_numpy(), np.int64)
        if len(values) and float(np.abs(values.astype(np.float64)).sum()) > SUM_MAX:
            raise BadInput(f"the {name} of these events add up beyond 64 bits; check their unit", field=name)
        return values

    def codes(self, name: str) -> tuple[Ints, pa.Array]:
        return encode(self._column(name))

    def _column(self, name: str) -> pa.ChunkedArray:
        if name not in self.table.column_names:
            raise BadInput(f"events lack column {name!r}; they have {', '.join(self.table.column_names)}", field=name)
        return self.table.column(name)

    @cached_property
    def days(self) -> Ints:
        return localtime.days(self.at, self.tz)

    def mask(self, stream: Stream, dimension: Dimension, value: str) -> Bools:
        """Events of a level.  The standing of `related` depends on the row and is settled in the kernel."""
        level = dimension.level(value)
        if dimension.source == "standing":
            return self._standing(stream, value)
        if dimension.source == "value" and level.equals is not None:
            same = pc.equal(self._column(str(dimension.field)), pa.scalar(level.equals))
            return np.asarray(pc.fill_null(same, False).to_numpy(), np.bool_)
        if dimension.source == "value":
            numbers = self.numbers(str(dimension.field))
        else:
            clock = localtime.hours if dimension.source == "hour" else localtime.weekdays
            numbers = clock(self.at, self.tz)
        above = np.ones(len(numbers), np.bool_) if level.low is None else numbers >= level.low
        below = np.ones(len(numbers), np.bool_) if level.high is None else numbers < level.high
        wraps = level.low is not None and level.high is not None and level.low > level.high
        return above | below if wraps else above & below

    def _standing(self, stream: Stream, value: str) -> Bools:
        own = pc.equal(self._column(str(stream.counterparty)), self._column(stream.role))
        is_self = np.asarray(pc.fill_null(own, False).to_numpy(), np.bool_)
        gift = np.zeros(len(is_self), np.bool_)
        if "channel" in self.table.column_names:
            gift = np.asarray(pc.fill_null(pc.equal(self._column("channel"), "red_packet"), False).to_numpy(), np.bool_)
        if value == "self":
            return is_self
        if value == "gift":
            return gift & ~is_self
        return ~is_self & ~gift if value == "trade" else ~is_self


def encode(column: Any) -> tuple[Ints, pa.Array]:
    """(codes, distinct values); null becomes the text of an unknown party."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode(null_encoding="encode")
    return column.indices.to_numpy(zero_copy_only=False).astype(np.int64), column.dictionary


def micros(column: Any) -> Ints:
    """Instants of a timestamp (any unit) or int64 column."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return np.asarray(column.to_numpy(), np.int64)


def _gone(table: pa.Table, arrived: Ints) -> Ints:
    gone = np.full(table.num_rows, NEVER, np.int64)
    if "replaces" not in table.column_names or table.column("replaces").null_count == table.num_rows:
        return gone
    replaces = table.column("replaces").combine_chunks()
    correcting = np.flatnonzero(replaces.is_valid().to_numpy(zero_copy_only=False))
    at = pc.index_in(replaces.take(pa.array(correcting)), value_set=table.column("event_id").combine_chunks())
    found = pc.fill_null(at, -1).to_numpy(zero_copy_only=False)
    np.minimum.at(gone, found[found >= 0], arrived[correcting[found >= 0]])
    return gone
