"""`dandelion graph ego | path | ring`: looking around in plain files of payments, holdings, offices; no workspace needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dandelion.app.cli.asking import AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dandelion.graph import RelationEdge

Files = Annotated[list[Path], typer.Argument(metavar="FILES", help="Payments, invoices, holdings, offices, logins: CSV or "
                                             "Parquet, told apart by their columns.")]  # fmt: skip


def add(graph_app: typer.Typer) -> None:
    for command in (ego, path, ring):
        graph_app.command()(command)


def ego(
    files: Files,
    party: Annotated[str, typer.Option(help="Who stands in the middle.")],
    steps: Annotated[int, typer.Option(help="How far to go: 1 to 3.")] = 1,
    nodes: Annotated[int, typer.Option(help="Parties shown at most.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Show whom a party deals with: closest ties and largest amounts first, and what ties those among themselves.

    Example: dandelion graph ego docs/examples/street-payments.csv docs/examples/holdings.csv --party noodle-kitchen
    """
    from dandelion.app.cli import saying
    from dandelion.app.graph_files import read_relations
    from dandelion.graph import ego as look

    found = look(read_relations(files), party, steps=steps, nodes=nodes)
    if as_json:
        saying.json_line(found.as_json())
        return
    _edges(found.edges)
    saying.say(f"graph ego: {len(found.nodes)} parties shown, {found.nodes_left_out} more left out")


def path(
    files: Files,
    start: Annotated[str, typer.Option("--from", help="One party.")],
    end: Annotated[str, typer.Option("--to", help="The other.")],
    as_json: AsJson = False,
) -> None:
    """Find a shortest path between two parties over payments, invoices, holdings, offices and shared phones.

    Example: dandelion graph path docs/examples/street-payments.csv docs/examples/holdings.csv --from chen-jie --to wang-fang
    """
    from dandelion.app.cli import saying
    from dandelion.app.graph_files import read_relations
    from dandelion.graph import path as look

    found = look(read_relations(files), start, end)
    if as_json:
        saying.json_line(found.as_json())
        return
    typer.echo(" - ".join(found.parties))
    _edges([edge for hop in found.hops for edge in hop])


def ring(
    file: Annotated[Path, typer.Argument(metavar="PAYMENTS", help="payer, payee, at, amount_fen: CSV or Parquet.")],
    account: Annotated[str, typer.Option(help="A store or a buyer.")],
    as_json: AsJson = False,
) -> None:
    """Show the ring (cash-out, fake orders) that an account is in, with its members and its evidence.

    Example: dandelion graph ring payments.parquet --account shop-17
    """
    from dandelion.app.cli import saying
    from dandelion.app.graph_files import kind_of, last_told, read_table
    from dandelion.core import BadInput, iso
    from dandelion.graph import ring_of, rings

    table = read_table(file)
    if kind_of(file, table) != "payments" or "at" not in table.column_names:
        raise BadInput(f"{file} holds no payments; give payer, payee, at, amount_fen", field="payments")
    found = ring_of(rings(table, last_told(table) + 1), account)
    if as_json:
        saying.json_line(found.as_json())
        return
    saying.facts(f"Ring {found.ring}", [
        ("Score", f"{found.score:.2f}{', flagged' if found.flagged else ''}"), ("First burst", iso(found.first_burst)),
        ("Evidence", found.evidence), ("Stores", ", ".join(found.stores)), ("Buyers", ", ".join(found.buyers)),
    ])  # fmt: skip


def _edges(edges: Sequence[RelationEdge]) -> None:
    from dandelion.app.cli import saying
    from dandelion.core import iso

    def size(edge: RelationEdge) -> str:
        if edge.kind == "holds":
            return f"{edge.size / 10_000:g} %"
        return saying.yuan(edge.size) if edge.kind in ("pays", "invoices") else ""

    saying.table(("From", "", "To", "How much", "Times", "Last"), [
        (edge.source, edge.kind, edge.target, size(edge), str(edge.count), iso(edge.last)[:10] if edge.last else "")
        for edge in edges
    ], right=(3, 4))  # fmt: skip
