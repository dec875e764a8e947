"""`dandelion vault <verb>`: the record and what was decided on it; and replay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dandelion.app.cli.asking import AsJson, OfSubject, PageCursor, PageLimit, Workspace

vault_app = typer.Typer(
    help="The record: decisions, audit, compact, seal, erase, retention, lake-check.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    app.command()(replay)
    app.add_typer(vault_app, name="vault")


def replay(
    decision: Annotated[str, typer.Argument(help="The id of a stored decision.")],
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Recompute a decision from what its hashes name: *same bytes*, or exactly what differs.

    Example: dandelion replay 0197c2a0-... --workspace my-lender
    """
    from dandelion.app.house import House
    from dandelion.app.replaying import replay as recompute

    house = House.open(workspace, deciding=False)
    found = recompute(house, house.tenant, decision)
    house.close()
    if as_json:
        typer.echo(json.dumps(found.as_json(), ensure_ascii=False))
    else:
        typer.echo(f"{decision}: {'same bytes' if found.same else 'NOT the same'} (sha256 {found.stored_sha256[:16]})")
        for one in found.differences:
            typer.echo(f"  {one.what} {one.name}: {one.detail}")
    if not found.same:
        raise typer.Exit(1)


@vault_app.command()
def decisions(
    subject: OfSubject = None,
    limit: PageLimit = 50,
    cursor: PageCursor = None,
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """List what was decided, newest first.

    Example: dandelion vault decisions --subject m-17 --workspace my-lender
    """
    from dandelion.app.access import Caller
    from dandelion.app.cli import asking, saying
    from dandelion.app.usecases import listing

    page = listing.Page(limit, cursor, subject)
    with asking.house_of(workspace) as house:
        found = listing.decisions(house, Caller(house.tenant, "command-line", "service"), page)
    if as_json:
        saying.json_line(found)
        return
    rows = [
        (one["decision"], one["decided_at"][:16], one["subject"], one["product"], one["outcome"],
         saying.yuan(one["limit_fen"]) if one["limit_fen"] else "")
        for one in found["decisions"]
    ]  # fmt: skip
    saying.table(("Decision", "Decided", "Merchant", "Product", "Outcome", "Limit"), rows, right=(5,))
    if found["next"]:
        saying.say(f"more: --cursor {found['next']}")


@vault_app.command()
def audit(workspace: Workspace = Path(), as_json: AsJson = False) -> None:
    """Recompute every audit chain and root; names the first record that does not hold.

    Example: dandelion vault audit --workspace my-lender
    """
    from dandelion.app.house import House

    house = House.open(workspace)
    report = house.vault.audit.verify(house.tenant)
    house.close()
    if as_json:
        typer.echo(
            json.dumps(
                {"holds": report.holds, "records": report.records, "roots": report.roots, "broken": report.broken}
            )
        )
    else:
        typer.echo(f"{report.records} records, {report.roots} hourly roots: {report.broken or 'the chain holds'}")
    if not report.holds:
        raise typer.Exit(1)


@vault_app.command()
def compact(workspace: Workspace = Path()) -> None:
    """Fold late files and the recent tail into the lake, drop erased rows, refresh the recent store.

    Example: dandelion vault compact --workspace my-lender
    """
    from dandelion.app.house import House

    house = House.open(workspace)
    typer.echo(str(house.vault.compact(house.tenant)))
    house.close()


@vault_app.command()
def erase(
    subject: Annotated[str, typer.Argument(help="The surrogate id to forget.")],
    by: Annotated[str, typer.Option(help="Who answers for it; goes into the audit.")],
    workspace: Workspace = Path(),
) -> None:
    """Forget a subject: the mapping at once, its rows at the next compaction; what the law keeps stays.

    Example: dandelion vault erase m-17 --by officer-3 --workspace my-lender
    """
    from dandelion.app.house import House
    from dandelion.vault import Actor

    house = House.open(workspace)
    typer.echo(str(house.vault.erase(house.tenant, subject, actor=Actor(by, "operator", is_human=True))))
    house.close()


@vault_app.command()
def retention(
    by: Annotated[str, typer.Option(help="Who answers for it; goes into the audit.")],
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Remove what is past its retention period; says how many records of each class went.

    Example: dandelion vault retention --by officer-3 --workspace my-lender
    """
    from dandelion.app.house import House
    from dandelion.vault import Actor

    house = House.open(workspace)
    report = house.vault.apply_retention(house.tenant, actor=Actor(by, "operator", is_human=True))
    house.close()
    removed = dict(report.removed)
    typer.echo(json.dumps(removed) if as_json else ", ".join(f"{name} {count}" for name, count in removed.items()))


@vault_app.command()
def seal(
    days: Annotated[int, typer.Option(help="How far back the recent store reaches.", min=1)] = 400,
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Bring the recent store up to date with the lake, so that decisions read it at once; call it after loading.

    Example: dandelion vault seal --workspace my-lender
    """
    from dandelion.app.house import House

    house = House.open(workspace)
    report = house.vault.seal(house.tenant, days=days)
    house.close()
    rows = sum(one.rows for one in report.sealed)
    if as_json:
        typer.echo(json.dumps({"seals": len(report.sealed), "rows": rows, "unchanged": list(report.skipped)}))
    else:
        typer.echo(f"{len(report.sealed)} seals with {rows:,} rows; {len(report.skipped)} kinds left as they were")


@vault_app.command("lake-check")
def lake_check(workspace: Workspace = Path(), as_json: AsJson = False) -> None:
    """Hash every file of the lake again; names each that is missing or not what was written.

    Example: dandelion vault lake-check --workspace my-lender
    """
    from dandelion.app.house import House

    house = House.open(workspace)
    wrong = house.vault.check_lake(house.tenant)
    house.close()
    if as_json:
        typer.echo(json.dumps({"holds": not wrong, "wrong": wrong}, ensure_ascii=False))
    else:
        typer.echo("\n".join(wrong) or "every file is what was written")
    if wrong:
        raise typer.Exit(1)
