"""init, token, serve, doctor: the commands about a workspace as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dandelion.app.cli.asking import AsJson, Workspace


def register(app: typer.Typer) -> None:
    app.command()(init)
    app.command()(token)
    app.command()(serve)
    app.command()(doctor)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to lay the workspace.")],
    clock_start: Annotated[
        str | None, typer.Option(help="Make it a rehearsal: its clock starts here (ISO 8601) and can be moved.")
    ] = None,
) -> None:
    """Lay out a workspace: settings, products, strategies, indicators, lists and packs as files to keep in git.

    Example: dandelion init my-lender
    """
    from dandelion.app import workspace

    written = workspace.init(folder, clock_start=clock_start)
    typer.echo(f"{folder}: {len(written)} files. Next: dandelion serve --workspace {folder}")


def token(
    subject: Annotated[str, typer.Argument(help="Whom the token is for: a merchant's or a colleague's surrogate id.")],
    role: Annotated[str, typer.Option(help="merchant, analyst, operator, auditor or service.")] = "merchant",
    ttl_s: Annotated[int, typer.Option(help="Seconds it lives.")] = 3600,
    workspace: Workspace = Path(),
) -> None:
    """Print a signed token for one caller.

    Example: dandelion token m-17 --role merchant --workspace my-lender
    """
    from dandelion.app.access import issue_token
    from dandelion.app.config import Settings

    settings = Settings.load(workspace)
    typer.echo(issue_token(settings.secret(), tenant=settings.lender.tenant, subject=subject, role=role, ttl_s=ttl_s))


def serve(
    workspace: Workspace = Path(),
    port: Annotated[int | None, typer.Option(help="Instead of the settings' port.")] = None,
) -> None:
    """Serve the HTTP API (default port 8310) until interrupted.

    Example: dandelion serve --workspace my-lender
    """
    from dandelion.app.serve import serve as serve_workspace

    serve_workspace(workspace, port=port)


def doctor(workspace: Workspace = Path(), as_json: AsJson = False) -> None:
    """Check a workspace: settings, database, lake, products, book, models, audit chain.

    Example: dandelion doctor --workspace my-lender
    """
    from dandelion.app.doctor import examine

    findings = examine(workspace)
    if as_json:
        import json

        typer.echo(json.dumps([finding.as_json() for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            typer.echo(f"{'ok  ' if finding.good else 'BAD '} {finding.what}: {finding.detail}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)
