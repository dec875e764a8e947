"""`dandelion demo`: the whole line in front of your eyes, in a simulated economy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop at the end instead of serving on.")] = False,
    people: Annotated[int, typer.Option(help="People in the simulated economy.")] = 20_000,
    months: Annotated[int, typer.Option(help="Months it lasts.")] = 30,
    seed: Annotated[int, typer.Option(help="Seed of the economy and of training.")] = 310,
    home: Annotated[Path, typer.Option(help="Where the demo keeps its world and its house.")] = Path(".demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an earlier demo prepared.")] = False,
) -> None:
    """Build or reuse a simulated economy, train, serve, and walk one merchant from application to replay over HTTP.

    Example: dandelion demo --once
    """
    import json

    from dandelion.app.cli.demo.run import run

    typer.echo(json.dumps(run(home, people=people, months=months, seed=seed, fresh=fresh, stay=not once)))
