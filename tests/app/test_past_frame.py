"""A past loan book as a frame of requests: each row is what a decision of that moment would have seen."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dandelion.app.opening import opened
from dandelion.app.past_frame import past_frame
from dandelion.app.usecases.decide import decide_now
from dandelion.core import DAY_US, BadInput
from dandelion.policy import History, Product, backtest
from dandelion.policy.decide import float_of
from support.shop import KINDS, town


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("past")
    with town(folder / "lender", f"sqlite:///{folder}/record.sqlite", ["m1", "m2", "m3"]) as found:
        for shop in ("m1", "m2", "m3"):
            found.consent(shop)
            if shop != "m3":  # who does not consent to training is not looked at
                wish = {"purpose": "training", "data_kinds": KINDS, "days": 365}
                found.call(shop).post("/v1/consents", wish)
        yield found


def loans(folder, at, **more):
    rows = {
        "merchant": ["m1", "m2", "m3", "m1"], "product": ["shop-line"] * 3 + ["other"],
        "drawn_at": [at, at - 30 * DAY_US, at, at], "limit_fen": [500_000] * 4, "rate_ppm": [120_000] * 4, "amount_fen": [300_000] * 4,
        "bad": [False, None, True, False],
    }  # fmt: skip
    pq.write_table(pa.table(rows | more), folder / "loans.parquet")
    pq.write_table(pa.table({"account": ["m1"], "industry": ["小吃"]}), folder / "accounts.parquet")
    return folder / "loans.parquet"


def test_a_row_holds_what_a_decision_of_that_moment_sees(place, tmp_path):
    house = place.house
    with opened(house, house.tenant, "m1") as record:
        body = json.loads(decide_now(house, record, "shop-line", "小吃").body_bytes)
    file = loans(tmp_path, body["as_of"])
    found = past_frame(house, file, "shop-line", since_us=0, trades=tmp_path / "accounts.parquet")
    assert found.column("entity").to_pylist() == ["m2", "m1"] and found.column("bad").to_pylist() == [None, False]
    row = found.slice(1).to_pylist()[0]
    assert row["pd_ppm"] == body["scores"]["pd"] and row["group.trade"] == body["industry"] != ""
    assert {name: row[name] for name in body["money"]} == body["money"]
    for entry in body["columns"].values():
        value = float_of(entry["bits"])
        assert row[entry["id"]] == value or (np.isnan(row[entry["id"]]) and np.isnan(value)), entry


def test_the_frame_is_what_a_backtest_reads(place, tmp_path):
    house = place.house
    found = past_frame(house, loans(tmp_path, house.clock.now()), "shop-line", since_us=0)
    pq.write_table(found, tmp_path / "past.parquet")
    history = History.read(tmp_path / "past.parquet")
    terms = Product.load(house.settings.root / "products" / "shop-line.credit.yaml")
    run = backtest(house.policy.book, terms, history, licence_type=house.licence)
    with opened(house, house.tenant, "m1") as record:
        now = decide_now(house, record, "shop-line")
    assert (int(run.limit_fen[1]), int(run.rate_ppm[1])) == (now.limit_fen, now.rate_ppm)
    with pytest.raises(BadInput, match="no loan of this product"):
        past_frame(house, tmp_path / "loans.parquet", "shop-line", since_us=house.clock.now() + DAY_US)
