"""Ownership statements from CSV or Parquet.

Columns: firm, holder, and share_percent or share_ppm; optional votes_percent or votes_ppm, holder_kind (person, entity),
concert, at.  BODS's own words are understood too: subject, interestedParty, shareholding, votingRights.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dandelion.core import BadInput, NotFound, instant
from dandelion.graph.ownership.bods import read_bods
from dandelion.graph.ownership.statements import Kind, Statement, ppm_of_percent

ALIASES = {
    "subject": "firm", "interestedParty": "holder", "interested_party": "holder", "shareholding": "share_percent",
    "share": "share_percent", "votingRights": "votes_percent", "votes": "votes_percent", "kind": "holder_kind",
}  # fmt: skip
NEEDED = ("firm", "holder")
KINDS = {"": Kind.PRESUMED, "person": Kind.PERSON, "entity": Kind.ENTITY, "firm": Kind.ENTITY}
BOM = "\ufeff"


def read_statements(file: Path) -> tuple[list[Statement], tuple[str, ...]]:
    """Statements and notes from CSV, Parquet, or BODS (.json, .jsonl).

    Errors: NotFound without a file; BadInput naming the column or the line at fault and what to write instead.
    """
    if not file.is_file():
        raise NotFound(f"there is no file {file}; give holdings as CSV, Parquet, or BODS JSON", field="holdings")
    if file.suffix in (".json", ".jsonl", ".ndjson"):
        return read_bods(file)
    rows = _parquet(file) if file.suffix == ".parquet" else _csv(file)
    statements = list(rows)
    if not statements:
        raise BadInput(f"{file} holds no holding; write one line per firm and holder", field="holdings")
    return statements, ()


def _csv(file: Path) -> Iterable[Statement]:
    try:
        with file.open(encoding="utf-8", newline="") as text:
            lines = csv.reader(text)
            header = _header(file, [name.strip().removeprefix(BOM) for name in next(lines, [])])
            for number, cells in enumerate(lines, start=2):
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(header):
                    raise BadInput(f"line {number} of {file} has {len(cells)} cells, the header {len(header)}; quote cells "
                                   "that hold commas", field="holdings")  # fmt: skip
                yield _statement(number, {name: cell.strip() for name, cell in zip(header, cells, strict=True)})
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not UTF-8 text; save it as CSV in UTF-8", field="holdings") from None


def _parquet(file: Path) -> Iterable[Statement]:
    try:
        table = pq.read_table(file)
    except pa.ArrowInvalid as error:
        raise BadInput(f"{file} is no Parquet file: {error}", field="holdings") from None
    header = _header(file, table.column_names)
    for number, values in enumerate(zip(*(column.to_pylist() for column in table.columns), strict=True), start=1):
        cells = {name: "" if value is None else _text(value) for name, value in zip(header, values, strict=True)}
        yield _statement(number, cells)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value).strip()


def _header(file: Path, names: list[str]) -> list[str]:
    header = [ALIASES.get(name, name) for name in names]
    for name in NEEDED:
        if name not in header:
            raise BadInput(f"{file} lacks column {name!r}; it has {', '.join(names) or 'none'}", field=name)
    if not {"share_percent", "share_ppm"} & set(header):
        raise BadInput(f"{file} lacks column 'share_percent' (or 'share_ppm'); it has {', '.join(names)}",
                       field="share_percent")  # fmt: skip
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise BadInput(f"{file} has column {twice!r} twice; keep one", field=twice)
    return header


def _statement(line: int, cells: dict[str, str]) -> Statement:
    share, votes = (_ppm(line, cells, what) for what in ("share", "votes"))
    if share is None:
        raise BadInput(
            f"line {line}: share is empty; write a percent, 0 for a holding that was given up", field="share"
        )
    kind = cells.get("holder_kind", "").lower()
    if kind not in KINDS:
        raise BadInput(
            f"line {line}: holder_kind is {kind!r}; write person or entity, or leave it empty", field="holder_kind"
        )
    for name in NEEDED:
        if not cells[name]:
            raise BadInput(f"line {line}: {name} is empty; give an id", field=name)
    return Statement(line, cells["firm"], cells["holder"], share, votes, KINDS[kind], cells.get("concert", ""),
                     _moment(line, cells.get("at", "")))  # fmt: skip


def _ppm(line: int, cells: dict[str, str], what: str) -> int | None:
    whole, percent = cells.get(f"{what}_ppm", ""), cells.get(f"{what}_percent", "")
    try:
        if whole:
            return int(whole)
        return ppm_of_percent(percent) if percent else None
    except ValueError:
        raise BadInput(
            f"line {line}: {what}_ppm is {whole!r}; write whole parts per million", field=f"{what}_ppm"
        ) from None
    except BadInput as error:
        raise BadInput(f"line {line}: {error.message}", field=f"{what}_percent") from None


def _moment(line: int, text: str) -> int | None:
    try:
        return instant(text) if text else None
    except BadInput as error:
        raise BadInput(f"line {line}: at is {text!r}; {error.message}", field="at") from None
