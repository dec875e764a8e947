"""What a snapshot says beyond an account's own payments: trade, neighbours, oddness, doubles; at its boundary and no later."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
from graph_oracle import DAY, NOW, table

from dandelion.graph import FlowGraph, catalogue, columns, neighbour_columns, rules_hash, snapshot, standard_rules
from dandelion.graph.neighbours import base_columns
from dandelion.graph.odd import odd_columns
from dandelion.graph.relations import relations
from dandelion.graph.supply import supply_columns

SHOPS, PEOPLE = 240, 300


def town(seed: int = 5) -> list[tuple[str, str, int, int]]:
    """Many shops of five to nine ordinary guests, and `odd`: one guest pays all day long and gets everything back."""
    rng = np.random.default_rng(seed)
    rows = []
    for shop in range(SHOPS):
        for guest in rng.choice(PEOPLE, int(rng.integers(5, 10)), replace=False).tolist():
            rows += [(f"p{guest}", f"s{shop}", NOW - int(rng.integers(1, 80)) * DAY, int(rng.integers(5, 40)) * 100)
                     for _ in range(2)]  # fmt: skip
    for guest in range(40):
        rows += [(f"p{guest}", "odd", NOW - DAY + k, 90_000 + guest) for k in range(8)]
        rows += [("odd", f"p{guest}", NOW - DAY + 100 + guest, 720_000)]
    return rows


def logins(rows: list[tuple[str, str, int]]) -> pa.Table:
    person, device, at = zip(*rows, strict=True)
    return pa.table({"person": person, "device": device, "at": pa.array(at, pa.int64())})


def sold(rows: list[tuple[str, str, int, int]]) -> pa.Table:
    seller, buyer, fen, at = zip(*rows, strict=True)
    return pa.table({"seller": seller, "buyer": buyer, "total_fen": fen, "status": ["valid"] * len(rows), "at": at})


PHONES = [("s1", "ph1", NOW - n * DAY) for n in (3, 5)] + [("s2", "ph1", NOW - n * DAY) for n in (2, 9)]
INVOICES = [(f"m{k}", "s1", 1_000 * (k + 1), NOW - 9 * DAY) for k in range(6)]
NAMED = pa.table({
    "party": ["s3", "s4", "s5"], "kind": ["contact"] * 3, "value": ["a1", "a1", "b2"],
    "at": pa.array([NOW - DAY] * 3, pa.int64()),
})  # fmt: skip


@cache
def built(later: bool = False) -> FlowGraph:
    """The town's snapshot; with `later`, from a record in which more has happened since."""
    rows, phones, invoices, named = town(), PHONES, INVOICES, NAMED
    if later:
        rows = [*rows, *(("p1", f"s{k}", NOW + k, 5_000) for k in range(9))]
        phones = [*phones, *(("s9", "ph1", NOW + n * DAY) for n in range(4))]
        invoices = [*invoices, ("m9", "s1", 999_999, NOW + DAY)]
        more = pa.table({"party": ["s5"], "kind": ["contact"], "value": ["a1"], "at": pa.array([NOW + 1], pa.int64())})
        named = pa.concat_tables([NAMED, more])
    return snapshot(table(rows), NOW, logins=logins(phones), invoices=sold(invoices), identifiers=named)


def test_the_catalogue_lists_the_columns_of_a_snapshot_and_no_other() -> None:
    rules = standard_rules()
    listed = catalogue(rules.windows_days, rules_hash(rules, "Asia/Shanghai"))
    graph = built()
    assert set(listed) == set(graph.frame.names) and len(listed) == 93
    for name, entry in listed.items():
        assert graph.frame.catalogue[name] == entry and entry.purpose == "credit" and entry.zh and entry.en, name
    assert {n for n, e in listed.items() if e.data_kinds == ("payments", "invoices")} == {
        n for n in listed if n.startswith("graph.supply/")
    }
    assert listed["graph.identity/size"].data_kinds == ("logins", "places")
    assert "invoices" in listed["graph.risk/score"].data_kinds


def test_what_is_told_after_the_boundary_changes_nothing() -> None:
    before, after = built(), built(later=True)
    names = before.accounts.to_pylist()
    then = columns(after, names, NOW, NOW)
    assert np.array_equal(columns(before, names, NOW, NOW).values, then.values, equal_nan=True)


def test_trade_and_neighbours_are_those_of_the_functions_that_stand_alone() -> None:
    rows = town()
    graph = built()
    names = graph.accounts.to_pylist()
    alone = supply_columns(relations(NOW, payments=table(rows), invoices=sold(INVOICES)), names)
    for name in alone.names:
        recent = name.replace("graph.supply/", "graph.supply/90d/")
        assert np.array_equal(graph.frame[recent], alone[name], equal_nan=True), name
    near = neighbour_columns(graph, names, base_columns(90))  # all payments lie within the shortest window
    for name in near.names:
        assert np.array_equal(graph.frame[name], near[name], equal_nan=True), name
    at = names.index("s1")
    assert graph.frame["graph.supply/90d/upstream/partners"][at] == 6.0
    assert abs(graph.frame["graph.supply/90d/upstream/top_share"][at] - 6 / 21) < 1e-6


def test_the_odd_one_ranks_at_the_end_of_its_month_and_few_accounts_say_nothing() -> None:
    graph = built()
    rank = dict(zip(graph.accounts.to_pylist(), graph.frame["graph.odd/90d/rank"].tolist(), strict=True))
    assert rank["odd"] >= 0.99 and np.isnan(rank["p1"]), "nobody with fewer than five payers is told anything"
    shops = np.array([rank[f"s{k}"] for k in range(SHOPS)])
    assert 0.4 < shops.mean() < 0.6 and shops.min() == 0.0
    few = snapshot(table([row for row in town() if row[1] in {"s1", "s2", "odd"}]), NOW)
    assert np.isnan(few.frame["graph.odd/90d/score"]).all()
    assert not any(name.startswith(("graph.ring/", "graph.risk/")) for name in odd_columns(graph.frame, "90d"))


def test_accounts_with_a_phone_or_a_contact_in_common_are_one_identity_and_consent_hides_it() -> None:
    graph = built()
    size = dict(zip(graph.accounts.to_pylist(), graph.frame["graph.identity/size"].tolist(), strict=True))
    assert [size[name] for name in ("s1", "s2", "s3", "s4", "s5", "s6")] == [2, 2, 2, 2, 1, 1]
    once = snapshot(table(town()), NOW, logins=logins([("s1", "ph1", NOW - DAY), ("s2", "ph1", NOW - DAY)]))
    assert (once.frame["graph.identity/size"] == 1).all(), "one day with somebody's phone is an accident"
    shut = columns(graph, ["s1"], NOW, NOW, names=["graph.identity/size", "graph.supply/90d/upstream/partners"],
                   granted=["payments", "logins"])  # fmt: skip
    assert np.isnan(shut.values).all()
    assert all(entry.null_policy == "not_consented" for entry in shut.catalogue.values() if entry.unit != "fen")


def test_an_empty_record_has_the_same_columns() -> None:
    assert set(snapshot(table([]), NOW).frame.names) == set(built().frame.names)
