"""A subject that grows has the bytes of one made anew from all its events: late, repeated-id, corrected events, moving
moments, windows that events leave."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_indicators_kernel import DAY, NOW, history, tables
from test_indicators_serving import TILED_SERVING

from dandelion.core import BadInput
from dandelion.indicators import tile_growth
from dandelion.indicators.block import Block
from dandelion.indicators.growing import Growing

KEYS = [("payment", "payee"), ("invoice", "seller"), ("outside_loan", "borrower")]


def batches(key: tuple[str, str], size: int, seed: int, apart: int) -> list[pa.Table]:
    """One shop's events as they come: most in order of time, some later than others that happened after them."""
    random = Random(seed)
    rows = [row | {key[1]: "shop"} for row in history(size, seed)[key]]
    table = tables({key: rows})[key]
    order = sorted(range(len(rows)), key=lambda i: (int(rows[i]["at"]) + random.choice([0, 0, 0, apart]), i))
    table = table.take(pa.array(order, pa.int64()))
    cuts = sorted({0, table.num_rows, *(random.randint(table.num_rows // 2, table.num_rows) for _ in range(6))})
    return [table.slice(low, high - low) for low, high in pairwise(cuts)]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 150),
    st.integers(0, 2**32),
    st.integers(1, 9),
    st.integers(0, 12),
    st.sampled_from([0, DAY // 2, 9 * DAY]),
)
def test_growing_event_by_event_gives_the_bytes_of_all_events_at_once(
    size: int, seed: int, tile: int, kept_out: int, apart: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dandelion.indicators.tiles.TILE_MIN", tile)
        patch.setattr("dandelion.indicators.tiles.CHUNK", tile)
        patch.setattr("dandelion.indicators.growing.YOUNG_MIN", kept_out)
        for key in KEYS:
            layout, seen, growing = TILED_SERVING.layouts[key], None, None
            for batch in batches(key, size, seed, apart):
                seen = batch if seen is None else pa.concat_tables([seen, batch])
                again = batch.slice(0, 1)
                growing = (growing and growing.add(batch)) or Growing.of(layout, seen)
                growing = growing.add(again) or growing  # what comes twice counts once
                assert len(growing) == seen.num_rows
                whole = Block.of(layout, seen)
                for now, known in ((NOW + DAY, 9), (NOW + DAY + DAY // 2, 9), (NOW - DAY, 9), (NOW + DAY, 1)):
                    moments = now, NOW + known * DAY
                    grown = TILED_SERVING.row({key: growing}, *moments, related=["ann"])
                    assert grown.tobytes() == TILED_SERVING.row({key: whole}, *moments, related=["ann"]).tobytes()
            if growing is not None:
                settled = TILED_SERVING.row({key: growing.settled()}, NOW + DAY, NOW + 9 * DAY)
                assert settled.tobytes() == TILED_SERVING.row({key: growing.block}, NOW + DAY, NOW + 9 * DAY).tobytes()


def paid(count: int, first: int = 0) -> pa.Table:
    random = Random(first)
    rows = [
        {"event_id": f"e{n:05d}", "source": "s", "at": NOW - 20 * DAY + n * DAY // 40, "arrived": NOW - 20 * DAY + n * DAY // 40,
         "payee": "shop", "payer": f"p{random.randint(0, 40)}", "amount_fen": random.randint(1, 9999), "channel": "qr",
         "replaces": None, "device": None, "order_id": None}
        for n in range(first, first + count)
    ]  # fmt: skip
    return tables({KEYS[0]: rows})[KEYS[0]]


def test_a_new_event_leaves_the_older_tiles_standing(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    of = tile_growth.Tiles.of
    monkeypatch.setattr(tile_growth.Tiles, "of", lambda *given, **named: made.append(1) or of(*given, **named))
    growing = Growing.of(TILED_SERVING.layouts[KEYS[0]], paid(700))
    for n in range(700, 710):
        added = growing.add(paid(1, n))
        assert added is not None and added.older is growing.older
        growing = added
        row = TILED_SERVING.row({KEYS[0]: growing}, NOW + DAY, NOW + DAY)
        assert row.tobytes() == TILED_SERVING.row({KEYS[0]: growing.block}, NOW + DAY, NOW + DAY).tobytes()
    assert len(made) == 1


def test_what_comes_too_late_or_corrects_an_older_event_asks_for_a_new_start() -> None:
    growing = Growing.of(TILED_SERVING.layouts[KEYS[0]], paid(700))
    early = growing.older.data[0, -1]
    names = paid(1).column_names
    late = paid(1, 900).set_column(names.index("at"), "at", pa.array([early]).cast(paid(1).schema.field("at").type))
    correcting = paid(1, 900).set_column(names.index("replaces"), "replaces", pa.array(["e00001"]))
    recent = paid(1, 900).set_column(names.index("replaces"), "replaces", pa.array(["e00699"]))
    assert growing.add(late) is None
    assert growing.add(correcting) is None
    assert growing.add(recent) is not None


def test_events_of_several_subjects_are_refused() -> None:
    rows = history(30, 7)[KEYS[0]]
    with pytest.raises(BadInput, match="several"):
        Growing.of(TILED_SERVING.layouts[KEYS[0]], tables({KEYS[0]: rows})[KEYS[0]])


def test_many_came_since_and_settling_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dandelion.indicators.growing.YOUNG_MAX", 600)
    growing = Growing.of(TILED_SERVING.layouts[KEYS[0]], paid(700))
    assert not growing.due
    grown = growing.add(paid(200, 700))
    assert grown is not None and grown.due and not grown.settled().due
    np.testing.assert_array_equal(grown.block.data, grown.settled().block.data)


def test_relations_that_grow_count_like_others() -> None:
    rows = history(90, 6)[("payment", "payee")]
    payer = next(str(row["payer"]) for row in rows if row["payer"] not in (None, "shop"))
    held = {
        "event_id": "h",
        "at": NOW - 90 * DAY,
        "arrived": NOW - 90 * DAY,
        "firm": "shop",
        "holder": payer,
        "share_ppm": 1,
    }
    firm = ("shareholding", "firm")
    told = tables({("payment", "payee"): [row | {"payee": "shop"} for row in rows], firm: [held]})
    blocks = {key: Block.of(TILED_SERVING.layouts[key], table) for key, table in told.items()}
    grown = {**blocks, firm: Growing.of(TILED_SERVING.layouts[firm], told[firm])}
    alone = TILED_SERVING.row({key: block for key, block in blocks.items() if key != firm}, NOW, NOW)
    wanted = TILED_SERVING.row(blocks, NOW, NOW)
    assert wanted.tobytes() != alone.tobytes(), "the holder's payments are no trade"
    assert TILED_SERVING.row(grown, NOW, NOW).tobytes() == wanted.tobytes()
