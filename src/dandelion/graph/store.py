"""Snapshots on disk: a folder per boundary, Arrow files that are memory-mapped, a manifest with a content hash."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import BadInput, Frame, MoneyColumn, NotFound, iso
from dandelion.core.frame import Ints
from dandelion.graph.edges import Ties
from dandelion.graph.flowgraph import FlowGraph
from dandelion.graph.households import Households
from dandelion.graph.reading import columns

_MANIFEST = "manifest.json"
_KEPT_OPEN = 40


class GraphStore:
    """Snapshots of one tenant in one folder.  Training rows and serving both use the latest boundary that is not after
    the row, so they see the same graph."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._open: OrderedDict[int, tuple[str, FlowGraph]] = OrderedDict()
        self._listed: tuple[tuple[int, int], list[int]] = ((0, 0), [])
        self._files: dict[int, Path] = {}  # made once: putting a path together takes longer than reading a row
        self._manifests: dict[int, tuple[int, dict[str, object]]] = {}

    def save(self, graph: FlowGraph) -> str:
        """Write a snapshot and return its content hash.  One of the same boundary is replaced."""
        folder = self.folder / str(graph.as_of)
        fresh = folder.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        ties = graph.ties
        parts = {
            "frame": graph.frame.to_arrow(), "rings": graph.rings, "households": graph.households.to_arrow(),
            "offsets": pa.table({"offset": ties.offsets}),
            "neighbours": pa.table({"neighbour": ties.neighbours, "paid": ties.paid}),
        }  # fmt: skip
        for name, table in parts.items():
            with pa.OSFile(str(fresh / f"{name}.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table.combine_chunks())
        digest = _digest(fresh)
        manifest = {"as_of": graph.as_of, "at": iso(graph.as_of), "accounts": len(graph), "sha256": digest}
        (fresh / _MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
        self._open.pop(graph.as_of, None)
        self._listed = ((0, 0), [])
        return digest

    def boundaries(self) -> list[int]:
        """Boundaries held, oldest first.  Listed anew only after the folder has changed, by whichever process."""
        try:
            told = self.folder.stat()
        except FileNotFoundError:
            return []
        state = (told.st_mtime_ns, told.st_nlink)
        if self._listed[0] != state:
            names = [p.name for p in self.folder.iterdir() if (p / _MANIFEST).is_file()]
            self._listed = (state, sorted(int(name) for name in names if re.fullmatch(r"\d+", name)))
        return list(self._listed[1])

    def latest(self, as_of: int) -> FlowGraph | None:
        """The newest snapshot with boundary <= `as_of`."""
        at = [boundary for boundary in self.boundaries() if boundary <= as_of]
        return self.load(at[-1]) if at else None

    def content_hash(self, boundary: int) -> str:
        """The hash in the manifest; decisions name it."""
        return str(self._manifest(boundary)["sha256"])

    def load(self, boundary: int, *, verify: bool = False) -> FlowGraph:
        """Errors: NotFound without that snapshot; BadInput when `verify` finds other bytes than were written."""
        manifest = self._manifest(boundary)
        digest, graph = self._open.get(boundary, ("", None))
        if graph is not None and digest == manifest["sha256"]:  # another process may have replaced it
            self._open.move_to_end(boundary)
            return graph
        folder = self.folder / str(boundary)
        if verify and _digest(folder) != manifest["sha256"]:
            raise BadInput(f"snapshot {folder} is not what was written; build it again", field="snapshot")
        frame = Frame.from_arrow(_map(folder / "frame.arrow"))
        accounts = pa.array(frame.entity, pa.string())
        near = _map(folder / "neighbours.arrow")
        ties = Ties(
            _map(folder / "offsets.arrow").column(0).to_numpy(), near.column(0).to_numpy(), near.column(1).to_numpy()
        )
        homes = _map(folder / "households.arrow")
        groups = dict(zip(homes.column("account").to_pylist(), homes.column("group").to_pylist(), strict=True))
        graph = FlowGraph(boundary, accounts, ties, frame, _map(folder / "rings.arrow"), Households(groups))
        self._open[boundary] = (str(manifest["sha256"]), graph)
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

    def _manifest(self, boundary: int) -> dict[str, object]:
        file = self._files.get(boundary)
        if file is None:
            file = self._files[boundary] = self.folder / str(boundary) / _MANIFEST
        try:
            written = file.stat().st_mtime_ns
        except FileNotFoundError:
            raise NotFound(
                f"there is no graph snapshot at {boundary} in {self.folder}; build it first", field="snapshot"
            ) from None
        if self._manifests.get(boundary, (0, {}))[0] != written:
            self._manifests[boundary] = (written, dict(json.loads(file.read_text("utf-8"))))
        return self._manifests[boundary][1]


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


def _map(file: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(file), "r")).read_all().combine_chunks()


def _digest(folder: Path) -> str:
    state = hashlib.sha256()
    for file in sorted(folder.glob("*.arrow")):
        state.update(file.name.encode())
        state.update(file.read_bytes())
    return state.hexdigest()
