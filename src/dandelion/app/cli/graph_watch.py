"""`dandelion graph watch`: rings as payments come in, from plain files or from a house's own record."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dandelion.app.cli.asking import AsJson
from dandelion.app.cli.graph_commands import graph_app
from dandelion.app.cli.graph_identify import DropBad, Zone

if TYPE_CHECKING:
    import pyarrow as pa

    from dandelion.graph import RingAlert

Sink = Annotated[
    Path | None, typer.Option(help="Append every alert, with its members, to this file, one JSON line each.")
]


def register(_app: typer.Typer) -> None:
    graph_app.command()(watch)


def watch(
    payments: Annotated[
        Path | None, typer.Argument(help="Parquet or CSV, or a folder of Parquet files: payer, payee, at, amount_fen.")
    ] = None,
    workspace: Annotated[Path | None, typer.Option(help="Watch the record of this workspace instead.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Say nothing before this day (2025-06-01): earlier payments are history.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on: with new files of the folder, or what arrives.")
    ] = False,
    every: Annotated[float, typer.Option(help="With --follow: seconds between two looks.")] = 20.0,
    out: Sink = None,
    tz: Zone = "Asia/Shanghai",
    drop_bad: DropBad = False,
    as_json: AsJson = False,
) -> None:
    """Watch payments in order of time and tell of a ring minutes after what gives it away: who, when, which stores.

    A suspicion is a crowd with odd or made-up sums, or on one device; a flag has money back, or company that came again.
    With --workspace each alert is also written into the audit, where analysts find it.

    Example: dandelion graph watch payments.parquet --since 2025-06-01 --out alerts.jsonl
    """
    from dandelion.app.cli import graph_out, saying
    from dandelion.core import BadInput

    if out is not None:
        graph_out.fit(out)
    if (payments is None) == (workspace is None):
        raise BadInput("give a file of payments or --workspace, one of both", field="payments")
    if every <= 0:
        raise BadInput(f"every is {every}; give seconds above zero", field="every")
    if since is not None and workspace is not None:
        raise BadInput("--since goes with a file; a workspace's own record is its history", field="since")
    if workspace is not None:
        rounds = _of_house(workspace)
    else:
        assert payments is not None
        rounds = _of_files(payments, since, tz, drop_bad)
    told: dict[str, int] = {"suspected": 0, "flagged": 0, "grown": 0}
    for alerts in rounds:
        for alert in alerts:
            told[alert.level] += 1
            _say(alert, out, quiet=as_json)
        if not follow:
            break
        time.sleep(every)
    if as_json:
        saying.json_line(told)
        return
    saying.say(
        f"graph watch: {told['flagged']} rings flagged, {told['suspected']} suspected, {told['grown']} times a ring grew"
    )


def _say(alert: RingAlert, out: Path | None, *, quiet: bool) -> None:
    from dandelion.core import iso

    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(alert.as_json(), ensure_ascii=False) + "\n")
    if not quiet:
        stores = ", ".join(alert.stores[:3]) + (" ..." if len(alert.stores) > 3 else "")
        typer.echo(f"{iso(alert.at)[:16]}  {alert.level:9}  {alert.kind:11}  {alert.score:.2f}  {stores}: {alert.evidence}; "
                   f"since {iso(alert.first_burst)[:16]}, {len(alert.new)} new")  # fmt: skip


def _of_house(workspace: Path) -> Iterator[list[RingAlert]]:
    from dandelion.app.cli import asking
    from dandelion.app.ring_watching import RingWatching

    with asking.house_of(workspace) as house:
        watching = RingWatching(house)
        while True:
            yield watching.look()


def _of_files(path: Path, since: str | None, tz: str, drop_bad: bool) -> Iterator[list[RingAlert]]:
    """Alerts of everything there is, then of each new file of the folder."""
    import numpy as np
    import pyarrow as pa

    from dandelion.app.graph_files import read_payments
    from dandelion.core import start_of_day
    from dandelion.graph import RingWatch

    silent = -(2**62) if since is None else start_of_day(_day(since), tz)
    ring_watch, seen = RingWatch(tz=tz), set[Path]()
    while True:
        fresh = [path] if not path.is_dir() else sorted(set(path.rglob("*.parquet")) - seen)
        if not path.is_dir() and path in seen:
            fresh = []
        tables: list[pa.Table] = [read_payments(file, tz, drop_bad).table for file in fresh]
        seen.update(fresh)
        found: list[RingAlert] = []
        if tables:
            told = pa.concat_tables(tables, promote_options="permissive")
            at = np.asarray(told.column("at").cast(pa.int64()))
            if (at < silent).any():
                ring_watch.absorb(told.filter(pa.array(at < silent)), quiet=True)
                ring_watch.settle(quiet=True)
            found = ring_watch.absorb(told.filter(pa.array(at >= silent)))
        yield found


def _day(text: str) -> date:
    from dandelion.core import BadInput

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"since is {text!r}; write a day like 2025-06-01", field="since") from None
