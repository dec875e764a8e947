"""A frame written to Parquet portion by portion, so that no more than one portion is held in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from dandelion.core import BadInput, Frame

VALUES_AT_ONCE = 32_000_000  # 128 MB of float32
ROWS_AT_ONCE = 50_000


def write(
    out: Path,
    subjects: Sequence[str],
    columns: Sequence[str],
    make: Callable[[list[str]], Frame],
    tell: Callable[[float], None] = lambda _share: None,
) -> int:
    """Frames of all `subjects` into one file with the catalogue in its metadata; returns the number of rows.

    The file appears whole or not at all.  Errors (BadInput): no subjects, or a folder that is not there.
    """
    if not out.absolute().parent.is_dir():
        raise BadInput(f"there is no folder {out.absolute().parent}; create it or write elsewhere", field="--out")
    if not subjects:
        raise BadInput("there is nobody to compute columns for; check the events", field="--events")
    step = max(1, min(ROWS_AT_ONCE, VALUES_AT_ONCE // max(1, len(columns))))
    part = out.with_name(f".{out.name}.part")
    writer: pq.ParquetWriter | None = None
    try:
        for start in range(0, len(subjects), step):
            frame = make(list(subjects[start : start + step]))
            table = frame.to_arrow()
            if writer is None:
                writer = pq.ParquetWriter(part, table.schema)
            writer.write_table(table.replace_schema_metadata(writer.schema.metadata))
            tell(min(1.0, (start + step) / len(subjects)))
        assert writer is not None
        writer.close()
        part.replace(out)
    finally:
        if writer is not None:
            writer.close()
        part.unlink(missing_ok=True)
    return len(subjects)
