"""A sorted Parquet file of ready values, read by several threads straight to where its numbers are looked up.

A row group is read, its numbers copied to their place and its memory used again for the next one, so that little more memory
is touched than the values take.  What is not plain (nulls, texts, a file not in order) is left to the ordinary way.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numba import njit

from dandelion.core.frame import Ints

IN_ORDER, TIED, SCATTERED = range(3)
_Runs = tuple[Ints, pa.Array]  # first row of every run of one subject, and its name


@dataclass(frozen=True)
class SortedFile:
    """Subject s has rows ``bounds[s]:bounds[s + 1]``, in order of (at, arrived); `tied` if two of them are equal in it."""

    subjects: pa.Array
    bounds: Ints
    moments: tuple[Ints, ...]
    columns: tuple[pa.Array, ...]
    tied: bool

    @classmethod
    def read(
        cls,
        path: Path | str,
        subject: str,
        moments: Sequence[str],
        names: Sequence[str],
        pool: ThreadPoolExecutor,
        parts: int,
    ) -> SortedFile | None:
        """None where the file is not plain: then nothing is said about it."""
        with pq.ParquetFile(path) as opened:
            schema, groups = opened.schema_arrow, opened.metadata.num_row_groups
            rows = [opened.metadata.row_group(group).num_rows for group in range(groups)]
        wanted = list(dict.fromkeys([*moments, *names]))
        if subject in wanted or not pa.types.is_string(schema.field(subject).type) or not sum(rows):
            return None
        if not all(_plain(schema.field(name).type, name in moments) for name in wanted):
            return None
        first = np.concatenate([[0], np.cumsum(rows)])
        held = {name: np.empty(first[-1], np.int64) for name in wanted}

        def read(mine: npt.NDArray[np.int64]) -> list[_Runs] | None:
            runs = []
            with pq.ParquetFile(path, read_dictionary=[subject], pre_buffer=False) as file:
                for group in mine.tolist():
                    found = _group(
                        file.read_row_group(group, [subject, *wanted], use_threads=False), subject, held, first[group]
                    )
                    if found is None:
                        return None
                    runs += found
            return runs

        found = list(pool.map(read, np.array_split(np.arange(groups), min(parts, groups))))
        if any(part is None for part in found):
            return None
        runs = [run for part in found for run in part or ()]
        starts, subjects = np.concatenate([start for start, _ in runs]), pa.concat_arrays([name for _, name in runs])
        goes_on = pc.equal(subjects[1:], subjects[:-1]).to_numpy(zero_copy_only=False)  # over the end of a row group
        starts = starts[np.append(True, ~goes_on)]
        subjects = subjects.filter(pa.array(np.append(True, ~goes_on)))
        if pc.any(pc.less_equal(subjects[1:], subjects[:-1])).as_py():
            return None
        bounds, times = np.append(starts, first[-1]), tuple(held[name] for name in moments)
        state = order_within(bounds, times[0], times[-1])
        columns = tuple(_array(schema.field(name).type, held[name]) for name in names)
        return None if state == SCATTERED else cls(subjects, bounds, times, columns, state == TIED)


def _plain(kind: Any, moment: bool) -> bool:
    if moment:
        return bool(pa.types.is_int64(kind) or (pa.types.is_timestamp(kind) and kind.unit == "us"))
    return bool(pa.types.is_int64(kind) or pa.types.is_float64(kind) or pa.types.is_timestamp(kind))


def _array(kind: Any, values: Ints) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def _group(table: pa.Table, subject: str, held: dict[str, Ints], first: int) -> list[_Runs] | None:
    """Copies the numbers of a row group to their place.  None where a value is null."""
    for name, values in held.items():
        at = first
        for chunk in table.column(name).chunks:
            if chunk.null_count:
                return None
            values[at : at + len(chunk)] = chunk.view(pa.int64()).to_numpy()
            at += len(chunk)
    runs: list[_Runs] = []
    for chunk in table.column(subject).chunks:
        if chunk.null_count or not pa.types.is_dictionary(chunk.type):
            return None
        codes = chunk.indices.to_numpy()
        starts = np.append(0, np.flatnonzero(codes[1:] != codes[:-1]) + 1)[: len(codes)]
        runs.append((starts + first, chunk.dictionary.take(pa.array(codes[starts]))))
        first += len(chunk)
    return runs


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
