"""Blocks: what Arrow held, as whole numbers; few bytes, and back again without loss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput, arrow_schema
from dandelion.indicators import Cube, Definitions, Level, Measure, Stream, standard
from dandelion.indicators.block import Block, Layout, layouts
from dandelion.indicators.columns import Events
from dandelion.indicators.declare import Dimension
from dandelion.indicators.layout import AT, DAY, GONE

NOW = 1_750_000_000_000_000
DAY_US = 86_400_000_000
NIGHT = Dimension("hours", (Level("night", "", "", low=22, high=6), Level("late", "", "", low=20, high=24)), "hour")
WEEKEND = Dimension("days", (Level("weekend", "", "", low=6, high=8),), "weekday")
CHANNEL = Dimension("channel", tuple(Level(c, "", "", c) for c in ("qr", "card", "red_packet")), field="channel")
SIZE = Dimension("size", (Level("small", "", "", high=100), Level("odd", "", "", low=7, high=5000)), field="amount_fen")
STANDING = Dimension("standing", tuple(Level(s, "", "") for s in ("trade", "related", "self", "gift")), "standing")
PAID = Stream("my.paid", "payment", "payee", "", "", counterparty="payer", measures=(Measure("a", "amount_fen", "", "", ""),),
              dimensions=(NIGHT, WEEKEND, CHANNEL, SIZE, STANDING))  # fmt: skip
MINE = Definitions.of([Cube(PAID, ("30d",), ("sum", "distinct"), by=("hours", "days", "channel", "size", "standing"))])
LAYOUT = layouts(MINE)["payment", "payee"]


def paid(number: int, draw: st.DrawFn) -> dict[str, object]:
    at = NOW - draw(st.integers(0, 30)) * DAY_US // 4
    return {"event_id": f"e{draw(st.integers(0, 3))}.{number}", "source": "s", "at": at,
            "arrived": at + draw(st.sampled_from([0, 5])), "replaces": draw(st.sampled_from([None, "e0.0"])),
            "payee": draw(st.sampled_from(["shop", "stall", "kiosk"])), "payer": draw(st.sampled_from(["ann", "shop", "é"])),
            "amount_fen": draw(st.integers(1, 2**40)), "channel": draw(st.sampled_from(["qr", "card", "red_packet"])),
            "device": None, "order_id": None}  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, object]]:
    return [paid(i, draw) for i in range(draw(st.integers(0, 12)))]


def block_of(rows: list[dict[str, object]]) -> Block:
    return Block.of(LAYOUT, pa.Table.from_pylist(rows, schema=arrow_schema("payment")))


@settings(max_examples=60, deadline=None)
@given(histories())
def test_a_block_says_of_every_event_what_the_table_said(rows: list[dict[str, object]]) -> None:
    block = block_of(rows)
    order = block.subjects.to_pylist()  # a table whose subjects lie together keeps their order
    ordered = sorted(rows, key=lambda e: (order.index(e["payee"]), e["at"], e["event_id"]))
    assert len(block) == len(ordered)
    by_subject: dict[object, dict[object, int]] = {}
    for i, event in enumerate(ordered):
        column = block.data[:, i]
        moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=event["at"])).astimezone(  # type: ignore[arg-type]
            ZoneInfo("Asia/Shanghai")
        )
        assert column[AT] == event["at"]
        assert column[DAY] == (moment.date() - datetime(1970, 1, 1, tzinfo=UTC).date()).days
        assert column[LAYOUT.measure_line("amount_fen")] == event["amount_fen"]
        replaced = [e["arrived"] for e in rows if e["replaces"] == event["event_id"]]
        assert column[GONE] == min(replaced, default=np.iinfo(np.int64).max)
        numbers = by_subject.setdefault(event["payee"], {})
        assert column[LAYOUT.party_line("payer")] == numbers.setdefault(event["payer"], len(numbers))
        for split in LAYOUT.splits:
            code = column[LAYOUT.word_line(split)] >> split.shift & ((1 << split.bits) - 1)
            levels = {split.dimension.levels[j].value for j in split.sets[code]}
            assert levels == _levels(split.dimension.name, event, moment)


def _levels(name: str, event: dict[str, object], moment: datetime) -> set[str]:
    match name:
        case "channel":
            return {str(event["channel"])}
        case "hours":
            found = {"night"} if moment.hour >= 22 or moment.hour < 6 else set()
            return found | ({"late"} if moment.hour >= 20 else set())
        case "size":
            fen = int(str(event["amount_fen"]))
            return {name for name, low, high in (("small", 0, 100), ("odd", 7, 5000)) if low <= fen < high}
        case "days":
            return {"weekend"} if moment.isoweekday() >= 6 else set()
    return {"self"} if event["payer"] == event["payee"] else {"gift"} if event["channel"] == "red_packet" else {"trade"}


@settings(max_examples=40, deadline=None)
@given(histories())
def test_a_packed_block_comes_back_whole(rows: list[dict[str, object]]) -> None:
    block = block_of(rows)
    for subject in ("shop", "stall", "nobody"):
        one = block.one(subject)
        again = Block.from_bytes(LAYOUT, one.to_bytes())
        assert again.data.tobytes() == one.data.tobytes()
        assert [h.tolist() for h in again.hashes] == [h.tolist() for h in one.hashes]
        assert [b[-1] for b in again.party_bounds] == [b[-1] for b in one.party_bounds]


def test_bytes_of_another_layout_are_refused() -> None:
    packed = block_of([]).to_bytes()
    with pytest.raises(BadInput, match="another layout"):
        Block.from_bytes(Layout("payment", "payee", "Asia/Shanghai"), packed)


def test_a_layout_holds_only_what_its_columns_need() -> None:
    few = layouts(standard(), ["payment.received/30d/count"])["payment", "payee"]
    assert (few.splits, few.measures, few.parties) == ((), (), ())
    assert ("role", "firm") not in layouts(standard(), ["payment.received/30d/count"])
    assert layouts(standard(), ["turnover.verified/30d"])["role", "firm"].parties == ("person",)


def test_a_table_without_events_is_the_empty_block_and_its_columns_are_asked_for_all_the_same() -> None:
    found = layouts(standard())
    for (kind, role), layout in found.items():
        nothing = arrow_schema(kind).empty_table()
        quick, slow = Block.of(layout, nothing), Block.of_events(layout, Events.of(kind, role, nothing))
        assert quick.data.shape == slow.data.shape and quick.data.dtype == slow.data.dtype
        assert quick.subjects.to_pylist() == slow.subjects.to_pylist() == []
        assert [b.tolist() for b in (quick.bounds, *quick.party_bounds)] == [
            b.tolist() for b in (slow.bounds, *slow.party_bounds)
        ]
        assert [h.tolist() for h in quick.hashes] == [h.tolist() for h in slow.hashes]
        for name in sorted(layout.reads):
            with pytest.raises(BadInput, match=name):
                Block.of(layout, nothing.drop_columns([name]))
    assert len(found) > 10
