"""Snapshots on disk: kept month by month as the vault keeps all such things, and put together again when read."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import BadInput, Frame, MoneyColumn, NotFound
from dandelion.core.frame import Ints
from dandelion.graph.edges import Ties
from dandelion.graph.flowgraph import FlowGraph
from dandelion.graph.households import Households
from dandelion.graph.reading import columns
from dandelion.vault import Monthly

_KEPT_OPEN = 40


class GraphStore:
    """Snapshots of one tenant in one folder.  Training rows and serving both use the latest boundary that is not after
    the row, so they see the same graph."""

    def __init__(self, folder: Path | str) -> None:
        self._kept = Monthly(folder, "graph snapshot")
        self._open: OrderedDict[int, tuple[str, FlowGraph]] = OrderedDict()

    @property
    def folder(self) -> Path:
        return self._kept.folder

    def save(self, graph: FlowGraph) -> str:
        """Write a snapshot and return its content hash.  One of the same boundary is replaced."""
        ties = graph.ties
        parts = {
            "frame": graph.frame.to_arrow(), "rings": graph.rings, "households": graph.households.to_arrow(),
            "offsets": pa.table({"offset": ties.offsets}),
            "neighbours": pa.table({"neighbour": ties.neighbours, "paid": ties.paid}),
        }  # fmt: skip
        digest = self._kept.save(graph.as_of, parts, {"accounts": len(graph)})
        self._open.pop(graph.as_of, None)
        return digest

    def boundaries(self) -> list[int]:
        """Boundaries held, oldest first."""
        return self._kept.boundaries()

    def latest(self, as_of: int) -> FlowGraph | None:
        """The newest snapshot with boundary <= `as_of`."""
        boundary = self._kept.latest(as_of)
        return None if boundary is None else self.load(boundary)

    def content_hash(self, boundary: int) -> str:
        """The hash in the manifest; decisions name it."""
        return self._kept.content_hash(boundary)

    def load(self, boundary: int, *, verify: bool = False) -> FlowGraph:
        """Errors: NotFound without that snapshot; BadInput when `verify` finds other bytes than were written."""
        written = self._kept.content_hash(boundary)
        digest, graph = self._open.get(boundary, ("", None))
        if graph is not None and digest == written:  # another process may have replaced it
            self._open.move_to_end(boundary)
            return graph
        if verify:
            self._kept.verify(boundary)
        frame = Frame.from_arrow(self._kept.part(boundary, "frame"))
        accounts = pa.array(frame.entity, pa.string())
        near = self._kept.part(boundary, "neighbours")
        offsets = self._kept.part(boundary, "offsets").column(0).to_numpy()
        ties = Ties(offsets, near.column(0).to_numpy(), near.column(1).to_numpy())
        homes = self._kept.part(boundary, "households")
        groups = dict(zip(homes.column("account").to_pylist(), homes.column("group").to_pylist(), strict=True))
        rings = self._kept.part(boundary, "rings")
        graph = FlowGraph(boundary, accounts, ties, frame, rings, Households(groups))
        self._open[boundary] = (written, graph)
        while len(self._open) > _KEPT_OPEN:
            self._open.popitem(last=False)
        return graph

    def columns(
        self,
        subjects: Sequence[str],
        as_of: int | npt.ArrayLike,
        known_at: int | npt.ArrayLike,
        *,
        names: Sequence[str] | None = None,
        granted: Sequence[str] | None = None,
    ) -> Frame:
        """Rows of any dates: each from the latest snapshot not after its `as_of` and `known_at`; missing before the
        first one.  Errors: NotFound when the store is empty."""
        held = self.boundaries()
        if not held:
            raise NotFound(f"there is no graph snapshot in {self.folder}; build one first", field="snapshot")
        if not len(subjects):
            raise BadInput("no subjects given; name at least one", field="subjects")
        if isinstance(as_of, int) and isinstance(known_at, int):
            low = high = max(bisect_right(held, min(as_of, known_at)) - 1, 0)
        else:
            last = np.minimum(as_of, known_at)
            low, high = (max(bisect_right(held, int(moment)) - 1, 0) for moment in (last.min(), last.max()))
        if low == high:  # one snapshot answers all
            return columns(self.load(held[low]), subjects, as_of, known_at, names=names, granted=granted)
        moments: list[Ints] = [np.broadcast_to(np.asarray(m, np.int64), (len(subjects),)) for m in (as_of, known_at)]
        which = np.searchsorted(np.array(held, np.int64), np.minimum(*moments), side="right") - 1
        parts: list[tuple[Ints, Frame]] = []
        for index in np.unique(np.maximum(which, 0)).tolist():
            rows = np.flatnonzero(np.maximum(which, 0) == index)
            some = [subjects[row] for row in rows.tolist()]
            graph = self.load(held[index])
            parts.append((rows, columns(graph, some, moments[0][rows], moments[1][rows], names=names, granted=granted)))
        return _together(parts, subjects, moments)


def _together(parts: list[tuple[Ints, Frame]], subjects: Sequence[str], moments: list[Ints]) -> Frame:
    """Rows of several frames back in the order asked for."""
    entity = np.asarray(subjects, object)
    first = parts[0][1]
    values = np.empty((len(subjects), len(first.names)), np.float32)
    money = {n: MoneyColumn(np.zeros(len(subjects), np.int64), np.zeros(len(subjects), np.bool_)) for n in first.money}
    for rows, frame in parts:
        values[rows] = frame.values
        for name, column in frame.money.items():
            money[name].fen[rows], money[name].valid[rows] = column.fen, column.valid
    return Frame(entity, moments[0].copy(), moments[1].copy(), first.names, values, first.catalogue, money)
