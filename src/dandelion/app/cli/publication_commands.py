"""`dandelion strategies diff | propose | approve | published | guard | stop | rollback`: how a book goes live, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dandelion.app.cli.asking import AsJson, Workspace

if TYPE_CHECKING:
    from dandelion.app.house import House
    from dandelion.app.published import Standing
    from dandelion.vault import Actor

By = Annotated[str, typer.Option("--by", help="Who does this; kept in the audit chain.")]
Note = Annotated[str, typer.Option("--note", help="Why; kept in the audit chain.")]


def register(strategies: typer.Typer) -> None:
    for command in (past, diff, propose, approve, published, guard, stop, rollback):
        strategies.command()(command)


def past(
    loans: Annotated[
        Path, typer.Argument(metavar="LOANS.parquet", help="A past loan book, as `models train` reads it.")
    ],
    out: Annotated[Path, typer.Option(metavar="PAST.parquet", help="Where to write the frame.")],
    product: Annotated[str, typer.Option(help="The product whose loans are meant.")] = "shop-line",
    since: Annotated[str, typer.Option(help="Only loans drawn from this day on.")] = "1980-01-01",
    trades: Annotated[
        Path | None,
        typer.Option(metavar="ACCOUNTS.parquet", help="Who said what the business does: account, industry."),
    ] = None,
    workspace: Workspace = Path(),
) -> None:
    """Write past loans as the requests they were: the frame that `backtest` and `strategies run` read.

    Example: dandelion strategies past loans.parquet --since 2025-06-01 --out past.parquet --workspace my-lender
    """
    import pyarrow.parquet as pq

    from dandelion.app.cli.asking import existing
    from dandelion.app.past_frame import past_frame
    from dandelion.core import instant

    for file in (loans, *([] if trades is None else [trades])):
        existing(file, "a Parquet file")
    with _open(workspace) as house:
        found = past_frame(house, loans, product, since_us=instant(since, house.pack.time_zone), trades=trades)
    pq.write_table(found, out, compression="zstd")
    typer.echo(f"{found.num_rows:,} requests, {found.num_columns} columns -> {out}")


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder of a book.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Folder of another.")],
) -> None:
    """What changed from one book to another, in words.

    Example: dandelion strategies diff strategies strategies-next
    """
    from dandelion.policy import Book, differences

    books = Book.load(old), Book.load(new)
    for line in differences(*books):
        typer.echo(line)
    typer.echo(f"{books[0].hash[:12]} -> {books[1].hash[:12]}")


def propose(
    book: Annotated[
        Path | None, typer.Argument(metavar="[BOOK]", help="Folder of the book.  [default: the challenger that stands]")
    ] = None,
    share: Annotated[
        float, typer.Option(help="Part of the merchants that meet it: 0 is shadow, 1 is everybody.")
    ] = 0.0,
    by: By = "",
    note: Note = "",
    workspace: Workspace = Path(),
) -> None:
    """Put a book forward.  Shadow stands at once; a live share waits for a second person.

    Example: dandelion strategies propose strategies-next --share 0.01 --by ann --note "falling shops"
    """
    from dandelion.app.usecases import publish

    with _open(workspace) as house:
        found = publish.propose(house, _person(by), book, round(share * 1_000_000), note)
    for line in found.changes[:20]:
        typer.echo(line)
    if len(found.changes) > 20:
        typer.echo(f"and {len(found.changes) - 20} more")
    if found.live:
        typer.echo(
            f"book {found.book[:12]} stands for {found.share_ppm / 1e4:g} % of merchants{' (shadow)' if not found.share_ppm else ''}"
        )
    else:
        typer.echo(
            f"book {found.book[:12]} waits for a second person: dandelion strategies approve {found.proposal} --by NAME"
        )


def approve(
    proposal: Annotated[str, typer.Argument(help="Id of the proposal.")], by: By = "", workspace: Workspace = Path()
) -> None:
    """Let a proposed book live; somebody other than its proposer does this.

    Example: dandelion strategies approve 0199c0de-... --by bob
    """
    from dandelion.app.usecases import publish

    with _open(workspace) as house:
        _say(publish.approve(house, _person(by), proposal))


def published(workspace: Workspace = Path(), as_json: AsJson = False) -> None:
    """What stands, what waits, and who published what when.

    Example: dandelion strategies published --workspace my-lender
    """
    from dandelion.app.cli import saying
    from dandelion.app.published import proposals, standing
    from dandelion.app.usecases import publish
    from dandelion.core import iso

    with _open(workspace) as house:
        told, found = publish.told(house), standing(house.vault, house.tenant)
        waiting = proposals(house.vault, house.tenant)
    if as_json:
        saying.json_line({"history": told, "waiting": sorted(waiting)})
        return
    for line in told:
        what = line.get("book") or (line["challenger"] or line["champion"])
        alone = line["action"] != "book.proposed" and not line["challenger"]
        share = "alone" if alone else f"{line['share_ppm'] / 1e4:g} %"
        told_of = f"{iso(line['at'])}  {line['by']:<12} {line['action']:<18} {str(what)[:12]}  {share}  {line.get('note') or ''}"
        typer.echo(told_of.rstrip())
    if found is None:
        typer.echo("nothing was published: the workspace's own folder is live")
    else:
        _say(found)


def guard(workspace: Workspace = Path()) -> None:
    """Hold the challenger to its guardrails now; it stops where one is passed.

    Example: dandelion strategies guard --workspace my-lender
    """
    from dandelion.app.usecases.guard import guard as held

    with _open(workspace) as house:
        found = held(house)
    sides = ((found.champion_approved, found.champion_lines), (found.challenger_approved, found.challenger_lines))
    for name, (approved, lines) in zip(("champion", "challenger"), sides, strict=True):
        typer.echo(
            f"{name:<10}  approves {approved} of {found.decisions}; {lines.late} of {lines.lines} ripe lines late"
        )
    typer.echo(f"stopped: {found.why}" if found.why else "within its guardrails")


def stop(by: By = "", note: Note = "", workspace: Workspace = Path()) -> None:
    """Take the challenger away at once.

    Example: dandelion strategies stop --by ann --note "too many referrals"
    """
    from dandelion.app.usecases import publish

    with _open(workspace) as house:
        _say(publish.stop(house, _person(by), note))


def rollback(by: By = "", note: Note = "", workspace: Workspace = Path()) -> None:
    """Put the champion before the present one back at once.

    Example: dandelion strategies rollback --by ann --note "wrong constant"
    """
    from dandelion.app.usecases import publish

    with _open(workspace) as house:
        _say(publish.roll_back(house, _person(by), note))


@contextmanager
def _open(workspace: Path) -> Iterator[House]:
    from dandelion.app.house import House

    house = House.open(workspace)
    try:
        yield house
    finally:
        house.close()


def _person(name: str) -> Actor:
    from dandelion.core import BadInput
    from dandelion.vault import Actor

    if not name.strip():
        raise BadInput("say who does this with --by NAME; it is kept in the audit chain", field="by")
    return Actor(name.strip(), "analyst", is_human=True)


def _say(found: Standing) -> None:
    if found.challenger:
        typer.echo(
            f"live: {found.champion[:12]}; challenger {found.challenger[:12]} meets {found.share_ppm / 1e4:g} % of merchants"
        )
    else:
        typer.echo(f"live: {found.champion[:12]}, alone")
