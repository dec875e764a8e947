"""What a snapshot may know, what it says, and how it is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from graph_oracle import DAY, NOW, table

from dandelion.core import BadInput, NotFound
from dandelion.graph import GraphStore, columns, load_rules, snapshot
from dandelion.graph.rules import standard_rules

TIES, COUNT, SCORE = "graph.payers/180d/ties", "graph.payers/180d/count", "graph.dandelion/180d/score"


def shop_and_friend() -> pa.Table:
    """`shop` is paid by 30 strangers on many days; `friend` by eight people who all deal with each other."""
    rows = [(f"s{i:02}", "shop", NOW - (5 * i + j) * DAY, 1000 + i) for i in range(30) for j in range(3)]
    circle = [f"f{i}" for i in range(8)]
    rows += [(a, "friend", NOW - (1 + 7 * i) * DAY, 900) for i, a in enumerate(circle)]
    rows += [(a, b, NOW - (2 + i) * DAY, 500) for i, a in enumerate(circle) for b in circle if a < b]
    return table(rows)


def test_strangers_who_pay_a_shop_make_a_dandelion_and_friends_a_ball_of_yarn() -> None:
    frame = columns(snapshot(shop_and_friend(), NOW + 1), ["shop", "friend"], NOW + 1, NOW + 1)
    assert frame[TIES].tolist() == [0.0, 1.0]
    assert frame[SCORE][0] > 0.4
    assert frame[SCORE][1] == 0.0


def test_fewer_than_five_payers_give_no_column_about_them() -> None:
    rows = [(f"p{i}", "stall", NOW - i * DAY, 100) for i in range(4)]
    frame = columns(snapshot(table(rows), NOW + 1), ["stall"], NOW + 1, NOW + 1)
    assert frame[COUNT].tolist() == [4.0]
    about_payers = [n for n in frame.names if frame.catalogue[n].null_policy == "fewer_than_5_payers"]
    assert len(about_payers) > 20
    assert all(np.isnan(frame[name][0]) for name in about_payers)
    more = columns(snapshot(table([*rows, ("p4", "stall", NOW, 100)]), NOW + 1), ["stall"], NOW + 1, NOW + 1)
    assert not np.isnan(more[TIES][0])


def test_what_arrived_after_the_boundary_changes_nothing() -> None:
    rows = [(f"p{i}", "stall", NOW - i * DAY, 100) for i in range(6)]
    arrived = [at for *_, at, _ in rows]
    base = snapshot(table(rows, arrived=arrived), NOW + 1)
    late = table([*rows, ("p9", "stall", NOW - DAY, 10**9), ("p8", "stall", NOW + 5, 10**9)],
                 arrived=[*arrived, NOW + 1, NOW + 6])  # fmt: skip
    again = columns(snapshot(late, NOW + 1), ["stall"], NOW + 1, NOW + 1)
    assert again.values.tobytes() == columns(base, ["stall"], NOW + 1, NOW + 1).values.tobytes()


def test_a_correction_takes_the_place_of_the_payment_once_it_has_arrived() -> None:
    rows = [("a", "stall", NOW - 9 * DAY, 100), ("a", "stall", NOW - 9 * DAY, 70)]
    said = table(rows, event_id=["e1", "e2"], replaces=[None, "e1"], arrived=[NOW - 9 * DAY, NOW - DAY])
    before, after = (snapshot(said, moment) for moment in (NOW - DAY, NOW))
    fen = [columns(g, ["stall"], NOW, NOW).fen("graph.received/180d/fen", 0) for g in (before, after)]
    assert fen == [100, 70]


def test_self_payments_are_no_edges_and_an_empty_record_is_an_empty_graph() -> None:
    frame = columns(snapshot(table([("a", "a", NOW, 5), ("b", "a", NOW, 5)]), NOW + 1), ["a"], NOW + 1, NOW + 1)
    assert frame[COUNT].tolist() == [1.0]
    assert frame.fen("graph.received/180d/fen", 0) == 5
    empty = snapshot(table([]), NOW)
    assert len(empty) == 0
    assert np.isnan(columns(empty, ["a"], NOW, NOW).values).all()


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (table([("a", "b", NOW, 5)]).drop_columns(["payee"]), "payee"),
        (table([("a", "b", NOW, -5)]), "amount_fen"),
        (table([("a", None, NOW, 5)]), "payee"),  # type: ignore[list-item]
    ],
)
def test_malformed_payments_are_refused_by_field(broken: pa.Table, field: str) -> None:
    with pytest.raises(BadInput) as refused:
        snapshot(broken, NOW + 1)
    assert refused.value.field == field


def test_household_and_circular_receipts_are_set_aside_once() -> None:
    rows = [(f"p{i}", "shop", NOW - i * DAY, 1000) for i in range(6)]
    rows += [("wife", "shop", NOW - 3 * DAY, 700), ("shop", "wife", NOW - 2 * DAY, 700)]  # household and circular
    rows += [("shop", "p1", NOW - 1, 400)]  # p1 has 400 of its 1000 back
    moment = pa.array([NOW - 99 * DAY] * 2, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    roles = pa.table({"event_id": ["r1", "r2"], "at": moment, "arrived": moment, "firm": ["firm", "firm"],
                      "person": ["shop", "wife"], "role": ["owner", "household_member"]})  # fmt: skip
    frame = columns(snapshot(table(rows), NOW, roles=roles), ["shop"], NOW, NOW)
    assert frame.fen("graph.circular/180d/fen", 0) == 1100
    assert frame.fen("graph.set_aside/180d/fen", 0) == 1100
    assert frame["graph.household/size"].tolist() == [3.0]
    direct = roles.set_column(3, "firm", pa.array(["shop", "shop"])).set_column(4, "person", pa.array(["x", "wife"]))
    again = columns(snapshot(table(rows), NOW, roles=direct), ["shop"], NOW, NOW)
    assert again.fen("graph.set_aside/180d/fen", 0) == 400, "indicators leave a role holder's payments out themselves"


def test_without_consent_to_payments_every_column_is_missing_and_says_so() -> None:
    graph = snapshot(shop_and_friend(), NOW + 1)
    frame = columns(graph, ["shop"], NOW + 1, NOW + 1, granted=["invoices"])
    assert np.isnan(frame.values).all()
    assert {entry.null_policy for entry in frame.catalogue.values()} == {"not_consented"}
    assert frame.fen("graph.circular/180d/fen", 0) is None
    assert not np.isnan(columns(graph, ["shop"], NOW + 1, NOW + 1, granted=["payments"])[SCORE][0])


def test_what_households_and_phones_go_into_needs_their_kinds_too() -> None:
    moment = pa.array([NOW - 99 * DAY], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    roles = pa.table({"event_id": ["r1"], "at": moment, "arrived": moment, "firm": ["shop"], "person": ["s00"],
                      "role": ["owner"]})  # fmt: skip
    graph = snapshot(shop_and_friend(), NOW + 1, roles=roles)
    home, aside, phone = "graph.household/size", "graph.set_aside/180d/fen", "graph.payers/180d/shared_device_share"
    told = columns(graph, ["shop"], NOW + 1, NOW + 1, granted=["payments", "registry", "logins"])
    assert told[home].tolist() == [2.0] and told.fen(aside, 0) is not None and not np.isnan(told[phone][0])
    for granted in (["payments", "logins"], ["payments", "registry"]):
        frame = columns(graph, ["shop"], NOW + 1, NOW + 1, granted=granted)
        assert np.isnan(frame[home][0]) and np.isnan(frame[aside][0]) and frame.fen(aside, 0) is None
        assert frame.catalogue[home].null_policy == "not_consented"
        assert np.isnan(frame[phone][0]) == ("logins" not in granted)
        assert not np.isnan(frame[SCORE][0]) and frame.fen("graph.circular/180d/fen", 0) == 0
        closed = {name for name in frame.names if frame.catalogue[name].null_policy == "not_consented"}
        assert closed == {name for name in frame.names if not set(frame.catalogue[name].data_kinds) <= set(granted)}


def test_a_snapshot_of_an_earlier_release_is_read_under_today_s_kinds(tmp_path: Path) -> None:
    graph = snapshot(shop_and_friend(), NOW + 1)
    old = {name: replace(entry, data_kinds=("payments",)) for name, entry in graph.frame.catalogue.items()}
    GraphStore(tmp_path).save(replace(graph, frame=replace(graph.frame, catalogue=old)))
    frame = GraphStore(tmp_path).columns(["shop"], NOW + 1, NOW + 1, granted=["payments"])
    assert np.isnan(frame["graph.household/size"][0]) and not np.isnan(frame[SCORE][0])


def test_a_stored_snapshot_comes_back_as_it_was(tmp_path: Path) -> None:
    graph = snapshot(shop_and_friend(), NOW + 1)
    store = GraphStore(tmp_path)
    digest = store.save(graph)
    again = GraphStore(tmp_path).load(NOW + 1, verify=True)
    assert again.frame.values.tobytes() == graph.frame.values.tobytes()
    assert again.accounts.equals(graph.accounts)
    assert np.array_equal(again.ties.neighbours, graph.ties.neighbours)
    assert store.content_hash(NOW + 1) == digest == GraphStore(tmp_path / "again").save(graph)


def test_a_damaged_snapshot_is_noticed(tmp_path: Path) -> None:
    GraphStore(tmp_path).save(snapshot(shop_and_friend(), NOW + 1))
    file = tmp_path / str(NOW + 1) / "neighbours.arrow"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(BadInput, match="build it again"):
        GraphStore(tmp_path).load(NOW + 1, verify=True)


def test_a_store_sees_what_another_process_saved_meanwhile(tmp_path: Path) -> None:
    reader, writer = GraphStore(tmp_path), GraphStore(tmp_path)
    assert reader.boundaries() == []
    first = writer.save(snapshot(shop_and_friend(), NOW + 1))
    assert (reader.boundaries(), reader.content_hash(NOW + 1)) == ([NOW + 1], first)
    before = len(reader.load(NOW + 1))
    second = writer.save(snapshot(shop_and_friend().slice(0, 1), NOW + 1))  # the same boundary, built anew
    writer.save(snapshot(shop_and_friend(), NOW + 2))
    assert reader.boundaries() == [NOW + 1, NOW + 2]
    assert reader.content_hash(NOW + 1) == second != first
    assert len(reader.load(NOW + 1)) < before


def test_every_row_is_served_from_the_latest_boundary_not_after_it(tmp_path: Path) -> None:
    store = GraphStore(tmp_path)
    with pytest.raises(NotFound):
        store.columns(["shop"], NOW, NOW)
    rows = [(f"p{i:02}", "shop", NOW - i * DAY, 100) for i in range(60)]
    for boundary in (NOW - 40 * DAY, NOW - 10 * DAY):
        store.save(snapshot(table(rows), boundary))
    as_of = [NOW, NOW - 10 * DAY, NOW - 10 * DAY - 1, NOW - 41 * DAY, NOW]
    known_at = [NOW, NOW, NOW, NOW, NOW - 20 * DAY]
    found = store.columns(["shop"] * 5, as_of, known_at)[COUNT]
    np.testing.assert_array_equal(found, np.array([49, 49, 19, np.nan, 19], np.float32))
    assert store.latest(NOW - 50 * DAY) is None
    assert store.latest(NOW - 30 * DAY).as_of == NOW - 40 * DAY  # type: ignore[union-attr]


def test_rules_must_be_whole_and_keep_five_people(tmp_path: Path) -> None:
    from importlib import resources

    text = resources.files("dandelion.graph").joinpath("rules.yaml").read_text("utf-8")
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    assert load_rules(file) == standard_rules()
    for change, field in (("people_min: 5", "people_min"), ("hop_tolerance: 0.20", "hop_tolerance")):
        name = change.split(":", maxsplit=1)[0]
        file.write_text(text.replace(change, f"{name}: 3" if field == "people_min" else "nonsense: 1"))
        with pytest.raises(BadInput) as refused:
            load_rules(file)
        assert refused.value.field in (field, "circular.nonsense")
