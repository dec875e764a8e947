"""The explorer: what an analyst sees around an applicant, under whose consent, and what is written down about the look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from dandelion.app import fund_flow
from dandelion.core import DAY_US
from support.shop import KINDS, Town, town

TIME = pa.timestamp("us", tz="UTC")


def told(place: Town, kind: str, columns: dict[str, list[Any]], days_ago: int = 40) -> None:
    moment = place.house.clock.now() - days_ago * DAY_US
    rows = len(next(iter(columns.values())))
    when = pa.array([moment + i * 1000 for i in range(rows)], pa.int64()).cast(TIME)
    table = pa.table({**columns, "at": when, "arrived": when})
    place.house.vault.ingest(place.house.tenant, kind, table, source=f"test-{kind}-{days_ago}")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A firm with owners and payers, a snapshot a week old, and a merchant that opened its payments only."""
    with town(tmp_path_factory.mktemp("explorer") / "lender", "sqlite:///state/record.sqlite", ["m1"]) as opened:
        told(opened, "shareholding", {"firm": ["m1", "hold", "m1"], "holder": ["hold", "boss", "aunt"],
                                      "share_ppm": [700_000, 600_000, 300_000]})  # fmt: skip
        told(opened, "role", {"firm": ["m1"], "person": ["clerk"], "role": ["legal_representative"]})
        payer = ["ann", "bob", "ann", "bob", "erased"]
        told(opened, "payment", {"payer": payer, "payee": ["m1", "m1", "bob", "island", "m1"], "channel": ["qr"] * 5,
                                 "amount_fen": [10**9, 10**9, 200, 100, 10**8]})  # fmt: skip
        house = opened.house
        fund_flow.build(house.vault, house.graph, house.tenant, [house.clock.now() - 7 * DAY_US], fund_flow.TZ)
        opened.consent("m1", [*KINDS])
        opened.consent("island", ["payments"])
        opened.consent("erased", ["payments"])
        opened.call("erased").delete("/v1/subjects/erased")
        yield opened


def analyst(place: Town) -> Any:
    return place.call("ana", "analyst")


def test_the_ego_network_shows_own_dealings_and_who_of_the_others_deal_with_each_other(place: Town) -> None:
    seen = analyst(place).get("/v1/graph/ego/m1?nodes=8")
    names = [node["id"] for node in seen["nodes"]]
    assert names[0] == "m1" and {"hold", "aunt", "clerk", "ann", "bob"} <= set(names) and len(names) <= 8
    assert {"source": "ann", "target": "bob", "kind": "pays"} in seen["among_others"]
    held = next(edge for edge in seen["edges"] if edge["kind"] == "holds" and edge["source"] == "hold")
    assert held["share_ppm"] == 700_000 and seen["nodes_left_out"] > 0
    assert seen["downstream"][0]["id"] in ("ann", "bob") and seen["upstream"] == []
    assert "erased" not in str(seen)


def test_what_the_merchant_keeps_closed_is_not_looked_at(place: Town) -> None:
    seen = analyst(place).get("/v1/graph/ego/island")
    assert seen["not_consented"] == ["invoices", "registry"] and {n["id"] for n in seen["nodes"]} == {"island", "bob"}
    closed = analyst(place).get("/v1/graph/owners/island", status=403)
    assert closed["error"]["code"] == "consent_missing" and "registry" in closed["error"]["message"]
    assert analyst(place).get("/v1/graph/ego/ann", status=403)["error"]["code"] == "consent_missing"


def test_the_ownership_tree_tells_control_from_benefit(place: Town) -> None:
    seen = analyst(place).get("/v1/graph/owners/m1")
    assert (seen["control"], seen["actualController"]) == ("sole", "boss")
    shares = {p["id"]: p["interests"][0]["share"]["exact"] for p in seen["interestedParties"]}
    assert shares["boss"] == 42.0 and set(seen["beneficialOwners"]) == {"boss", "aunt"}
    assert {n["id"]: n["level"] for n in seen["tree"]["nodes"]} == {"m1": 0, "hold": 1, "aunt": 1, "boss": 2}
    assert (
        seen["exposure"]["limit_fen"] == 0 and seen["exposure"]["group_size"] == 5
    )  # clerk, boss, hold and aunt with it
    assert seen["rule"]["percent"] == 25.0 and seen["rule"]["source"]


def test_a_path_goes_over_payments_and_holdings(place: Town) -> None:
    seen = analyst(place).get("/v1/graph/path/m1?to=island")
    assert seen["parties"] == ["m1", "bob", "island"]
    assert analyst(place).get("/v1/graph/path/m1?to=boss")["parties"] == ["m1", "hold", "boss"]
    for to, status in (("", 422), ("m1", 422), ("nobody", 404)):
        assert analyst(place).get(f"/v1/graph/path/m1?to={to}", status=status)["error"]["message"]


def test_sizes_are_bounded_and_said(place: Town) -> None:
    for query in ("nodes=0", "nodes=100000", "nodes=x"):
        assert analyst(place).get(f"/v1/graph/ego/m1?{query}", status=422)["error"]["code"] == "bad_input"
    assert analyst(place).get("/v1/graph/owners/m1?depth=99", status=422)["error"]["field"] == "depth"
    small = analyst(place).get("/v1/graph/owners/m1?nodes=2")["tree"]
    assert len(small["nodes"]) == 2 and small["left_out"] > 0


def test_an_account_in_no_ring_is_said_to_be_in_none(place: Town) -> None:
    assert "in no ring" in analyst(place).get("/v1/graph/ring/m1", status=404)["error"]["message"]


def test_every_look_is_written_down_with_who_and_what(place: Town) -> None:
    import sqlalchemy as sa

    from dandelion.vault import metadata

    analyst(place).get("/v1/graph/path/m1?to=bob")
    audit = next(table for table in metadata.sorted_tables if "audit" in table.name and "action" in table.c)
    with place.house.vault.database.read() as connection:
        rows = connection.execute(sa.select(audit).where(audit.c.action == "graph.explored")).mappings().all()
    assert any(row["subject"] == "m1" and "path" in str(dict(row)) and "ana" in str(dict(row)) for row in rows)


def test_nobody_but_the_analyst_looks_around(place: Town) -> None:
    for role in ("merchant", "operator", "auditor", "service"):
        told_ = place.call("m1", role).get("/v1/graph/ego/m1", status=403)
        assert told_["error"]["code"] == "not_allowed"


@pytest.mark.parametrize("odd", ["%00", "x" * 3000, "%F0%9F%8C%BC", "%ED%A0%80", "-1", "null", "a%2Fb"])
def test_an_odd_id_is_refused_and_never_a_failure(place: Town, odd: str) -> None:
    for route in (f"ego/{odd}", f"owners/{odd}", f"ring/{odd}", f"path/{odd}?to=m1", f"path/m1?to={odd}"):
        answer = analyst(place).send("GET", f"/v1/graph/{route}")
        assert 400 <= answer.status_code < 500 and answer.json()["error"]["message"], f"{route}: {answer.text}"
