"""`read_cells`: a cube in long form from sorted Parquet, only the cells where something happened.

Nine tenths of a wide cube are empty for a small merchant.  As a `Frame` each of them is a float32; here a cell without an
event in the longest window is not there, as in SQL's GROUP BY CUBE.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import BadInput
from dandelion.core.frame import Floats
from dandelion.indicators.batch import Batch
from dandelion.indicators.cells import Cell, Cells, Index
from dandelion.indicators.columns import starts_of, subjects_of, whole
from dandelion.indicators.compute import places_of, spans_of
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.memory import memory_kept
from dandelion.indicators.plan import Key
from dandelion.indicators.rows import Rows
from dandelion.indicators.sources import ROWS_AT_ONCE, Files, paths_of, portions

TOGETHER = 32_768


@dataclass(frozen=True, slots=True)
class Part:
    """Line i says of ``entity[row[i]]`` and the cell number ``cell[i]`` the `values` (lines, leaves) float32."""

    entity: npt.NDArray[np.object_]
    row: Index
    cell: Index
    values: Floats


@dataclass(frozen=True, slots=True)
class LongCube:
    """`names` are the columns asked for; cell c is ``cells[c]``, (dimension, level) pairs; the values of a line are
    ``leaves``, last parts of ids like ``7d/count``.  ``at[c, l]`` is the place among `names` of leaf l of cell c."""

    names: tuple[str, ...]
    cells: tuple[Cell, ...]
    leaves: tuple[str, ...]
    at: Index
    nothing: Floats  # of `names`, for a cell that is not there
    parts: tuple[Part, ...]

    def __len__(self) -> int:
        """Number of lines."""
        return sum(len(part.row) for part in self.parts)

    @property
    def entity(self) -> npt.NDArray[np.object_]:
        return np.concatenate([np.empty(0, object), *(part.entity for part in self.parts)])

    def dense(self) -> Floats:
        """(subjects, names): the values of `read_frame`."""
        out = []
        for part in self.parts:
            values = np.tile(self.nothing, (len(part.entity), 1))
            values[part.row[:, None], self.at[part.cell]] = part.values
            out.append(values)
        return np.concatenate([np.empty((0, len(self.names)), np.float32), *out])


@memory_kept()
def read_cells(
    definitions: Definitions, sources: Mapping[Key, Files], as_of: int, known_at: int, *, columns: Sequence[str],
    granted: Collection[str] | None = None, workers: int = 2, rows_at_once: int = ROWS_AT_ONCE,
) -> LongCube:  # fmt: skip
    """Every subject that the files hold at one moment, as `read_frame`, a line for each cell with an event.

    `columns` are plain cells of one stream (counts, sums, means, extremes, deviations, distinct parties), every cell in
    the same windows and figures.  Errors (BadInput): other columns, no grant for them, files as for `read_frame`.
    """
    batch = Batch.of(definitions, columns, sources.keys(), granted, workers)
    work = batch.work
    if not isinstance(work, Cells) or not work.whole:
        raise BadInput("a long cube is of plain cells of one stream that is supplied and granted, each in the same windows "
                       "and figures; use read_frame for other columns", field="columns")  # fmt: skip
    files = {key: paths_of(given) for key, given in sources.items()}
    waiting: list[Future[Part]] = []
    with ThreadPoolExecutor(workers) as pool:
        for _, tables in portions(work.layouts, files, rows_at_once):
            if work.key in tables:
                waiting += [pool.submit(_part, batch, work, some, as_of, known_at)
                            for some in _shares(tables[work.key], work.key[1])]  # fmt: skip
        parts = tuple(future.result() for future in waiting)
    first = [batch.names[j].rsplit("/", 2) for j in work.places[0].ravel()]
    leaves = tuple(f"{window}/{figure}" for _, window, figure in first)
    at = work.places.reshape(work.cells, len(leaves))
    return LongCube(batch.names, work.filters, leaves, at, work.nothing, parts)


def _shares(table: pa.Table, role: str) -> Iterator[pa.Table]:
    """Whole subjects, some `TOGETHER` events at a time: small enough for all threads to end together."""
    starts = starts_of(whole(table.column(role)))
    ends = np.append(starts[1:], table.num_rows)
    first = 0
    while first < table.num_rows:
        end = int(ends[min(len(ends) - 1, int(np.searchsorted(ends, first + TOGETHER)))])
        yield table.slice(first, end - first)
        first = end


def _part(batch: Batch, work: Cells, table: pa.Table, as_of: int, known_at: int) -> Part:
    names = np.array(subjects_of(whole(table.column(work.key[1]))).to_pylist(), object)
    rows = Rows.of(names, as_of, known_at)  # type: ignore[arg-type]
    block = batch.blocks({work.key: table}, rows)[work.key]
    low, high = spans_of(block, places_of({work.key: block}, names)[work.key])
    return Part(names, *work.run_long(block, low, high, rows.as_of, rows.known_at))
