"""Serving gives the bytes of `evaluate`, from blocks that may hold more than it reads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indicator_oracle import Events
from test_indicators_kernel import ASKED, DAY, HISTORIES, NOW, history, mine, tables

from dandelion.core import BadInput
from dandelion.indicators import evaluate
from dandelion.indicators.block import Block, layouts
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
