"""`dandelion lending <verb>`: the ledger's own verbs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dandelion.app.cli.asking import AsJson, OfSubject, PageCursor, PageLimit, Workspace

lending_app = typer.Typer(
    help="The ledger: lines, schedules, statements, end of day, trial balance.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    app.add_typer(lending_app, name="lending")


@lending_app.command()
def schedule(
    amount_yuan: Annotated[str, typer.Argument(help="What is drawn, in yuan.")],
    rate_percent: Annotated[str, typer.Argument(help="Annualised simple rate in percent.")],
    product: Annotated[str, typer.Option(help="Whose repayment terms.")] = "shop-line",
    licence: Annotated[str, typer.Option(help="bank or micro_loan.")] = "bank",
    days: Annotated[int | None, typer.Option(help="Repaid in one sum after so many days instead.")] = None,
) -> None:
    """Print what a drawdown would cost: yearly rate first, every payment, the total.

    Example: dandelion lending schedule 10000 14.4 --days 50
    """
    from dandelion.core import Money, Rate, SystemClock
    from dandelion.lending import Lending, Packs, Products

    lending = Lending(Packs.load(), Products.load())
    amount, rate = Money.yuan(amount_yuan).fen, Rate.percent(rate_percent).ppm
    for line in lending.quote(product, licence, amount, rate, SystemClock().now(), days).lines:
        typer.echo(line)


@lending_app.command("lines")
def list_lines(
    subject: OfSubject = None,
    limit: PageLimit = 50,
    cursor: PageCursor = None,
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """List credit lines, newest first: limit, what is owed today, what is late.

    Example: dandelion lending lines --subject m-17 --workspace my-lender
    """
    from dandelion.app.access import Caller
    from dandelion.app.cli import asking, saying
    from dandelion.app.usecases import listing

    page = listing.Page(limit, cursor, subject)
    with asking.house_of(workspace) as house:
        found = listing.lines(house, Caller(house.tenant, "command-line", "service"), page)
    if as_json:
        saying.json_line(found)
        return
    rows = [
        (one["line"], one["subject"], one["product"], one["status"], saying.yuan(one["limit_fen"]),
         saying.yuan(one["owed_fen"]), one["next_due"], str(one["days_past_due"] or ""))
        for one in found["lines"]
    ]  # fmt: skip
    saying.table(
        ("Line", "Merchant", "Product", "Status", "Limit", "Owed", "Next due", "Days late"), rows, right=(4, 5, 7)
    )
    if found["next"]:
        saying.say(f"more: --cursor {found['next']}")


@lending_app.command()
def statement(line: Annotated[str, typer.Argument(help="The id of a line.")], workspace: Workspace = Path()) -> None:
    """Print every posting of a line with running balances.

    Example: dandelion lending statement 0197c2a0-... --workspace my-lender
    """
    from dataclasses import asdict

    from dandelion.app.house import House

    house = House.open(workspace)
    with house.vault.database.read() as connection:
        shown = house.lending.statement(connection, house.tenant, line, house.clock.now())
    house.close()
    typer.echo(json.dumps(asdict(shown), ensure_ascii=False, indent=1, default=str))


@lending_app.command()
def eod(workspace: Workspace = Path(), as_json: AsJson = False) -> None:
    """Close yesterday for every line, then let the warning strategies look at each; running it twice is harmless.

    Example: dandelion lending eod --workspace my-lender
    """
    from dandelion.app.access import Caller
    from dandelion.app.cli import asking, saying
    from dandelion.app.usecases.rounds import end_of_day

    with asking.house_of(workspace) as house, saying.stages("eod") as tell:
        caller = Caller(house.tenant, "command-line", "service")
        done = end_of_day(house, caller)
        while done["lines_left"]:
            tell(f"{done['lines_watched']:,} lines watched, {done['lines_left']:,} left")
            more = end_of_day(house, caller)
            for name in ("lines_watched", "lines_unread", "warned"):
                more[name] = done[name] + more[name]
            done = {**done, **{name: more[name] for name in ("lines_watched", "lines_unread", "lines_left", "warned")}}
    if as_json:
        saying.json_line(done)
        return
    typer.echo(f"{done['day']}: {done['lines']} lines, {done['interest_fen']} fen interest booked")
    unread = f", {done['lines_unread']} without consent" if done["lines_unread"] else ""
    typer.echo(f"{done['lines_watched']} lines watched{unread}, {len(done['warned'])} changes")
    for one in done["warned"]:
        typer.echo(f"  {one['line']} {one['kind']}: {one['en']}")


@lending_app.command("trial-balance")
def trial_balance(workspace: Workspace = Path(), as_json: AsJson = False) -> None:
    """Add up every entry of the ledger anew; debit and credit must cancel to the fen.

    Example: dandelion lending trial-balance --workspace my-lender
    """
    from dataclasses import asdict

    from dandelion.app.house import House

    house = House.open(workspace)
    with house.vault.database.read() as connection:
        balance = house.lending.trial_balance(connection, house.tenant)
    house.close()
    typer.echo(json.dumps(asdict(balance), default=str) if as_json else f"{balance}")
    if not balance.holds:
        raise typer.Exit(1)
