"""What travels to a bucket of subjects: rows of (bucket, subject, what, bytes)."""

from __future__ import annotations

import zlib

import pyarrow as pa

LONG = "bucket int, subject string, what string, chunk binary"
LONG_SCHEMA = pa.schema(
    [("bucket", pa.int32()), ("subject", pa.string()), ("what", pa.string()), ("chunk", pa.binary())]
)


def bucket_of(subjects: pa.Array, buckets: int) -> pa.Array:
    """The same bucket for the same subject, whoever asks (CRC-32 of its bytes, as Spark's own)."""
    return pa.array([zlib.crc32(name.encode()) % buckets for name in subjects.to_pylist()], pa.int32())


def long_rows(buckets: pa.Array, names: pa.Array, what: str, chunks: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [buckets, names, pa.array([what] * len(names), pa.string()), chunks], schema=LONG_SCHEMA
    )
