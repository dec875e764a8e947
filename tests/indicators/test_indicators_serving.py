"""Serving gives the bytes of `evaluate`, from blocks that may hold more than it reads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indicator_oracle import Events
from test_indicators_kernel import (
    ASKED,
    BILLED,
    DAY,
    HISTORIES,
    NEW,
    NOW,
    OWED,
    PAID,
    PLAIN,
    history,
    mine,
    tables,
)

from dandelion.core import BadInput
from dandelion.indicators import Cube, Definitions, evaluate, full
from dandelion.indicators.block import Block, layouts
from dandelion.indicators.finishing import DIFFERENCE, RATIO, SHARE, TREND
from dandelion.indicators.serving import Serving

WHOLE = Serving.of(mine(), list(mine().columns))


@settings(max_examples=30, deadline=None)
@given(HISTORIES, ASKED, st.sampled_from([(), ("ann", "nobody")]))
def test_a_served_row_has_the_bytes_of_evaluate(
    events: Events, asked: list[tuple[str, int, int]], related: tuple[str, ...]
) -> None:
    arrow = tables(events)
    many = {key: Block.of(layout, arrow[key]) for key, layout in WHOLE.layouts.items()}
    for subject, as_of, known_at in asked:
        stored = {key: block.one(subject).to_bytes() for key, block in many.items()}
        blocks = {key: Block.from_bytes(WHOLE.layouts[key], packed) for key, packed in stored.items()}
        frame = evaluate(mine(), arrow, [subject], as_of, known_at, related={subject: related})
        row, money = WHOLE.row_with_money(blocks, as_of, known_at, related=related)
        assert row.tobytes() == frame.values.tobytes()
        for name, fen in zip(WHOLE.program.money, money.tolist(), strict=True):
            assert frame.fen(name, 0) in (None, fen)


@pytest.mark.parametrize("least", [2, 1_000_000])
def test_columns_in_spans_and_listed_columns_have_the_same_bytes(monkeypatch: pytest.MonkeyPatch, least: int) -> None:
    """Whatever the length from which on derived columns are worked out as a span."""
    wide, arrow, key = full(), tables(history(200, 5)), ("payment", "payee")
    names = [name for name in wide.columns if name.startswith("payment.received/channel=") and "weekdays" not in name]
    names = [name for name in names if ".new" not in name and ".returning" not in name and ".against" not in name][::7]
    before = Serving.of(wide, names)
    block = {key: Block.of(before.layouts[key], arrow[key]).one("shop")}
    assert len(block[key]) and {op for op, *_ in before.program.arrays[14]} == {RATIO, SHARE, DIFFERENCE, TREND}
    monkeypatch.setattr("dandelion.indicators.placing.PAIR_MIN", least)
    other = Serving.of(wide, names)
    assert len(other.program.arrays[14]) != len(before.program.arrays[14])
    assert other.row(block, NOW, NOW).tobytes() == before.row(block, NOW, NOW).tobytes()


TILED = Definitions.of([
    *mine().streams.values(), Cube(PAID, ("1d", "7d", "30d", "ever"), (*PLAIN, *NEW), by=("hours", "channel", "standing"),
                                   up_to=2),
    Cube(BILLED, ("7d", "90d"), (*PLAIN, *NEW), by=("sign",), up_to=1), Cube(OWED, ("30d",), PLAIN),
])  # fmt: skip
TILED_SERVING = Serving.of(TILED, list(TILED.columns))


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 200),
    st.integers(0, 2**32),
    st.integers(1, 9),
    st.sampled_from([NOW + DAY, NOW, NOW - DAY]),
    st.integers(-3, 9),
    st.sampled_from([0, 1 << 16]),
)
def test_tiles_of_a_hot_subject_give_the_same_bytes(
    size: int, seed: int, tile: int, as_of: int, late: int, bits: int
) -> None:
    events = history(size, seed)
    arrow = tables(events)
    blocks = {key: Block.of(layout, arrow[key]).one("shop") for key, layout in TILED_SERVING.layouts.items()}
    plain = TILED_SERVING.row(blocks, as_of, NOW + late * DAY, related=["ann"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dandelion.indicators.serving.EVENTS_MIN", 1)
        patch.setattr("dandelion.indicators.serving.AT_ONCE_MIN", 1)
        patch.setattr("dandelion.indicators.tiles.TILE_MIN", tile)
        patch.setattr("dandelion.indicators.tiles.CHUNK", tile)
        patch.setattr("dandelion.indicators.tiles.BITS_MAX", bits)
        hot = TILED_SERVING.row(blocks, as_of, NOW + late * DAY, related=["ann"])
        again = TILED_SERVING.row(blocks, as_of + DAY // 2, NOW + late * DAY, related=["ann"])
    assert hot.tobytes() == plain.tobytes()
    assert again.tobytes() == TILED_SERVING.row(blocks, as_of + DAY // 2, NOW + late * DAY, related=["ann"]).tobytes()


def test_tiles_are_made_for_now_and_not_for_the_past() -> None:
    events = {key: [row | {"replaces": None} for row in rows] for key, rows in history(60, 5).items()}
    layout = TILED_SERVING.layouts["payment", "payee"]
    block = Block.of(layout, tables(events)["payment", "payee"]).one("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dandelion.indicators.serving.EVENTS_MIN", 1)
        patch.setattr("dandelion.indicators.serving.AT_ONCE_MIN", 1)
        TILED_SERVING.row({("payment", "payee"): block}, NOW - 3 * DAY, NOW)
        assert not block.tiles
        TILED_SERVING.row({("payment", "payee"): block}, NOW + DAY, NOW + 9 * DAY)
        assert block.tiles


def test_a_subject_with_many_events_gets_tiles_when_asked_for_again() -> None:
    events = {key: [row | {"replaces": None} for row in rows] for key, rows in history(60, 5).items()}
    block = Block.of(TILED_SERVING.layouts["payment", "payee"], tables(events)["payment", "payee"]).one("shop")
    rows = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dandelion.indicators.serving.EVENTS_MIN", 1)
        for made in (False, True, True):
            rows.append(TILED_SERVING.row({("payment", "payee"): block}, NOW + DAY, NOW + 9 * DAY).tobytes())
            assert any(tiles is not None for tiles in block.tiles.values()) == made
    assert len(set(rows)) == 1


def test_a_few_columns_are_served_from_blocks_that_hold_more() -> None:
    names = ["my.paid/hours=night/7d/count", "my.paid/standing=trade/30d/amount_sum", "my/ratio"]
    held = layouts(mine())
    arrow = tables(history(50, 3))
    blocks = {key: Block.of(layout, arrow[key]).one("shop") for key, layout in held.items()}
    few = Serving.of(mine(), names, held)
    frame = evaluate(mine(), arrow, ["shop"], NOW, NOW, columns=names)
    assert few.row(blocks, NOW, NOW).tobytes() == frame.values.tobytes()


def test_columns_of_kinds_not_granted_are_missing() -> None:
    names = ["my.paid/7d/count", "my.billed/7d/count", "my.owed/30d/count"]
    serving = Serving.of(mine(), names)
    row = serving.row({}, NOW, NOW - DAY, granted=["invoices"])
    np.testing.assert_array_equal(row, [np.nan, 0.0, np.nan])


def test_a_column_named_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="named twice"):
        Serving.of(mine(), ["my.paid/7d/count"] * 2)
