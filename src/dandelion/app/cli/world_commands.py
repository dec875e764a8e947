"""`dandelion world build | report`: a simulated economy to rehearse with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dandelion.app.cli.asking import AsJson

world_app = typer.Typer(help="A simulated economy to rehearse with: build it, hold it against published facts.",
                        no_args_is_help=True)  # fmt: skip


def register(app: typer.Typer) -> None:
    app.add_typer(world_app, name="world")


@world_app.command()
def build(
    out: Annotated[Path, typer.Option(help="Folder to write; an earlier world in it is replaced.")],
    people: Annotated[int, typer.Option(help="Inhabitants.")] = 20_000,
    months: Annotated[int, typer.Option(help="Months of life.")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world.")] = 310,
    null: Annotated[bool, typer.Option("--null", help="Sever hidden quality from outcomes: nothing to learn.")] = False,
    hard: Annotated[
        bool, typer.Option("--hard", help="More people who look like shops, and shops that look like people.")
    ] = False,
    schemes: Annotated[
        bool, typer.Option("--schemes", help="Device farms, wary circles of invoices, and honest company like them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build a world: `record/` is what a lender may see, `truth/` what no engine may open.

    Example: dandelion world build --people 20000 --months 30 --seed 310 --out world
    """
    from dataclasses import asdict

    from dandelion.app.cli import saying
    from dandelion.world import build as build_world

    with saying.steps("world") as tell:
        made = build_world(
            out, people=people, months=months, seed=seed, null=null, hard=hard, schemes=schemes,
            progress=lambda what, done, of: tell(what, done / max(of, 1)),
        )  # fmt: skip
    if as_json:
        saying.json_line(asdict(made))
        return
    saying.facts(
        f"World {made.seed}{' (null)' if made.null else ''}{' (hard)' if made.hard else ''} in {made.folder}",
        [
            ("Span", f"{made.start[:10]} to {made.end[:10]}, {made.months} months"),
            ("People, merchants", f"{made.people:,}, {made.merchants:,}"),
            ("Events", f"{made.events:,} ({made.events_per_cpu_second:,} a CPU second)"),
            ("Borrowers, loans", f"{made.borrowers:,}, {made.loans:,}"),
            ("Bad loans, matured", f"{made.bads_matured:,} ({made.bad_dpd} days late within {made.bad_window_days})"),
        ],
    )


@world_app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A world that was built.")],
    data: Annotated[
        Path | None, typer.Option(help="Real sets to compare with.  [default: DANDELION_DATA of the environment]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold a world beside what was published or measured on real data, with sources.

    Example: dandelion world report world
    """
    from dataclasses import asdict

    from dandelion.app.cli import saying
    from dandelion.world import report as facts_of

    found = facts_of(folder, data)
    if as_json:
        saying.json_line([asdict(fact) for fact in found])
        return

    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:,.4g}"

    saying.table(
        ("Fact", "Unit", "World", "Published", "Source"),
        [
            (f.name, f.unit, number(f.world), number(f.published), f"{f.source}; {f.note}" if f.note else f.source)
            for f in found
        ],
        right=(2, 3),
    )
