"""Bad news from the lender's own book, dated twice, and how it reaches those around."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from graph_oracle import DAY, NOW, table

from dandelion.core import BadInput
from dandelion.graph import columns, lending_news, snapshot
from dandelion.graph.relation_rules import load_relation_rules

RULES_FILE = Path(__file__).parents[2] / "src/dandelion/graph/relations.yaml"


def moves(rows: list[tuple[str, str, int, int]], told: int = 0) -> pa.Table:
    merchant, line, days, at = zip(*rows, strict=True)
    return pa.table({"merchant": merchant, "line": line, "days_past_due": days, "at": pa.array(at, pa.int64()),
                     "arrived": pa.array([moment + told for moment in at], pa.int64())})  # fmt: skip


LATE = [("bad", "l1", 1, NOW - 90 * DAY), ("bad", "l1", 30, NOW - 60 * DAY), ("bad", "l1", 90, NOW - 2 * DAY),
        ("back", "l2", 60, NOW - 50 * DAY), ("back", "l2", 0, NOW - 9 * DAY)]  # fmt: skip


def test_news_is_as_bad_as_the_line_is_late_and_half_as_bad_once_it_was_brought_back() -> None:
    said = [(n.party, n.severity, (NOW - n.at) // DAY) for n in lending_news(moves(LATE), NOW)]
    assert said == [("bad", 0.3, 60), ("back", 0.3, 50), ("bad", 1.0, 2)]
    before = [(n.party, n.severity) for n in lending_news(moves(LATE), NOW - 20 * DAY)]
    assert before == [("bad", 0.3), ("back", 0.6)], "neither the default nor the cure had happened"


def test_news_told_too_late_or_dated_after_the_boundary_is_never_used() -> None:
    assert lending_news(moves(LATE, told=100 * DAY), NOW) == []
    assert all(n.at < NOW - 55 * DAY for n in lending_news(moves(LATE), NOW - 55 * DAY))
    with pytest.raises(BadInput, match="days_past_due"):
        lending_news(moves(LATE).drop_columns(["days_past_due"]), NOW)


def crowd() -> list[tuple[str, str, int, int]]:
    """Six guests pay each of two shops; `bad` is a guest of the first, and the second's never met."""
    one = [(guest, "near", NOW - 5 * DAY + i, 100) for i, guest in enumerate(["bad", *(f"g{k}" for k in range(5))])]
    return one + [(f"h{k}", "far", NOW - 5 * DAY + k, 100) for k in range(6)]


def test_a_default_raises_the_risk_of_those_around_from_the_day_it_is_known_and_of_nobody_else() -> None:
    def risk(at: int) -> dict[str, float]:
        graph = snapshot(table(crowd()), at, news=lending_news(moves(LATE), at))
        frame = columns(graph, ["near", "far"], at, at, names=["graph.risk/score"])
        return dict(zip(["near", "far"], frame["graph.risk/score"].tolist(), strict=True))

    before, after = risk(NOW - 3 * DAY), risk(NOW)
    assert after["near"] > 2 * before["near"] > 0 and before["far"] == after["far"] == 0
    everything = snapshot(table(crowd()), NOW - 3 * DAY, news=lending_news(moves(LATE), NOW))
    early = columns(everything, ["near"], NOW - 3 * DAY, NOW - 3 * DAY, names=["graph.risk/score"])
    assert early["graph.risk/score"][0] < after["near"], "even news handed over too early is not used before its date"


@pytest.mark.parametrize(
    ("was", "now"),
    [("[30, 60, 90]", "[60, 30, 90]"), ("[0.3, 0.6, 1.0]", "[0.3, 0.6]"), ("cured_share: 0.5", "cured_share: 1.5")],
)
def test_steps_of_news_that_make_no_sense_are_refused(tmp_path: Path, was: str, now: str) -> None:
    (tmp_path / "relations.yaml").write_text(RULES_FILE.read_text("utf-8").replace(was, now), "utf-8")
    with pytest.raises(BadInput, match=r"news|days_past_due"):
        load_relation_rules(tmp_path / "relations.yaml")
