"""New and returning counterparties, and the same weekdays of other weeks: as a plain reckoning finds them, in every mode."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from online_histories import CLOCK

from dandelion.core import DAY_US, BadInput, arrow_schema
from dandelion.indicators import (
    Definitions,
    Derive,
    PeerTables,
    Serving,
    StagedServing,
    evaluate,
    explain,
    full,
    read_frame,
    standard,
    write_frame,
)
from dandelion.indicators.block import Block
from dandelion.indicators.online import Online, open_store

NOW = 15_000 * DAY_US
KEY = ("payment", "payee")
DISTINCT = "payment.received/30d/distinct_payers"
ASKED = (
    f"{DISTINCT}.new.90d", f"{DISTINCT}.returning.90d", f"{DISTINCT}.new_share.ever", f"{DISTINCT}.returning_share.90d",
    "payment.received/channel=qr/7d/distinct_payers.new.30d", DISTINCT, "payment.received/1d/count.same_weekdays.28d",
    "payment.received/3d/amount_sum.same_weekdays.56d",
)  # fmt: skip
Row = dict[str, object]


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    rows: list[Row] = []
    for n in range(draw(st.integers(0, 60))):
        at = NOW - draw(st.integers(0, 130)) * DAY_US - draw(st.sampled_from([0, 1, DAY_US // 2]))
        replaces = f"e{draw(st.integers(0, n - 1)):03d}" if n and draw(st.integers(0, 5)) == 0 else None
        rows.append({
            "event_id": f"e{n:03d}", "source": "s", "at": at, "arrived": at + draw(st.integers(0, 9)) * DAY_US,
            "payee": draw(st.sampled_from(["shop", "stall"])), "payer": draw(st.sampled_from("abcdefg")), "replaces": replaces,
            "amount_fen": draw(st.integers(1, 10**7)), "channel": draw(st.sampled_from(["qr", "online"])),
        })  # fmt: skip
    return rows


def table_of(rows: list[Row]) -> pa.Table:
    table = pa.Table.from_pylist(rows, schema=arrow_schema("payment"))
    return table.sort_by([("payee", "ascending"), ("at", "ascending"), ("event_id", "ascending")])


def counting(rows: list[Row], shop: str, now: int) -> list[Row]:
    gone = {row["replaces"] for row in rows if row["arrived"] < now}  # type: ignore[operator]
    return [
        r for r in rows if r["payee"] == shop and r["event_id"] not in gone and r["at"] < now and r["arrived"] < now
    ]  # type: ignore[operator]


def plainly(rows: list[Row], shop: str, now: int) -> list[float]:
    mine = counting(rows, shop, now)

    def payers(days: float, since: float = 0, channel: str = "") -> set[object]:
        span = (now - days * DAY_US, now - since * DAY_US)
        return {r["payer"] for r in mine if span[0] <= r["at"] < span[1] and channel in str(r["channel"])}  # type: ignore[operator]

    def total(days: int, since: int, fen: bool) -> float:
        held = [r for r in mine if now - days * DAY_US <= r["at"] < now - since * DAY_US]  # type: ignore[operator]
        return float(sum(int(r["amount_fen"]) for r in held)) if fen else float(len(held))  # type: ignore[call-overload]

    seen, before, ever = payers(30), payers(90, 30), payers(10_000, 30)
    code = payers(7, 0, "qr") - payers(30, 7, "qr")
    out = [len(seen - before), len(seen & before), len(seen - ever) / len(seen) if seen else np.nan,
           len(seen & before) / len(seen) if seen else np.nan, len(code), len(seen)]  # fmt: skip
    for days, weeks, fen in ((1, 4, False), (3, 8, True)):
        usual = sum(total(7 * k + days, 7 * k, fen) for k in range(1, weeks + 1)) / weeks
        out.append(total(days, 0, fen) / usual - 1 if usual > 0 else np.nan)
    return [float(one) for one in out]


@hypothesis_settings(max_examples=30, deadline=None)
@given(histories(), st.integers(0, 3))
def test_they_are_what_a_plain_reckoning_finds(rows: list[Row], days: int) -> None:
    now = NOW - days * DAY_US
    frame = evaluate(standard(), {KEY: table_of(rows)}, ["shop", "stall", "nobody"], now, now, columns=ASKED)
    wanted = np.array([plainly(rows, shop, now) for shop in ("shop", "stall", "nobody")])
    np.testing.assert_array_equal(frame.values, wanted.astype(np.float32))


@hypothesis_settings(max_examples=8, deadline=None)
@given(histories(), st.randoms(use_true_random=False), st.integers(1, 9))
def test_streaming_gives_the_bytes_of_the_batch_whatever_the_order(rows: list[Row], random: Random, size: int) -> None:
    """Shuffled, in pieces, some of them twice."""
    sent = [*rows, *random.sample(rows, len(rows) // 3)]
    random.shuffle(sent)
    with tempfile.TemporaryDirectory() as folder:
        online = Online(standard(), Path(folder) / "log", open_store("memory:", "demo"), columns=ASKED, clock=CLOCK)
        served = online.serve(ASKED)
        for start in range(0, len(sent), size):
            online.apply("payment", table_of(sent[start : start + size]))
        who = ["shop", "stall", "nobody"]
        for now in (NOW - 9 * DAY_US, NOW, NOW + 40 * DAY_US):
            wanted = evaluate(standard(), {KEY: table_of(rows)}, who, now, now, columns=ASKED).values
            assert online.frame(who, now, columns=ASKED).values.tobytes() == wanted.tobytes()
            assert b"".join(served.row(name, now).tobytes() for name in who) == wanted.tobytes()
        online.close()


def test_all_of_them_are_served_in_the_order_that_is_quickest() -> None:
    """Beside columns of the kernel, against peers or not, for one who has events and one who has none."""
    listed = [name for name in full().columns if name.startswith("payment.") and name.count("/") == 2]
    assert sum(".new_share." in name for name in listed) > 10 and sum(".same_weekdays." in name for name in listed) > 20
    names, events, peers = [*listed, "payment.received/30d/count.peers.size"], table_of(busy()), PeerTables({})
    serving = StagedServing.of(full(), names, peers=peers, own_order=True)
    assert sorted(serving.columns) == sorted(names)
    block = Block.of(serving.layouts[KEY], events)
    for shop, granted in (("shop1", None), ("nobody", None), ("shop1", ["payments"]), ("shop1", [])):
        wanted = evaluate(full(), dict.fromkeys(serving.layouts, events), [shop], NOW, NOW, columns=serving.columns,
                          granted=granted, peers=peers)  # fmt: skip
        others = {key: Block.of(layout, events).one(shop) for key, layout in serving.layouts.items() if key != KEY}
        given = {KEY: block.one(shop), **others} if shop == "shop1" else {}
        assert serving.row(given, NOW, NOW, granted=granted).tobytes() == wanted.values[0].tobytes()


def busy() -> list[Row]:
    rng = np.random.default_rng(4)
    return [
        {"event_id": f"e{n:04d}", "source": "s", "at": NOW - int(rng.integers(1, 200 * DAY_US)), "arrived": NOW - 1,
         "payee": f"shop{rng.integers(5)}", "payer": f"p{rng.integers(60)}", "amount_fen": int(rng.integers(1, 9999)),
         "channel": "qr" if rng.integers(2) else "online"} for n in range(2_000)
    ]  # fmt: skip


def test_every_way_of_computing_gives_the_same_bytes(tmp_path: Path) -> None:
    events, definitions = table_of(busy()), standard()
    shops = [f"shop{i}" for i in range(5)]
    frame = evaluate(definitions, {KEY: events}, shops, NOW, NOW, columns=ASKED)
    assert np.isfinite(frame.values).all() and 0 < frame.values[0, 0] < frame.values[0, 5]
    pq.write_table(events, tmp_path / "p.parquet")
    read = read_frame(definitions, {KEY: tmp_path / "p.parquet"}, NOW, NOW, columns=ASKED, rows_at_once=100)
    assert read.values.tobytes() == frame.values.tobytes()
    labels = pa.table({"entity": shops, "as_of": [NOW] * 5, "known_at": [NOW] * 5})
    write_frame(definitions, {KEY: tmp_path / "p.parquet"}, labels, tmp_path / "out.parquet", columns=ASKED)
    written = pq.read_table(tmp_path / "out.parquet")
    assert [written.column(name).to_numpy().tolist() for name in ASKED] == frame.values.T.tolist()
    serving = StagedServing.of(definitions, ASKED)
    online = Online(definitions, tmp_path / "log", open_store("memory:", "demo"), columns=ASKED, clock=CLOCK)
    online.apply("payment", events)
    served = online.serve(ASKED)
    for row, shop in enumerate(shops):
        block = Block.of(serving.layouts[KEY], events).one(shop)
        assert serving.row({KEY: block}, NOW, NOW).tobytes() == frame.values[row].tobytes()
        assert served.row(shop, NOW).tobytes() == frame.values[row].tobytes()
    assert np.isnan(serving.row({KEY: block}, NOW, NOW, granted=())).all()
    online.close()


def test_the_catalogue_and_the_explanation_say_what_they_are() -> None:
    entry = standard().column(f"{DISTINCT}.new.90d")
    assert (entry.unit, entry.null_policy, entry.data_kinds) == ("count", "zero_is_real", ("payments",))
    assert entry.en == ("Number of different payers in payments received in the last 30 days who had not been seen before, "
                        "in the last 90 days")  # fmt: skip
    share = standard().column(f"{DISTINCT}.returning_share.ever")
    assert (share.unit, share.range) == ("share", (0.0, 1.0)) and "已出现过" in share.zh
    assert share.en.startswith(
        "Of the different payers in payments received in the last 30 days, the share who had been"
    )
    device = full().column("login.made/30d/distinct_devices.new.90d")
    assert "that had not been seen before" in device.en and device.zh.endswith("未出现过的个数"), (
        "devices are no people"
    )
    assert standard().needs([f"{DISTINCT}.new.ever"]) == {KEY: None}
    found = explain(standard(), f"{DISTINCT}.new.90d", {KEY: table_of(busy())}, "shop1", NOW, NOW)
    assert [term.id for term in found.terms] == [DISTINCT, "payment.received/90d/distinct_payers"]
    assert 0 <= found.value <= found.terms[0].value
    hidden = explain(standard(), f"{DISTINCT}.new.90d", {KEY: table_of([])}, "shop1", NOW, NOW, granted=())
    assert hidden.column.null_policy == "not_consented" and np.isnan(hidden.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (f"{DISTINCT}.new.7d", "no longer window"),
        ("payment.received/standing=trade/30d/distinct_payers.new.90d", "standings"),
        ("loan.outside/30d/distinct_lenders.new.90d", "newest state"),
        ("payment.received/30d/count.new.90d", "distinct"),
        ("payment.received/30d/count.same_weekdays.56d", "1 to 7 days"),
        ("payment.received/1d/count.same_weekdays.10d", "whole weeks"),
        ("payment.received/standing=trade/1d/count.same_weekdays.28d", "standings"),
        (f"{DISTINCT}.new.90d.peers.area", "comes last"),
    ],
)
def test_a_wrong_path_is_refused_with_the_remedy(name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        standard().column(name)


def test_nothing_is_derived_from_what_comes_last_and_plain_serving_says_so() -> None:
    wrong = Derive("own/x", "ratio", (f"{DISTINCT}.new.90d", DISTINCT), "新", "new")
    with pytest.raises(BadInput, match="comes last"):
        Definitions.of([*standard().streams.values(), wrong])
    with pytest.raises(BadInput, match="StagedServing"):
        Serving.of(standard(), [f"{DISTINCT}.new.90d"])
