"""Triangles, clustering and live counters against matrices and sets, on graphs of every malformed kind."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput
from dandelion.graph.flow import LiveGraph, Oriented, clustering, crew, triangles, triangles_by_kind

Pairs = list[tuple[int, int]]


def arrays(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    a, b = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(a, np.uint32), np.array(b, np.uint32)


def by_hand(pairs: Pairs, accounts: int, shops: set[int]) -> dict[str, list[int]]:
    """Degree and the three kinds of triangles, by looking at every pair of neighbours."""
    paid = {(a, b) for a, b in pairs if a != b}
    near: dict[int, set[int]] = {v: set() for v in range(accounts)}
    for a, b in paid:
        near[a].add(b)
        near[b].add(a)
    out: dict[str, list[int]] = {"degree": [], "all": [], "calm": [], "payers": []}
    for v in range(accounts):
        closed = [(a, b) for a, b in itertools.combinations(sorted(near[v]), 2) if b in near[a]]
        calm = [(a, b) for a, b in closed if not {a, b} & shops]
        out["degree"].append(len(near[v]))
        out["all"].append(len(closed))
        out["calm"].append(len(calm))
        out["payers"].append(sum((a, v) in paid and (b, v) in paid for a, b in calm))
    return out


ids = st.integers(0, 11)
graphs = st.lists(st.tuples(ids, ids), max_size=120)


@given(graphs, st.sets(ids, max_size=4), st.sampled_from([1, 2]))
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_looking_at_every_pair(pairs: Pairs, shops: set[int], threads: int) -> None:
    truth = by_hand(pairs, 12, shops)
    graph = Oriented.of(*arrays(pairs), 12, threads=threads)
    shop = np.isin(np.arange(12), list(shops))
    kinds = triangles_by_kind(graph, shop, threads=threads)
    assert graph.degree.tolist() == truth["degree"]
    assert triangles(graph, threads=threads).tolist() == kinds.all.tolist() == truth["all"]
    assert kinds.calm.tolist() == truth["calm"]
    assert kinds.payers.tolist() == truth["payers"]


@given(graphs, st.sets(ids, max_size=4), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_live_counters_are_those_of_the_batch_after_every_payment_in_any_order(
    pairs: Pairs, shops: set[int], random: object
) -> None:
    random.shuffle(pairs)  # type: ignore[attr-defined]
    shop = np.isin(np.arange(12), list(shops))
    live = LiveGraph(12, shop=shop)
    for done in range(len(pairs)):
        live.absorb(*arrays(pairs[done : done + 1]))
        if done % 16 == 0 or done == len(pairs) - 1:
            same_as_batch(live, pairs[: done + 1], shop)


def same_as_batch(live: LiveGraph, pairs: Pairs, shop: np.ndarray) -> None:
    graph = Oriented.of(*arrays(pairs), len(shop), threads=1)
    kinds = triangles_by_kind(graph, shop, threads=1)
    now = live.triangles
    for name in ("all", "calm", "payers"):
        assert getattr(now, name).tolist() == getattr(kinds, name).tolist()
    assert live.degree.tolist() == graph.degree.tolist()
    paid = {(a, b) for a, b in pairs if a != b}
    assert live.payers.tolist() == [sum(b == v for _, b in paid) for v in range(len(shop))]
    assert live.mutual.tolist() == [sum((b, a) in paid for a, b in paid if a == v) for v in range(len(shop))]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_crew_hands_every_piece_to_one_thread_and_lets_errors_out(threads: int) -> None:
    taken = crew.share(50, threads, list)
    assert sorted(itertools.chain(*taken)) == list(range(50)) and len(taken) == threads

    def fail(pieces: Iterator[int]) -> None:
        raise BadInput(f"piece {next(pieces)}", field="piece")

    with pytest.raises(BadInput):
        crew.share(50, threads, fail)
    assert crew.parts(10, 4) == [(0, 2), (2, 5), (5, 7), (7, 10)] and crew.parts(0, 4) == [(0, 0)]
    with pytest.raises(BadInput):
        crew.size(0, 10)


def hubs_and_friends(seed: int, accounts: int = 3_000, edges: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    """Three hubs that half of all edges go to, a dense core of 300 (rows too long for the small stamp), repeats."""
    random = np.random.default_rng(seed)
    a = random.integers(0, accounts, edges)
    b = np.where(random.random(edges) < 0.5, random.integers(0, 3, edges), random.integers(0, accounts, edges))
    core = np.array(list(itertools.combinations(range(10, 310), 2)))
    a, b = np.concatenate([a, core[:, 0], a[:5000]]), np.concatenate([b, core[:, 1], b[:5000]])
    order = random.permutation(len(a))
    return a[order].astype(np.uint32), b[order].astype(np.uint32)


def test_hubs_dense_cores_and_repeats_are_counted_like_a_matrix_product() -> None:
    a, b = hubs_and_friends(1)
    n = 3_000
    tied = np.zeros((n, n), np.float32)
    tied[a, b] = tied[b, a] = 1
    np.fill_diagonal(tied, 0)
    through = ((tied @ tied) * tied).sum(1) / 2
    graph = Oriented.of(a, b, n, threads=2)
    np.testing.assert_array_equal(graph.degree, tied.sum(1))
    np.testing.assert_array_equal(triangles(graph, threads=2), through)
    pairs = graph.degree.astype(np.float64) * (graph.degree.astype(np.float64) - 1) / 2
    np.testing.assert_allclose(clustering(graph, threads=1), through / np.where(pairs > 0, pairs, np.nan))
    assert np.diff(graph.start).max() > 256
    live = LiveGraph(n)
    for part in np.array_split(np.arange(len(a)), 7):
        live.absorb(a[part], b[part])
    np.testing.assert_array_equal(live.triangles.all, through)
    kinds = triangles_by_kind(graph, np.zeros(n, np.bool_), threads=2)
    np.testing.assert_array_equal(live.triangles.payers, kinds.payers)
    near, bits = live.neighbours(0)
    np.testing.assert_array_equal(near, np.flatnonzero(tied[0]))
    assert set(bits.tolist()) == {1, 2, 3}


def test_an_empty_graph_a_graph_of_self_payments_and_one_big_cycle() -> None:
    nobody = Oriented.of([], [], 0)
    assert triangles(nobody).tolist() == []
    alone = Oriented.of([1, 1, 2], [1, 1, 2], 3)
    assert alone.ties == 0 and np.isnan(clustering(alone)).all()
    ring = Oriented.of([0, 1, 2], [1, 2, 0], 3)
    assert clustering(ring).tolist() == [1.0, 1.0, 1.0]
    n = 5_000
    cycle = Oriented.of(np.arange(n), (np.arange(n) + 1) % n, n)
    assert triangles(cycle).sum() == 0 and (cycle.degree == 2).all()
    live = LiveGraph(0)
    live.absorb([], [])
    assert len(live) == 0


def test_one_pair_paying_a_hundred_thousand_times_is_one_tie() -> None:
    a = np.zeros(100_000, np.uint32)
    graph = Oriented.of(a, a + 1, 2)
    assert graph.degree.tolist() == [1, 1] and graph.ties == 1


def test_money_of_an_account_is_summed_exactly_and_told_with_its_instants() -> None:
    live = LiveGraph(3)
    live.absorb([0, 2, 1, 1], [1, 1, 0, 1], fen=[2**53 + 1, 4, 7, 9], at=[50, 20, 30, 10])
    shop = live.account(1)
    assert (shop.received_fen, shop.paid_fen, shop.receipts) == (2**53 + 5, 7, 2)
    assert (shop.first_at, shop.last_at, shop.payers, shop.payees, shop.mutual) == (20, 50, 2, 1, 1)
    assert live.account(2).first_at is None
    live.make_room(5)
    live.absorb([4], [0])
    assert live.account(0).payers == 2 and live.account(1) == shop


@pytest.mark.parametrize(
    ("payer", "payee", "accounts", "field"),
    [
        ([0, 9], [1, 1], 3, "accounts"),
        ([0, -1], [1, 1], 3, "payer"),
        ([0.5], [1], 3, "payer"),
        ([0, 1], [1], 3, "payee"),
        ([0], [1], -1, "accounts"),
        ([0], [1], 1 << 30, "accounts"),
    ],
)
def test_a_malformed_graph_is_refused_by_field(payer: list[int], payee: list[int], accounts: int, field: str) -> None:
    with pytest.raises(BadInput) as refused:
        Oriented.of(payer, payee, accounts)
    assert refused.value.field == field


def test_what_the_live_graph_refuses_changes_nothing() -> None:
    live = LiveGraph(3)
    live.absorb([0, 1], [1, 2])
    for payer, payee, fen, at, field in (
        ([0, 3], [1, 1], None, None, "payer"),
        ([0, 1], [1, 7], None, None, "payee"),
        ([0, 2], [1, 0], [5, -5], [1, 1], "amount_fen"),
        ([0, 2], [1, 0], [5, 5], None, "at"),
        ([0, 2], [1, 0], [5], [1, 2], "fen"),
    ):
        with pytest.raises(BadInput) as refused:
            live.absorb(payer, payee, fen, at)
        assert refused.value.field == field
    assert live.degree.tolist() == [1, 2, 1] and live.account(1).received_fen == 0
    with pytest.raises(BadInput):
        live.account(3)
