"""`dandelion indicators list | show | explain | compute | join`: columns a decision may use, and what is behind them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dandelion.app.cli import indicator_compute, indicator_join
from dandelion.app.cli.asking import AsJson, Workspace

if TYPE_CHECKING:
    from dandelion.indicators.explain import Explanation, Term
    from dandelion.indicators.peer_explain import PeerGroup

indicators_app = typer.Typer(help="The columns a decision may use, and the events behind any number.",
                             no_args_is_help=True)  # fmt: skip
EVENTS_SHOWN = 10


def register(app: typer.Typer) -> None:
    indicators_app.command("compute")(indicator_compute.compute)
    indicators_app.command("join")(indicator_join.join)
    app.add_typer(indicators_app, name="indicators")


@indicators_app.command("list")
def list_columns(
    match: Annotated[
        str, typer.Option("--match", "--like", help="Only ids that hold this text, or fit a pattern such as '*/30d/*'.")
    ] = "",
    stream: Annotated[str, typer.Option(help="Only columns of this stream, such as payment.received.")] = "",
    named: Annotated[
        bool, typer.Option("--named", help="Only the named columns, which books and training start from.")
    ] = False,
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """List every column: all that the declarations stand for, the workspace's own and the fund flow's.

    With --json one array, written as it is made: each column's catalogue entry and its structured definition.

    Example: dandelion indicators list --stream payment.received --match '*channel=qr/30d/*'
    """
    from dandelion.app.cli import saying
    from dandelion.app.cli.indicator_listing import Listing, print_json, print_lines
    from dandelion.core import NotFound

    listing = Listing(workspace, named=named)
    show_all = print_json if as_json else print_lines
    with saying.steps("indicators") as tell, quiet_when_cut():
        found = listing.ids(stream, match)
        count = show_all(listing, found, lambda done: tell("listing", done / len(listing)))
        if stream and not count and stream not in listing.definitions.streams:
            known = ", ".join(sorted(listing.definitions.streams))
            raise NotFound(f"there is no stream {stream!r}; the streams are {known}", field="--stream")
    saying.say(f"{count:,} columns")


@indicators_app.command()
def show(
    column_id: Annotated[str, typer.Argument(metavar="ID", help="A column, or a path over a declared stream.")],
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Say what one column means, in which unit and range, and what a missing value stands for.

    Example: dandelion indicators show turnover.verified/180d
    """
    from dandelion.app.cli import saying
    from dandelion.app.cli.indicator_listing import Listing

    listing = Listing(workspace, named=True)
    column, told = listing.column(column_id), listing.as_json(column_id)
    if as_json:
        saying.json_line(told)
        return
    low, high = ("open" if end is None else f"{end:g}" for end in column.range)
    saying.facts(
        column.id,
        [
            ("Meaning", column.en),
            ("释义", column.zh),
            ("Unit, range", f"{column.unit}, {low} to {high}"),
            ("Missing means", column.null_policy.replace("_", " ")),
            ("Needs consent for", ", ".join(column.data_kinds) or "the purpose alone"),
            ("Room", column.room),
            *((key.replace("_", " ").capitalize(), _plain(value)) for key, value in (told["definition"] or {}).items()),
            ("Definition hash", column.definition_hash),
        ],
    )


@indicators_app.command()
def explain(
    subject: Annotated[str, typer.Argument(help="The merchant's surrogate id.")],
    column_id: Annotated[str, typer.Argument(metavar="ID", help="A column, or a path over a declared stream.")],
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Show one number of one merchant, as a decision now would see it, with the events that made it.

    Read under the merchant's live consent for credit, like a decision; without one there is nothing to see.

    Example: dandelion indicators explain m-17 payment.received/30d/count --workspace my-lender
    """
    from dataclasses import asdict

    from dandelion.app.cli import saying
    from dandelion.app.cli.asking import house_of
    from dandelion.app.fund_flow import ROOM
    from dandelion.app.opening import opened
    from dandelion.core import BadInput
    from dandelion.indicators.explain import explain as explain_column

    if column_id.startswith(ROOM):
        raise BadInput(
            f"{column_id} comes from a snapshot of everybody; use: dandelion graph show {subject}", field="ID"
        )
    with house_of(workspace) as house:
        definitions = house.policy.definitions
        needs = definitions.needs([column_id])
        with opened(house, house.tenant, subject) as record:
            tables = {key: record.events(*key) for key in needs}
            found = explain_column(
                definitions, column_id, tables, subject, record.as_of, record.known_at, granted=record.data_kinds,
                peers=house.peers,
            )  # fmt: skip
        if as_json:
            saying.json_line(
                {
                    "subject": subject, "column": column_id, "unit": found.column.unit, "value": found.value,
                    "null_policy": found.column.null_policy,
                    "terms": [
                        {"id": t.id, "value": t.value, "event_ids": t.events.column("event_id").to_pylist()}
                        for t in found.terms
                    ],
                    "group": None if found.group is None else asdict(found.group),
                }
            )  # fmt: skip
            return
        _show(found)


def _show(found: Explanation) -> None:
    from dandelion.app.cli import saying

    column = found.column
    value = saying.figure(found.value, column.unit, column.null_policy)
    saying.facts(column.id, [("Value", value), ("Meaning", column.en), ("Unit", column.unit)])
    if found.group is not None:
        _group(found.group, found.column.unit)
    for term in found.terms:
        count = term.events.num_rows
        saying.facts(f"From {term.id}", [("Value", f"{term.value:,.6g}"), ("Events that count", f"{count:,}")])
        if count:
            _events(term)
        if count > EVENTS_SHOWN:
            saying.facts("", [("Earlier events", f"{count - EVENTS_SHOWN:,} more; --json names every one")])


def _group(group: PeerGroup, unit: str) -> None:
    """Whom a column was held against: a crowd, never one of it."""
    from dandelion.app.cli import saying
    from dandelion.core import iso

    saying.facts(
        f"Against {group.subjects} merchants of the same {' and '.join(group.by)}, {unit}",
        [
            ("Table of", f"{iso(group.boundary)} ({group.table[:12]})"), ("Compared", group.own),
            ("Their lower quartile", f"{group.low:,.6g}"), ("Their median", f"{group.middle:,.6g}"),
            ("Their upper quartile", f"{group.high:,.6g}"),
        ],
    )  # fmt: skip


def _events(term: Term) -> None:
    """The latest events with their amounts; the other party is not shown."""
    from dandelion.app.cli import saying
    from dandelion.core import iso

    latest = term.events.slice(max(0, term.events.num_rows - EVENTS_SHOWN))
    money = [name for name in latest.column_names if name.endswith("_fen")]
    at = latest.column("at").cast("int64").to_pylist()
    rows = zip(
        (iso(one) for one in at), latest.column("event_id").to_pylist(),
        *([("" if fen is None else saying.yuan(fen)) for fen in latest.column(name).to_pylist()] for name in money),
        strict=True,
    )  # fmt: skip
    headers = ("At (UTC)", "Event", *(name.removesuffix("_fen") for name in money))
    saying.table(headers, rows, right=range(2, len(headers)))


def _plain(value: object) -> str:
    """Part of a structured definition for a person."""
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_plain(one)}" for key, one in value.items()) or "all events"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


@contextmanager
def quiet_when_cut() -> Iterator[None]:
    """`| head` closes the pipe early; that is no error."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
