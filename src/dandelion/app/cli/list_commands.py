"""`dandelion lists import | add | remove | show | check`: who is listed, as keyed hashes that only this lender can make."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dandelion.app.cli.asking import AnswersFor, AsJson, Workspace

lists_app = typer.Typer(
    help="Black, white and grey lists: import, add, remove, show, check.  Files hold keyed hashes, never values.",
    no_args_is_help=True,
)
Name = Annotated[str, typer.Argument(metavar="LIST", help="A list of lists/lists.yaml, e.g. black.")]
Kind = Annotated[str, typer.Option(help="subject, owner, device, account, phone or licence_no.")]
Value = Annotated[str, typer.Option(help="The value itself; it is hashed at once and never stored.")]


def register(app: typer.Typer) -> None:
    app.add_typer(lists_app, name="lists")


@lists_app.command("import")
def import_(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="ROWS", help="CSV or Parquet; see docs/lists.md for its columns.")],
    by: AnswersFor,
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Replace a list by the rows of a file, up to 4 billion: sealed, sorted, packed.  A running house takes it up at once.

    Example: dandelion lists import black bureau.csv --by officer-3 --workspace my-lender
    """
    from dandelion.app import list_files
    from dandelion.app.cli import saying
    from dandelion.app.cli.asking import existing
    from dandelion.app.house import House
    from dandelion.vault import Actor

    existing(file, "rows as CSV or Parquet")
    house = House.open(workspace, deciding=False)
    try:
        packed = list_files.import_list(house, name, file, Actor(by, "operator", is_human=True), _told)
    finally:
        house.close()
    typer.echo("", err=True)
    if as_json:
        saying.json_line({"list": name, "rows": packed.rows, "file": packed.file.name, "sha256": packed.hash})
    else:
        typer.echo(f"{name}: {packed.rows:,} rows, {packed.bytes_looked_up / 1e6:,.1f} MB to look up -> {packed.file}")


@lists_app.command()
def add(
    name: Name,
    kind: Kind,
    value: Value,
    reason: Annotated[str, typer.Option(help="Why; told to staff only.")],
    source: Annotated[str, typer.Option(help="From where it is known.")],
    expires: Annotated[str, typer.Option(help="Until when it counts, ISO 8601; no entry stays for ever.")],
    by: AnswersFor,
    confidence_ppm: Annotated[
        int, typer.Option(help="How sure, in parts per million.", min=0, max=1_000_000)
    ] = 1_000_000,
    workspace: Workspace = Path(),
) -> None:
    """List one value, now.

    Example: dandelion lists add black --kind phone --value 13800138000 --reason "confirmed cash-out" --source "own investigation" --expires 2027-01-01T00:00:00Z --by officer-3
    """  # fmt: skip
    from dandelion.app import list_files
    from dandelion.app.house import House
    from dandelion.core import iso
    from dandelion.vault import Actor

    house = House.open(workspace, deciding=False)
    try:
        terms = {
            "reason": reason, "source": source, "added": iso(house.clock.now()), "expires": expires,
            "confidence_ppm": str(confidence_ppm),
        }  # fmt: skip
        file = list_files.change_list(house, name, kind, value, terms, Actor(by, "operator", is_human=True))
    finally:
        house.close()
    typer.echo(f"{name}: one entry added -> {file}")


@lists_app.command()
def remove(name: Name, kind: Kind, value: Value, by: AnswersFor, workspace: Workspace = Path()) -> None:
    """Take one value off a list, now.

    Example: dandelion lists remove black --kind phone --value 13800138000 --by officer-3
    """
    from dandelion.app import list_files
    from dandelion.app.house import House
    from dandelion.vault import Actor

    house = House.open(workspace, deciding=False)
    try:
        file = list_files.change_list(house, name, kind, value, None, Actor(by, "operator", is_human=True))
    finally:
        house.close()
    typer.echo(f"{name}: taken off -> {file}")


@lists_app.command()
def show(
    name: Annotated[str | None, typer.Argument(metavar="[LIST]", help="With --kind and --value: what it says.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of the value asked about.")] = None,
    value: Annotated[str | None, typer.Option(help="The value asked about.")] = None,
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """The lists there are, or what one of them says about a value.

    Example: dandelion lists show black --kind phone --value 13800138000 --workspace my-lender
    """
    from dataclasses import asdict

    from dandelion.app import list_files
    from dandelion.app.cli import saying
    from dandelion.app.house import House
    from dandelion.core import BadInput, iso

    if (name is None) != (value is None) or (value is None) != (kind is None):
        raise BadInput("give LIST, --kind and --value together, or none of them", field="value")
    house = House.open(workspace, deciding=False)
    try:
        if name is not None and kind is not None and value is not None:
            entries = list_files.said(house, name, kind, value)
            if as_json:
                saying.json_line({"list": name, "entries": [asdict(entry) for entry in entries]})
                return
            for e in entries:
                typer.echo(
                    f"{e.reason} ({e.source}), {iso(e.added_us)} to {iso(e.expires_us)}, {e.confidence_ppm / 10_000:g} % sure"
                )
            typer.echo(f"{len(entries)} entries")
            return
        found = list_files.show(house)
    finally:
        house.close()
    if as_json:
        saying.json_line([{**asdict(one), "file": one.file.name} for one in found])
        return
    rows = [
        (one.name, one.colour, f"{one.entries:,}", str(one.changes), f"{one.file_bytes / 1e6:,.1f}", one.hash[:12], one.file.name)
        for one in found
    ]  # fmt: skip
    saying.table(("list", "colour", "entries", "live changes", "MB", "hash", "file"), rows, right=(2, 3, 4))


@lists_app.command()
def check(workspace: Workspace = Path(), as_json: AsJson = False) -> None:
    """Read every list to its end: hashes, order, terms.  What is wrong ends with exit code 1.

    Example: dandelion lists check --workspace my-lender
    """
    from dandelion.app import list_files
    from dandelion.app.cli import saying
    from dandelion.app.house import House

    house = House.open(workspace, deciding=False)
    try:
        wrong = list_files.check(house)
    finally:
        house.close()
    if as_json:
        saying.json_line({"holds": not wrong, "wrong": wrong})
    else:
        typer.echo("\n".join(wrong) or "every list is what was written")
    if wrong:
        raise typer.Exit(1)


def _told(rows: int) -> None:
    typer.echo(f"\r{rows:,} rows", err=True, nl=False)
