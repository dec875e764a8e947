"""Relations of every sort, and the risk that flows along them, against dictionaries and a dense solve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from graph_oracle import DAY, NOW, table
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput
from dandelion.graph.relation_rules import load_relation_rules, relation_rules
from dandelion.graph.relations import Relations, Tie, relations
from dandelion.graph.risk import OWN_COARSER, BadNews, Walk, risk_map, seeds_of

PARTIES = "abcdefgh"
RULES = relation_rules()
EPS = RULES.risk.exact_to_ppb / 1e9
paid = st.lists(
    st.tuples(st.sampled_from(PARTIES), st.sampled_from(PARTIES), st.integers(0, 500), st.integers(1, 6)),
    min_size=1,
    max_size=40,
).map(lambda rows: [(a, b, NOW - days * DAY - i, fen * 100) for i, (a, b, days, fen) in enumerate(rows)])
news = st.lists(st.tuples(st.sampled_from(PARTIES), st.sampled_from([0.3, 1.0]), st.integers(0, 400)), max_size=4).map(
    lambda rows: [BadNews(p, s, NOW - d * DAY, NOW - d * DAY) for p, s, d in rows]
)


def told(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """A table with `at` (and `arrived`) as instants."""
    data = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
    return pa.table(
        {
            n: pa.array(v, pa.int64() if n in ("at", "arrived", "share_ppm", "total_fen") else pa.string())
            for n, v in data.items()
        }
    )


def exact(found: Relations, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(scores, scores without one's own news) by solving the linear system whole."""
    n, alpha = len(found.parties), RULES.risk.restart_ppm / 1e6
    walk = Walk.of(found, RULES.risk)
    step = np.zeros((n, n))  # step[u, v]: from u to v
    for v in range(n):
        for k in range(walk.offsets[v], walk.offsets[v + 1]):
            step[walk.other[k], v] = walk.share[k]
    assert np.allclose(step.sum(1)[step.sum(1) > 0], 1)
    ends = alpha * np.linalg.inv(np.eye(n) - (1 - alpha) * step)
    return ends @ seeds, ends @ seeds - np.diag(ends) * seeds


@settings(max_examples=120, deadline=None)
@given(paid, news)
def test_risk_is_the_solution_of_the_walk_to_the_promised_precision(rows: list[Any], known: list[BadNews]) -> None:
    found = relations(NOW + 1, payments=table(rows))
    seeds = seeds_of(found, known, NOW + 1, RULES.risk)
    _, wanted = exact(found, seeds)
    got = risk_map(found, known).score
    crowd = found.contacts >= RULES.risk.contacts_min
    assert np.array_equal(np.isnan(got), ~crowd)
    gap = np.abs(got - wanted)
    assert np.all(gap[crowd & (seeds == 0)] <= EPS) and np.all(gap[crowd] <= (OWN_COARSER + 1) * EPS)


@settings(max_examples=80, deadline=None)
@given(paid)
def test_relations_are_the_payments_counted_by_pair(rows: list[Any]) -> None:
    found = relations(NOW + 1, payments=table(rows))
    wanted: dict[tuple[str, str], list[int]] = {}
    for a, b, at, fen in rows:
        if a != b and at >= NOW + 1 - RULES.window_days * DAY:
            one = wanted.setdefault((a, b), [0, 0, at, at])
            wanted[a, b] = [one[0] + 1, one[1] + fen, min(one[2], at), max(one[3], at)]
    got = {
        (found.parties[found.source[i]], found.parties[found.target[i]]):
            [int(found.count[i]), int(found.size[i]), int(found.first[i]), int(found.last[i])]
        for i in range(len(found))
    }  # fmt: skip
    assert got == wanted
    assert {p: int(c) for p, c in zip(found.parties, found.contacts, strict=True)} == {
        p: len({b for a, b in wanted if a == p} | {a for a, b in wanted if b == p}) for p in found.parties
    }


def crowd(centre: str, size: int = 6) -> list[tuple[str, str, int, int]]:
    return [(f"{centre}{i}", centre, NOW - DAY, 100) for i in range(size)]


def test_risk_fades_with_distance_with_time_and_with_company() -> None:
    rows = [*crowd("near"), *crowd("far"), ("bad", "near", NOW - DAY, 100), ("near0", "far", NOW - DAY, 100)]
    found = relations(NOW, payments=table(rows))
    fresh = risk_map(found, [BadNews("bad", 1.0, NOW - DAY, NOW - DAY)])
    old = risk_map(found, [BadNews("bad", 1.0, NOW - 400 * DAY, NOW - 400 * DAY)])
    near, far, stranger = fresh.of(["near", "far", "nobody"])
    assert near > 3 * far > 0 and np.isnan(stranger)
    assert old.of(["near"])[0] < 0.3 * near


