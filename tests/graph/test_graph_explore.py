"""Ego networks, paths and rings: bounded, deterministic, and shortest where they say so."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from graph_oracle import DAY, NOW, table
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput, NotFound
from dandelion.graph.explore import ego, path, ring_of
from dandelion.graph.relation_rules import relation_rules
from dandelion.graph.relations import Relations, relations

RULES = relation_rules().explorer
PARTIES = "abcdefghij"
pairs = st.lists(
    st.tuples(st.sampled_from(PARTIES), st.sampled_from(PARTIES)).filter(lambda p: p[0] != p[1]),
    min_size=1,
    max_size=14,
)


def paid(rows: list[tuple[str, str]]) -> Relations:
    return relations(NOW, payments=table([(a, b, NOW - DAY, 100 + i) for i, (a, b) in enumerate(rows)]))


def distance(rows: list[tuple[str, str]], start: str, end: str) -> int | None:
    ring, seen = {start}, {start}
    for step in itertools.count(1):
        ring = {b for a, b in rows if a in ring} | {a for a, b in rows if b in ring}
        ring -= seen
        if end in ring:
            return step
        if not ring:
            return None
        seen |= ring
    raise AssertionError


@settings(max_examples=200, deadline=None)
@given(pairs, st.sampled_from(PARTIES), st.sampled_from(PARTIES))
def test_a_path_is_as_short_as_a_search_by_rings_says(rows: list[tuple[str, str]], start: str, end: str) -> None:
    found, known = paid(rows), {name for row in rows for name in row}
    wanted = distance(rows, start, end) if {start, end} <= known and start != end else None
    if wanted is None or wanted > RULES.steps_max:
        with pytest.raises((NotFound, BadInput)):
            path(found, start, end)
        return
    told = path(found, start, end)
    assert len(told.hops) == wanted and (told.parties[0], told.parties[-1]) == (start, end)
    for (a, b), hop in zip(itertools.pairwise(told.parties), told.hops, strict=True):
        assert hop and all({edge.source, edge.target} == {a, b} for edge in hop)


def test_a_path_does_not_go_through_what_everybody_knows() -> None:
    rows = [(f"p{i}", "bus") for i in range(RULES.hub_contacts + 1)] + [("p0", "x"), ("x", "y"), ("y", "p1")]
    assert path(paid(rows), "p0", "p1").parties == ("p0", "x", "y", "p1")
    assert path(paid(rows), "p0", "bus").parties == ("p0", "bus")
    with pytest.raises(NotFound, match="are not gone through"):
        path(paid(rows), "p2", "p3")


def test_a_search_that_grows_too_wide_is_stopped() -> None:
    rows = [(f"a{i}", "a") for i in range(30)] + [(f"b{i}", "b") for i in range(30)]
    with pytest.raises(NotFound, match="no path was found among 20 parties"):
        path(paid(rows), "a", "b", rules=replace(RULES, visited_max=20))


@settings(max_examples=100, deadline=None)
@given(pairs, st.integers(1, 6), st.integers(1, 3))
def test_an_ego_network_holds_what_is_nearest_and_counts_the_rest(
    rows: list[tuple[str, str]], nodes: int, steps: int
) -> None:
    centre = rows[0][0]
    found = ego(paid(rows), centre, nodes=nodes, steps=steps)
    assert len(found.nodes) <= nodes and found.nodes[centre] == 0
    whole = ego(paid(rows), centre, nodes=200, steps=steps)
    assert whole.nodes_left_out == 0
    assert whole.nodes == {
        p: d for p in PARTIES if (d := 0 if p == centre else distance(rows, centre, p)) is not None and d <= steps
    }
    assert all(whole.nodes[name] == step for name, step in found.nodes.items())
    assert {(e.source, e.target) for e in found.edges} == {r for r in rows if set(r) <= set(found.nodes)}


def test_close_ties_are_shown_before_large_amounts() -> None:
    holding = pa.table({"firm": ["shop"], "holder": ["boss"], "share_ppm": [600_000], "at": [1]})
    found = relations(
        NOW, payments=table([(f"p{i}", "shop", NOW - DAY, 10**6) for i in range(20)]), shareholdings=holding
    )
    small = ego(found, "shop", nodes=3)
    assert "boss" in small.nodes and small.nodes_left_out == 19
    told = small.as_json()
    assert told["edges"][0] == {"source": "boss", "target": "shop", "kind": "holds", "count": 1, "share_ppm": 600_000,
                                "first": "1970-01-01T00:00:00.000001Z", "last": "1970-01-01T00:00:00.000001Z"}  # fmt: skip


def test_edges_are_bounded_too() -> None:
    rows = list(itertools.permutations("abcdefg", 2))
    found = ego(paid(rows), "a", rules=replace(RULES, edges_max=10))
    assert len(found.edges) == 10 and found.edges_left_out == 32


@pytest.mark.parametrize("limits", [{"nodes": 0}, {"nodes": 10_000}, {"steps": 0}, {"steps": 4}])
def test_limits_outside_their_range_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(BadInput, match="give 1 to"):
        ego(paid([("a", "b")]), "a", **limits)


def ring_rows(rows: list[tuple[Any, ...]]) -> pa.Table:
    names = ("account", "role", "score", "flagged", "ring", "bursts", "returned_fen", "evidence")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    return pa.table({**columns, "first_burst": pa.array([NOW] * len(rows)).cast(pa.timestamp("us", tz="UTC"))})


def test_a_ring_is_the_strongest_the_account_is_in() -> None:
    rows = [("shop", "store", 0.9, True, 0, 3, 5, "why"), ("x", "buyer", 0.9, True, 0, 3, 5, "why"),
            ("x", "buyer", 0.4, False, 1, 2, 0, "less"), ("y", "buyer", 0.4, False, 1, 2, 0, "less")]  # fmt: skip
    strong = ring_of(ring_rows(rows), "x")
    assert (strong.ring, strong.stores, strong.buyers, strong.evidence) == (0, ("shop",), ("x",), "why")
    assert ring_of(ring_rows(rows), "x", rules=replace(RULES, nodes_max=1)).left_out == 1
    with pytest.raises(NotFound, match="z is in no ring"):
        ring_of(ring_rows(rows), "z")
