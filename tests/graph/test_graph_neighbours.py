"""Neighbour columns against loops over everybody."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from graph_oracle import DAY, NOW, table
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput
from dandelion.graph import snapshot
from dandelion.graph.neighbours import neighbour_columns

PARTIES = "abcdefghij"
rows = st.lists(
    st.tuples(st.sampled_from(PARTIES), st.sampled_from(PARTIES), st.integers(1, 80)), min_size=1, max_size=70
).map(lambda told: [(a, b, NOW - days * DAY - i, 100) for i, (a, b, days) in enumerate(told)])
BASE = ("graph.ego/180d/degree", "graph.payers/180d/repeat_share")


@settings(max_examples=60, deadline=None)
@given(rows)
def test_they_are_means_and_maxima_over_at_least_five_known_neighbours(paid: list[tuple[str, str, int, int]]) -> None:
    graph = snapshot(table(paid), NOW)
    frame = neighbour_columns(graph, [*PARTIES, "stranger"], BASE)
    own = {name: graph.frame.values[i] for i, name in enumerate(graph.accounts.to_pylist())}
    pays = {(a, b) for a, b, *_ in paid if a != b}
    for (i, name), base in itertools.product(enumerate([*PARTIES, "stranger"]), BASE):
        column = graph.frame.names.index(base)
        sides = {
            "payers.mean": {a for a, b in pays if b == name}, "payees.mean": {b for a, b in pays if a == name},
        }  # fmt: skip
        sides["all.max"] = sides["payers.mean"] | sides["payees.mean"]
        for side, others in sides.items():
            values = [float(own[o][column]) for o in others if np.isfinite(own[o][column])]
            wanted = np.nan if len(values) < 5 else max(values) if side == "all.max" else sum(values) / len(values)
            got = float(frame[f"graph.near/{side}/{base.removeprefix('graph.')}"][i])
            assert got == pytest.approx(wanted, rel=1e-6, nan_ok=True), (name, side, base)


def test_every_neighbour_column_says_what_it_needs_consent_for() -> None:
    graph = snapshot(table([(a, b, NOW - DAY, 100) for a in "abcdefg" for b in "abcdefg" if a != b]), NOW)
    frame = neighbour_columns(graph, ["a"])
    assert len(frame.names) == 33 and all(frame.catalogue[n].data_kinds == ("payments",) for n in frame.names)
    assert frame["graph.near/payers.mean/ego/180d/degree"].tolist() == [6.0]
    with pytest.raises(BadInput, match=r"no column .graph\.nothing."):
        neighbour_columns(graph, ["a"], ["graph.nothing"])
    assert np.isnan(neighbour_columns(snapshot(table([]), NOW), ["a"]).values).all()
