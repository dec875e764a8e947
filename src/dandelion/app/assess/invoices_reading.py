"""Reads a lender's export: firms, customers lost by rate, and invoices as one typed table.

Structure that is wrong stops the run with a sentence.  Single unreadable invoice rows are set aside with row, field and
reason, and stop the run only above the share in `invoices.yaml`.  Nothing is guessed or repaired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.app.assess import invoices_parse as parse
from dandelion.app.assess.invoices_firms import Churn, Firms, read_churn, read_firms
from dandelion.app.assess.invoices_layout import MONEY, Found, find_file, open_columns
from dandelion.app.assess.invoices_settings import Layout
from dandelion.app.assess.reading import Batch, batches
from dandelion.core import BadInput

Progress = Callable[[str, float], None]
EPOCH = date(1970, 1, 1)
KEPT_MAX = 1000
EARLIEST_DAY = (date(1980, 1, 1) - EPOCH).days


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that could not be read.  `row` is its number in the file, from 1."""

    file: str
    row: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """`invoices`: firm (int32 index into `firms.ids`), sale, number, day, counterparty (int32), net/tax/total fen, void.

    `set_aside` holds the first thousand unreadable rows of `set_aside_rows`; `of_unknown_firms` and `after_as_of` count
    readable rows that no decision may use.
    """

    firms: Firms
    churn: Churn
    invoices: pa.Table
    as_of: date
    rows_read: int
    set_aside: tuple[SetAside, ...]
    set_aside_rows: int
    of_unknown_firms: int
    after_as_of: int


def read_directory(directory: Path, layout: Layout, *, as_of: date | None, today: date, progress: Progress) -> Inputs:
    """Everything the assessment needs.  Errors: BadInput with file, row, field and remedy."""
    firms = read_firms(find_file(directory, "firms", layout), layout)
    churn = read_churn(find_file(directory, "churn", layout))
    found = open_columns(find_file(directory, "invoices", layout), layout.invoices, money=MONEY)
    reader = _InvoiceReader(found, layout, firms, today)
    table = reader.read(progress)
    as_of, table, after = _until(table, as_of, found.name)
    return Inputs(
        firms,
        churn,
        table,
        as_of,
        reader.rows,
        tuple(reader.set_aside),
        reader.set_aside_rows,
        reader.unknown_firm,
        after,
    )


def _until(table: pa.Table, as_of: date | None, file: str) -> tuple[date, pa.Table, int]:
    span = pc.min_max(table["day"]).as_py()
    last = EPOCH + timedelta(days=span["max"] + 1)
    if as_of is None:
        return last, table, 0
    before = table.filter(pc.less(table["day"], (as_of - EPOCH).days))
    if before.num_rows == 0:
        first = EPOCH + timedelta(days=span["min"])
        raise BadInput(
            f"{file} holds no invoice before {as_of}; its invoices run from {first} to {last - timedelta(days=1)}",
            field="as_of",
        )
    return as_of, before, table.num_rows - before.num_rows


