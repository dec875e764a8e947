"""One stream of a request: its events as arrays, and the kernel's states for each of its cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.indicators import kernel
from dandelion.indicators.declare import Stream
from dandelion.indicators.plan import Cell
from dandelion.indicators.prepare import Activity, Bools

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Rows:
    """What is asked for: one (subject, as_of, known_at) each."""

    names: npt.NDArray[np.object_]
    as_of: Ints
    known_at: Ints

    @classmethod
    def of(cls, subjects: Sequence[str], as_of: int | npt.ArrayLike, known_at: int | npt.ArrayLike) -> Rows:
        names = np.asarray(subjects, object)

        def spread(value: int | npt.ArrayLike, field: str) -> Ints:
            moments = np.asarray(value)
            if not np.issubdtype(moments.dtype, np.integer) or moments.shape not in ((), (len(names),)):
                raise BadInput(f"{field} must be UTC microseconds, one or one per subject ({len(names)})", field=field)
            return np.ascontiguousarray(np.broadcast_to(moments.astype(np.int64), (len(names),)))

        return cls(names, spread(as_of, "as_of"), spread(known_at, "known_at"))

    def __len__(self) -> int:
        return len(self.names)


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
