"""How rows are laid out in the lake: by month of `at`, by bucket of the subject's hash, sorted by subject, at, id.

One copy per role, because an event with two subjects is looked up from both sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]


class Part(NamedTuple):
    """One partition of one role: `month` as YYYY-MM, `bucket` of `buckets`."""

    month: str
    bucket: int


def subject_hash(subject: str) -> int:
    """64 stable bits of a subject: the same on every machine and in every release."""
    return int.from_bytes(hashlib.blake2b(subject.encode(), digest_size=8).digest(), "big")


def bucket_of(subject: str, buckets: int) -> int:
    return subject_hash(subject) % buckets


def micros(column: Any) -> Ints:
    """An Arrow timestamp column as int64 microseconds (no copy where it is one chunk without nulls)."""
    return np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)


def single(column: Any) -> Any:
    """A column as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def sort_rows(table: pa.Table, role: str) -> Ints:
    """Row numbers in the order (subject, at, event_id)."""
    return _order(table, _ranks(single(table.column(role)))[1])


def arrange(table: pa.Table, role: str, buckets: int) -> Iterator[tuple[Part, Ints]]:
    """(partition, row numbers in file order) for every partition that `table` touches."""
    if table.num_rows == 0:
        return
    names, ranks = _ranks(single(table.column(role)))
    of_subject = np.array([bucket_of(name, buckets) for name in names.to_pylist()], np.int64)
    months = micros(table.column("at")).view("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    part = months * buckets + of_subject[ranks]
    order = _order(table, part * len(names) + ranks)
    edges = np.flatnonzero(np.diff(part[order])) + 1
    for rows in np.split(order, edges):
        month, bucket = divmod(int(part[rows[0]]), buckets)
        yield Part(str(np.datetime64(month, "M")), bucket), rows


def _ranks(subjects: Any) -> tuple[Any, Ints]:
    """(distinct subjects in byte order, the rank of each row's subject)."""
    encoded = pc.dictionary_encode(subjects)
    names = encoded.dictionary
    order = pc.sort_indices(names).to_numpy()
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    return names.take(pa.array(order)), rank[encoded.indices.to_numpy()]


def _order(table: pa.Table, major: Ints) -> Ints:
    """Row numbers by (major, at, event_id); ids are compared only where the rest ties."""
    at = micros(table.column("at"))
    order = np.lexsort((at, major)).astype(np.int64)
    major, at = major[order], at[order]
    tied = np.flatnonzero((np.diff(major) == 0) & (np.diff(at) == 0))
    if len(tied) == 0:
        return order
    breaks = np.flatnonzero(np.diff(tied) > 1)
    starts = tied[np.concatenate([[0], breaks + 1])]
    ends = tied[np.concatenate([breaks, [len(tied) - 1]])] + 2
    ids = table.column("event_id")
    for start, end in zip(starts, ends, strict=True):
        rows = order[start:end]
        texts = ids.take(pa.array(rows)).to_pylist()
        order[start:end] = rows[np.array(sorted(range(len(texts)), key=texts.__getitem__))]
    return order
