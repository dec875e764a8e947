"""Identity clusters and anomalies: against the obvious way, and what they must never do."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput, Column, Frame
from dandelion.graph.anomaly import AnomalyModel, psi
from dandelion.graph.identity import KINDS, Identities, identities, plain
from dandelion.graph.relation_rules import relation_rules

RULES = relation_rules()
PARTIES = "abcdefghij"
facts = st.lists(st.tuples(st.sampled_from(PARTIES), st.sampled_from(KINDS), st.sampled_from("12345")), max_size=40)


def told(rows: list[tuple[str, ...]], **more: Any) -> pa.Table:
    columns = {
        name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(("party", "kind", "value"))
    }
    return pa.table({**columns, **more})


def obvious(rows: list[tuple[str, str, str]]) -> set[frozenset[str]]:
    """Every pair weighed by hand, ties joined until nothing moves."""
    sets: list[set[str]] = []
    for a, b in itertools.combinations(PARTIES, 2):
        weight = 0.0
        for kind in KINDS:
            values = {v for p, k, v in rows if k == kind and p == a} & {v for p, k, v in rows if k == kind and p == b}
            crowd = {v: len({p for p, k, w in rows if k == kind and w == v}) for v in values}
            if any(count <= RULES.identity.hub_parties.of(kind) for count in crowd.values()):
                weight += RULES.identity.shared.of(kind)
        if weight >= RULES.identity.enough:
            sets.append({a, b})
    moved = True
    while moved:
        moved = False
        for one, other in itertools.combinations(sets, 2):
            if one & other:
                one |= other
                sets.remove(other)
                moved = True
                break
    return {frozenset(one) for one in sets}


def found(made: Identities) -> set[frozenset[str]]:
    out: dict[str, set[str]] = {}
    for row in made.clusters.to_pylist():
        out.setdefault(row["cluster"], set()).add(row["party"])
    assert all(cluster == min(members) for cluster, members in out.items())
    return {frozenset(one) for one in out.values()}


@settings(max_examples=200, deadline=None)
@given(facts)
def test_clusters_are_those_found_by_weighing_every_pair(rows: list[tuple[str, str, str]]) -> None:
    assert found(identities(told(rows))) == obvious(rows)


def test_an_address_alone_ties_nobody_but_with_a_name_it_does() -> None:
    rows = [("a", "address", "5 West Rd"), ("b", "address", "5 west rd"), ("a", "name", "Li"), ("b", "name", "Li")]
    assert found(identities(told(rows[:2]))) == set()
    made = identities(told(rows))
    assert made.cluster("b") == ("a", "b") and made.ties.to_pylist()[0]["shared"] == "address name"


def test_a_hub_by_size_or_by_name_is_left_out_and_counted() -> None:
    cafe = [(p, "contact", "400-800-1234") for p in "ab"] + [(p, "device", "kiosk") for p in "abcde"]
    made = identities(told(cafe), rules=replace(RULES.identity, hubs=("4008001234",)))
    assert found(made) == set()
    assert made.hubs.to_pylist() == [{"kind": "device", "parties": 5}, {"kind": "contact", "parties": 2}]


def test_identifiers_are_compared_as_people_mean_them() -> None:
    assert plain("+86 138-0000-0000") == plain("１３８０００００００0") == "13800000000"
    assert plain(" Room 5, A ") == "room5,a"


def test_what_was_not_known_yet_ties_nobody() -> None:
    rows = told([("a", "device", "p"), ("b", "device", "p")], at=pa.array([1, 5]), arrived=pa.array([1, 9]))
    assert found(identities(rows, as_of=6, known_at=8)) == set()
    assert found(identities(rows, as_of=6, known_at=10)) == {frozenset("ab")}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pa.table({"party": ["a"], "kind": ["device"]}), "lack column 'value'"),
        (told([("a", "fax", "1")]), "kind 'fax' is no identifier"),
        (pa.table({"party": ["a"], "kind": ["device"], "value": pa.array([None], pa.string())}), "rows without value"),
    ],
)
def test_malformed_identifiers_are_refused_by_field(table: pa.Table, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        identities(table)


def period(rng: np.random.Generator, rows: int, shift: float = 0.0) -> Frame:
    values = rng.normal(shift, 1, (rows, 3))
    values[rng.random(rows) < 0.02, 1] = np.nan
    entry = {
        f"t.{n}": Column(f"t.{n}", "count", (None, None), "no_events", "graph", "credit", "h", f"列{n}", f"Column {n}")
        for n in "xyz"
    }
    return Frame.of(
        [str(i) for i in range(rows)], [1] * rows, [1] * rows, dict(zip(entry, values.T, strict=True)), entry
    )


def with_row(frame: Frame, row: list[float]) -> Frame:
    values = frame.values.copy()
    values[0] = row
    return replace(frame, values=values)


@pytest.fixture(scope="module")
def model() -> AnomalyModel:
    rules = replace(RULES.anomaly, trees=60, sample=256)
    return AnomalyModel(period(np.random.default_rng(1), 800), ["t.x", "t.y", "t.z"], rules=rules)


def test_the_odd_one_out_is_flagged_with_the_columns_that_make_it_odd(model: AnomalyModel) -> None:
    seen = model.look(with_row(period(np.random.default_rng(2), 500), [9.0, 0.0, -8.0]))
    assert seen.flagged[0] and seen.score[0] == seen.score.max() and seen.state == "stable"
    assert {(r.column, r.side) for r in seen.reasons[0]} == {("t.x", "high"), ("t.z", "low")}
    assert seen.reasons[0][0].en == "Column x: higher than for 100 % of the reference period"
    assert seen.flagged.mean() < 0.05


def test_a_missing_value_is_never_odd(model: AnomalyModel) -> None:
    seen = model.look(with_row(period(np.random.default_rng(2), 500), [0.0, np.nan, 0.0]))
    ordinary = model.look(with_row(period(np.random.default_rng(2), 500), [0.0, 0.0, 0.0]))
    assert seen.score[0] == pytest.approx(ordinary.score[0], abs=0.02) and not seen.flagged[0]


def test_a_market_that_moved_keeps_the_share_of_flags_and_is_called_by_name(model: AnomalyModel) -> None:
    moved = model.look(period(np.random.default_rng(3), 600, shift=2.5))
    assert moved.state == "moved" and moved.threshold > model.threshold and moved.psi > RULES.anomaly.psi_act
    assert moved.flagged.mean() <= 0.02 and {name for name, _ in moved.drifted} == {"t.x", "t.y", "t.z"}


def test_a_handful_of_rows_cannot_move_the_threshold(model: AnomalyModel) -> None:
    few = model.look(period(np.random.default_rng(4), 10, shift=6.0))
    assert few.threshold == model.threshold and few.flagged.all() and few.state == "stable"
    assert len(model.look(period(np.random.default_rng(4), 0)).score) == 0


def test_the_same_reference_and_seed_give_the_same_scores() -> None:
    frame, rules = period(np.random.default_rng(5), 300), replace(RULES.anomaly, trees=20)
    one, other = (AnomalyModel(frame, ["t.x", "t.y"], rules=rules).look(frame).score for _ in range(2))
    assert one.tobytes() == other.tobytes()


def test_what_is_no_reference_is_refused() -> None:
    with pytest.raises(BadInput, match="give 200 or more"):
        AnomalyModel(period(np.random.default_rng(6), 50), ["t.x"])
    flat = replace(period(np.random.default_rng(6), 250), values=np.ones((250, 3), np.float32))
    with pytest.raises(BadInput, match="no column of the reference varies"):
        AnomalyModel(flat, ["t.x"])


def test_the_stability_index_is_its_textbook_sum() -> None:
    rng = np.random.default_rng(7)
    then, now = rng.normal(0, 1, 5000), rng.normal(0.5, 1, 5000)
    edges = np.quantile(then, np.arange(1, 10) / 10)
    shares = [np.histogram(x, np.concatenate([[-np.inf], edges, [np.inf]]))[0] / 5000 for x in (then, now)]
    assert psi(np.sort(then), now) == pytest.approx(
        float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum()), abs=1e-9
    )
    assert psi(then, then) == 0.0
