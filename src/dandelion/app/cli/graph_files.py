"""Payments of a lender's own, from one Parquet or CSV file or a folder of Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dandelion.core import BadInput, NotFound

if TYPE_CHECKING:
    import pyarrow as pa

    from dandelion.graph import PlainPayments

ROWS_MAX = 40_000_000  # payments read at once: some 13 GB at the peak (0.32 GB a million, measured at 3.3 million)
KINDS = ".parquet, .csv or .csv.gz"


def read_file(path: Path, tz: str, drop_bad: bool) -> PlainPayments:
    """Errors: NotFound; BadInput naming the column and the remedy."""
    from dandelion.graph import plain_payments

    table = _table(path)
    return plain_payments(table, tz=tz, rows_max=ROWS_MAX, drop_bad=drop_bad)


def read_names(path: Path) -> list[str]:
    """Accounts of a CSV or Parquet file with a column `account`, or with one column only.  Errors: NotFound, BadInput."""
    import pyarrow as pa

    table = _table(path, every=True)
    if "account" not in table.column_names and table.num_columns != 1:
        raise BadInput(
            f"{path} has columns {', '.join(table.column_names)}; name the one with the merchants account",
            field="known",
        )
    column = table.column("account" if "account" in table.column_names else 0)
    return [name for name in column.cast(pa.string()).to_pylist() if name]


def _table(path: Path, *, every: bool = False) -> pa.Table:
    import pyarrow as pa
    import pyarrow.dataset as ds
    from pyarrow import csv

    from dandelion.graph import ASKED, too_many

    if not path.exists():
        raise NotFound(f"there is no file {path}; give payments as {KINDS}", field="payments")
    try:
        if path.is_dir() or path.suffix == ".parquet":
            data = ds.dataset(path, format="parquet")
            too_many(data.count_rows(), ROWS_MAX)
            columns = None if every else [name for name in ASKED if name in data.schema.names]
            return _told(data.to_table(columns=columns), data.schema.names, every)
        if path.name.endswith((".csv", ".csv.gz")):
            text = {name: pa.string() for name in ("payer", "payee", "account", "device", "channel")}
            return csv.read_csv(path, convert_options=csv.ConvertOptions(column_types=text))
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        raise BadInput(f"{path} cannot be read: {str(error)[:160]}; give {KINDS}", field="payments") from error
    raise BadInput(f"{path} is neither Parquet nor CSV; give {KINDS}", field="payments")


def _told(table: pa.Table, names: list[str], every: bool) -> pa.Table:
    """Unread columns stay in the table as empty ones, so that a refusal can list what the file has."""
    import pyarrow as pa

    for name in names:
        if not every and name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows))
    return table
