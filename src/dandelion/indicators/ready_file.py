"""A sorted Parquet file of ready values, a row group at a time: its subjects, moments and numbers, as they were decoded.

What is not plain (nulls, texts, no statistics of the subject, a file not in order) is left to the ordinary way of
`as_of_join`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numba import njit

from dandelion.core.frame import Ints
from dandelion.indicators.columns import read_only, texts
from dandelion.indicators.textcodes import texts_rise

IN_ORDER, TIED, SCATTERED = range(3)


@dataclass(frozen=True)
class ReadyGroup:
    """Subject s of a row group has its rows ``bounds[s]:bounds[s + 1]``, in order of (at, arrived); `tied` if two of them
    are equal in it.  `columns` are 64 bits a value, whatever their type."""

    subjects: pa.Array
    bounds: Ints
    at: Ints
    arrived: Ints
    columns: tuple[Ints, ...]
    tied: bool


@dataclass(frozen=True)
class SortedFile:
    """`firsts` are the least subjects of the row groups as the file's statistics have them; `kinds` the types of values."""

    path: Path | str
    subject: str
    moments: tuple[str, ...]
    names: tuple[str, ...]
    firsts: tuple[str, ...]
    kinds: tuple[Any, ...]
    metadata: pq.FileMetaData

    @classmethod
    def of(cls, path: Path | str, subject: str, moments: Sequence[str], names: Sequence[str]) -> SortedFile | None:
        """None where the file is not plain: then nothing is said about it."""
        with pq.ParquetFile(path) as opened:
            schema, metadata = opened.schema_arrow, opened.metadata
        wanted = list(dict.fromkeys([*moments, *names]))
        if subject in wanted or not pa.types.is_string(schema.field(subject).type) or not metadata.num_rows:
            return None
        if not all(_plain(schema.field(name).type, name in moments) for name in wanted):
            return None
        place = metadata.schema.names.index(subject)
        told: list[Any] = [
            metadata.row_group(group).column(place).statistics for group in range(metadata.num_row_groups)
        ]
        firsts = tuple(str(one.min) for one in told if one is not None and one.has_min_max)
        if len(firsts) < len(told) or list(firsts) != sorted(firsts):
            return None
        kinds = tuple(schema.field(name).type for name in names)
        return cls(path, subject, tuple(moments), tuple(names), firsts, kinds, metadata)

    def read(self, group: int) -> ReadyGroup | None:
        """None where the row group is not plain, or its first subject is not the one that the statistics say."""
        wanted = [self.subject, *dict.fromkeys([*self.moments, *self.names])]
        with pq.ParquetFile(
            self.path, metadata=self.metadata, read_dictionary=[self.subject], pre_buffer=False, memory_map=True
        ) as opened:
            table = opened.read_row_group(group, wanted, use_threads=False)
        if any(table.column(name).null_count for name in wanted):
            return None
        found = _runs(table.column(self.subject))
        if found is None or found[0][0].as_py() != self.firsts[group]:
            return None
        numbers = {name: _numbers(table.column(name)) for name in wanted[1:]}
        at, arrived = numbers[self.moments[0]], numbers[self.moments[-1]]
        state = order_within(found[1], at, arrived)
        columns = tuple(numbers[name] for name in self.names)
        return None if state == SCATTERED else ReadyGroup(*found, at, arrived, columns, state == TIED)


def _plain(kind: Any, moment: bool) -> bool:
    if moment:
        return bool(pa.types.is_int64(kind) or (pa.types.is_timestamp(kind) and kind.unit == "us"))
    return bool(pa.types.is_int64(kind) or pa.types.is_float64(kind) or pa.types.is_timestamp(kind))


def _numbers(column: pa.ChunkedArray) -> Ints:
    parts = [chunk.view(pa.int64()).to_numpy() for chunk in column.chunks]
    out: Ints = (parts[0] if len(parts) == 1 else np.concatenate(parts)).view()
    out.flags.writeable = False  # whatever it comes from: one compiled form
    return out


def _runs(column: pa.ChunkedArray) -> tuple[pa.Array, Ints] | None:
    """(subjects, bounds) where every subject stands together, in order."""
    starts, names, first = [], [], 0
    for chunk in column.chunks:
        if not pa.types.is_dictionary(chunk.type):
            return None
        codes = read_only(chunk.indices.to_numpy())
        found = code_starts(codes)
        starts.append(found + first)
        listed, named = codes[found], chunk.dictionary
        if len(listed) != len(named) or (listed != np.arange(len(named))).any():  # nearly always it is by appearance
            named = named.take(pa.array(listed))
        names.append(named)
        first += len(chunk)
    bounds = np.append(np.concatenate(starts), first)
    subjects = names[0] if len(names) == 1 else pa.concat_arrays(names)
    if not texts_rise(*texts(subjects)[:2]):  # from one chunk to the next
        goes_on = pc.equal(subjects[1:], subjects[:-1]).to_numpy(zero_copy_only=False)
        kept = np.append(True, ~goes_on)
        bounds, subjects = np.append(bounds[:-1][kept], first), subjects.filter(pa.array(kept))
        if not texts_rise(*texts(subjects)[:2]):
            return None
    return subjects, bounds


@njit(cache=True, nogil=True)
def code_starts(codes):  # type: ignore[no-untyped-def]
    """First place of every run of equal codes."""
    out, found = np.empty(len(codes), np.int64), min(1, len(codes))
    out[:found] = 0
    for i in range(1, len(codes)):
        out[found] = i  # stays if it is one
        found += int(codes[i] != codes[i - 1])
    return out[:found].copy()


@njit(cache=True, nogil=True)
def order_within(bounds, at, arrived):  # type: ignore[no-untyped-def]
    """Whether the rows of every subject are in order of (at, arrived), and if so whether any two are equal in it."""
    state = IN_ORDER
    for s in range(len(bounds) - 1):
        for i in range(bounds[s] + 1, bounds[s + 1]):
            if at[i] < at[i - 1] or (at[i] == at[i - 1] and arrived[i] < arrived[i - 1]):
                return SCATTERED
            if at[i] == at[i - 1] and arrived[i] == arrived[i - 1]:
                state = TIED
    return state
