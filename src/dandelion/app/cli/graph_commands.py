"""`dandelion graph build | show`: monthly snapshots of who pays whom, and what they say of one merchant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dandelion.app.cli import graph_look_commands, graph_owner_commands
from dandelion.app.cli.asking import AsJson, Workspace

if TYPE_CHECKING:
    from dandelion.app.house import House

graph_app = typer.Typer(help="Who pays whom: monthly snapshots, and one merchant's columns.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    graph_owner_commands.add(graph_app)
    graph_look_commands.add(graph_app)
    app.add_typer(graph_app, name="graph")


@graph_app.command()
def build(
    month: Annotated[
        str | None, typer.Option(help="Build (again) the snapshot of this month's start.  [default: all that lack]")
    ] = None,
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Build fund-flow snapshots and tables of peers at the starts of months, from what had arrived by then.

    Example: dandelion graph build --workspace my-lender --month 2025-06
    """
    from dandelion.app import fund_flow, monthly
    from dandelion.app.cli import asking, saying
    from dandelion.core import BadInput, day_of, iso, start_of_day

    wanted = None if month is None else asking.month(month, "month")
    with asking.house_of(workspace) as house:
        if wanted is None:
            starts = fund_flow.month_starts(_first_payment(house), house.clock.now(), fund_flow.TZ)
            boundaries = monthly.lacking(house, starts)
        else:
            boundaries = [start_of_day(wanted, fund_flow.TZ)]
            if boundaries[0] > house.clock.now():
                raise BadInput(
                    f"{month} has not begun; today is {day_of(house.clock.now(), fund_flow.TZ)}", field="month"
                )
        with saying.stages("graph") as tell:
            tell(f"{len(boundaries)} months to build")
            made = monthly.build(house, boundaries)
        total = len(house.graph.boundaries())
    if as_json:
        flow, peers = ({iso(at): digest for at, digest in sorted(one.items())} for one in (made.flow, made.peers))
        saying.json_line({"built": flow, "peers": peers, "held": total})
        return
    for at, digest in sorted(made.flow.items()):
        typer.echo(f"{day_of(at, fund_flow.TZ)}  fund flow {digest[:16]}  peers {made.peers[at][:16]}")
    typer.echo(f"{len(made.flow)} months built, {total} held")


@graph_app.command()
def show(
    subject: Annotated[str, typer.Argument(help="The merchant's surrogate id.")],
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Show what the latest snapshot says of a merchant: payers in the crowd, never one by one.

    Example: dandelion graph show m-17 --workspace my-lender
    """
    from dandelion.app import fund_flow
    from dandelion.app.cli import asking, saying
    from dandelion.app.opening import opened
    from dandelion.core import NotFound, iso

    with asking.house_of(workspace) as house:
        if house.graph.latest(house.clock.now()) is None:
            raise NotFound("there is no snapshot yet; make one with: dandelion graph build", field="snapshot")
        with opened(house, house.tenant, subject) as record:
            columns = fund_flow.columns()
            moment = [record.as_of]
            frame = fund_flow.look(house.graph, list(columns), [subject], moment, moment, granted=record.data_kinds)
        boundary = [at for at in house.graph.boundaries() if at <= moment[0]][-1]
    values: dict[str, float] = {}
    for name in columns:
        exact = frame.fen(name, 0) if name in frame.money else None
        values[name] = float(frame[name][0]) if exact is None else float(exact)
    if as_json:
        saying.json_line({"subject": subject, "snapshot": iso(boundary), "columns": values})
        return
    saying.facts(subject, [("Snapshot", iso(boundary))])
    saying.table(
        ("Column", "Value", "Meaning"),
        [
            (name, saying.figure(value, columns[name].unit, frame.catalogue[name].null_policy), columns[name].en)
            for name, value in values.items()
        ],
        right=(1,),
    )


def _first_payment(house: House) -> int:
    """The earliest payment in the lake.  Errors: NotFound."""
    from dandelion.core import NotFound, event_class
    from dandelion.vault import manifest

    role = event_class("payment").ROLES[0]
    with house.vault.database.read() as connection:
        files = manifest.files(connection, house.tenant, "payment", role)
    if not files:
        raise NotFound(
            "the lake holds no payment; load some, or fold new ones in: dandelion vault compact", field="payment"
        )
    return min(file.at_min for file in files)
