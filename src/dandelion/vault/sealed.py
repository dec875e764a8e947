"""The recent store: per kind and role one uncompressed Arrow file of the last days, memory-mapped, sorted by subject.

It is derived from the lake and can be thrown away at any time.  A seal is used only while its version is the lake's, so
a read is never stale; rows carry `hidden_from`, the instant the first correction of the row arrived.
"""

from __future__ import annotations

import mmap
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import arrow_schema, iso, new_id
from dandelion.vault.lake import Lake, sync
from dandelion.vault.manifest import LakeFile
from dandelion.vault.partition import Ints, subject_hash

HIDDEN = "hidden_from"
BATCH_ROWS = 262_144
_INDEX = np.dtype([("hash", "<u8"), ("start", "<i8"), ("rows", "<i8")])
_OPEN_MAX = 256


@dataclass(frozen=True, slots=True)
class Seal:
    """A listed seal: rows at or after `from_us` are all in the file at `path` (relative to the lake)."""

    kind: str
    role: str
    version: int
    path: str
    rows: int
    from_us: int


def build(
    lake: Lake,
    tenant: str,
    kind: str,
    role: str,
    version: int,
    files: list[LakeFile],
    from_us: int,
    hidden: pa.Table,
    erased: frozenset[str],
) -> Seal:
    """Write one sealed file and its index.  `hidden` has columns replaced, arrived (int64)."""
    whole = all(file.at_min >= from_us for file in files)
    relative = Path(tenant, kind, "sealed", role, f"{new_id()}.arrow")
    path = lake.folder / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    near = [lake.path(file) for file in files if file.at_max >= from_us]
    schema = sealed_schema(kind)
    runs: list[tuple[str, int, int]] = []
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        rows = 0
        for batch in _sorted(lake, kind, role, near, from_us, hidden, erased) if near else ():
            batch = pa.Table.from_batches([batch]).cast(schema).combine_chunks().to_batches()[0]
            writer.write_batch(batch)
            _extend(runs, batch.column(role), rows)
            rows += batch.num_rows
    index = np.array([(subject_hash(subject), start, count) for subject, start, count in runs], _INDEX)
    index.sort(order=["hash", "start"])
    np.save(_index_path(path), index)
    sync(_index_path(path))
    sync(path)
    return Seal(kind, role, version, str(relative), rows, 0 if whole else from_us)


def sealed_schema(kind: str) -> pa.Schema:
    return arrow_schema(kind).append(pa.field(HIDDEN, pa.int64()))


def _index_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.npy")


def _sorted(
    lake: Lake, kind: str, role: str, paths: list[str], from_us: int, hidden: pa.Table, erased: frozenset[str]
) -> Any:
    names = ", ".join(f'e."{name}"' for name in arrow_schema(kind).names)
    cursor = lake.cursor()
    cursor.register("hidden_now", hidden)
    cursor.register("erased_now", pa.table({"subject": pa.array(sorted(erased), pa.string())}))
    query = f"""
        SELECT {names}, h.hidden_from
        FROM read_parquet($files) e
        LEFT JOIN (SELECT replaced, min(arrived) AS hidden_from FROM hidden_now GROUP BY replaced) h
               ON h.replaced = e.event_id
        WHERE e."at" >= TIMESTAMPTZ '{iso(from_us)}' AND e."{role}" NOT IN (SELECT subject FROM erased_now)
        ORDER BY e."{role}", e."at", e.event_id
    """  # noqa: S608 - names come from the contracts, values are bound
    try:
        yield from cursor.sql(query, params={"files": paths}).to_arrow_reader(BATCH_ROWS)
    finally:
        cursor.unregister("hidden_now")
        cursor.unregister("erased_now")


def _extend(runs: list[tuple[str, int, int]], subjects: pa.Array, before: int) -> None:
    """Add the runs of equal subjects of one batch, joined to the last run where it goes on."""
    encoded = pc.run_end_encode(subjects)
    start = 0
    for subject, end in zip(encoded.values.to_pylist(), encoded.run_ends.to_pylist(), strict=True):
        if runs and runs[-1][0] == subject:
            runs[-1] = (subject, runs[-1][1], runs[-1][2] + end - start)
        else:
            runs.append((subject, before + start, end - start))
        start = end


class SealedFile:
    """An open, memory-mapped seal.  Stays readable after the file was replaced."""

    def __init__(self, path: Path, role: str) -> None:
        self.role = role
        reader, self._through = pa.ipc.open_file(_mapped(path, mmap.MADV_RANDOM)), _mapped(path, mmap.MADV_NORMAL)
        self.batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        self.schema = reader.schema
        self._empty = self.schema.empty_table()
        self._starts = np.concatenate([[0], np.cumsum([batch.num_rows for batch in self.batches])]).astype(np.int64)
        self._index: Any = np.load(_index_path(path), mmap_mode="r")
        self._hashes: npt.NDArray[np.uint64] = np.ascontiguousarray(self._index["hash"])

    def of_subject(self, subject: str) -> pa.Table:
        """All rows of a subject by (at, event_id), with `hidden_from`; zero-copy where they lie in one batch."""
        place = int(np.searchsorted(self._hashes, np.uint64(subject_hash(subject))))
        while place < len(self._hashes) and self._hashes[place] == subject_hash(subject):
            start, rows = int(self._index["start"][place]), int(self._index["rows"][place])
            found = self._slice(start, rows)
            if found.column(self.role)[0].as_py() == subject:
                return found
            place += 1
        return self._empty

    def subjects(self) -> tuple[pa.Array, Ints]:
        """(subjects in file order, how many rows each has)."""
        order = np.argsort(self._index["start"], kind="stable")
        starts = self._index["start"][order]
        names = self.table().column(self.role).take(pa.array(starts)).combine_chunks()
        return names, np.asarray(self._index["rows"][order], np.int64)

    def table(self) -> pa.Table:
        return pa.ipc.open_file(self._through).read_all()

    def _slice(self, start: int, rows: int) -> pa.Table:
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        pieces = []
        while rows:
            offset = start - int(self._starts[first])
            batch = self.batches[first].slice(offset, rows)
            pieces.append(batch)
            rows, start, first = rows - batch.num_rows, start + batch.num_rows, first + 1
        return pa.Table.from_batches(pieces, self.schema)


def _mapped(path: Path, read: int) -> pa.Buffer:
    """A file in memory, told how it is read: by subject no more is fetched from the disk than is asked for.

    Left to itself the system reads megabytes around every page, and a merchant's rows lie on some hundred pages.
    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    mapped.madvise(read)
    return pa.py_buffer(mapped)


class SealedFiles:
    """The open seals of a process; newest per place kept, others closed when their readers are done."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, SealedFile] = {}
        self._lock = threading.Lock()

    def open(self, path: str, role: str) -> SealedFile | None:
        """None where the file is gone (replaced a moment ago) or damaged: the lake answers then."""
        found = self._open.get(path)
        if found is not None:
            return found
        try:
            found = SealedFile(self._folder / path, role)
        except (OSError, pa.ArrowInvalid, ValueError):
            return None
        with self._lock:
            place = str(Path(path).parent)
            for old in [other for other in self._open if str(Path(other).parent) == place]:
                del self._open[old]
            while len(self._open) >= _OPEN_MAX:
                del self._open[next(iter(self._open))]
            self._open[path] = found
        return found
