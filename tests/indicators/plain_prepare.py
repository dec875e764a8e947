"""Of the plain evaluation: Arrow tables to arrays, one mask a level, corrections worked out."""

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
from dandelion.indicators.declare import Stream
from dandelion.indicators.prepare import gone_at, micros

Tables = Mapping[tuple[str, str], pa.Table]
Bools = npt.NDArray[np.bool_]
SUM_MAX = 2.0**62
FEW = 2000


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
        has = table.column_names
        for name in (role, "event_id", "at", "arrived"):
            if name not in has:
                raise BadInput(f"{kind} events lack column {name!r}; they have {', '.join(has)}", field=name)
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
        made = cls(table, subjects, bounds, at, arrived, gone_at(table, arrived), tz)
        made._codes[role] = codes, subjects
        return made

    def slices(self, subjects: pa.Array) -> tuple[Ints, Ints]:
        """(low, high) of each subject's events; an unknown subject has none."""
        if len(subjects) <= FEW:
            place = {name: i for i, name in enumerate(self.subjects.to_pylist())} if len(self.subjects) <= FEW else None
        else:
            place = None
        if place is None:
            at = pc.fill_null(pc.index_in(subjects, value_set=self.subjects), -1).to_numpy(zero_copy_only=False)
        else:  # a call into Arrow costs more than a few names
            at = np.array([place.get(name, -1) for name in subjects.to_pylist()], np.int64)
        known = at >= 0
        low = np.where(known, self.bounds[at * known], 0).astype(np.int64)
        return low, np.where(known, self.bounds[at * known + known], 0).astype(np.int64)

    def numbers(self, name: str) -> Ints:
        """A whole-number column.  Errors (BadInput): sums of it could leave 64 bits."""
        column = self._column(name)
        if not pa.types.is_int64(column.type):
            column = micros(column) if pa.types.is_timestamp(column.type) else column.cast(pa.int64())
        values = np.asarray(column, np.int64)
        if len(values) and float(np.abs(values.astype(np.float64)).sum()) >= SUM_MAX:
            raise BadInput(f"the {name} of these events add up beyond 64 bits; check their unit", field=name)
        return values

    def codes(self, name: str) -> tuple[Ints, pa.Array]:
        """(codes, distinct values) of a column; worked out once."""
        if name not in self._codes:
            self._codes[name] = encode(self._column(name))
        return self._codes[name]

    def _column(self, name: str) -> pa.ChunkedArray:
        try:
            return self.table.column(name)
        except KeyError:
            has = ", ".join(self.table.column_names)
            raise BadInput(f"events lack column {name!r}; they have {has}", field=name) from None

    @cached_property
    def _codes(self) -> dict[str, tuple[Ints, pa.Array]]:
        return {}

    @cached_property
    def days(self) -> Ints:
        return localtime.days(self.at, self.tz)

    def mask(self, stream: Stream, name: str, value: str) -> Bools:
        """Events of a level.  Whether a party is related depends on the row and is settled in the kernel."""
        dimension = stream.dimension(name)
        level = dimension.level(value)
        if dimension.source == "standing":
            gift = self._equals("channel", "red_packet") if "channel" in self.table.column_names else False
            own = self._is_self(str(stream.counterparty), stream.role)
            return {"self": own, "gift": ~own & gift, "trade": ~own & ~np.asarray(gift), "related": ~own}[value]
        if dimension.source == "value" and level.equals is not None:
            return self._equals(str(dimension.field), level.equals)
        if dimension.source == "value":
            numbers = self.numbers(str(dimension.field))
        else:
            clock = localtime.hours if dimension.source == "hour" else localtime.weekdays
            numbers = clock(self.at, self.tz)
        above = True if level.low is None else numbers >= level.low
        below = True if level.high is None else numbers < level.high
        wraps = level.low is not None and level.high is not None and level.low > level.high
        return np.asarray(above | below if wraps else np.ones(len(numbers), np.bool_) & above & below)

    def _equals(self, name: str, value: str | bool) -> Bools:
        codes, values = self.codes(name)
        at = values.to_pylist().index(value) if value in values.to_pylist() else -1
        return np.asarray(codes == at)

    def _is_self(self, other: str, role: str) -> Bools:
        """Where both sides are one account."""
        codes, values = self.codes(other)
        mine, subjects = self.codes(role)
        if len(values) <= FEW and len(subjects) <= FEW:
            place = {name: i for i, name in enumerate(values.to_pylist())}
            same = np.array([place.get(name, -1) for name in subjects.to_pylist()], np.int64)
        else:
            same = pc.fill_null(pc.index_in(subjects, value_set=values), -1).to_numpy(zero_copy_only=False)
        return np.asarray(codes == (same[mine] if len(same) else codes - 1))


def encode(column: Any) -> tuple[Ints, pa.Array]:
    """(codes, distinct values); null becomes the text of an unknown party."""
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode(null_encoding="encode")
    return column.indices.to_numpy(zero_copy_only=False).astype(np.int64), column.dictionary
