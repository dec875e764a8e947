"""`dandelion backtest BOOK --against LIVE --frame F`: what a change of policy would have done, before anybody meets it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dandelion.app.cli.asking import AsJson


def register(app: typer.Typer) -> None:
    app.command()(backtest)


def backtest(
    book: Annotated[Path, typer.Argument(metavar="BOOK", help="Folder of the book to try.")],
    against: Annotated[Path, typer.Option(metavar="LIVE", help="Folder of the book it is held against.")],
    frame: Annotated[
        Path, typer.Option(metavar="F.parquet", help="Past requests: columns, pd_ppm, money in fen, bad, group.<name>.")
    ],
    product: Annotated[str, typer.Option(help="The product whose strategies run.")] = "shop-line",
    terms: Annotated[
        Path | None, typer.Option(metavar="TERMS.credit.yaml", help="Its credit terms.  [default: those shipped]")
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the lender: bank or micro_loan.")] = "bank",
    out: Annotated[Path, typer.Option(metavar="REPORT.html", help="Where to write the page.")] = Path("backtest.html"),
    as_json: AsJson = False,
) -> None:
    """Run two books over the same past and say who would be swapped, what it earned, and which strategies matter.

    Example: dandelion backtest strategies-next --against strategies --frame past.parquet --out backtest.html
    """
    from importlib.resources import files

    from dandelion.app.backtest_report import write_report
    from dandelion.app.cli import saying
    from dandelion.app.cli.asking import existing
    from dandelion.policy import Book, History, Product, compare_books, differences
    from dandelion.policy import backtest as run

    for folder in (book, against):
        existing(folder / "book.yaml", "a strategy book, which holds a book.yaml")
    file = terms or Path(str(files("dandelion") / "defaults" / "products" / f"{product}.credit.yaml"))
    the_product = Product.load(existing(file, "credit terms; name them with --terms"))
    history = History.read(existing(frame, "a frame as Parquet"))
    new, live = Book.load(book), Book.load(against)
    results = [run(b, the_product, history, licence_type=licence, tell=_told) for b in (new, live)]
    typer.echo("", err=True)
    found = compare_books(results[0], results[1], history, tuple(differences(live, new)))
    write_report(found, out, frame=frame.name, product=product)
    if as_json:
        saying.json_line({**found.as_json(), "report": str(out)})
        return
    quiet = sum(w.verdict == "never fires" for w in found.worth)
    idle = sum(w.verdict == "adds nothing" for w in found.worth)
    one, two = found.new, found.live
    typer.echo(
        f"{one.rows:,} rows: approved {one.approval_rate:.1%} (live {two.approval_rate:.1%}), bad {one.bad_rate:.2%} "
        f"(live {two.bad_rate:.2%}), profit {one.profit_fen / 100:,.0f} yuan (live {two.profit_fen / 100:,.0f}; gain "
        f"{found.gain_fen / 100:,.0f}, 95 % from {found.gain_low_fen / 100:,.0f} to {found.gain_high_fen / 100:,.0f})"
    )
    for swap in found.swaps[1:3]:
        typer.echo(
            f"swapped {swap.name}: {swap.rows:,} rows, {swap.bad} bad of {swap.known} known, {swap.profit_fen / 100:,.0f} yuan"
        )
    typer.echo(f"{len(found.worth):,} strategies: {quiet:,} never fired, {idle:,} added nothing -> {out}")


def _told(rows: int) -> None:
    typer.echo(f"\r{rows:,} rows", err=True, nl=False)
