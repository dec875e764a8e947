"""A consent is enforced column by column, also where the fund-flow graph has long been built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dandelion.app import fund_flow
from dandelion.app.opening import opened
from dandelion.app.sight import look, money_facts
from dandelion.core import DAY_US
from support.shop import Town, town

MICROS = pa.timestamp("us", tz="UTC")
HOME, ASIDE = "graph.household/size", "graph.set_aside/180d/fen"


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Iterator[Town]:
    """`m1` is paid by strangers, and every fifth day by the wife, who is in the registry; one graph snapshot."""
    with town(tmp_path / "lender", database_url, ["m1"]) as opened_town:
        house = opened_town.house
        now = house.clock.now()
        days = pa.array([now - n * DAY_US for n in range(40, 150, 5)], pa.int64()).cast(MICROS)
        gifts = len(days)
        wife = pa.table({
            "source_id": [f"w{n}" for n in range(gifts)], "at": days, "arrived": days, "payee": ["m1"] * gifts,
            "payer": ["wife"] * gifts, "amount_fen": [100_000] * gifts, "channel": ["qr"] * gifts,
        })  # fmt: skip
        house.vault.ingest(house.tenant, "payment", wife, source="wife")
        roles = pa.table({
            "source_id": ["r1", "r2"], "at": days.take([0, 0]), "arrived": days.take([0, 0]), "firm": ["f1", "f1"],
            "person": ["m1", "wife"], "role": ["owner", "household_member"],
        })  # fmt: skip
        house.vault.ingest(house.tenant, "role", roles, source="registry")
        month = fund_flow.month_starts(now - 40 * DAY_US, now, fund_flow.TZ)[-1]
        fund_flow.build(house.vault, house.graph, house.tenant, [month], fund_flow.TZ)
        yield opened_town


def seen(place: Town) -> tuple[float, int | None, int]:
    """(size of the household, fen set aside, monthly turnover in fen) as a decision on a shop line sees them."""
    house, plan = place.house, place.house.policy.plans["shop-line"]
    with opened(house, house.tenant, "m1") as record:
        frame = look(house.policy, record, "shop-line", house.graph, house.peers)
        asked = fund_flow.look(
            house.graph, [HOME, ASIDE], ["m1"], [record.as_of], [record.known_at], granted=record.data_kinds
        )
    turnover = money_facts(plan, house.policy.scorers["shop-line"], frame, [0])[0].turnover_month_fen
    assert turnover is not None
    return float(asked[HOME][0]), asked.fen(ASIDE, 0), turnover


def test_a_withdrawn_registry_consent_makes_the_household_columns_missing(place: Town) -> None:
    grant = place.consent("m1", ["payments", "registry", "logins"])
    size, aside, turnover = seen(place)
    assert size == 3.0 and aside == 2_200_000
    place.call("m1").delete(f"/v1/consents/{grant}")
    place.consent("m1", ["payments", "logins"])
    size, aside, more = seen(place)
    assert np.isnan(size) and aside is None
    assert abs(more - turnover - 2_200_000 // 6) <= 1, (
        "what only the registry can tell is not told; circles still count"
    )


def test_circles_are_taken_away_under_consent_to_payments_alone(place: Town) -> None:
    place.consent("m1", ["payments"])
    _, _, before = seen(place)
    house, now = place.house, place.house.clock.now()
    back = pa.array([now - n * DAY_US + 7_200_000_000 for n in range(40, 150, 5)], pa.int64()).cast(MICROS)
    rows = len(back)
    returned = pa.table({
        "source_id": [f"b{n}" for n in range(rows)], "at": back, "arrived": back, "payee": ["wife"] * rows,
        "payer": ["m1"] * rows, "amount_fen": [100_000] * rows, "channel": ["transfer"] * rows,
    })  # fmt: skip
    house.vault.ingest(house.tenant, "payment", returned, source="back")
    fund_flow.build(house.vault, house.graph, house.tenant, house.graph.boundaries(), fund_flow.TZ)
    _, aside, after = seen(place)
    assert aside is None and abs(before - after - 2_200_000 // 6) <= 1
