"""`dandelion graph schemes`: device farms and circles of invoices in plain files; no workspace needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dandelion.app.cli.asking import AsJson
from dandelion.app.cli.graph_commands import graph_app

Files = Annotated[list[Path], typer.Argument(metavar="FILES", help="Logins (person, device, at), invoices (seller, buyer, total_fen, "
                                             "at), payments beside logins: CSV or Parquet.")]  # fmt: skip


def register(_app: typer.Typer) -> None:
    graph_app.command()(schemes)


def schemes(
    files: Files,
    out: Annotated[
        Path | None, typer.Option(help="Parquet (or .csv) file to write, columns as those of graph rings.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find device farms in logins and circular invoicing in invoices; families, shared tablets and trade both ways are left out.

    Example: dandelion graph schemes logins.parquet invoices.parquet --out schemes.parquet
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from dandelion.app.cli import graph_out, saying
    from dandelion.app.graph_files import kind_of, last_told, read_table
    from dandelion.core import BadInput
    from dandelion.graph import device_farms, invoice_circles

    if out is not None:
        graph_out.fit(out)
    told: dict[str, pa.Table] = {}
    for file in files:
        table = read_table(file)
        told[kind_of(file, table)] = table
    if not {"logins", "invoices"} & set(told):
        raise BadInput("none of the files holds logins or invoices; give at least one of both", field="files")
    found = []
    if "logins" in told:
        found.append(device_farms(told["logins"], last_told(told["logins"]) + 1, 2**62, payments=told.get("payments")))
    if "invoices" in told:
        found.append(invoice_circles(told["invoices"], last_told(told["invoices"]) + 1, 2**62))
    rings = pa.concat_tables(found)
    if out is not None:
        graph_out.write(rings, out)
    flagged = rings.filter(rings.column("flagged"))
    kinds = {kind: len(pc.unique(flagged.filter(pc.equal(flagged.column("kind"), kind)).column("ring")))
             for kind in ("device_farm", "circular_invoices")}  # fmt: skip
    if as_json:
        saying.json_line({**kinds, "accounts": flagged.num_rows})
        return
    first = {(row["kind"], row["ring"]): row for row in reversed(flagged.to_pylist())}
    saying.table(("Kind", "Ring", "Score", "Evidence"), [
        (kind, str(ring), f"{row['score']:.2f}", row["evidence"]) for (kind, ring), row in sorted(first.items())
    ], right=(1, 2))  # fmt: skip
    saying.say(f"graph schemes: {kinds['device_farm']} device farms, {kinds['circular_invoices']} circles of invoices")
