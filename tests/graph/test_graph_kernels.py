"""Kernels against the slow, obvious way, on small random money graphs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from graph_oracle import DAY, NOW, Paid, circular, table, triangles
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.graph import circular_fen, columns, households, snapshot
from dandelion.graph.edges import Edges, Ties
from dandelion.graph.payments import read_payments
from dandelion.graph.rules import standard_rules

PARTIES = "abcdefgh"
payments = st.lists(
    st.tuples(st.sampled_from(PARTIES), st.sampled_from(PARTIES), st.integers(0, 80), st.integers(1, 6)),
    min_size=1, max_size=60,
).map(lambda rows: [(a, b, NOW - days * DAY - i, fen * 100) for i, (a, b, days, fen) in enumerate(rows)])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(payments, st.sets(st.sampled_from(PARTIES)))
def test_triangles_equal_those_counted_by_looking_at_every_pair(rows: list[Paid], shops: set[str]) -> None:
    edges = Edges.of(read_payments(table(rows), NOW + 1))
    names = edges.payments.accounts.to_pylist()
    found = Ties.of(edges).triangles(np.array([name in shops for name in names]))
    wanted = triangles(rows, shops)
    assert {name: tuple(found[i]) for i, name in enumerate(names)} == wanted


@settings(max_examples=200, deadline=None)
@given(payments)
def test_circular_money_equals_the_slow_matching_to_the_fen(rows: list[Paid]) -> None:
    rules = standard_rules().circular
    wanted = circular(rows, rules.days, rules.hop_tolerance)
    for account in PARTIES:
        assert circular_fen(table(rows), account, NOW + 1, window_us=200 * DAY) == wanted.get(account, 0), account


@settings(max_examples=30, deadline=None)
@given(payments, st.randoms(use_true_random=False))
def test_a_snapshot_does_not_depend_on_the_order_of_rows(rows: list[Paid], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = snapshot(table(rows), NOW + 1), snapshot(table(shuffled), NOW + 1)
    assert one.frame.values.tobytes() == other.frame.values.tobytes()
    assert one.rings.equals(other.rings)


@settings(max_examples=60, deadline=None)
@given(payments, st.integers(0, 80))
def test_payer_columns_equal_their_definitions(rows: list[Paid], age: int) -> None:
    as_of = NOW - age * DAY // 2
    known = [p for p in rows if as_of - 90 * DAY <= p[2] < as_of and p[0] != p[1]]
    frame = columns(snapshot(table(rows), as_of), list(PARTIES), as_of, as_of)
    for row, name in enumerate(PARTIES):
        mine = [p for p in known if p[1] == name]
        payers = {p[0] for p in mine}
        if any(name in p[:2] for p in rows if p[2] < as_of):
            assert frame["graph.payers/90d/count"][row] == len(payers)
            assert frame.fen("graph.received/90d/fen", row) == sum(p[3] for p in mine)
        if len(payers) < 5:
            assert np.isnan(frame["graph.payers/90d/ties"][row])
            continue
        deal = {p[:2] for p in known} | {p[1::-1] for p in known}
        tied = sum((a, b) in deal for a in payers for b in payers if a < b)
        pairs = len(payers) * (len(payers) - 1) / 2
        assert frame["graph.payers/90d/ties"][row] == np.float32(tied / pairs)
        returned = sum(min(sum(p[3] for p in mine if p[0] == x), sum(p[3] for p in known if p[:2] == (name, x)))
                       for x in payers)  # fmt: skip
        total = sum(p[3] for p in mine)
        assert frame["graph.payers/90d/returned_share"][row] == np.float32(returned / total)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PARTIES), st.sampled_from(PARTIES)), max_size=12))
def test_households_are_the_connected_groups(pairs: list[tuple[str, str]]) -> None:
    moment = pa.array([NOW] * len(pairs), pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    roles = pa.table({"event_id": [str(i) for i in range(len(pairs))], "at": moment, "arrived": moment,
                      "firm": pa.array([a for a, _ in pairs], pa.string()),
                      "person": pa.array([b for _, b in pairs], pa.string()),
                      "role": pa.array(["owner"] * len(pairs), pa.string())})  # fmt: skip
    found = households(roles, None, None)
    for account in PARTIES:
        group, grown = {account}, True
        while grown:
            larger = group | {b for a, b in pairs if a in group} | {a for a, b in pairs if b in group}
            grown, group = larger != group, larger
        assert found.members(account) == group
        assert found.group(account) == min(group)
