"""Records: what goes in comes out, in order, each id once; damaged ones are refused."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from online_histories import NOW, Row, batch_of

from dandelion.core import Unavailable
from dandelion.indicators import standard
from dandelion.indicators.online.corrections import Corrections
from dandelion.indicators.online.layout import Layout, Table
from dandelion.indicators.online.packing import pack, reach_of, unpack
from dandelion.indicators.online.seen import Seen

NAMES = ["payment.received/90d/amount_sum", "invoice.sold/status=valid/90d/count", "tax.filed/on_time=yes/365d/count",
         "loan.outside/open=yes/365d/count"]  # fmt: skip
LAYOUT = Layout.of(standard(), NAMES)
HEX = "0123456789abcdef" * 2
IDS = st.one_of(
    st.sampled_from([HEX, HEX.upper(), HEX[:-1], HEX + "0", "z" * 32, "é", "a", "aa"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20),
)


@st.composite
def payments(draw: st.DrawFn) -> list[Row]:
    out = []
    for id_ in draw(st.lists(IDS, max_size=12, unique=True)):
        at = NOW + draw(st.sampled_from([0, 0, 1, -(2**50)]))
        out.append({"event_id": id_, "source": "s", "at": at, "arrived": at + 1, "payee": draw(st.sampled_from("mn")),
                    "payer": draw(IDS), "amount_fen": draw(st.integers(1, 2**63 - 1)), "device": None, "order_id": None,
                    "replaces": None, "channel": draw(st.sampled_from(["qr", "red_packet", "card"]))})  # fmt: skip
    return out


def table_of(key: tuple[str, str] = ("payment", "payee")) -> Table:
    return LAYOUT.tables[key]


def states(rows: list[Row], cuts: int = 1) -> dict[str, bytes]:
    """Packed in several batches and joined, as a store joins them."""
    out: dict[str, bytes] = {"m": b"", "n": b""}
    for i in range(cuts):
        part = rows[i::cuts]
        if part:
            for name, chunk in pack(table_of(), batch_of("payment", part)).chunks():
                out[name] += chunk
    return out


@settings(deadline=None)
@given(payments(), st.integers(1, 3), st.booleans())
def test_events_come_back_in_order_each_id_once(rows: list[Row], cuts: int, twice: bool) -> None:
    packed = states(rows + rows if twice else rows, cuts)
    found, hashes = unpack(table_of(), ["n", "m"], [packed["n"], packed["m"]])
    kept = ["payee", "at", "arrived", "amount_fen", "channel", "event_id", "payer"]
    wanted = sorted(rows, key=lambda row: (row["payee"] == "m", row["at"], row["event_id"].encode()))
    assert found.select(kept).to_pylist() == batch_of("payment", wanted).select(kept).to_pylist()
    assert found.schema.field("at").type == batch_of("payment", []).schema.field("at").type
    assert len(hashes) == len(rows)


@settings(deadline=None)
@given(payments(), st.integers(-2, 2))
def test_what_no_window_reaches_is_cut_off_and_the_rest_stays(rows: list[Row], step: int) -> None:
    state = states(rows)["m"]
    found, _ = unpack(table_of(), ["m"], [reach_of(table_of(), state, NOW + step)])
    wanted = {row["event_id"] for row in rows if row["payee"] == "m" and row["at"] >= NOW + step}
    assert set(found.column("event_id").to_pylist()) == wanted


def test_flags_missing_texts_and_closed_sets_come_back() -> None:
    common = {"event_id": "e", "source": "s", "at": NOW, "arrived": NOW}
    tax = {**common, "taxpayer": "m", "period_end": NOW, "revenue_fen": 0, "tax_fen": 7, "on_time": True}
    key = ("tax_filing", "taxpayer")
    (chunk,) = pack(table_of(key), batch_of("tax_filing", [tax])).chunks()
    found, _ = unpack(table_of(key), ["m"], [chunk[1]])
    assert found.column("on_time").to_pylist() == [True]
    paid = batch_of("payment", [{**common, "payee": "m", "payer": "p", "amount_fen": 1, "channel": "card"}])
    (chunk,) = pack(table_of(), paid).chunks()
    assert unpack(table_of(), ["m"], [chunk[1]])[0].column("channel").to_pylist() == ["card"]


def test_a_payment_takes_about_eighty_bytes() -> None:
    rows = [{"event_id": f"{i:032x}", "source": "s", "at": NOW, "arrived": NOW, "payee": "m", "payer": f"{i:032x}",
             "amount_fen": 1, "channel": "qr"} for i in range(100)]  # fmt: skip
    assert len(pack(table_of(), batch_of("payment", rows)).data) == 100 * (2 + 3 * 8 + 1 + 2 * 18)


@pytest.mark.parametrize("cut", [1, 2, 30, 60])
def test_a_state_that_is_not_whole_records_is_refused(cut: int) -> None:
    row = {"event_id": "e", "source": "s", "at": NOW, "arrived": NOW, "payee": "m", "payer": "p" * 40, "amount_fen": 1,
           "channel": "qr"}  # fmt: skip
    state = states([row])["m"]
    with pytest.raises(Unavailable, match="damaged"):
        unpack(table_of(), ["m"], [state[:cut]])
    with pytest.raises(Unavailable, match="damaged"):
        unpack(table_of(), ["m"], [state + b"\xff" * 9])


@settings(deadline=None)
@given(st.lists(st.lists(IDS, max_size=8), max_size=8))
def test_an_id_is_new_once(batches: list[list[str]]) -> None:
    seen, known = Seen(), set()
    for batch in batches:
        wanted = []
        for id_ in batch:
            wanted.append(id_ not in known)
            known.add(id_)
        assert seen.take(pa.array(batch, pa.string())).tolist() == wanted


def test_many_ids_that_only_count_up_are_told_apart() -> None:
    seen = Seen()
    for start in range(0, 30_000, 10_000):
        assert seen.take(pa.array([f"{i:032x}" for i in range(start, start + 10_000)])).all()
    assert not seen.take(pa.array([f"{i:032x}" for i in range(30_000)])).any()


def test_only_the_youngest_ids_are_remembered() -> None:
    seen = Seen(remembered=2)
    for name in "abcdef":
        assert seen.take(pa.array([name])).all()
    assert seen.take(pa.array(["e", "f"])).tolist() == [False, False]
    assert seen.take(pa.array(["a"])).all()


@settings(deadline=None)
@given(st.lists(st.tuples(IDS, st.integers(0, 5)), max_size=20), st.lists(IDS, max_size=10))
def test_the_earliest_correction_counts_in_any_order_and_from_the_store(
    found: list[tuple[str, int]], asked: list[str]
) -> None:
    rows = [{"event_id": f"c{i}", "source": "s", "at": NOW, "arrived": NOW + when, "payee": "m", "payer": "p", "amount_fen": 1,
             "channel": "qr", "replaces": id_} for i, (id_, when) in enumerate(found)]  # fmt: skip
    first, second = Corrections(), Corrections()
    packed = [first.note(batch_of("payment", [row])) for row in rows]
    second.load(b"".join(reversed(packed)))
    wanted: dict[str, int] = {}
    for id_, when in found:
        wanted[id_] = min(NOW + when, wanted.get(id_, NOW + when))
    assert first.known == second.known == wanted
    looked_up = [{**row, "event_id": id_} for row, id_ in zip(rows * 10, dict.fromkeys(asked), strict=False)]
    if looked_up:
        ((_, state),) = pack(table_of(), batch_of("payment", looked_up)).chunks()
        events, hashes = unpack(table_of(), ["m"], [state])
        names, since = second.of(events.column("event_id"), hashes)
        assert dict(zip(names, since.tolist(), strict=True)) == {row["event_id"]: wanted[row["event_id"]]
                                                                 for row in looked_up if row["event_id"] in wanted}  # fmt: skip


def test_damaged_corrections_are_refused() -> None:
    with pytest.raises(Unavailable, match="damaged"):
        Corrections().load(b"\x05\x00123")
