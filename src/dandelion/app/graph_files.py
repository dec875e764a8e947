"""Payments and relations from plain files: what a file holds is told by its columns; no workspace needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.dataset as ds

from dandelion.core import BadInput, NotFound
from dandelion.graph import ASKED, PlainPayments, Relations, plain_payments, relations, too_many
from dandelion.graph import ownership as own

KINDS = {  # columns by which a file is known -> what relations call it
    ("payer", "payee", "amount_fen"): "payments", ("seller", "buyer", "total_fen"): "invoices",
    ("person", "firm", "role"): "roles", ("person", "device"): "logins",
}  # fmt: skip
TIMESTAMP = pa.timestamp("us", tz="UTC")
_AS_TEXT = csv.ConvertOptions(column_types={  # an id keeps its leading zeros
    name: pa.string() for name in ("payer", "payee", "account", "seller", "buyer", "firm", "holder", "person", "role",
                                   "device", "channel")
})  # fmt: skip
FORMATS = ".parquet, .csv or .csv.gz, or a folder of Parquet files"
PAYMENTS_MAX = 40_000_000  # read at once: some 13 GB at the peak (0.32 GB a million, measured at 3.3 million)
ALWAYS = 0  # holdings and offices without a day have been so all along


def read_plain(path: Path, wanted: Sequence[str] | None = None, rows_max: int | None = None) -> pa.Table:
    """One Parquet or CSV file (.csv.gz too), or a folder of Parquet files; ids in CSV stay text.

    With `wanted` a Parquet file's other columns are not read: they stand in the table empty, so that a refusal can list
    what the file has.  Errors: NotFound; BadInput where it cannot be read, or holds more than `rows_max` rows.
    """
    if not path.exists():
        raise NotFound(f"there is no file {path}; give {FORMATS}", field="files")
    try:
        if path.is_dir() or path.suffix == ".parquet":
            data = ds.dataset(path, format="parquet")
            if rows_max is not None:
                too_many(data.count_rows(), rows_max)
            names = data.schema.names
            table = data.to_table(columns=[n for n in names if wanted is None or n in wanted])
            for name in names:
                if name not in table.column_names:
                    table = table.append_column(name, pa.nulls(table.num_rows))
            return table
        if path.name.endswith((".csv", ".csv.gz")):
            return csv.read_csv(path, convert_options=_AS_TEXT)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowKeyError, OSError) as error:
        raise BadInput(f"{path} cannot be read: {str(error)[:160]}; give {FORMATS}", field="files") from error
    raise BadInput(f"{path} is neither Parquet nor CSV; give {FORMATS}", field="files")


def read_payments(path: Path, tz: str, drop_bad: bool) -> PlainPayments:
    """A lender's own payments.  Errors: NotFound; BadInput naming the column and the remedy."""
    return plain_payments(read_plain(path, ASKED, PAYMENTS_MAX), tz=tz, rows_max=PAYMENTS_MAX, drop_bad=drop_bad)


def read_names(path: Path) -> list[str]:
    """Accounts of a file with a column `account`, or with one column only.  Errors: NotFound, BadInput."""
    table = read_plain(path)
    if "account" not in table.column_names and table.num_columns != 1:
        raise BadInput(
            f"{path} has columns {', '.join(table.column_names)}; name the one with the merchants account",
            field="known",
        )
    column = table.column("account" if "account" in table.column_names else 0)
    return [name for name in column.cast(pa.string()).to_pylist() if name]


def read_table(file: Path) -> pa.Table:
    """As :func:`read_plain`; `at` becomes a timestamp (text without a zone is read as UTC).

    Errors: as there; BadInput where `at` is no time.
    """
    table = read_plain(file)
    for name in ("at", "arrived"):
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, _moments(file, table.column(name), name))
    return table


def kind_of(file: Path, table: pa.Table) -> str:
    """payments, invoices, roles, logins or shareholdings.  Errors: BadInput naming what each kind needs."""
    for columns, kind in KINDS.items():
        if set(columns) <= set(table.column_names):
            return kind
    if {"firm", "holder"} <= set(table.column_names):
        return "shareholdings"
    known = "; ".join(", ".join(columns) for columns in KINDS)
    raise BadInput(f"{file} has {', '.join(table.column_names)}; a file of relations has {known}; or firm, holder, "
                   "share_percent", field="files")  # fmt: skip


def read_relations(files: Sequence[Path]) -> Relations:
    """One graph from all files, as of just after the last thing they tell of.  Errors: as :func:`read_table`."""
    parts: dict[str, pa.Table] = {}
    for file in files:
        table = read_table(file)
        kind = kind_of(file, table)
        if kind in parts:
            raise BadInput(f"{file} is a second file of {kind}; put both into one", field="files")
        parts[kind] = _held(file) if kind == "shareholdings" else _dated(file, table, kind)
    last = max((last_told(table) for table in parts.values() if table.num_rows), default=0)
    return relations(last + 1, **parts)


def _held(file: Path) -> pa.Table:
    """Holdings after their own checks; what cannot be true is left out."""
    held = own.holdings(own.read_statements(file)[0])
    names = np.array(held.parties, object)
    return pa.table({
        "firm": pa.array(names[held.firm], pa.string()), "holder": pa.array(names[held.holder], pa.string()),
        "share_ppm": held.share_ppm, "at": pa.array(np.full(len(held), ALWAYS)).cast(TIMESTAMP),
    })  # fmt: skip


def _dated(file: Path, table: pa.Table, kind: str) -> pa.Table:
    if "at" in table.column_names:
        return table
    if kind != "roles":
        raise BadInput(f"{file} lacks column 'at'; say when each row happened", field="at")
    return table.append_column("at", pa.array(np.full(table.num_rows, ALWAYS)).cast(TIMESTAMP))


def _moments(file: Path, column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    try:
        if pa.types.is_integer(column.type):
            return column.cast(pa.int64()).cast(TIMESTAMP)
        if pa.types.is_timestamp(column.type) and column.type.tz is None:
            return pc.assume_timezone(column.cast(pa.timestamp("us")), "UTC")
        return column.cast(TIMESTAMP)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadInput(
            f"{name} of {file} is no time: {error}; write it like 2025-06-30T08:00:00Z", field=name
        ) from None


def last_told(table: pa.Table) -> int:
    """The latest `at`, in microseconds."""
    return int(pc.max(table.column("at")).cast(pa.int64()).as_py() or 0)
