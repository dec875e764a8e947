"""A house's monthly tables of peers: read by decisions, named by them, compared by a replay."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from dandelion.app import fund_flow, monthly
from dandelion.app.opening import opened
from dandelion.app.replaying import replay
from dandelion.core import DAY_US
from dandelion.indicators import explain
from support.shop import town

SHOPS = [f"m{n}" for n in range(1, 7)]
COLUMN = "payment.received/90d/amount_sum.peers.size"
NEAR = "payment.received/90d/distinct_payers.whose.payment.made/90d/active_days.q50"


def test_a_decision_names_the_table_it_read_and_a_replay_compares(tmp_path: Path) -> None:
    with town(tmp_path / "lender", "sqlite:///state/record.sqlite", SHOPS) as place:
        house = place.house
        for shop in SHOPS:
            wish = {"purpose": "training", "data_kinds": ["payments"], "days": 365}
            place.call(shop).post("/v1/consents", wish)
        month = fund_flow.month_starts(house.clock.now() - 40 * DAY_US, house.clock.now(), fund_flow.TZ)[-1]
        made = monthly.build(house, [month])
        assert made.peers == {month: house.peers.named(house.clock.now())} and not monthly.lacking(house, [month])

        decision = place.approved("m1")["decision"]
        names = json.loads(house.vault.decisions.get(house.tenant, decision).body)["names"]
        assert names["peers"] == made.peers[month]
        assert replay(house, house.tenant, decision).same

        with opened(house, house.tenant, "m1") as record:
            for column in (COLUMN, NEAR):
                tables = {key: record.events(*key) for key in house.policy.definitions.needs([column])}
                found = explain(house.policy.definitions, column, tables, "m1", record.as_of, record.known_at,
                                granted=record.data_kinds, peers=house.peers)  # fmt: skip
                assert found.column.null_policy.startswith("fewer_than_5") or np.isfinite(found.value)
        table = house.peers.table(month)
        held = table.by["size"].subjects
        assert held.max(initial=0) == len(SHOPS), "all six shops take about as much, and consented to training"

        house.peers.save(type(table)(month, table.columns, {}, None))
        told = [one.name for one in replay(house, house.tenant, decision).differences if one.what == "peers"]
        assert told == [made.peers[month][:12]]
