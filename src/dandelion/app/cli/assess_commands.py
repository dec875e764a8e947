"""`dandelion assess invoices | payments`: a lender's own files, read where they lie, turned into decisions with reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dandelion.app.cli.asking import AsJson

assess_app = typer.Typer(help="Decide from files: a lender's invoices, or anybody's payments.", no_args_is_help=True)
Out = Annotated[Path | None, typer.Option(help="Folder for the report.  [default: ./assess-<name of the input>]")]
AsOf = Annotated[str | None, typer.Option(help="Look no later than this day.  [default: the day after the last row]")]


def register(app: typer.Typer) -> None:
    app.add_typer(assess_app, name="assess")


@assess_app.command()
def invoices(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with firms, invoices and customers lost.")],
    as_of: AsOf = None,
    budget_yuan: Annotated[int, typer.Option(help="What may be lent in all, whole yuan.")] = 100_000_000,
    licence: Annotated[str, typer.Option(help="bank or micro_loan: sets the caps on rates and limits.")] = "bank",
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Read a lender's invoices, learn from its labelled firms, spend a budget on the others, and say how sure that is.

    Leaves `report.html`, `decisions.csv` and `result.json` (and `set_aside.csv` where rows could not be read).

    Example: dandelion assess invoices exports/2020 --budget-yuan 100000000 --out assessment
    """
    from dandelion.app.cli import asking, saying
    from dandelion.app.cli.assess_tables import show_invoices
    from dandelion.app.usecases.assess_invoices import assess_invoices

    day = asking.day(as_of, "as_of")
    folder = out or Path(f"assess-{asking.existing(directory, 'the export', folder=True).resolve().name}")
    with saying.steps("assess invoices") as tell:
        found = assess_invoices(directory, day, budget_yuan, licence, folder, tell)
    if as_json:
        saying.json_line(found.as_json())
    else:
        show_invoices(found)


@assess_app.command()
def payments(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bill or payment file: CSV, Excel, Parquet.")],
    columns: Annotated[
        str | None, typer.Option("--map", help="Name columns the table does not know: payee=收款方,amount=金额.")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="yuan or fen, where the file does not say.")] = None,
    tz: Annotated[str, typer.Option(help="Time zone of times without one.")] = "Asia/Shanghai",
    as_of: AsOf = None,
    outcomes: Annotated[
        Path | None, typer.Option(help="A file of merchant, date and bad (0 or 1): adds a fitted scorecard.")
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Give every merchant of a payment file an indicative limit with its reasons; nothing needs preparing.

    Leaves `report.html`, `merchants.csv` and `assessment.json` (and `quarantine.csv` where rows could not be read).

    Example: dandelion assess payments docs/examples/noodle-stall.csv --out assessment
    """
    from dandelion.app.assess.payments_columns import parse_map
    from dandelion.app.cli import saying
    from dandelion.app.cli.assess_tables import show_payments
    from dandelion.app.usecases.assess_payments import assess_payments

    asked = parse_map(columns) if columns is not None else None
    with saying.stages("assess payments") as tell:
        found = assess_payments(
            file, asked, unit, tz, as_of, outcomes, out, lambda stage, rows: tell(f"{stage}, {rows:,} rows")
        )
    if as_json:
        saying.json_line(found.summary())
    else:
        show_payments(found)
