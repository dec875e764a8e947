"""`dandelion strategies check | pin`: a strategy book held against itself and against the columns it uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dandelion.app.cli.asking import AsJson, Workspace

if TYPE_CHECKING:
    from dandelion.core import Column

strategies_app = typer.Typer(help="The strategy book: check it, pin the columns it uses.", no_args_is_help=True)
BookFolder = Annotated[
    Path | None, typer.Argument(metavar="[BOOK]", help="Folder of the book.  [default: strategies/ of the workspace]")
]


def register(app: typer.Typer) -> None:
    app.add_typer(strategies_app, name="strategies")


@strategies_app.command()
def check(
    book: BookFolder = None,
    workspace: Workspace = Path(),
    pinned: Annotated[
        bool, typer.Option("--pinned", help="A column whose definition changed is an error, not a warning.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check a book: names, units, ranges, its own examples.  Findings come as file:line; errors end with exit code 1.

    Example: dandelion strategies check --workspace my-lender --pinned
    """
    from dandelion.app.cli import saying
    from dandelion.policy import Book

    found = Book.load(_folder(book, workspace), _catalogue(workspace), strict=False, pinned=pinned)
    errors = sum(finding.severity == "error" for finding in found.findings)
    if as_json:
        findings = [
            {"severity": f.severity, "place": str(f.place), "subject": f.subject, "message": f.message}
            for f in found.findings
        ]
        saying.json_line(
            {"book": found.name, "hash": found.hash, "strategies": len(found.strategies), "findings": findings}
        )
    else:
        for finding in found.findings:
            typer.echo(f"{finding.place}: {finding.severity}: {finding.message}")
        typer.echo(
            f"{found.name} {found.version}: {len(found.strategies)} strategies, {errors} errors, "
            f"{len(found.findings) - errors} warnings, {found.hash[:12]}"
        )
    if errors:
        raise typer.Exit(1)


@strategies_app.command()
def pin(book: BookFolder = None, workspace: Workspace = Path()) -> None:
    """Write the columns' present definitions into `book.yaml`, after somebody has looked at what changed.

    Example: dandelion strategies pin --workspace my-lender
    """
    from dandelion.policy import pin as pin_book

    changed = pin_book(_folder(book, workspace), _catalogue(workspace))
    for line in changed:
        typer.echo(line)
    typer.echo(f"{len(changed)} pins written")


def _folder(book: Path | None, workspace: Path) -> Path:
    from dandelion.app.cli.asking import existing

    folder = book or workspace / "strategies"
    existing(folder, "a book, or a workspace with --workspace", folder=True)
    existing(folder / "book.yaml", "a strategy book, which holds a book.yaml")
    return folder


def _catalogue(workspace: Path) -> dict[str, Column]:
    from dandelion.app.policy_set import catalogue, load_definitions

    return catalogue(load_definitions(workspace))
