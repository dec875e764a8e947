"""`dandelion strategies check | run | pin`: a strategy book held against itself, run over a file, pinned to its columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dandelion.app.cli import publication_commands
from dandelion.app.cli.asking import AsJson, Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dandelion.core import Column

strategies_app = typer.Typer(
    help="The strategy book: check it, run it over a file, publish it step by step, take it back.", no_args_is_help=True
)
BookFolder = Annotated[
    Path | None, typer.Argument(metavar="[BOOK]", help="Folder of the book.  [default: strategies/ of the workspace]")
]


def register(app: typer.Typer) -> None:
    publication_commands.register(strategies_app)
    app.add_typer(strategies_app, name="strategies")


@strategies_app.command()
def check(
    book: BookFolder = None,
    workspace: Workspace = Path(),
    pinned: Annotated[
        bool, typer.Option("--pinned", help="A column whose definition changed is an error, not a warning.")
    ] = False,
    catalogue: Annotated[
        Path | None,
        typer.Option(
            metavar="CATALOGUE.json",
            help="The columns there are, as `indicators list --json` prints them.  [default: the workspace's]",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a book: names, units, ranges, its own examples.  Findings come as file:line; errors end with exit code 1.

    Example: dandelion strategies check --workspace my-lender --pinned
    """
    from dandelion.app.cli import saying
    from dandelion.app.cli.asking import existing
    from dandelion.policy import Book, read_catalogue

    folder = _folder(book, workspace)
    known = read_catalogue(existing(catalogue, "a catalogue")) if catalogue else _catalogue(workspace)
    found = Book.load(folder, known, strict=False, pinned=pinned, thorough=True)
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
def run(
    book: Annotated[Path, typer.Argument(metavar="BOOK", help="Folder of the book.")],
    frame: Annotated[Path, typer.Argument(metavar="FRAME.parquet", help="Columns by alias or id, flags by key.")],
    out: Annotated[Path, typer.Option(metavar="FIRED.parquet", help="Where to write row, strategy, action.")],
    product: Annotated[str | None, typer.Option(help="Leave out strategies of other products.")] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Run shadow strategies too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a book over a frame: one row for each row and live strategy that fires on it.  Needs no workspace.

    Example: dandelion strategies run my-lender/strategies rows.parquet --out fired.parquet
    """
    from dandelion.app.cli import saying
    from dandelion.app.cli.asking import existing
    from dandelion.policy import Book, run_book

    existing(book, "a book", folder=True)
    existing(book / "book.yaml", "a strategy book, which holds a book.yaml")
    existing(frame, "a frame as Parquet")
    found = Book.load(book)
    done = run_book(found, frame, out, product=product, shadow=shadow, tell=_rows_done)
    typer.echo("", err=True)
    if done.missing:
        typer.echo(f"not in the frame, so missing in every row: {', '.join(done.missing)}", err=True)
    if as_json:
        saying.json_line(
            {"book": found.hash, "rows": done.rows, "fired": done.fired, "hits": done.hits, "missing": done.missing}
        )
    else:
        silent = sum(1 for n in done.hits.values() if n == 0)
        typer.echo(
            f"{done.rows:,} rows, {len(done.hits):,} strategies, {done.fired:,} fired ({silent:,} strategies never) -> {out}"
        )


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


def _rows_done(rows: int) -> None:
    typer.echo(f"\r{rows:,} rows", err=True, nl=False)


def _folder(book: Path | None, workspace: Path) -> Path:
    from dandelion.app.cli.asking import existing

    folder = book or workspace / "strategies"
    existing(folder, "a book, or a workspace with --workspace", folder=True)
    existing(folder / "book.yaml", "a strategy book, which holds a book.yaml")
    return folder


def _catalogue(workspace: Path) -> Mapping[str, Column]:
    from dandelion.app.policy_set import catalogue, load_definitions

    return catalogue(load_definitions(workspace))
