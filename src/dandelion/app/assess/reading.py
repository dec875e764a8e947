"""The tabular reader: CSV (UTF-8 or GB18030, preamble and footer lines), Excel .xlsx or Parquet, as batches of text.

``open_sheet`` finds the header; ``batches`` streams the asked columns with the row number each row has in the file.
Nothing is interpreted here: cells stay text (Parquet timestamps stay timestamps), so that money is parsed exactly later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dandelion.app.assess.reading_book import parquet_batches, parquet_sheet, xlsx_batches, xlsx_sheet
from dandelion.app.assess.reading_csv import csv_batches, csv_sheet
from dandelion.app.assess.reading_sheet import Batch, HeaderScore, Ragged, Sheet, clean
from dandelion.core import BadInput, TooLarge

ROWS_MAX = 50_000_000

__all__ = ["ROWS_MAX", "Batch", "HeaderScore", "Ragged", "Sheet", "batches", "clean", "open_sheet"]


def open_sheet(path: Path, score: HeaderScore, *, header_score_min: int = 2) -> Sheet:
    """Find the table in `path`.  `score(cells)` says how many cells of a row are known column names.

    The header is the first row with the highest score among the first 200 (64 KB); a Parquet file names its columns.
    Errors: BadInput (no such file, empty, not what its name says, no header), TooLarge.
    """
    if not path.is_file():
        raise BadInput(f"there is no file {path}; check the path", field="file")
    size = path.stat().st_size
    if size == 0:
        raise BadInput(f"{path.name} is empty; export it again", field="file")
    with path.open("rb") as file:
        magic = file.read(8)
    suffix = path.suffix.lower()
    if magic.startswith(b"PAR1"):
        return parquet_sheet(path)
    if magic.startswith(b"PK\x03\x04"):
        return xlsx_sheet(path, score, header_score_min)
    if suffix in (".xlsx", ".xlsm"):
        raise BadInput(
            f"{path.name} ends in {suffix} but is not an Excel workbook; save it again as .xlsx, or as CSV",
            field="file",
        )
    if suffix == ".parquet":
        raise BadInput(f"{path.name} ends in .parquet but is not a Parquet file; write it again", field="file")
    if suffix == ".xls" or magic.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadInput(f"{path.name} is an old .xls workbook; save it as .xlsx or CSV", field="file")
    return csv_sheet(path, score, header_score_min)


def batches(sheet: Sheet, columns: Sequence[int]) -> Iterator[Batch]:
    """Stream the columns (by index into `sheet.columns`).  Errors: BadInput, TooLarge beyond 50 million rows."""
    source = {"csv": csv_batches, "xlsx": xlsx_batches, "parquet": parquet_batches}[sheet.format]
    total = 0
    for batch in source(sheet, columns):
        total += len(batch.rows)
        if total > ROWS_MAX:
            raise TooLarge(f"{sheet.path.name} holds more than {ROWS_MAX:,} rows; split it by month", field="file")
        yield batch
