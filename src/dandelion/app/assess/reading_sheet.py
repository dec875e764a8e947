"""What every reader speaks of: the sheet that was found, batches of its rows, and the cells of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import BadInput

HEADER_SEARCH_ROWS = 200
EXACT_BELOW = 10**15  # a spreadsheet keeps fifteen digits of a number
HeaderScore = Callable[[Sequence[str]], int]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table that was found in a file but not read yet.  `header_row` counts from 1; `columns` are cleaned names."""

    path: Path
    format: str  # csv, xlsx or parquet
    columns: tuple[str, ...]
    header_row: int
    preamble: tuple[str, ...] = ()
    encoding: str = ""
    delimiter: str = ""
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Ragged:
    """A line whose number of cells is not the header's; `footer` where it is a summary line of a bill."""

    row: int
    cells: int
    footer: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a sheet: `columns[j]` is the j-th asked column, `rows` the row numbers in the file (from 1)."""

    columns: tuple[pa.Array, ...]
    rows: npt.NDArray[np.int64]
    ragged: tuple[Ragged, ...] = ()


def clean(cell: object) -> str:
    """A cell without the marks that exports put around values: BOM, backtick, tab, spaces, ="...".

    >>> clean("`4200001\\t"), clean('="0012"')
    ('4200001', '0012')
    """
    text = "" if cell is None else str(cell)
    text = text.strip(" \t\r\n\ufeff\u3000`'")
    return text[2:-1].strip() if text.startswith('="') and text.endswith('"') else text


def cell_text(cell: object) -> str:
    """A cell as the text a person sees; Excel's binary fractions are shown at its own 15 digits."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= EXACT_BELOW:
        return format(float(cell), ".14e")  # digits are lost already; the exponent shows it
    if isinstance(cell, float):
        return format(Decimal(format(cell, ".15g")), "f") if np.isfinite(cell) else "nan"
    return str(cell)


def pick_header(rows: list[list[str]], score: HeaderScore, least: int, name: str, single: str) -> int:
    scores = [score([clean(cell) for cell in row]) for row in rows]
    best = max(range(len(rows)), key=lambda i: scores[i], default=-1)
    if best < 0:
        raise BadInput(f"{name} holds no rows; export it again", field="file")
    if scores[best] < least:
        shown = next((row for row in rows if len([c for c in row if clean(c)]) > 1), rows[0])
        seen = ", ".join(clean(c) for c in shown if clean(c))[:200]
        raise BadInput(
            f"{name} has no header row that names time and amount; the first row reads: {seen}. {single}"
            "Name the columns with --map at=...,amount=...,payer=...,payee=...",
            field="file",
        )
    return best
