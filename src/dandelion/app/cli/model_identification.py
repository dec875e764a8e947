"""`dandelion models train-identification`: rebuild the shipped model that tells businesses from private people."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dandelion.app.cli.asking import AsJson
from dandelion.app.cli.model_commands import models_app

if TYPE_CHECKING:
    from dandelion.graph import Town
    from dandelion.models import Model

UNCLEAR = ("cash_out_store", "synthetic_identity")  # staged: neither a shop to learn from nor a private person
MONTHS = 10


def register(_app: typer.Typer) -> None:
    models_app.command("train-identification")(train_identification)


def train_identification(
    seeds: Annotated[
        str, typer.Option(help="Simulated towns to learn from, FIRST-LAST; the last fifth only calibrates.")
    ] = "500-509",
    people: Annotated[int, typer.Option(help="Inhabitants of each town.")] = 8_000,
    out: Annotated[Path, typer.Option(help="Folder for business.json and its card business.md.")] = Path(
        "identification"
    ),
    as_json: AsJson = False,
) -> None:
    """Learn from simulated towns who is a business, and write the model with its card.  The same seeds give the same bytes.

    Example: dandelion models train-identification --seeds 500-509 --out src/dandelion/graph/shipped
    """
    from dandelion.app.cli import saying
    from dandelion.graph import standard_rules
    from dandelion.graph import train_identification as train

    numbers = _numbers(seeds)
    with saying.stages("identification") as tell:
        towns = []
        for number in numbers:
            tell(f"town {number}")
            towns.append(town(number, people))
        tell("learning")
        model = train(towns, standard_rules(), "Asia/Shanghai")
    out.mkdir(parents=True, exist_ok=True)
    (out / "business.json").write_bytes(model.to_bytes())
    (out / "business.md").write_text(_card(model, numbers, people), "utf-8")
    if as_json:
        saying.json_line({"model": model.hash, "columns": len(model.columns), "out": str(out)})
        return
    typer.echo(f"model {model.hash[:12]} on {len(model.columns)} columns of {len(numbers)} towns")
    saying.paths("Written", [("model", out / "business.json"), ("card", out / "business.md")])


def town(seed: int, people: int) -> Town:
    """Payments and truth of one simulated town."""
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    from dandelion.graph import Town
    from dandelion.world import build

    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "town"
        build(where, people=people, months=MONTHS, seed=seed)
        payments = ds.dataset(where / "record" / "payment").to_table(columns=["payer", "payee", "at", "amount_fen"])
        truth = pq.read_table(
            where / "truth" / "accounts.parquet", columns=["account", "case", "is_business"]
        ).to_pylist()
    business = frozenset(row["account"] for row in truth if row["is_business"])
    return Town(seed, payments, business, frozenset(row["account"] for row in truth if row["case"] in UNCLEAR))


def _numbers(seeds: str) -> list[int]:
    from dandelion.core import BadInput

    first, _, last = seeds.partition("-")
    if not (first.isdigit() and last.isdigit() and int(first) < int(last) < int(first) + 100):
        raise BadInput(f"seeds is {seeds!r}; write FIRST-LAST, like 500-509, at most 100 of them", field="seeds")
    return list(range(int(first), int(last) + 1))


def _card(model: Model, seeds: list[int], people: int) -> str:
    from dandelion.app.cli.model_identification_card import CARD
    from dandelion.graph import unpaid_share_ppm

    return CARD.format(
        hash=model.hash,
        family=model.family,
        first=seeds[0],
        last=seeds[-1],
        people=people,
        months=MONTHS,
        by=model.calibrated_by,
        unpaid=f"{unpaid_share_ppm(model) / 1e4:.2f} %",
        columns="\n".join(f"* `{name}`" for name in model.columns),
    )
