"""`Monthly`: what is worked out once a month from everybody's record, kept as Arrow files and read by date.

A folder per boundary (UTC microseconds), its Arrow files memory-mapped, a manifest with a content hash that decisions
name.  Training rows and serving both read the latest boundary that is not after the row, so they see the same thing.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from bisect import bisect_right
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from dandelion.core import BadInput, NotFound, iso

_MANIFEST = "manifest.json"


class Monthly:
    """Snapshots of one sort, of one tenant, in one folder.  `what` names the sort in errors ("graph snapshot")."""

    def __init__(self, folder: Path | str, what: str) -> None:
        self.folder, self.what = Path(folder), what
        self._listed: tuple[tuple[int, int], list[int]] = ((0, 0), [])
        self._files: dict[int, Path] = {}  # made once: putting a path together takes longer than reading a row
        self._manifests: dict[int, tuple[int, dict[str, object]]] = {}

    def save(self, boundary: int, parts: Mapping[str, pa.Table], about: Mapping[str, object]) -> str:
        """Write a snapshot and return its content hash; `about` goes into the manifest.  One of the same boundary is
        replaced."""
        folder = self.folder / str(boundary)
        fresh = folder.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for name, table in parts.items():
            with pa.OSFile(str(fresh / f"{name}.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table.combine_chunks())
        digest = _digest(fresh)
        manifest = {"as_of": boundary, "at": iso(boundary), **about, "sha256": digest}
        (fresh / _MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
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

    def latest(self, as_of: int) -> int | None:
        """The newest boundary <= `as_of`."""
        held = self.boundaries()
        at = bisect_right(held, as_of)
        return held[at - 1] if at else None

    def named(self, as_of: int) -> str:
        """Content hash of what a decision at `as_of` reads; empty while there is none."""
        boundary = self.latest(as_of)
        return "" if boundary is None else self.content_hash(boundary)

    def content_hash(self, boundary: int) -> str:
        """The hash in the manifest; decisions name it.  Errors: NotFound."""
        return str(self.manifest(boundary)["sha256"])

    def manifest(self, boundary: int) -> Mapping[str, object]:
        """Errors: NotFound without that snapshot."""
        file = self._files.get(boundary)
        if file is None:
            file = self._files[boundary] = self.folder / str(boundary) / _MANIFEST
        try:
            written = file.stat().st_mtime_ns
        except FileNotFoundError:
            raise NotFound(
                f"there is no {self.what} at {boundary} in {self.folder}; build it first", field="snapshot"
            ) from None
        if self._manifests.get(boundary, (0, {}))[0] != written:
            self._manifests[boundary] = (written, dict(json.loads(file.read_text("utf-8"))))
        return self._manifests[boundary][1]

    def has(self, boundary: int, name: str) -> bool:
        """Whether a snapshot has this Arrow file."""
        return (self.folder / str(boundary) / f"{name}.arrow").is_file()

    def part(self, boundary: int, name: str) -> pa.Table:
        """One Arrow file of a snapshot, memory-mapped."""
        file = self.folder / str(boundary) / f"{name}.arrow"
        return pa.ipc.open_file(pa.memory_map(str(file), "r")).read_all().combine_chunks()

    def verify(self, boundary: int) -> None:
        """Errors: NotFound; BadInput when there are other bytes than were written."""
        folder = self.folder / str(boundary)
        if _digest(folder) != self.content_hash(boundary):
            raise BadInput(f"{self.what} {folder} is not what was written; build it again", field="snapshot")


def _digest(folder: Path) -> str:
    state = hashlib.sha256()
    for file in sorted(folder.glob("*.arrow")):
        state.update(file.name.encode())
        state.update(file.read_bytes())
    return state.hexdigest()
