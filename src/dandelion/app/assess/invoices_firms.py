"""The two small files: firms with their known outcomes, and the share of customers lost at each yearly rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.app.assess.invoices_layout import Found, as_text, open_columns
from dandelion.app.assess.invoices_settings import Layout
from dandelion.app.assess.reading import batches
from dandelion.core import PPM, BadInput

GRADES = ("A", "B", "C")
_CHURN_COLUMNS = {"annual_rate": ("annual_rate", "贷款年利率"), **{f"churn_{g.lower()}": (f"churn_{g.lower()}",) for g in GRADES}}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Firms:
    """Ids in file order; `default` is 1, 0 or -1 (outcome not known); `rating` is carried for comparison only."""

    ids: tuple[str, ...]
    sole_trader: npt.NDArray[np.bool_]
    rating: tuple[str, ...]
    default: npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Churn:
    """`lost[g, k]` is the share of customers of grade g lost at `rate_ppm[k]`; rates rise."""

    rate_ppm: npt.NDArray[np.int64]
    lost: npt.NDArray[np.float64]


def read_firms(path: Path, layout: Layout) -> Firms:
    """Errors: BadInput for an empty list, a firm twice, an unknown default flag."""
    found = open_columns(path, layout.firms, optional=("name", "rating", "default"))
    cells, rows = _cells(found)
    count = len(rows)
    if count == 0:
        raise BadInput(f"{path.name} lists no firm; export it again", field="firm")
    ids = cells["firm"]
    seen: dict[str, int] = {}
    for row, firm in zip(rows, ids, strict=True):
        if not firm:
            raise BadInput(f"{path.name} row {row}: firm is empty; every row needs its id", field="firm")
        if firm in seen:
            raise BadInput(
                f"{path.name} lists firm {firm!r} twice (rows {seen[firm]} and {row}); keep one", field="firm"
            )
        seen[firm] = row
    empty = [""] * count
    names = cells.get("name", empty)
    return Firms(
        tuple(ids),
        np.array(["个体" in name for name in names]),
        tuple(cells.get("rating", empty)),
        _outcomes(cells.get("default", empty), rows, path.name, layout),
    )


def _outcomes(cells: list[str], rows: list[int], file: str, layout: Layout) -> npt.NDArray[np.int8]:
    meaning = dict.fromkeys(layout.words["bad"], 1) | dict.fromkeys(layout.words["good"], 0) | {"": -1}
    out = np.empty(len(cells), np.int8)
    for i, cell in enumerate(cells):
        if cell.lower() not in meaning:
            allowed = ", ".join((*layout.words["good"], *layout.words["bad"]))
            raise BadInput(
                f"{file} row {rows[i]}: default is {cell!r}; give one of {allowed}, or leave it empty where the outcome "
                "is not known",
                field="default",
            )
        out[i] = meaning[cell.lower()]
    return out


def read_churn(path: Path) -> Churn:
    """Rates as a share (0.0465) with one column of lost customers per grade.  Errors: BadInput."""
    cells, rows = _cells(open_columns(path, _CHURN_COLUMNS))
    if not rows:
        raise BadInput(f"{path.name} lists no rate; export it again", field="annual_rate")
    table = np.array([[_share(cells[c][i], c, rows[i], path.name) for c in _CHURN_COLUMNS] for i in range(len(rows))])
    table = table[np.argsort(table[:, 0], kind="stable")]
    rate = np.rint(table[:, 0] * PPM).astype(np.int64)
    if len(np.unique(rate)) < len(rate):
        twice = rate[1:][np.diff(rate) == 0][0]
        raise BadInput(f"{path.name} lists the rate {twice / PPM:g} twice; keep one row", field="annual_rate")
    return Churn(rate, np.ascontiguousarray(table[:, 1:].T))


def _share(cell: str, column: str, row: int, file: str) -> float:
    try:
        value = float(Decimal(cell))
    except InvalidOperation:
        value = math.nan
    if not 0 <= value <= 1:
        raise BadInput(
            f"{file} row {row}: {column} is {cell!r}; give a share between 0 and 1 (4.65 % is 0.0465)", field=column
        )
    return value


def _cells(found: Found) -> tuple[dict[str, list[str]], list[int]]:
    names = list(found.index)
    columns: dict[str, list[str]] = {name: [] for name in names}
    rows: list[int] = []
    for batch in batches(found.sheet, [found.index[name] for name in names]):
        bad = [item for item in batch.ragged if not item.footer]
        if bad:
            raise BadInput(
                f"{found.name} row {bad[0].row} has {bad[0].cells} cells, its header {len(found.sheet.columns)}; "
                "put text that holds a comma in double quotes",
                field="row",
            )
        for name, column in zip(names, batch.columns, strict=True):
            columns[name] += as_text(column if pa.types.is_string(column.type) else column.cast(pa.string()))
        rows += [int(row) for row in batch.rows]
    blank = {i for i in range(len(rows)) if not any(columns[name][i] for name in names)}
    return (
        {name: [c for i, c in enumerate(cells) if i not in blank] for name, cells in columns.items()},
        [row for i, row in enumerate(rows) if i not in blank],
    )
