"""Of the plain evaluation: one stream of a request, and the states of each of its cells."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np
import plain_kernel as kernel
import pyarrow as pa
from plain_plan import Cell
from plain_prepare import Activity, Bools

from dandelion.core.frame import Ints
from dandelion.indicators.declare import Stream
from dandelion.indicators.rows import Rows

_NONE = np.empty(0, np.int64)


class StreamArrays:
    """Counterparty codes, level masks and measures that the cells of one stream share."""

    def __init__(self, stream: Stream, activity: Activity) -> None:
        self.stream, self.activity = stream, activity
        nobody = pa.array([], pa.string())
        self.who, self.people = activity.codes(stream.counterparty) if stream.counterparty else (_NONE, nobody)
        self.key, keys = activity.codes(stream.latest_by) if stream.latest_by else (_NONE, nobody)
        self.key_size = len(keys)
        self._masks: dict[tuple[tuple[str, str], ...], Bools] = {(): np.ones(len(activity.at), np.bool_)}
        self._measures: dict[str | None, Ints] = {None: np.zeros(len(activity.at), np.int64)}

    def fill(self, cell: Cell, rows: Rows, slices: tuple[Ints, Ints], related: tuple[Ints, Ints], out: Ints,
             pool: Executor | None, workers: int) -> None:  # fmt: skip
        """States of one cell into `out` (windows, rows, SLOTS)."""
        activity, relation = self.activity, kernel.COUNT_ALL
        if not len(activity.at):
            out[:] = 0
            return
        for name, level in cell.filters:
            if self.stream.dimension(name).source == "standing":
                relation = {"trade": kernel.ONLY_OTHERS, "related": kernel.ONLY_RELATED}.get(level, relation)
        value, keep = self._measure(cell.measure), self._mask(cell.filters)
        offsets, codes = related

        def run(start: int, stop: int) -> None:
            kernel.fill_states(
                start, stop, *slices, rows.as_of, rows.known_at, cell.windows, activity.at, activity.arrived,
                activity.gone, value, activity.days, self.who, len(self.people), self.key, self.key_size, keep,
                offsets, codes, relation, out,
            )  # fmt: skip

        _share(run, len(rows), pool, workers)

    def _measure(self, name: str | None) -> Ints:
        if name not in self._measures:
            self._measures[name] = self.activity.numbers(self.stream.measure(str(name)).field)
        return self._measures[name]

    def _mask(self, filters: tuple[tuple[str, str], ...]) -> Bools:
        if filters not in self._masks:
            *rest, (name, value) = filters
            self._masks[filters] = self._mask(tuple(rest)) & self.activity.mask(self.stream, name, value)
        return self._masks[filters]


def _share(run: Callable[[int, int], None], rows: int, pool: Executor | None, workers: int) -> None:
    """Run over slices of the rows, in threads where there is a pool; rows do not touch each other."""
    if pool is None or rows < 2 * workers:
        run(0, rows)
        return
    edges = np.linspace(0, rows, workers + 1).astype(int).tolist()
    list(pool.map(run, edges[:-1], edges[1:]))
