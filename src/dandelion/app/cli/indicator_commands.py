"""`dandelion indicators list | show | explain`: the columns a decision may use, and the events behind any number."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dandelion.app.cli.asking import AsJson, Workspace

if TYPE_CHECKING:
    from dandelion.core import Column
    from dandelion.indicators.explain import Explanation, Term

indicators_app = typer.Typer(help="The columns a decision may use, and the events behind any number.",
                             no_args_is_help=True)  # fmt: skip
EVENTS_SHOWN = 10


def register(app: typer.Typer) -> None:
    app.add_typer(indicators_app, name="indicators")


@indicators_app.command("list")
def list_columns(
    like: Annotated[str, typer.Option(help="Only ids that hold this text.")] = "",
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """List every column: the standard ones, the workspace's own and the fund flow's.

    Example: dandelion indicators list --like turnover
    """
    from dandelion.app.cli import saying

    found = [column for name, column in _catalogue(workspace).items() if like in name]
    if as_json:
        saying.json_line([_as_json(column) for column in found])
        return
    for column in found:
        typer.echo(f"{column.id}\t{column.unit}\t{column.en}")
    saying.say(f"{len(found)} columns")


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
    from dandelion.app.policy_set import load_definitions

    column = _catalogue(workspace).get(column_id) or load_definitions(workspace).column(column_id)
    if as_json:
        saying.json_line(_as_json(column))
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
            ("Definition", column.definition_hash),
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
                definitions, column_id, tables, subject, record.as_of, record.known_at, granted=record.data_kinds
            )
        if as_json:
            saying.json_line(
                {
                    "subject": subject, "column": column_id, "unit": found.column.unit, "value": found.value,
                    "null_policy": found.column.null_policy,
                    "terms": [
                        {"id": t.id, "value": t.value, "event_ids": t.events.column("event_id").to_pylist()}
                        for t in found.terms
                    ],
                }
            )  # fmt: skip
            return
        _show(found)


def _show(found: Explanation) -> None:
    from dandelion.app.cli import saying

    column = found.column
    value = saying.figure(found.value, column.unit, column.null_policy)
    saying.facts(column.id, [("Value", value), ("Meaning", column.en), ("Unit", column.unit)])
    for term in found.terms:
        count = term.events.num_rows
        saying.facts(f"From {term.id}", [("Value", f"{term.value:,.6g}"), ("Events that count", f"{count:,}")])
        if count:
            _events(term)
        if count > EVENTS_SHOWN:
            saying.facts("", [("Earlier events", f"{count - EVENTS_SHOWN:,} more; --json names every one")])


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


def _catalogue(workspace: Path) -> dict[str, Column]:
    from dandelion.app.policy_set import catalogue, load_definitions

    return catalogue(load_definitions(workspace))


def _as_json(column: Column) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(column)
