"""Excel workbooks and Parquet files as batches of text."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dandelion.app.assess.reading_sheet import (
    HEADER_SEARCH_ROWS,
    Batch,
    HeaderScore,
    Sheet,
    cell_text,
    clean,
    pick_header,
)
from dandelion.core import BadInput, TooLarge

XLSX_BYTES_MAX = 256 * 2**20
XLSX_UNPACKED_BYTES_MAX = 4 * 2**30
XLSX_BATCH_ROWS = 20_000
PARQUET_ROWS_MAX = 50_000_000


def xlsx_sheet(path: Path, score: HeaderScore, least: int) -> Sheet:
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            names, unpacked = archive.namelist(), sum(item.file_size for item in archive.infolist())
    except zipfile.BadZipFile:
        raise BadInput(f"{path.name} is a damaged workbook or archive; save it again", field="file") from None
    if "xl/workbook.xml" not in names:
        raise BadInput(
            f"{path.name} is a zip archive, not a workbook; unpack it and give the file inside", field="file"
        )
    if size > XLSX_BYTES_MAX or unpacked > XLSX_UNPACKED_BYTES_MAX:
        raise TooLarge(
            f"{path.name} holds {size / 2**20:.0f} MiB ({unpacked / 2**20:.0f} unpacked); a workbook may hold "
            f"{XLSX_BYTES_MAX / 2**20:.0f} ({XLSX_UNPACKED_BYTES_MAX / 2**20:.0f}), so save it as CSV",
            field="file",
        )
    rows = []
    for row in _xlsx_rows(path):
        rows.append([cell_text(cell) for cell in row])
        if len(rows) == HEADER_SEARCH_ROWS:
            break
    at = pick_header(rows, score, least, path.name, "")
    columns = [clean(cell) for cell in rows[at]]
    while columns and not columns[-1]:
        columns.pop()
    preamble = tuple(" ".join(cell for cell in row if cell) for row in rows[:at])
    return Sheet(path, "xlsx", tuple(columns), at + 1, preamble)


def _xlsx_rows(path: Path) -> Iterator[tuple[object, ...]]:
    """Rows of the first worksheet that has any."""
    from openpyxl import load_workbook  # 0.3 s to import, only for workbooks

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises whatever the broken part raised
        raise BadInput(
            f"{path.name} cannot be opened as a workbook ({type(error).__name__}); save it again", field="file"
        ) from None
    try:
        for sheet in book.worksheets:
            any_row = False
            for row in sheet.iter_rows(values_only=True):
                any_row = True
                yield row
            if any_row:
                return
    finally:
        book.close()


def xlsx_batches(sheet: Sheet, columns: Sequence[int]) -> Iterator[Batch]:
    held: list[list[str]] = [[] for _ in columns]
    numbers: list[int] = []

    def batch() -> Batch:
        made = Batch(tuple(pa.array(values, pa.string()) for values in held), np.array(numbers, np.int64))
        for values in held:
            values.clear()
        numbers.clear()
        return made

    for number, row in enumerate(_xlsx_rows(sheet.path), start=1):
        if number <= sheet.header_row:
            continue
        for values, j in zip(held, columns, strict=True):
            values.append(cell_text(row[j]) if j < len(row) else "")
        numbers.append(number)
        if len(numbers) == XLSX_BATCH_ROWS:
            yield batch()
    yield batch()


def parquet_sheet(path: Path) -> Sheet:
    try:
        schema, rows = pq.read_schema(path), pq.read_metadata(path).num_rows
    except (pa.ArrowInvalid, OSError):
        raise BadInput(f"{path.name} is a damaged Parquet file; write it again", field="file") from None
    if rows > PARQUET_ROWS_MAX:
        raise TooLarge(
            f"{path.name} holds {rows:,} rows; at most {PARQUET_ROWS_MAX:,}, so split it by month", field="file"
        )
    return Sheet(path, "parquet", tuple(clean(name) for name in schema.names), 0)


def parquet_batches(sheet: Sheet, columns: Sequence[int]) -> Iterator[Batch]:
    file = pq.ParquetFile(sheet.path)
    names = [file.schema_arrow.names[j] for j in columns]
    first = 1
    for batch in file.iter_batches(batch_size=500_000, columns=names, use_threads=False):
        data = tuple(_as_text(batch.column(batch.schema.get_field_index(name)), name) for name in names)
        yield Batch(data, np.arange(first, first + batch.num_rows, dtype=np.int64))
        first += batch.num_rows


def _as_text(column: pa.Array, name: str) -> pa.Array:
    kind = column.type
    if pa.types.is_timestamp(kind):
        return column
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("us"))
    if pa.types.is_floating(kind):
        return pa.array([cell_text(value) for value in column.to_pylist()], pa.string())
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise BadInput(
            f"column {name!r} has the type {kind}; write it as text, number or timestamp", field=name
        ) from None
