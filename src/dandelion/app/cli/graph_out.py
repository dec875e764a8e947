"""Where the graph commands write: looked at before the work begins, CSV or Parquet by the name of the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def fit(out: Path) -> Path:
    """`out` where a file can be written.  Errors (BadInput): no such folder, or a folder itself."""
    from dandelion.core import BadInput

    folder = out.absolute().parent
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}; create it or write elsewhere", field="--out")
    if out.is_dir():
        raise BadInput(f"{out} is a folder; name a file in it, for instance {out / 'out.parquet'}", field="--out")
    return out


def write(table: pa.Table, out: Path) -> None:
    """CSV where the name says so, else Parquet.  Errors: as :func:`fit`."""
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    fit(out)
    if out.suffix == ".csv":
        csv.write_csv(table, out)
    else:
        pq.write_table(table, out)
