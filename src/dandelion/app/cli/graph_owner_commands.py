"""`dandelion graph owners`: who stands behind a firm, from a plain file of holdings; no workspace needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dandelion.app.cli.asking import AsJson

if TYPE_CHECKING:
    from dandelion.graph import ownership as own

ROWS_SHOWN = 30


def add(graph_app: typer.Typer) -> None:
    graph_app.command()(owners)


def owners(
    file: Annotated[Path, typer.Argument(metavar="HOLDINGS", help="Who holds what of whom: CSV, Parquet or BODS JSON.")],
    firm: Annotated[str | None, typer.Option(help="The firm to look behind.  [default: all, one line each]")] = None,
    day: Annotated[str | None, typer.Option(help="Statements told before the end of this day, and the rules then in "
                                                 "force.  [default: today]")] = None,
    jurisdiction: Annotated[str, typer.Option(help="Whose line for beneficial owners.")] = "cn",
    licence: Annotated[str, typer.Option(help="bank or micro_loan.")] = "bank",
    depth: Annotated[int, typer.Option(help="Steps up and down that the tree shows.")] = 6,
    nodes: Annotated[int, typer.Option(help="Parties that the tree shows at most.")] = 40,
    out: Annotated[Path | None, typer.Option(help="Write every firm's owners into this CSV or Parquet file.")] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Find a firm's actual controller and its beneficial owners, from a file with firm, holder and share_percent.

    Control (who decides: more than half of the votes, counted with what one controls) and benefit (who ends up with the
    money: shares multiplied along chains) are told apart.  Statements that cannot be true set their firm aside.

    Example: dandelion graph owners docs/examples/holdings.csv --firm noodle-kitchen
    """
    from dandelion.app.cli import asking, saying
    from dandelion.app.owner_line import shipped_line
    from dandelion.core import BadInput, SystemClock, day_of, start_of_day
    from dandelion.graph import ownership as own

    today = asking.day(day, "day") or day_of(SystemClock().now(), "Asia/Shanghai")
    line = shipped_line(jurisdiction, licence, today)
    told, notes = own.read_statements(file)
    end = start_of_day(today, "Asia/Shanghai") + 86_400_000_000
    held = own.holdings(one for one in told if one.at is None or one.at < end)
    for note in (*notes, *held.notes):
        saying.say(f"graph owners: {note}")
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise BadInput(f"{out} is neither .csv nor .parquet; name one of them", field="--out")
    if firm is not None:
        found, tree = own.ownership(held, firm, line), own.tree(held, firm, depth=depth, nodes=nodes)
        if as_json:
            saying.json_line(own.ownership_json(found) | {"tree": own.tree_json(tree)})
        else:
            _show(found, tree)
        if out is None:
            return
    every, refused = _all(held, line)
    if refused:
        saying.say(
            f"graph owners: {len(refused):,} firms cannot be answered; the first: {next(iter(refused.values()))}"
        )
    if out is not None:
        _write(every, out)
    if firm is None and as_json:
        why = [{"subject": name, "what": what} for name, what in sorted(refused.items())]
        saying.json_line({"firms": len(every), "not_answered": why[:ROWS_SHOWN], "not_answered_count": len(why),
                          "owners": [own.ownership_json(one) for one in every[:ROWS_SHOWN]]})  # fmt: skip
    elif firm is None:
        _list(every)


def _all(held: own.Holdings, line: own.OwnerLine) -> tuple[list[own.Ownership], dict[str, str]]:
    """Every firm that can be answered, by id; and why the others cannot."""
    from dandelion.core import BadInput
    from dandelion.graph import ownership as own

    votes = own.Votes.of(held)
    top = own.heads(votes)
    found, refused = [], {problem.firm: str(problem) for problem in held.set_aside.values()}
    for number in sorted(set(held.firm.tolist())):
        try:
            found.append(own.ownership(held, held.parties[number], line, votes=votes, top=top))
        except BadInput as error:  # behind a firm that was set aside, or held whole in a circle
            refused[held.parties[number]] = error.message
    return found, refused


def _show(found: own.Ownership, tree: own.Tree) -> None:
    from dandelion.app.cli import saying
    from dandelion.graph import ownership as own

    rule = f"{'at least' if found.line.at_least else 'more than'} {found.line.ppm / 10_000:g} % ({found.line.source})"
    saying.facts(found.firm, [
        ("Who decides", _decides(found)), ("Through", " > ".join(found.chain) or "-"),
        ("Beneficial owners", ", ".join(one.party for one in found.beneficial) or "nobody passes the line"),
        ("Line", rule),
    ])  # fmt: skip
    saying.table(("Party", "Beneficial owner", "Interests"), [
        (one.party, "yes" if one.is_beneficial else "", "; ".join(own.words_of(one.interests)))
        for one in found.owners[:ROWS_SHOWN]
    ])  # fmt: skip
    saying.table(("Level", "Holder", "Holds", "Firm"), [
        (f"{tree.levels[edge.holder]:+d}" if tree.levels[edge.holder] else "0", edge.holder, f"{edge.share_ppm / 10_000:g} %",
         edge.firm) for edge in sorted(tree.edges, key=lambda e: (tree.levels[e.firm], e.firm, -e.share_ppm))
    ], right=(0, 2))  # fmt: skip
    if tree.left_out:
        saying.say(f"graph owners: {tree.left_out} holdings are beyond what is shown; raise --nodes or --depth")
    if found.notes:
        saying.points("Notes", found.notes)


def _decides(found: own.Ownership) -> str:
    votes = ", ".join(f"{who} {ppm / 10_000:g} %" for who, ppm in found.deciding[: max(found.together, 3)])
    return {
        "sole": f"{found.controller}", "joint": f"{found.together} together: {votes}",
        "dispersed": f"nobody; holdings are dispersed ({votes})",
        "undisclosed": f"not known; more than half of the votes is not told of ({votes or 'none is'})",
        "circle": "nobody outside; control runs in a circle",
    }[found.control]  # fmt: skip


def _list(every: list[own.Ownership]) -> None:
    from dandelion.app.cli import saying

    saying.table(("Firm", "Control", "Actual controller", "Beneficial owners"), [
        (one.firm, one.control, one.controller or "", ", ".join(o.party for o in one.beneficial)) for one in every[:ROWS_SHOWN]
    ])  # fmt: skip
    if len(every) > ROWS_SHOWN:
        saying.say(f"graph owners: {len(every) - ROWS_SHOWN:,} more firms; --out writes all, --firm shows one")


def _write(every: list[own.Ownership], out: Path) -> None:
    """One row per firm and interested party."""
    import pyarrow as pa

    from dandelion.app.cli.graph_out import write

    rows = [
        {"subject": one.firm, "interestedParty": owner.party, "isBeneficialOwner": owner.is_beneficial,
         "isActualController": owner.party == one.controller, "control": one.control,
         **{name: next((i.share_ppb / 1e7 for i in owner.interests if i.type == name and i.share_ppb is not None), None)
            for name in ("shareholding", "votingRights")}}
        for one in every for owner in one.owners
    ]  # fmt: skip
    fields = [("subject", pa.string()), ("interestedParty", pa.string()), ("isBeneficialOwner", pa.bool_()),
              ("isActualController", pa.bool_()), ("control", pa.string()), ("shareholding", pa.float64()),
              ("votingRights", pa.float64())]  # fmt: skip
    table = pa.Table.from_pylist(rows, pa.schema(fields))
    write(table, out)
