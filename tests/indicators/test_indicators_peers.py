"""Columns against peers: one value everywhere, from others of the group as of the month, never of fewer than five."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from online_histories import CLOCK
from peer_town import ASKED, MONTH, NEXT, SUM, subjects_of, tables_for, town

from dandelion.core import DAY_US, BadInput, Frame
from dandelion.indicators import (
    PeerTable,
    PeerTables,
    StagedServing,
    evaluate,
    explain,
    peer_tables,
    read_frame,
    standard,
    write_frame,
)
from dandelion.indicators.block import Block
from dandelion.indicators.online import Online, open_store
from dandelion.indicators.peers import read_settings, settings


def plainly(events: dict[tuple[str, str], pa.Table], names: list[str], at: int) -> list[float]:
    """`SUM` by district, the slow way: from plain values of the plain column at the start of the month."""
    boundary = NEXT if at >= NEXT else MONTH
    everybody = subjects_of(events)
    then = dict(zip(everybody, _sums(events, everybody, boundary), strict=True))
    out = []
    for name, own in zip(names, _sums(events, names, at), strict=True):
        mine = _district(events, name, at)
        others = sorted(value for other, value in then.items() if mine and _district(events, other, boundary) == mine)
        if not mine or len(others) < 5:
            out.append(float("nan"))
            continue
        low, middle, high = (np.float64(others[-(-len(others) * k // 4) - 1]) for k in (1, 2, 3))
        out.append(float(np.float32((np.float64(own) - middle) / (high - low))) if high > low else float("nan"))
    return out


def _sums(events: dict[tuple[str, str], pa.Table], names: list[str], at: int) -> list[np.float32]:
    found = dict.fromkeys(names, 0)
    for row in events["payment", "payee"].to_pylist():
        moment, arrived = (int(row[k].timestamp() * 1_000_000 + 0.5) for k in ("at", "arrived"))
        if at - 30 * DAY_US <= moment < at and arrived < at and row["payee"] in found:
            found[row["payee"]] += row["amount_fen"]
    return [np.float32(found[name]) for name in names]


def _district(events: dict[tuple[str, str], pa.Table], name: str, at: int) -> str | None:
    known = [
        row for row in events["placement", "merchant"].to_pylist()
        if row["merchant"] == name and all(int(row[k].timestamp() * 1_000_000 + 0.5) < at for k in ("at", "arrived"))
    ]  # fmt: skip
    return known[-1]["district"] if known else None


@hypothesis_settings(max_examples=6, deadline=None)
@given(shops=st.integers(4, 30), seed=st.integers(0, 10_000))
def test_a_place_among_peers_is_what_a_plain_reckoning_finds(shops: int, seed: int) -> None:
    events = town(shops, seed)
    names = subjects_of(events)
    for at in (MONTH + 3 * DAY_US, NEXT, NEXT + DAY_US):
        frame = evaluate(standard(), events, names, at, at, columns=ASKED[:1], peers=tables_for(events))
        np.testing.assert_array_equal(frame.values[:, 0], np.array(plainly(events, names, at), np.float32))


def test_every_way_of_computing_gives_the_same_bytes(tmp_path: Path) -> None:
    events, definitions = town(40, 7), standard()
    peers, names = tables_for(events), subjects_of(events)
    at = NEXT + DAY_US
    frame = evaluate(definitions, events, names, at, at, columns=ASKED, peers=peers)
    assert np.isfinite(frame.values).sum(axis=0).min() > 5
    sources = {}
    for key, table in events.items():
        sources[key] = tmp_path / f"{key[0]}-{key[1]}.parquet"
        pq.write_table(table, sources[key])
    read = read_frame(definitions, sources, at, at, columns=ASKED, peers=peers, rows_at_once=100)
    assert read.entity.tolist() == names and read.values.tobytes() == frame.values.tobytes()
    labels = pa.table({"entity": names, "as_of": [at] * len(names), "known_at": [at] * len(names)})
    write_frame(definitions, sources, labels, tmp_path / "out.parquet", columns=ASKED, peers=peers, rows_at_once=100)
    written = Frame.from_arrow(pq.read_table(tmp_path / "out.parquet"))
    assert written.values.tobytes() == frame.values.tobytes()
    assert written.fen("turnover.verified/90d", 0) is not None if "turnover.verified/90d" in written.money else True
    serving = StagedServing.of(definitions, ASKED, peers=peers)
    for row, name in enumerate(names):
        blocks = {key: Block.of(layout, events[key]).one(name) for key, layout in serving.layouts.items()}
        np.testing.assert_array_equal(serving.row(blocks, at, at), frame.values[row])
        stored = {key: Block.from_bytes(block.layout, block.to_bytes()) for key, block in blocks.items()}
        np.testing.assert_array_equal(serving.row(stored, at, at), frame.values[row])
        without_places = serving.row(blocks, at, at, granted=("payments", "orders"))
        assert np.isnan(without_places[[0, 1, 4, 5]]).all()


def test_online_state_gives_the_same_bytes(tmp_path: Path) -> None:
    events, definitions = town(40, 7), standard()
    peers, names, at = tables_for(events), subjects_of(events), NEXT + DAY_US
    online = Online(definitions, tmp_path / "log", open_store("memory:", "demo"), columns=ASKED, clock=CLOCK)
    for (kind, _), table in events.items():
        if table.num_rows:
            online.apply(kind, table)
    frame = evaluate(definitions, events, names, at, at, columns=ASKED, peers=peers)
    assert online.frame(names, at, columns=ASKED, peers=peers).values.tobytes() == frame.values.tobytes()
    served = online.serve(ASKED, peers=peers)
    for row, name in enumerate(names):
        assert served.row(name, at).tobytes() == frame.values[row].tobytes()
    with pytest.raises(BadInput, match="give peers="):
        online.serve(ASKED)
    online.close()


def test_a_table_survives_being_written_and_its_hash_names_every_figure() -> None:
    table = tables_for(town(40, 7)).table(MONTH)
    again = PeerTable.from_arrow(table.to_arrow())
    assert again.hash == table.hash and again.columns == table.columns
    other = tables_for(town(40, 8)).table(MONTH)
    assert other.hash != table.hash


def test_nothing_is_told_of_fewer_than_five() -> None:
    table = tables_for(town(60, 3)).table(MONTH)
    for groups in table.by.values():
        assert groups.subjects[groups.subjects > 0].min(initial=5) >= 5
        assert np.isnan(groups.quartiles[:, groups.subjects == 0]).all()
    events = town(4, 3)
    names = subjects_of(events)
    few = evaluate(standard(), events, names, NEXT, NEXT, columns=ASKED[:1], peers=tables_for(events))
    assert np.isnan(few.values).all() and few.catalogue[ASKED[0]].null_policy == "fewer_than_5_peers"


def test_what_happens_after_the_month_began_leaves_its_table_alone() -> None:
    events = town(40, 7)
    known = pa.compute.and_(
        pa.compute.less(events["payment", "payee"].column("at").cast(pa.int64()), MONTH),
        pa.compute.less(events["payment", "payee"].column("arrived").cast(pa.int64()), MONTH),
    )
    then = {**events, ("payment", "payee"): events["payment", "payee"].filter(known)}
    names = subjects_of(events)
    assert peer_tables(standard(), then, names, (MONTH,), ASKED).table(MONTH).hash == (
        peer_tables(standard(), events, names, (MONTH,), ASKED).table(MONTH).hash
    )


def test_before_the_first_month_and_without_tables_or_consent_it_is_missing_and_says_why() -> None:
    events, peers = town(40, 7), tables_for(town(40, 7))
    name = subjects_of(events)[1]
    early = evaluate(standard(), events, [name], MONTH - 1, MONTH - 1, columns=ASKED[:1], peers=peers)
    assert np.isnan(early.values).all()
    without = evaluate(standard(), events, [name], NEXT, NEXT, columns=ASKED[:1])
    assert np.isnan(without.values).all() and without.catalogue[ASKED[0]].null_policy == "no_peer_table"
    hidden = explain(standard(), ASKED[0], events, name, NEXT, NEXT, granted=("payments",), peers=peers)
    assert np.isnan(hidden.value) and hidden.column.null_policy == "not_consented" and hidden.group is None


def test_an_explanation_shows_the_group_and_the_table_it_came_from() -> None:
    events = town(40, 7)
    peers, names = tables_for(events), subjects_of(events)
    at = NEXT + DAY_US
    frame = evaluate(standard(), events, names, at, at, columns=ASKED[:1], peers=peers)
    name = names[int(np.flatnonzero(np.isfinite(frame.values[:, 0]))[0])]
    found = explain(standard(), ASKED[0], events, name, at, at, peers=peers)
    assert found.group is not None and found.group.subjects >= 5
    assert (found.group.boundary, found.group.table) == (NEXT, peers.table(NEXT).hash)
    own = next(term.value for term in found.terms if term.id == SUM)
    assert found.value == np.float32((own - found.group.middle) / (found.group.high - found.group.low))


def test_a_column_measured_otherwise_in_that_month_is_missing() -> None:
    events = town(40, 7)
    peers, names = tables_for(events), subjects_of(events)
    held = {m: PeerTable(m, {**peers.table(m).columns, SUM: "another"}, peers.table(m).by) for m in peers.boundaries()}
    frame = evaluate(standard(), events, names, NEXT, NEXT, columns=ASKED[:2], peers=PeerTables(held))
    assert np.isnan(frame.values[:, 0]).all() and np.isfinite(frame.values[:, 1]).any()


def test_the_catalogue_says_what_it_is_needs_and_means() -> None:
    entry = standard().column(f"{SUM}.peers.area.size")
    assert (entry.unit, entry.null_policy, entry.purpose) == ("quartile ranges", "fewer_than_5_peers", "credit")
    assert entry.data_kinds == ("payments", "places")
    assert entry.en == ("Total amount of payments received in the last 30 days, against merchants of the same district and "
                        "size of receipts: how many quartile ranges from their median")  # fmt: skip
    assert entry.zh.startswith("过去30天收到的付款的金额合计，与同一城区同等收款规模的商户相比")
    for name in settings().ids():
        standard().column(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (f"{SUM}.peers.size.area", "in this order"),
        (f"{SUM}.peers.street", "industry, area, size"),
        (f"{SUM}.peers.area.peers.size", "already"),
        ("payment.received/30d/nothing.peers.area", "nothing"),
    ],
)
def test_a_wrong_path_is_refused_with_the_remedy(name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        standard().column(name)


def test_settings_below_five_or_out_of_order_are_refused() -> None:
    text = (Path(__file__).parents[2] / "src/dandelion/indicators/peers.yaml").read_text("utf-8")
    with pytest.raises(BadInput, match="at least 5"):
        read_settings(text.replace("subjects_min: 5", "subjects_min: 4"), "peers.yaml")
    with pytest.raises(BadInput, match="must grow"):
        read_settings(text.replace("[1, 300000", "[300000, 1"), "peers.yaml")