def test_news_not_yet_told_or_not_yet_happened_does_nothing() -> None:
    found = relations(NOW, payments=table([*crowd("shop"), ("bad", "shop", NOW - DAY, 100)]))
    for late in (BadNews("bad", 1.0, NOW, NOW - DAY), BadNews("bad", 1.0, NOW - DAY, NOW)):
        assert risk_map(found, [late]).of(["shop"])[0] == 0.0


def test_ones_own_bad_news_is_no_prediction_of_oneself() -> None:
    found = relations(NOW, payments=table(crowd("shop")))
    assert risk_map(found, [BadNews("shop", 1.0, NOW - DAY, NOW - DAY)]).of(["shop"])[0] <= (OWN_COARSER + 1) * EPS


def test_nobody_with_fewer_than_five_relations_is_told_anything() -> None:
    found = relations(NOW, payments=table([*crowd("shop", 3), ("bad", "shop", NOW - DAY, 100)]))
    assert np.isnan(risk_map(found, [BadNews("bad", 1.0, NOW - DAY, NOW - DAY)]).of(["shop"])[0])


def test_all_sorts_of_relations_meet_in_one_graph_dated() -> None:
    day = NOW - 10 * DAY
    found = relations(
        NOW,
        payments=table([("a", "shop", day, 100), ("shop", "shop", day, 5)]),
        invoices=told(("seller", "buyer", "total_fen", "status", "at"), [
            ("shop", "b", 900, "valid", day), ("shop", "b", -300, "valid", day), ("shop", "c", 50, "void", day)]),
        shareholdings=told(("firm", "holder", "share_ppm", "at"), [
            ("shop", "li", 600_000, day), ("shop", "wu", 400_000, day), ("shop", "wu", 0, day + DAY)]),
        roles=told(("firm", "person", "role", "at"), [("shop", "li", "owner", day), ("late", "li", "owner", NOW + 5)]),
        logins=told(("person", "device", "at"), [(who, "phone", day + d * DAY) for who in ("li", "a") for d in (0, 1)]
                    + [("x", "phone", day)]),
    )  # fmt: skip
    rows = {(found.parties[s], found.parties[t], Tie(k).name, int(z)) for s, t, k, z in
            zip(found.source, found.target, found.kind, found.size, strict=True)}  # fmt: skip
    assert rows == {
        ("a", "shop", "PAYS", 100), ("shop", "b", "INVOICES", 600), ("li", "shop", "HOLDS", 600_000), ("li", "shop", "OFFICE", 1),
        ("a", "li", "DEVICE", 1),
    }  # fmt: skip


def test_an_empty_house_has_no_relations_and_no_risk() -> None:
    found = relations(NOW, payments=table([]))
    assert len(found) == 0 and len(risk_map(found, [BadNews("x", 1.0, 1, 1)]).score) == 0


@pytest.mark.parametrize(
    ("payments", "says"),
    [
        (pa.table({"payer": ["a"], "payee": ["b"], "at": [1]}), "payments lack column 'amount_fen'"),
        (table([("a", "b", NOW - DAY, 0)]), "zero or less"),
        (table([("", "b", NOW - DAY, 5)]), "a party is empty"),
        (
            pa.table({"payer": ["a", None], "payee": ["b", "b"], "at": [1, 1], "amount_fen": [1, 1]}),
            "1 rows without payer",
        ),
    ],
)
def test_what_is_no_payment_is_refused_by_field(payments: pa.Table, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        relations(NOW, payments=payments)


def test_a_severity_beyond_one_is_refused() -> None:
    with pytest.raises(BadInput, match="give 0 to 1"):
        risk_map(relations(NOW, payments=table(crowd("s"))), [BadNews("s", 2.0, 1, 1)])


def test_rules_that_would_single_people_out_or_are_misspelt_are_refused(tmp_path: Path) -> None:
    shipped = (Path(__file__).parents[2] / "src/dandelion/graph/relations.yaml").read_text()
    for old, new, says in (("contacts_min: 5", "contacts_min: 4", "at least 5"), ("  trees: 200", "  treees: 200", "tree"),
                           ("restart_ppm: 500000", "restart_ppm: 0", "restart_ppm"), ("psi_act: 0.25", "psi_act: -1", "psi_act")):  # fmt: skip
        file = tmp_path / "relations.yaml"
        file.write_text(shipped.replace(old, new))
        with pytest.raises(BadInput, match=says):
            load_relation_rules(file)
    file.write_text(shipped)
    assert load_relation_rules(file) == RULES
