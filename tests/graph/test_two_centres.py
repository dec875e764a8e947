"""Owner and firm, two centres: registry columns against the oracle, risk crossed to both sides, dated, under consent."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest
from graph_oracle import DAY, NOW, table
from ownership_oracle import benefits, controllers, random_register

from dandelion.graph import columns, snapshot
from dandelion.graph.ownership import OwnerLine, Votes, heads, holdings
from dandelion.graph.relations import joined, paid_edges, relations
from dandelion.graph.risk import BadNews
from dandelion.graph.two_centres import two_centres

LINE = OwnerLine(250_000, True, "a test")
NEVER = relations(NOW)


def shares(rows: list[tuple[str, str, int]], at: int = NOW - 300 * DAY) -> pa.Table:
    firm, holder, ppm = zip(*rows, strict=True)
    return pa.table({"firm": firm, "holder": holder, "share_ppm": ppm, "at": [at] * len(rows)})


def test_the_controllers_share_is_the_rational_one_in_random_registers() -> None:
    asked = 0
    for seed in range(300):
        register = random_register(random.Random(40_000 + seed))
        if register.concert or register.votes != register.shares:
            continue  # the record's events have neither
        told = shares([(firm, holder, ppm) for (holder, firm), ppm in register.shares.items()])
        found = two_centres(register.parties, NOW, told, None, NEVER, [], LINE)
        exact, tops = benefits(register)[0], controllers(register)
        for i, name in enumerate(register.parties):
            kind, top = tops[name]
            if kind != "sole" or top is None:
                assert np.isnan(found.owner_share[i])
                continue
            if name in exact:
                asked += 1
                assert found.owner_share[i] == pytest.approx(float(exact[name].get(top, 0)), abs=1e-9)
    assert asked > 40


def test_a_chain_is_counted_in_holdings_and_firms() -> None:
    told = shares([("c", "b", 600_000), ("b", "a", 800_000), ("a", "boss", 1_000_000), ("x", "boss", 510_000)])
    found = two_centres(["a", "b", "c", "x", "boss", "nobody"], NOW, told, None, NEVER, [], LINE)
    assert found.owner_steps[:4].tolist() == [1, 2, 3, 1] and found.owner_share[2] == pytest.approx(0.48)
    assert found.owner_firms[:5].tolist() == [4] * 5 and np.isnan(found.owner_firms[5])
    assert found.group_size.tolist() == [5, 5, 5, 5, 5, 1]
    assert found.undisclosed_share[:4] == pytest.approx([0, 0.2, 0.4, 0.49])


def test_a_change_at_the_top_is_seen_for_half_a_year_and_no_longer() -> None:
    rows = pa.concat_tables(
        [shares([("a", "old", 1_000_000)]), shares([("a", "old", 0), ("a", "new", 1_000_000)], NOW - 100 * DAY)]
    )
    for days, changed in ((-150.0, np.nan), (-101.0, 0.0), (0.0, 1.0), (79.0, 1.0), (81.0, 0.0)):
        at = NOW + int(days * DAY) if days > -150 else NOW - 300 * DAY + 1
        got = two_centres(["a"], at, rows, None, relations(at), [], LINE).owner_changed[0]
        assert got == pytest.approx(changed, nan_ok=True), days


def crowded(names: str, at: int = NOW - DAY) -> list[tuple[str, str, int, int]]:
    return [(f"{name}{i}", name, at, 100) for name in names for i in range(6)]


def test_risk_on_either_side_reaches_both_applicants() -> None:
    paid = [*crowded("fo"), ("bad", "o", NOW - DAY, 100)]  # o owns f and dealt with somebody bad
    news = [BadNews("bad", 1.0, NOW - 5 * DAY, NOW - 5 * DAY)]
    graph = snapshot(table(paid), NOW, shareholdings=shares([("f", "o", 1_000_000)]), news=news)
    frame = columns(graph, ["f", "o"], NOW, NOW)
    firm, owner = frame["graph.risk/score"].tolist()
    assert owner > firm > 0  # the holding carries a part of it
    both = frame["graph.risk/both"]
    assert both[0] == both[1] == pytest.approx(1 - (1 - firm) * (1 - owner), rel=1e-5)
    calm = columns(snapshot(table(paid), NOW, shareholdings=shares([("f", "o", 1_000_000)])), ["f", "o"], NOW, NOW)
    assert calm["graph.risk/both"].tolist() == [0.0, 0.0]


def test_a_flagged_ring_is_bad_news_for_those_around_it() -> None:
    start = NOW - 100 * DAY
    rows = [(f"guest{d % 17}", "shop", start + d * DAY // 3 + d * 420_000_000, 1500) for d in range(240)]
    for burst in (20, 33, 47, 61):
        rows += [(f"mule{i}", "shop", start + burst * DAY + i * 60_000_000, 90_000) for i in range(9)]
        rows += [("shop", f"mule{i}", start + burst * DAY + i * 60_000_000 + 3_600_000_000, 88_000) for i in range(9)]
    rows += [(f"mule{i}", "cafe", start + i * DAY, 500) for i in range(9)]
    rows += [(f"calm{i}", "bakery", start + i * DAY, 500) for i in range(9)]
    frame = columns(snapshot(table(rows), NOW), ["cafe", "bakery"], NOW, NOW)
    cafe, bakery = frame["graph.risk/score"].tolist()
    assert cafe > 0.05 and bakery == 0.0


def test_registry_columns_need_consent_to_the_registry_and_risk_to_all_that_goes_in() -> None:
    graph = snapshot(table(crowded("f")), NOW, shareholdings=shares([("f", "o", 1_000_000)]))
    told = columns(graph, ["f"], NOW, NOW, granted=["payments"])
    assert np.isnan(told["graph.owner/share"][0]) and np.isnan(told["graph.risk/score"][0])
    assert told.catalogue["graph.owner/share"].null_policy == "not_consented"
    assert columns(graph, ["f"], NOW, NOW, granted=["registry"])["graph.owner/share"].tolist() == [1.0]


def test_relations_joined_from_two_sources_are_those_read_at_once() -> None:
    from dandelion.graph.edges import Edges
    from dandelion.graph.payments import read_payments

    paid, held = table(crowded("fo")), shares([("f", "o", 1_000_000)])
    once = relations(NOW, payments=paid, shareholdings=held)
    twice = joined(NOW, paid_edges(Edges.of(read_payments(paid, NOW))), relations(NOW, shareholdings=held))
    assert once.parties == twice.parties
    for name in ("source", "target", "kind", "count", "size", "first", "last"):
        assert np.array_equal(getattr(once, name), getattr(twice, name)), name


def test_a_firm_in_a_circle_of_control_has_no_owner_column() -> None:
    told = shares([("a", "b", 600_000), ("b", "a", 600_000), ("a", "p", 400_000), ("b", "q", 400_000)])
    found = two_centres(["a", "b"], NOW, told, None, NEVER, [], LINE)
    assert np.isnan(found.owner_share).all()
    votes = Votes.of(holdings([]))
    assert heads(votes).head.tolist() == []


def test_control_put_together_from_small_holdings_joins_the_household() -> None:
    told = shares([(f"s{i}", "boss", 1_000_000) for i in range(3)] + [("f", f"s{i}", 200_000) for i in range(3)])
    graph = snapshot(table(crowded("f")), NOW, shareholdings=told)
    assert graph.households.members("f") == {"f", "boss", "s0", "s1", "s2"}
    assert columns(graph, ["f"], NOW, NOW)["graph.household/size"].tolist() == [1.0]  # the column means what it meant
