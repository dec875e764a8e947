"""Payments folded into edges, against a dictionary; the store as of any time, in any number of appends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from graph_oracle import DAY, NOW, Paid, table
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput, NotFound
from dandelion.graph.flow import CompactGraph, FlowStore, Names, fold, load, save, triangles
from dandelion.graph.flow.folding import _sorted

Edge = tuple[object, object, int, int, int, int, int]  # payer, payee, count, fen, first, last, spread
SINCE, UNTIL = NOW, NOW + 200 * DAY
who = st.integers(0, 6)
payment = st.tuples(who, who, st.integers(SINCE, UNTIL - 1), st.one_of(st.integers(1, 99), st.integers(1, 2**40)))


def by_hand(payments: list[tuple[object, object, int, int]], origin: int, span_s: int) -> list[Edge]:
    edges: dict[tuple[object, object], list[int]] = {}
    for payer, payee, at, fen in payments:
        if payer != payee:
            second = (at - origin) // 1_000_000
            edge = edges.setdefault((payer, payee), [0, 0, second, second, 0])
            edge[0] += 1
            edge[1] += fen
            edge[2], edge[3] = min(edge[2], second), max(edge[3], second)
            edge[4] |= 1 << (second // span_s)
    return [(*pair, *edge) for pair, edge in sorted(edges.items())]  # type: ignore[misc, type-var]


def rows(graph: CompactGraph, names: Names | None = None) -> list[Edge]:
    payer, payee = graph.payers().tolist(), graph.payee.tolist()
    if names is not None:
        payer, payee = names.text(payer), names.text(payee)
    values = (graph.counts(), graph.fens(), graph.first, graph.last, graph.spread)
    return sorted(zip(payer, payee, *(v.tolist() for v in values), strict=True))


def folded(payments: list[tuple[int, int, int, int]], accounts: int = 7, threads: int = 1) -> CompactGraph:
    payer, payee, at, fen = zip(*payments, strict=True) if payments else ((), (), (), ())
    return fold(payer, payee, fen, at, accounts, since=SINCE, until=UNTIL, threads=threads)


@given(st.lists(payment, max_size=80), st.sampled_from([7, 9, 70_000]), st.sampled_from([1, 2]))
@settings(max_examples=50, deadline=None)
def test_edges_hold_the_sums_of_their_payments(payments: list[Paid], accounts: int, threads: int) -> None:
    graph = folded(payments, accounts, threads)  # type: ignore[arg-type]
    assert rows(graph) == by_hand(payments, SINCE, graph.span_s)
    assert graph.start[-1] == len(graph)


@given(st.lists(payment, max_size=60), st.integers(0, 60))
@settings(max_examples=50, deadline=None)
def test_two_graphs_merged_are_the_graph_of_all_payments(payments: list[Paid], cut: int) -> None:
    whole = folded(payments, 9)  # type: ignore[arg-type]
    merged = folded(payments[:cut], 7).merged(folded(payments[cut:], 9))  # type: ignore[arg-type]
    assert rows(merged) == rows(whole)
    np.testing.assert_array_equal(merged.start, whole.start)
    np.testing.assert_array_equal(merged.large, whole.large)


def test_keys_too_wide_to_carry_their_places_are_sorted_to_the_same_order() -> None:
    random = np.random.default_rng(4)
    keys, source = random.integers(0, 1 << 20, 500).astype(np.uint64), random.permutation(500).astype(np.uint32)
    packed, bits, order = _sorted(keys, source, 40)
    wide, none, moved = _sorted(keys, source, 60)
    assert (bits, none) == (9, 0)
    np.testing.assert_array_equal(packed >> np.uint64(bits), wide)
    np.testing.assert_array_equal(order[(packed & np.uint64(511)).astype(np.int64)], moved)


def test_a_pair_with_a_hundred_thousand_payments_keeps_its_exact_sums() -> None:
    many = np.zeros(100_000, np.int64)
    graph = fold(many, many + 1, many + 2**33, SINCE + np.arange(100_000), 2, since=SINCE, until=UNTIL)
    assert graph.counts().tolist() == [100_000] and graph.fens().tolist() == [100_000 * 2**33]
    assert graph.count.tolist() == [0xFFFF] and graph.large.tolist() == [[0, 100_000, 100_000 * 2**33]]


def test_twenty_bytes_an_edge() -> None:
    random = np.random.default_rng(5)
    a, b = random.integers(0, 2_000, 50_000), random.integers(0, 2_000, 50_000)
    graph = fold(a, b, a + 1, SINCE + a, 2_000, since=SINCE, until=UNTIL)
    assert graph.bytes_held == 20 * len(graph) + 4 * 2_001
    assert triangles(graph.oriented(threads=1), threads=1).sum() > 0


@pytest.mark.parametrize(
    ("payments", "accounts", "field"),
    [
        ([(0, 7, SINCE, 5)], 7, "accounts"),
        ([(0, 1, SINCE, 0)], 7, "amount_fen"),
        ([(0, 1, SINCE - 1, 5)], 7, "at"),
        ([(0, 1, UNTIL, 5)], 7, "at"),
        ([(-1, 1, SINCE, 5)], 7, "payer"),
        ([(0, 1, SINCE, 5)], -1, "accounts"),
    ],
)
def test_malformed_payments_are_refused_by_field(payments: list[Paid], accounts: int, field: str) -> None:
    with pytest.raises(BadInput) as refused:
        folded(payments, accounts)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_names_keep_their_numbers_whatever_comes_later() -> None:
    names = Names()
    texts = [f"账户{i % 700}" for i in range(2_000)] + ["a", "ab", "abc"]
    numbers = names.encode(pa.array(texts))
    assert numbers.tolist() == [i % 700 for i in range(2_000)] + [700, 701, 702]
    again = names.encode(pa.chunked_array([pa.array(["new", "ab"]), pa.array(["new"])]).dictionary_encode())
    assert again.tolist() == [703, 701, 703]
    assert names.find(["ab", "stranger", "", "账户0"]).tolist() == [701, -1, -1, 0]
    assert names.text([703, 5]) == ["new", "账户5"] and len(names) == 704
    for bad in (pa.array(["x", None]), pa.array([""])):
        with pytest.raises(BadInput):
            names.encode(bad)
    assert len(names) == 704


def town(seed: int, many: int = 400) -> list[Paid]:
    random = np.random.default_rng(seed)
    return [(f"p{random.integers(0, 30)}", f"s{random.integers(0, 12)}" if i % 3 else f"p{random.integers(0, 30)}",
             NOW - int(random.integers(0, 150 * DAY)), int(random.integers(1, 9_000))) for i in range(many)]  # fmt: skip


def test_a_graph_as_of_any_time_is_that_of_the_payments_before_it(tmp_path: Path) -> None:
    payments = town(1)
    store = FlowStore(tmp_path)
    for part in range(0, 400, 130):
        store.append(table(payments[part : part + 130]))
    reader = FlowStore(tmp_path)
    for as_of in (NOW, NOW - 40 * DAY, NOW - 40 * DAY + 1, NOW - 200 * DAY):
        graph = reader.graph(as_of, since=NOW - 150 * DAY) if as_of > NOW - 150 * DAY else reader.graph(as_of)
        before = [p for p in payments if p[2] < as_of]
        assert rows(graph, reader.names) == by_hand(before, graph.origin, graph.span_s)
    live, graph = reader.live(NOW), reader.graph(NOW)
    np.testing.assert_array_equal(live.triangles.all, triangles(graph.oriented()))


def test_a_store_is_the_same_in_one_append_or_many_and_after_compaction(tmp_path: Path) -> None:
    payments = town(2)
    one, many = FlowStore(tmp_path / "one"), FlowStore(tmp_path / "many")
    told = one.append(table(payments))
    assert told.payments == 400 and told.new_accounts == len(one.names)
    assert told.to_oneself == sum(a == b for a, b, *_ in payments)
    for part in range(0, 400, 37):
        many.append(table(payments[part : part + 37]))
    reader = FlowStore(tmp_path / "many")
    expected = rows(one.graph(NOW), one.names)
    assert rows(many.graph(NOW), many.names) == expected
    many.compact()
    assert len(list((tmp_path / "many").iterdir())) == 2
    assert rows(many.graph(NOW), many.names) == expected == rows(reader.graph(NOW), reader.names)
    reader.refresh()
    many.append(table([("new", "s1", NOW - 1, 5)]))
    reader.refresh()
    assert len(reader) == 401 and reader.names.find(["new"])[0] == len(reader.names) - 1
    assert rows(reader.graph(NOW), reader.names) == rows(many.graph(NOW), many.names) != expected


def test_late_payments_and_corrections_count_from_when_they_arrived(tmp_path: Path) -> None:
    store = FlowStore(tmp_path)
    first = [("a", "shop", NOW - 9 * DAY, 100), ("b", "shop", NOW - 8 * DAY, 30)]
    store.append(table(first, event_id=["e1", "e2"], replaces=[None, None], arrived=[NOW - 9 * DAY, NOW - 2 * DAY]))
    store.append(table([("a", "shop", NOW - 9 * DAY, 70)], event_id=["e3"], replaces=["e1"], arrived=[NOW - DAY]))
    sums = {as_of: store.graph(as_of).fens().tolist() for as_of in (NOW - 3 * DAY, NOW - DAY, NOW)}
    assert sums == {NOW - 3 * DAY: [100], NOW - DAY: [100, 30], NOW: [70, 30]}
    store.compact()
    store.append(table([]))
    assert store.graph(NOW).fens().tolist() == [70, 30]
    assert store.graph(NOW - 3 * DAY, known_at=NOW).fens().tolist() == [70, 30]


def test_what_a_store_refuses_it_does_not_write(tmp_path: Path) -> None:
    store = FlowStore(tmp_path)
    store.append(table([("a", "b", NOW, 5)]))
    for broken in (table([("x", "b", NOW, -5)]), table([("x", None, NOW, 5)]), table([("x", "", NOW, 5)]),  # type: ignore[list-item]
                   table([("x", "b", NOW, 5)]).drop_columns(["at"])):  # fmt: skip
        with pytest.raises(BadInput):
            store.append(broken)
    assert len(FlowStore(tmp_path)) == 1 and FlowStore(tmp_path).names.text([0, 1]) == ["a", "b"]
    assert len(FlowStore(tmp_path / "nothing").graph(NOW)) == 0


def test_a_saved_graph_is_read_from_disk_and_damage_is_noticed(tmp_path: Path) -> None:
    graph = folded([(0, 1, SINCE, 2**40), (1, 2, SINCE + 5, 7)])
    digest = save(graph, tmp_path / "g")
    assert save(graph, tmp_path / "g") == digest
    again = load(tmp_path / "g", verify=True)
    assert isinstance(again.payee, np.memmap) and rows(again) == rows(graph)
    assert again.to_arrow().equals(graph.to_arrow())
    file = tmp_path / "g" / "fen.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(BadInput, match="write it again"):
        load(tmp_path / "g", verify=True)
    file.write_bytes(b"no array")
    with pytest.raises(BadInput):
        load(tmp_path / "g")
    with pytest.raises(NotFound):
        load(tmp_path / "other")


def test_the_page_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "graph.md").read_text("utf-8").split("## The store and the kernels")[1]
    code, shown = page.split("```python\n")[1].split("```")[0], page.split("prints\n\n```\n")[1].split("```")[0]
    exec(compile(code, "docs/graph.md", "exec"), {})
    assert capsys.readouterr().out == shown
