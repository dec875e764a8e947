"""`dandelion indicators join`: values that are ready in a table, beside labels as they were known at their moment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dandelion.app.cli.asking import AsJson


def join(
    labels: Annotated[Path, typer.Option(help="Parquet file with entity, as_of and perhaps known_at.")],
    table: Annotated[Path, typer.Option(help="Parquet file of ready values: a subject, at, and perhaps arrived.")],
    columns: Annotated[str, typer.Option(help="Columns of the table, with commas between them.")],
    subject: Annotated[str, typer.Option(help="Column of the table that says whose value it is.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write: the labels in their order, with the columns.")],
    as_json: AsJson = False,
) -> None:
    """Put ready values beside labels: of each subject the last row before the label's moment that had arrived.

    A label without such a row has nulls.  Nothing is added up; columns made of events come from `indicators compute`.

    Example: dandelion indicators join --labels labels.parquet --table statements.parquet --columns revenue_fen,tax_fen --subject taxpayer --out joined.parquet
    """
    import pyarrow.parquet as pq

    from dandelion.app.cli import saying
    from dandelion.core import NotFound
    from dandelion.indicators import join_as_of

    for option, file in (("--labels", labels), ("--table", table)):
        if not file.is_file():
            raise NotFound(f"there is no file {file}; give a Parquet file", field=option)
    names = [name.strip() for name in columns.split(",") if name.strip()]
    joined = join_as_of(labels, table, names, subject=subject)
    pq.write_table(joined, out)
    told = {"rows": joined.num_rows, "columns": len(names), "file": str(out)}
    if as_json:
        saying.json_line(told)
        return
    saying.paths(f"{joined.num_rows:,} labels with {len(names):,} columns", [("Joined", out)])
