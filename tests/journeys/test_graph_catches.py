"""The graph on a whole small economy: the fraud applicant is caught by it, the merchant identified by it, risk told by date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dandelion.app import fund_flow
from dandelion.app.fund_flow_record import FlowRecord
from dandelion.app.learning import PointInTime
from dandelion.app.usecases.take_over import take_over
from dandelion.core import DAY_US, iso
from dandelion.graph import FlowGraph, GraphStore
from dandelion.world import build
from support.shop import Town, lay_out

KINDS = ["payments", "orders", "invoices", "tax", "logins", "credit_reports", "registry", "places"]
BUSINESS = "graph.business/chance"
RECORD = ("payment", "login", "role", "loan_events", "consents")
STAGED = ("cash_out_store", "fake_order_shop")


@dataclass
class Play:
    """An economy of 1,500 people over seven months (simulated, seed 7), and a lender that has taken over its record."""

    town: Town
    world: Path
    live_us: int
    consented: frozenset[str]

    @property
    def graph(self) -> FlowGraph:
        found = self.town.house.graph.latest(self.live_us)
        assert found is not None
        return found

    def truth(self, file: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(self.world / "truth" / f"{file}.parquet").to_pylist()
        return rows

    def apply(self, subject: str) -> dict[str, Any]:
        self.town.consent(subject, KINDS)
        told: dict[str, Any] = self.town.call(subject).post("/v1/applications", {"product": "shop-line"})
        return told

    def caught(self, subject: str) -> bool:
        """Whether an application is declined as arranged payments, which only the graph can tell."""
        told = self.apply(subject)
        return told["outcome"] == "declined" and any(one["code"] == "ARRANGED_PAYMENTS" for one in told["reasons"])

    def chance(self, subjects: list[str]) -> npt.NDArray[np.float32]:
        """How likely each is a business, as a decision sees it."""
        house, many = self.town.house, len(subjects)
        frame = fund_flow.look(house.graph, [BUSINESS], subjects, [self.live_us] * many, [self.live_us] * many)
        return np.asarray(frame[BUSINESS])


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    folder = tmp_path_factory.mktemp("economy")
    build(folder / "world", people=1_500, months=7, seed=7)
    end = int(json.loads((folder / "world" / "world.json").read_text())["end_us"])
    town = Town(lay_out(folder / "lender", "sqlite:///state/record.sqlite", start=iso(end + DAY_US // 24)))
    try:
        for part in (folder / "world" / "record").iterdir():  # what the graph does not look at costs time only
            if part.name.split(".")[0] not in RECORD:
                part.unlink()
        take_over(town.house, folder / "world" / "record", until_us=end, source="world")
        fund_flow.build(town.house.vault, town.house.graph, town.house.tenant, [end], fund_flow.TZ)
        yield Play(town, folder / "world", end, PointInTime(town.house, "credit").subjects)
    finally:
        town.close()


@pytest.fixture
def blind(play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """The same house with the graph's columns removed."""
    monkeypatch.setattr(play.town.house, "graph", GraphStore(tmp_path / "nothing"))
    return play


def strongest(graph: FlowGraph, consented: frozenset[str]) -> str:
    """Whom the demo casts as its fraud applicant: the consented account that looks most like the store of a ring."""
    order = np.argsort(-graph.frame["graph.ring/store_score"], kind="stable")
    return next(str(graph.frame.entity[row]) for row in order.tolist() if graph.frame.entity[row] in consented)


def test_the_fraud_applicant_is_truly_a_ring_and_is_caught_by_the_graph(play: Play) -> None:
    fraud = strongest(play.graph, play.consented)
    case = {row["account"]: row["case"] for row in play.truth("accounts")}
    assert case[fraud] in STAGED and play.caught(fraud)
    active = {
        row["store"]
        for row in play.truth("rings")
        if row["sort"] in ("cash_out", "fake_orders") and row["last_month"] >= 7
    }
    found = [store for store in sorted(active & play.consented) if play.caught(store)]
    assert len(active & play.consented) >= 2 and len(found) >= 0.75 * len(active & play.consented)


def test_without_the_graphs_columns_nobody_catches_it(play: Play, request: pytest.FixtureRequest) -> None:
    fraud = strongest(play.graph, play.consented)
    blind: Play = request.getfixturevalue("blind")
    assert not blind.caught(fraud)


def test_the_merchant_is_identified_by_the_graph_and_by_nothing_else(
    play: Play, request: pytest.FixtureRequest
) -> None:
    truth = {row["account"]: row for row in play.truth("accounts")}
    shops = [
        name
        for name in sorted(play.consented)
        if truth[name]["role"] == "street_shop" and truth[name]["case"] == "none"
    ]
    merchant = next(name for name in shops if play.apply(name)["outcome"] == "approved")
    people = [name for name, row in truth.items() if row["role"] == "private" and row["case"] == "none"]
    private = play.chance(people)
    assert play.chance([merchant])[0] > 0.9 > np.nanquantile(private, 0.99)
    request.getfixturevalue("blind")
    assert np.isnan(play.chance([merchant])[0])


def test_lines_that_fell_behind_are_bad_news_around_them_once_they_had_and_not_before(play: Play) -> None:
    house, first = play.town.house, play.live_us - 100 * DAY_US
    record = FlowRecord.read(house.vault, house.tenant, play.live_us, play.live_us)
    late = {row["merchant"] for row in record.moves.to_pylist() if row["days_past_due"] >= 30}
    assert late and pc.max(record.moves["at"]).cast("int64").as_py() < play.live_us
    calm = replace(record, moves=record.moves.slice(0, 0)).snapshot(play.live_us, fund_flow.TZ)
    told, silent = (graph.frame["graph.risk/score"] for graph in (play.graph, calm))
    assert (told >= silent - 1e-4)[~np.isnan(told)].all() and np.nansum(told) > np.nansum(silent)
    before = replace(record, moves=record.moves.filter(pc.less(record.moves["at"].cast("int64"), first)))
    with_all, with_less = (one.snapshot(first, fund_flow.TZ).frame.values for one in (record, before))
    assert np.array_equal(with_all, with_less, equal_nan=True)


def test_a_snapshot_is_the_same_built_alone_or_with_later_ones(play: Play, tmp_path: Path) -> None:
    house, earlier = play.town.house, play.live_us - 31 * DAY_US
    alone, together = (GraphStore(tmp_path / name) for name in ("alone", "together"))
    one = fund_flow.build(house.vault, alone, house.tenant, [earlier], fund_flow.TZ)
    both = fund_flow.build(house.vault, together, house.tenant, [earlier, play.live_us], fund_flow.TZ)
    assert both[earlier] == one[earlier] and both[play.live_us] == house.graph.content_hash(play.live_us)
