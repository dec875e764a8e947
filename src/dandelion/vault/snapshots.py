"""Snapshots: exactly the event rows a decision read, kept so that it can be made again after anything else changed.

The name of a snapshot is a SHA-256 over its header and its rows' values, so two reads of the same rows agree however
Arrow happened to chunk them, and one altered value gives another name.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from dandelion.core import NotFound, arrow_schema, canonical, content_hash
from dandelion.vault.database import Database
from dandelion.vault.partition import micros, single
from dandelion.vault.tables import snapshot_parts, snapshots

_NO_ENDS = np.zeros(1, "<i4")

COMPRESS_FROM_BYTES = 8_192


@dataclass(frozen=True, slots=True)
class Header:
    """Under what the rows were read."""

    subject: str
    purpose: str
    recipient: str
    as_of: int
    known_at: int
    data_kinds: tuple[str, ...]
    grants: tuple[str, ...]
    owner: str = ""  # whose own record was read with it


@dataclass(frozen=True)
class Part:
    """The rows read of one kind in one role, from `start_us` on."""

    kind: str
    role: str
    start_us: int
    table: pa.Table

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over the rows; asked for more than once in a decision."""
        return digest(self.table) if self.table.num_rows else "empty"

    def since(self, start_us: int) -> pa.Table:
        """Rows at or after `start_us`."""
        if start_us <= self.start_us or self.table.num_rows == 0:
            return self.table
        return self.table.slice(int(np.searchsorted(micros(self.table.column("at")), start_us)))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stored snapshot."""

    name: str
    header: Header
    parts: tuple[Part, ...]


def name(header: Header, parts: Iterable[Part]) -> str:
    listed = sorted([part.kind, part.role, part.start_us, part.table.num_rows, part.digest] for part in parts)
    return content_hash(canonical([asdict(header), listed]))


def digest(table: pa.Table) -> str:
    """SHA-256 over the values of a table, column by column, independent of chunking and offsets."""
    total = hashlib.sha256()
    for column_name in table.column_names:
        array = single(table.column(column_name))
        total.update(f"{column_name}:{array.type}:{len(array)}\n".encode())
        if array.null_count:
            total.update(np.packbits(array.is_valid().to_numpy(zero_copy_only=False)).tobytes())
        total.update(_values(array))
    return total.hexdigest()


def _values(array: Any) -> bytes:
    """The values alone; which of them are null is hashed beside."""
    rows, nulls = len(array), array.null_count
    if rows == nulls:
        return b""
    if pa.types.is_boolean(array.type):
        return np.packbits(pc.fill_null(array, False).to_numpy(zero_copy_only=False)).tobytes()
    if not pa.types.is_string(array.type):
        if nulls:
            array = pc.fill_null(array.cast(pa.int64()), 0)
        return np.frombuffer(array.buffers()[1], "<i8", rows, array.offset * 8).tobytes()
    if nulls:
        array = pc.fill_null(array, "")
    offsets = np.frombuffer(array.buffers()[1], "<i4", rows + 1, array.offset * 4)
    text = b"" if array.buffers()[2] is None else array.buffers()[2][int(offsets[0]) : int(offsets[-1])].to_pybytes()
    return np.diff(offsets).astype("<i4").tobytes() + text


def save(database: Database, connection: sa.Connection, tenant: str, header: Header, parts: Sequence[Part]) -> str:
    """Store header and parts under their name; storing the same again is harmless."""
    title = name(header, parts)
    text = canonical({**asdict(header), "starts": sorted([p.kind, p.role, p.start_us] for p in parts)}).decode()
    head = {"tenant": tenant, "snapshot": title, "subject": header.subject, "at": header.as_of, "header": text}
    if database.insert_new(connection, snapshots, [head]) and parts:
        rows = [
            {
                "tenant": tenant, "snapshot": title, "kind": part.kind, "role": part.role, "rows": part.table.num_rows,
                "content": _packed(part.table),
            }
            for part in parts
        ]  # fmt: skip
        connection.execute(sa.insert(snapshot_parts), rows)
    return title


def load(connection: sa.Connection, tenant: str, title: str) -> Snapshot:
    """Errors: NotFound."""
    row = connection.execute(
        sa.select(snapshots.c.header).where(snapshots.c.tenant == tenant, snapshots.c.snapshot == title)
    ).first()
    if row is None:
        raise NotFound(f"there is no snapshot {title}", field="snapshot")
    fields = json.loads(row.header)
    starts = {(kind, role): start for kind, role, start in fields.pop("starts")}
    fields["data_kinds"], fields["grants"] = tuple(fields["data_kinds"]), tuple(fields["grants"])
    found = connection.execute(
        sa.select(snapshot_parts)
        .where(snapshot_parts.c.tenant == tenant, snapshot_parts.c.snapshot == title)
        .order_by(snapshot_parts.c.kind, snapshot_parts.c.role)
    )
    parts = tuple(Part(p.kind, p.role, starts[p.kind, p.role], _unpacked(p.kind, p.content)) for p in found)
    return Snapshot(title, Header(**fields), parts)


def _packed(table: pa.Table) -> bytes:
    """Arrow stream, compressed where that pays; nothing at all for no rows."""
    if table.num_rows == 0:
        return b""
    sink = pa.BufferOutputStream()
    codec = pa.Codec("zstd", 1) if table.nbytes > COMPRESS_FROM_BYTES else None
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue().to_pybytes())


def _unpacked(kind: str, content: bytes) -> pa.Table:
    if not content:
        return arrow_schema(kind).empty_table()
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all().cast(arrow_schema(kind))