class _InvoiceReader:
    """Streams the invoice file once; memory is the typed table plus one batch of text."""

    def __init__(self, found: Found, layout: Layout, firms: Firms, today: date) -> None:
        self.found, self.layout, self.today = found, layout, (today - EPOCH).days
        self.ids = pa.array(firms.ids, pa.string())
        self.rows = self.set_aside_rows = self.unknown_firm = 0
        self.set_aside: list[SetAside] = []
        self.counterparties: list[pa.Array] = []

    def read(self, progress: Progress) -> pa.Table:
        names = list(self.found.index)
        parts = []
        for batch in batches(self.found.sheet, [self.found.index[name] for name in names]):
            cells = dict(zip(names, batch.columns, strict=True))
            for ragged in batch.ragged:
                if not ragged.footer:
                    self._note(
                        ragged.row, "row", f"has {ragged.cells} cells, the header {len(self.found.sheet.columns)}"
                    )
                    self.rows += 1
            parts.append(self._typed(cells, batch))
            progress(f"read {self.rows:,} rows of {self.found.name}", 0.0)
        if self.rows == 0:
            raise BadInput(f"{self.found.name} holds a header and no rows; export it again", field="invoices")
        self._refuse_wreck()
        table = pa.concat_tables(parts).combine_chunks()
        if table.num_rows == 0:
            raise BadInput(
                f"none of the {self.unknown_firm:,} invoices belongs to a firm of the firms file; check the firm ids "
                "of both files",
                field="firm",
            )
        codes = table["counterparty"].unify_dictionaries().combine_chunks()
        codes = codes.chunk(0) if isinstance(codes, pa.ChunkedArray) else codes
        return table.set_column(table.schema.get_field_index("counterparty"), "counterparty", codes.indices)

    def _typed(self, cells: dict[str, pa.Array], batch: Batch) -> pa.Table:
        words = self.layout.words
        columns: dict[str, pa.Array] = {}
        bad = np.zeros(len(batch.rows), bool)
        for field, (values, unread) in (
            ("firm", parse.name(cells["firm"])),
            ("direction", parse.word(cells["direction"], words["sale"], words["purchase"])),
            ("number", parse.name(cells["number"])),
            ("date", parse.days(cells["date"])),
            ("counterparty", parse.name(cells["counterparty"])),
            *((m, (parse.yuan_as_fen if m in self.found.in_yuan else parse.whole_fen)(cells[m])) for m in MONEY),
            ("void", parse.word(cells["void"], words["void"], words["valid"])),
        ):
            self._note_all(field, cells[field], batch.rows, unread & ~bad)
            bad |= unread
            columns[field] = values
        day = columns["date"].fill_null(0).to_numpy(zero_copy_only=False)
        for wrong, reason in ((day > self.today, "lies in the future"), (day < EARLIEST_DAY, "is before 1980")):
            for row in np.flatnonzero(wrong & ~bad):
                self._note(int(batch.rows[row]), "date", f"{EPOCH + timedelta(days=int(day[row]))} {reason}")
            bad |= wrong
        self.rows += len(batch.rows)
        return self._known(columns, bad)

    def _known(self, columns: dict[str, pa.Array], bad: npt.NDArray[np.bool_]) -> pa.Table:
        firm = pc.index_in(columns["firm"], value_set=self.ids)
        stranger = np.asarray(firm.is_null().to_numpy(zero_copy_only=False)) & ~bad
        self.unknown_firm += int(stranger.sum())
        table = pa.table(
            {
                "firm": firm, "sale": columns["direction"], "number": columns["number"], "day": columns["date"],
                "counterparty": pc.dictionary_encode(columns["counterparty"]), "net_fen": columns["amount"],
                "tax_fen": columns["tax"], "total_fen": columns["total"], "void": columns["void"],
            }
        )  # fmt: skip
        return table.filter(pa.array(~(bad | stranger)))

    def _note_all(
        self, field: str, cells: pa.Array, rows: npt.NDArray[np.int64], unread: npt.NDArray[np.bool_]
    ) -> None:
        for at in np.flatnonzero(unread):
            given = cells[int(at)].as_py()
            shown = "is empty" if given is None or str(given).strip() == "" else f"is {str(given)[:40]!r}"
            self._note(int(rows[at]), field, f"{shown}; it needs {self._wanted(field)}")

    def _note(self, row: int, field: str, reason: str) -> None:
        self.set_aside_rows += 1
        if len(self.set_aside) < KEPT_MAX:
            self.set_aside.append(SetAside(self.found.name, row, field, reason))

    def _wanted(self, field: str) -> str:
        words = self.layout.words
        if field in MONEY:
            return "yuan with two decimals" if field in self.found.in_yuan else "a whole number of fen"
        return {
            "direction": f"one of {', '.join((*words['sale'], *words['purchase']))}",
            "date": "a date like 2019-06-30",
            "void": f"one of {', '.join((*words['void'], *words['valid']))}",
        }.get(field, "text")

    def _refuse_wreck(self) -> None:
        if self.set_aside_rows * 1_000_000 <= self.rows * self.layout.set_aside_share_max_ppm:
            return
        first = self.set_aside[0]
        raise BadInput(
            f"{self.set_aside_rows:,} of {self.rows:,} rows of {first.file} cannot be read "
            f"(allowed: {self.layout.set_aside_share_max_ppm / 10_000:g} %); the first is row {first.row}: "
            f"{first.field} {first.reason}",
            field=first.field,
        )


def iter_set_aside(inputs: Inputs) -> Iterator[tuple[str, int, str, str]]:
    """Rows of `set_aside.csv`."""
    return ((item.file, item.row, item.field, item.reason) for item in inputs.set_aside)
