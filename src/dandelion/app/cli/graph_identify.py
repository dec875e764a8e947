"""`dandelion graph identify | rings`: a lender's own file of payments, without a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dandelion.app.cli.asking import AsJson
from dandelion.app.cli.graph_commands import graph_app

Payments = Annotated[Path, typer.Argument(help="Parquet or CSV: payer, payee, at, amount_fen.")]
Zone = Annotated[str, typer.Option(help="Time zone of the days and hours, and of timestamps that carry none.")]
DropBad = Annotated[
    bool, typer.Option("--drop-bad", help="Leave rows out that lack a party, a time or an amount above zero.")
]


def register(_app: typer.Typer) -> None:
    graph_app.command()(identify)
    graph_app.command()(rings)


def identify(
    payments: Payments,
    out: Annotated[
        Path, typer.Option(help="Parquet (or .csv) file to write: account, probability, reason_1 to reason_3.")
    ],
    known: Annotated[
        Path | None, typer.Option(help="Merchants known to be such (a column account): their look-alikes rise.")
    ] = None,
    tz: Zone = "Asia/Shanghai",
    drop_bad: DropBad = False,
    as_json: AsJson = False,
) -> None:
    """Say of every account in a file of payments how likely it is a business, and why.

    Example: dandelion graph identify payments.parquet --out scores.parquet
    """
    import pyarrow.compute as pc

    from dandelion.app.cli import graph_out, saying
    from dandelion.app.graph_files import read_names, read_payments
    from dandelion.graph import identify as find

    graph_out.fit(out)
    with saying.stages("identify") as tell:
        tell("reading")
        plain = read_payments(payments, tz, drop_bad)
        for note in plain.notes:
            tell(note)
        tell(f"looking at {plain.table.num_rows:,} payments")
        scores = find(plain.table, known=() if known is None else read_names(known), tz=tz)
        graph_out.write(scores, out)
    likely = int(pc.sum(pc.greater_equal(scores.column("probability"), 0.5)).as_py() or 0)
    if as_json:
        saying.json_line({"payments": plain.table.num_rows, "accounts": scores.num_rows, "likely_businesses": likely,
                          "notes": list(plain.notes), "out": str(out)})  # fmt: skip
        return
    typer.echo(f"{scores.num_rows:,} accounts, {likely:,} more likely a business than not")
    saying.paths("Written", [("scores", out)])


def rings(
    payments: Payments,
    out: Annotated[
        Path, typer.Option(help="Parquet (or .csv) file to write: account, role, score, flagged, ring, evidence.")
    ],
    tz: Zone = "Asia/Shanghai",
    drop_bad: DropBad = False,
    as_json: AsJson = False,
) -> None:
    """Find rings of buyers and stores in a file of payments: crowds that come again, money that is back at once.

    Example: dandelion graph rings payments.parquet --out rings.parquet
    """
    import pyarrow.compute as pc

    from dandelion.app.cli import graph_out, saying
    from dandelion.app.graph_files import read_payments
    from dandelion.graph import rings as find

    graph_out.fit(out)
    with saying.stages("rings") as tell:
        tell("reading")
        plain = read_payments(payments, tz, drop_bad)
        for note in plain.notes:
            tell(note)
        tell(f"looking at {plain.table.num_rows:,} payments")
        found = find(plain.table, 2**62, tz=tz)
        graph_out.write(found, out)
    flagged = found.filter(found.column("flagged"))
    count = {role: int(pc.sum(pc.equal(flagged.column("role"), role)).as_py() or 0) for role in ("store", "buyer")}
    groups = len(pc.unique(flagged.column("ring")))
    if as_json:
        saying.json_line({"payments": plain.table.num_rows, "rings": groups, "stores": count["store"], "buyers": count["buyer"],
                          "notes": list(plain.notes), "out": str(out)})  # fmt: skip
        return
    typer.echo(
        f"{groups:,} rings: {count['store']:,} stores and {count['buyer']:,} buyers flagged; {found.num_rows:,} rows in all"
    )
    saying.paths("Written", [("rings", out)])
