"""The lake's files: written once, never changed, read through DuckDB.  Which of them count is the manifest's business.

Path: `<tenant>/<kind>/<role>/<YYYY-MM>/<bucket>/<uuid>.parquet`, sorted by (subject, at, event_id).
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from dandelion.core import arrow_schema, iso, new_id
from dandelion.vault.manifest import LakeFile
from dandelion.vault.partition import Part, bucket_of, micros

MEMORY = "1GB"
ROW_GROUP = 131_072


def layout(schema: pa.Schema) -> dict[str, Any]:
    """How the lake encodes the columns of its files: options for ``pq.ParquetWriter``, `ROW_GROUP` beside them.

    Texts are dictionaries, save the event's id, which never comes twice.  Whole numbers are differences in as many bits
    as they need; those of moments are left at that, since nothing more can be pressed out of them (decision 0199).
    """
    moments = {one.name for one in schema if pa.types.is_timestamp(one.type)}
    whole = moments | {one.name for one in schema if pa.types.is_int64(one.type)}
    return {
        "compression": {name: "none" if name in moments else "zstd" for name in schema.names},
        "use_dictionary": [name for name in schema.names if name not in whole | {"event_id"}],
        "column_encoding": {name: "DELTA_BINARY_PACKED" for name in schema.names if name in whole},
    }


class Lake:
    """One folder of Parquet files.  `buckets` is how many subject buckets new files are split into."""

    def __init__(self, folder: Path, *, buckets: int = 8, threads: int = 2) -> None:
        self.folder = folder
        self.buckets = buckets
        self.threads = threads
        self._local = threading.local()
        self._root: Any = None
        self._starting = threading.Lock()

    def write(self, tenant: str, kind: str, role: str, part: Part, table: pa.Table) -> LakeFile:
        """Write one file of rows that are already in order, flushed to the disk."""
        id_ = new_id()
        relative = Path(tenant, kind, role, part.month, str(part.bucket), f"{id_}.parquet")
        path = self.folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, row_group_size=ROW_GROUP, **layout(table.schema))
        size, digest = flush(path)
        at = micros(table.column("at"))
        return LakeFile(
            id_, kind, role, part.month, part.bucket, self.buckets, str(relative), table.num_rows, size, digest,
            int(at.min()), int(at.max()),
        )  # fmt: skip

    def path(self, file: LakeFile) -> str:
        return str(self.folder / file.path)

    def check(self, file: LakeFile) -> str | None:
        """A sentence where the file is missing or its bytes are not those that were listed; else None."""
        try:
            with Path(self.path(file)).open("rb") as content:
                same = hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
        except OSError:
            return f"{file.path} is missing"
        return None if same else f"{file.path} is not what was written"

    def read_file(self, file: LakeFile) -> pa.Table:
        """All rows of one file, in the kind's schema."""
        return pq.read_table(self.path(file), partitioning=None, memory_map=True).cast(arrow_schema(file.kind))

    def read_column(self, file: LakeFile, name: str) -> Any:
        """One column of one file."""
        return pq.read_table(self.path(file), columns=[name], partitioning=None, memory_map=True).column(name)

    def of_subject(
        self, files: Sequence[LakeFile], kind: str, role: str, subject: str, start_us: int, end_us: int, known_us: int
    ) -> pa.Table:
        """Rows of one subject with `start <= at < end` and `arrived < known`, by (at, event_id)."""
        near = [
            file
            for file in files
            if file.bucket == bucket_of(subject, file.buckets) and file.at_max >= start_us and file.at_min < end_us
        ]
        if not near:
            return arrow_schema(kind).empty_table()
        where = f'"{role}" = $subject AND {_between(start_us, end_us, known_us)}'
        query = f'SELECT {_columns(kind)} FROM read_parquet($files) WHERE {where} ORDER BY "at", event_id'  # noqa: S608
        return self.sql(query, {"files": [self.path(file) for file in near], "subject": subject}, kind)

    def of_all(
        self,
        files: Sequence[LakeFile],
        kind: str,
        role: str,
        subjects: pa.Array | None,
        start_us: int,
        end_us: int,
        known_us: int,
    ) -> pa.Table:
        """Rows of `subjects` (None: all) with `start <= at < end` and `arrived < known`, by (subject, at, event_id)."""
        near = [self.path(file) for file in files if file.at_max >= start_us and file.at_min < end_us]
        if not near:
            return arrow_schema(kind).empty_table()
        where, order = _between(start_us, end_us, known_us), f'"{role}", "at", event_id'
        if subjects is not None:
            where += f' AND "{role}" IN (SELECT subject FROM wanted_subjects)'  # noqa: S608
        query = f"SELECT {_columns(kind)} FROM read_parquet($files) WHERE {where} ORDER BY {order}"  # noqa: S608
        cursor = self.cursor()
        names = pa.array([], pa.string()) if subjects is None else subjects
        cursor.register("wanted_subjects", pa.table({"subject": names}))
        try:
            return self.sql(query, {"files": near}, kind)
        finally:
            cursor.unregister("wanted_subjects")

    def sql(self, query: str, parameters: dict[str, Any], kind: str) -> pa.Table:
        """Run a DuckDB query whose columns are those of `kind`."""
        table = self.cursor().sql(query, params=parameters).to_arrow_table()
        return table.cast(arrow_schema(kind))

    def cursor(self) -> Any:
        """This thread's DuckDB connection; all share one in-memory instance and its memory limit."""
        found = getattr(self._local, "cursor", None)
        if found is None:
            with self._starting:
                if self._root is None:
                    settings = {
                        "threads": self.threads, "memory_limit": MEMORY, "preserve_insertion_order": False,
                        "temp_directory": str(self.folder / ".spill"),
                    }  # fmt: skip
                    self._root = duckdb.connect(":memory:", config=settings)
                found = self._root.cursor()
            found.execute("SET TimeZone='UTC'")
            self._local.cursor = found
        return found


def flush(path: Path) -> tuple[int, str]:
    """Force a file and its folder entry to the disk: (bytes, SHA-256)."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return sync(path), digest


def sync(path: Path) -> int:
    """Force a file and its folder entry to the disk; returns its bytes."""
    for name, flags in ((path, os.O_RDWR), (path.parent, os.O_RDONLY)):
        handle = os.open(name, flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    return path.stat().st_size


def _columns(kind: str) -> str:
    return ", ".join(f'"{name}"' for name in arrow_schema(kind).names)


def _between(start_us: int, end_us: int, known_us: int) -> str:
    def moment(at_us: int) -> str:
        return f"TIMESTAMPTZ '{iso(at_us)}'"

    return f'"at" >= {moment(start_us)} AND "at" < {moment(end_us)} AND arrived < {moment(known_us)}'
