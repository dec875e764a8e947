"""A decision table kept in Excel: the first sheet, read as the CSV it would be saved as."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

from dandelion.core import BadInput

COLUMNS_MAX, ROWS_MAX = 200, 10_000


def csv_of(file: Path) -> str:
    """The text of the first sheet as CSV.  Errors: BadInput for a file that is no workbook, a formula or a date.

    A formula is refused: what it comes to depends on who saved the file last, and a strategy says what it means.
    """
    from openpyxl import load_workbook  # 0.3 s to import, only for workbooks
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(file, read_only=True, data_only=False)
    except (OSError, InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise BadInput(f"{file}: cannot be read as an Excel workbook ({error})", field=str(file)) from None
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    try:
        sheet = book.worksheets[0]
        for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
            if number > ROWS_MAX or len(row) > COLUMNS_MAX:
                raise BadInput(f"{file}:{number}: at most {ROWS_MAX} rows and {COLUMNS_MAX} columns", field=str(file))
            cells = [_text(cell, f"{file}:{number}") for cell in row]
            while cells and not cells[-1]:
                cells.pop()
            writer.writerow(cells)
    finally:
        book.close()
    return _padded(out.getvalue())


def _text(cell: object, where: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    text = str(cell).strip()
    if (
        text.startswith("=")
        and len(text) > 1
        and not text[1:].lstrip("-. ").replace("_", "").replace(".", "").isdigit()
    ):
        raise BadInput(f"{where}: holds the formula {text[:40]!r}; write the value it stands for", field="cell")
    return text


def _padded(text: str) -> str:
    """Rows as wide as the header: Excel leaves empty cells at the end of a row out."""
    rows = list(csv.reader(io.StringIO(text)))
    header = next((row for row in rows if row and any(row) and not row[0].startswith("#")), [])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        remark = bool(row) and row[0].startswith("#")
        writer.writerow(row if remark or not any(row) else row + [""] * (len(header) - len(row)))
    return out.getvalue()
