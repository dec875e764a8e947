"""Upstream and downstream: each trade once, whoever told it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from graph_oracle import DAY, NOW, table
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import NotFound
from dandelion.graph.relations import relations
from dandelion.graph.supply import supply, supply_columns, supply_figures


def invoices(rows: list[tuple[str, str, int]]) -> pa.Table:
    seller, buyer, fen = zip(*rows, strict=True)
    return pa.table(
        {
            "seller": seller,
            "buyer": buyer,
            "total_fen": fen,
            "status": ["valid"] * len(rows),
            "at": [NOW - DAY] * len(rows),
        }
    )


def test_a_trade_told_by_invoice_and_payment_counts_once_and_red_letters_are_taken_off() -> None:
    found = supply(
        relations(NOW, payments=table([("shop", "mill", NOW - DAY, 700), ("guest", "shop", NOW - DAY, 50)]),
                  invoices=invoices([("mill", "shop", 1000), ("mill", "shop", -200), ("shop", "cafe", 300), ("tax", "shop", -5)])),
        "shop",
    )  # fmt: skip
    assert [(p.party, p.fen, p.invoiced_fen, p.paid_fen) for p in found.upstream] == [("mill", 800, 800, 700)]
    assert [(p.party, p.fen) for p in found.downstream] == [("cafe", 300), ("guest", 50)]
    assert found.downstream[0].share == pytest.approx(300 / 350) and found.anchors == ()


def test_an_anchor_is_large_for_the_firm_and_has_many_partners_of_its_own() -> None:
    rows = [("maker", f"shop{i}", 1000) for i in range(12)] + [("corner", "shop0", 900)]
    found = supply(relations(NOW, invoices=invoices(rows)), "shop0")
    assert found.anchors == ("maker",) and [p.party for p in found.upstream] == ["maker", "corner"]
    with pytest.raises(NotFound):
        supply(relations(NOW, invoices=invoices(rows)), "nobody")


def test_shares_are_told_over_at_least_five_partners_only() -> None:
    five = [("maker", f"shop{i}", 100 * (i + 1)) for i in range(5)]
    frame = supply_columns(
        relations(NOW, invoices=invoices([*five, ("mill", "maker", 7)])), ["maker", "shop1", "nobody"]
    )
    assert frame["graph.supply/downstream/partners"].tolist()[:2] == [5.0, 0.0]
    assert frame["graph.supply/downstream/top_share"][0] == pytest.approx(500 / 1500)
    assert frame["graph.supply/downstream/concentration"][0] == pytest.approx(
        sum(((i + 1) / 15) ** 2 for i in range(5))
    )
    assert np.isnan(frame["graph.supply/upstream/top_share"][0]) and np.isnan(frame.values[2]).all()
    assert frame.catalogue["graph.supply/upstream/partners"].data_kinds == ("payments", "invoices")


trades = st.lists(
    st.tuples(st.sampled_from("abcdefghij"), st.sampled_from("abcdefghij"), st.integers(-3, 40)),
    min_size=1,
    max_size=60,
).map(lambda rows: [row for row in rows if row[0] != row[1]])


@settings(max_examples=60, deadline=None)
@given(trades, trades)
def test_figures_of_everybody_at_once_are_those_of_each_one_looked_at_alone(
    sold: list[tuple[str, str, int]], paid: list[tuple[str, str, int]]
) -> None:
    rows = [(a, b, NOW - DAY, fen) for a, b, fen in paid if fen > 0]
    told = relations(NOW, payments=table(rows) if rows else None, invoices=invoices(sold) if sold else None)
    figures = supply_figures(told)
    for number, party in enumerate(told.parties):
        one = supply(told, party)
        for side in ("upstream", "downstream"):
            partners = getattr(one, side)
            got = [
                figures[f"graph.supply/{side}/{name}"][number] for name in ("partners", "top_share", "concentration")
            ]
            assert got[0] == len(partners)
            if len(partners) < 5:
                assert np.isnan(got[1]) and np.isnan(got[2])
            else:
                assert got[1:] == pytest.approx([partners[0].share, sum(p.share**2 for p in partners)])
