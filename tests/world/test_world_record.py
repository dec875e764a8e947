"""The record: valid, reproducible, complete, and silent about the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from world_sizes import SMALL

from dandelion.core import BadInput, arrow_schema, validate
from dandelion.world import WorldSummary, build
from dandelion.world.economy import found_economy
from dandelion.world.flows import MonthClock
from dandelion.world.trade import trade

KINDS = (
    "payment", "order", "refund", "review", "invoice", "tax_filing", "login", "credit_inquiry", "outside_loan",
    "shareholding", "role", "placement", "works",
)  # fmt: skip
World = tuple[Path, WorldSummary]


def read(folder: Path, kind: str) -> pa.Table:
    path = folder / "record" / kind
    return pq.read_table(path if path.is_dir() else path.with_suffix(".parquet"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_of_every_kind_passes_its_contract(small_world: World, kind: str) -> None:
    folder, summary = small_world
    table = read(folder, kind)
    assert table.num_rows == summary.counts[kind] > 0
    with_ids = table.append_column("event_id", table.column("source_id"))
    good, rejected = validate(kind, with_ids, now_us=summary.end_us)
    assert rejected == []
    assert good.schema.equals(arrow_schema(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_source_ids_are_unique_and_nothing_arrives_before_it_happens(small_world: World, kind: str) -> None:
    table = read(small_world[0], kind)
    assert len(set(table.column("source_id").to_pylist())) == table.num_rows
    at, arrived = (table.column(name).cast(pa.int64()).to_numpy() for name in ("at", "arrived"))
    assert (at < small_world[1].end_us).all()
    assert (arrived >= at).all()


def test_the_same_seed_writes_the_same_columns(small_world: World, tmp_path: Path) -> None:
    folder, summary = small_world
    again = build(tmp_path / "again", **SMALL)
    assert again.counts == summary.counts
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.parquet"))
    assert files == sorted(path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*.parquet"))
    for file in files:
        assert pq.read_table(folder / file).equals(pq.read_table(tmp_path / "again" / file)), file
    assert (folder / "world.json").read_bytes() == (tmp_path / "again" / "world.json").read_bytes()


def test_another_seed_writes_another_world(small_world: World, tmp_path: Path) -> None:
    other = build(tmp_path / "other", **{**SMALL, "seed": 8, "months": 6})
    assert other.counts["payment"] != small_world[1].counts["payment"]


def test_a_block_comes_out_the_same_whatever_was_played_before_it(small_world: World) -> None:
    folder, _ = small_world
    economy = found_economy(SMALL["seed"], SMALL["people"], SMALL["months"], False)
    month = 5
    sales = trade(economy, 0, month, MonthClock.of(economy.almanac, month), month * economy.people.towns)
    written = pq.read_table(folder / f"record/payment/part-{month:03d}.parquet")
    instants = set(written.column("at").cast(pa.int64()).to_pylist())
    assert len(sales.pays) > 1_000
    assert set(sales.pays.at.tolist()) <= instants


def test_nobody_pays_himself_and_everyone_is_an_account(small_world: World) -> None:
    folder, _ = small_world
    accounts = set(pq.read_table(folder / "record/accounts.parquet").column("account").to_pylist())
    payments = read(folder, "payment")
    payee, payer = payments.column("payee").to_pylist(), payments.column("payer").to_pylist()
    assert all(a != b for a, b in zip(payee, payer, strict=True))
    assert set(payee) | set(payer) <= accounts
    for kind, columns in {"login": ["person"], "invoice": ["seller", "buyer"], "role": ["firm", "person"]}.items():
        for column in columns:
            assert set(read(folder, kind).column(column).to_pylist()) <= accounts


def test_names_leak_neither_kind_nor_order(small_world: World) -> None:
    folder, _ = small_world
    accounts = pq.read_table(folder / "record/accounts.parquet")
    names = accounts.column("account").to_pylist()
    assert all(name[0] == "a" and name[1:].isdigit() for name in names)
    assert len({len(name) for name in names}) == 1
    number = np.array([int(name[1:]) for name in names])
    registered = accounts.column("registered").to_numpy(zero_copy_only=False)
    assert abs(number[registered].mean() - number[~registered].mean()) < 0.15 * (number.max() - number.min())


def test_the_truth_stands_in_a_folder_of_its_own(small_world: World) -> None:
    folder, _ = small_world
    hidden = {"case", "is_business", "health", "ring", "quality", "weakness", "honest", "shown"}
    for path in (folder / "record").rglob("*.parquet"):
        assert not hidden & set(pq.read_schema(path).names), path
    truth = {path.stem for path in (folder / "truth").glob("*.parquet")}
    assert truth == {"accounts", "merchants", "health", "rings", "bursts", "outcomes"}


def test_invoices_and_filings_arrive_days_late_payments_mostly_at_once(small_world: World) -> None:
    day = 86_400_000_000

    def lag(kind: str) -> np.ndarray:
        table = read(small_world[0], kind)
        return (
            table.column("arrived").cast(pa.int64()).to_numpy() - table.column("at").cast(pa.int64()).to_numpy()
        ) / day

    assert np.median(lag("invoice")) > 1
    assert np.median(lag("tax_filing")) > 1
    assert np.median(lag("payment")) < 0.001
    assert 0.001 < (lag("payment") > 0.1).mean() < 0.01


def test_world_json_says_what_was_built(small_world: World) -> None:
    folder, summary = small_world
    about = json.loads((folder / "world.json").read_text())
    assert (about["seed"], about["people"], about["months"]) == (7, 1500, 12)
    assert about["start"] == "2023-07-01T00:00:00+08:00"
    assert about["end_us"] == summary.end_us
    assert about["counts"] == summary.counts


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not delete")
    with pytest.raises(BadInput, match="empty or new folder"):
        build(tmp_path, **SMALL)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize(("field", "value"), [("people", 10), ("months", 2), ("months", 99), ("seed", -1)])
def test_sizes_outside_the_world_are_refused_by_name(tmp_path: Path, field: str, value: int) -> None:
    with pytest.raises(BadInput, match=field):
        build(tmp_path / "w", **{**SMALL, field: value})
