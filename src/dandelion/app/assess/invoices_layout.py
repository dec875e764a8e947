"""Finds the three files of a directory and the columns a lender's export calls by its own names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from dandelion.app.assess.invoices_settings import Layout
from dandelion.app.assess.reading import Sheet, open_sheet
from dandelion.core import BadInput

MONEY = ("amount", "tax", "total")


@dataclass(frozen=True, slots=True)
class Found:
    """A sheet with, per wanted column, its index and whether its money is in yuan."""

    sheet: Sheet
    index: Mapping[str, int]
    in_yuan: frozenset[str]

    @property
    def name(self) -> str:
        return self.sheet.path.name


def find_file(directory: Path, role: str, layout: Layout) -> Path:
    """The file of a role (`invoices`, `firms`, `churn`).  Errors: BadInput naming what was looked for."""
    if not directory.is_dir():
        raise BadInput(f"{directory} is not a directory; give the folder that holds the export", field="directory")
    for name in layout.files[role]:
        if (directory / name).is_file():
            return directory / name
    raise BadInput(f"{directory} holds no {' or '.join(layout.files[role])}; see docs/assess-invoices.md", field=role)


def open_columns(
    path: Path, wanted: Mapping[str, Sequence[str]], *, optional: Sequence[str] = (), money: Sequence[str] = ()
) -> Found:
    """Open `path` and place every wanted column.  Errors: BadInput for a missing, doubled or unit-less column."""
    known = {alias.lower() for aliases in wanted.values() for alias in aliases}
    known |= {f"{alias}_{unit}" for alias in known for unit in ("fen", "yuan")}
    sheet = open_sheet(path, lambda cells: sum(cell.lower() in known for cell in cells), header_score_min=0)
    headers = [header.lower() for header in sheet.columns]
    index: dict[str, int] = {}
    in_yuan = set()
    for name, aliases in wanted.items():
        places = _places(headers, aliases, unit=name in money)
        if not places:
            if name in optional:
                continue
            _refuse_missing(path.name, name, aliases, sheet, money=name in money)
        if len(places) > 1:
            both = " and ".join(sheet.columns[j] for j, _ in places)
            raise BadInput(f"{path.name} names {name} twice ({both}); keep one of the columns", field=name)
        index[name], yuan = places[0]
        if yuan:
            in_yuan.add(name)
    return Found(sheet, index, frozenset(in_yuan))


def _places(headers: Sequence[str], aliases: Sequence[str], *, unit: bool) -> list[tuple[int, bool]]:
    """(index, is it in yuan) of every header that names the column; a bare Chinese money header is in yuan."""
    names = {alias.lower(): True for alias in aliases}
    if unit:
        names = {f"{a}_fen": False for a in names} | {f"{a}_yuan": True for a in names} | {
            a: True for a in names if not a.isascii()
        }  # fmt: skip
    return [(j, names[header]) for j, header in enumerate(headers) if header in names]


def _refuse_missing(file: str, name: str, aliases: Sequence[str], sheet: Sheet, *, money: bool) -> None:
    has = ", ".join(sheet.columns) or "no columns"
    if money and any(alias.lower() in map(str.lower, sheet.columns) for alias in aliases):
        raise BadInput(f"{file}: column {name!r} has no unit; call it {name}_fen or {name}_yuan", field=name)
    column = f"{name}_fen" if money else name
    raise BadInput(f"{file} lacks column {column!r} (also read: {', '.join(aliases[1:])}); it has {has}", field=name)


def as_text(column: pa.Array) -> list[str]:
    """Cells of a small table as stripped text, empty where missing (`nan`, `null` and `none` count as missing)."""
    cells = ["" if cell is None else str(cell).strip() for cell in column.to_pylist()]
    return ["" if cell.lower() in ("nan", "null", "none", "na") else cell for cell in cells]
