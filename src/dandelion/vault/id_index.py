"""Which event ids the lake holds: per ingest one sorted array of 64-bit prefixes, memory-mapped, 8 bytes an event.

A prefix that is absent proves the id absent.  A prefix that is present is checked against the ids themselves, so that
no event is ever dropped for a coincidence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import new_id
from dandelion.vault.lake import Lake, flush
from dandelion.vault.manifest import IDS, LakeFile
from dandelion.vault.partition import single

Prefixes = npt.NDArray[np.uint64]
_HEX = np.full(256, 255, np.uint8)
_HEX[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint8)


def prefixes(ids: Any) -> Prefixes:
    """64 bits per id: the first 16 digits of our own 32-digit ids, a hash of any other text."""
    array = single(ids)
    rows = len(array)
    if rows == 0:
        return np.empty(0, np.uint64)
    lengths = pc.binary_length(array)
    if pc.min(lengths).as_py() == 32 == pc.max(lengths).as_py():
        offset = int(np.frombuffer(array.buffers()[1], np.int32, 1, array.offset * 4)[0])
        text = np.frombuffer(array.buffers()[2], np.uint8, rows * 32, offset).reshape(rows, 32)
        digits = _HEX[text[:, :16]]
        if digits.max() < 16:
            octets = (digits[:, 0::2] << 4) | digits[:, 1::2]
            return np.ascontiguousarray(octets).view(">u8").ravel().astype(np.uint64)
    return np.array([_hash(id_) for id_ in array.to_pylist()], np.uint64)


def _hash(id_: str) -> int:
    raw = id_.encode()
    if len(raw) == 32 and all(_HEX[octet] < 16 for octet in raw[:16]):
        return int(raw[:16], 16)
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "big")


def write(lake: Lake, tenant: str, kind: str, values: Prefixes, at_min: int, at_max: int) -> LakeFile:
    """Write sorted prefixes as one index file."""
    id_ = new_id()
    relative = Path(tenant, kind, IDS, f"{id_}.u64")
    path = lake.folder / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    np.sort(values).astype("<u8").tofile(path)
    size, digest = flush(path)
    return LakeFile(id_, kind, IDS, "", 0, 1, str(relative), len(values), size, digest, at_min, at_max)


def load(lake: Lake, file: LakeFile) -> Prefixes:
    return np.memmap(lake.path(file), "<u8", mode="r") if file.rows else np.empty(0, np.uint64)


def suspects(lake: Lake, index: Sequence[LakeFile], values: Prefixes) -> npt.NDArray[np.bool_]:
    """Rows whose prefix some index file holds."""
    if len(values) == 0:
        return np.zeros(0, bool)
    order = np.argsort(values, kind="stable")
    probe = values[order]
    hit = np.zeros(len(values), bool)
    for file in index:
        held = load(lake, file)
        if len(held) == 0 or probe[-1] < held[0] or probe[0] > held[-1]:
            continue
        place = np.searchsorted(held, probe)
        hit |= held[np.minimum(place, len(held) - 1)] == probe
    out = np.zeros(len(values), bool)
    out[order] = hit
    return out


def held_ids(lake: Lake, files: Sequence[LakeFile], ids: pa.Array) -> pa.Array:
    """Of `ids`, those that the data files of one role really hold."""
    cursor = lake.cursor()
    wanted = pa.table({"event_id": ids})
    cursor.register("wanted_ids", wanted)
    try:
        query = "SELECT event_id FROM wanted_ids SEMI JOIN read_parquet($files) USING (event_id)"
        found = cursor.sql(query, params={"files": [lake.path(file) for file in files]}).to_arrow_table()
    finally:
        cursor.unregister("wanted_ids")
    return single(found.column("event_id"))
