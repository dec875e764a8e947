"""A past book's late loans as the ledger's own events."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from dandelion.app.past_delinquency import delinquency_moves
from dandelion.core import DAY_US, instant
from dandelion.lending import Packs

START = instant("2025-01-01T00:00:00Z")


def test_each_step_behind_is_told_and_one_back_to_nothing_where_the_last_word_is_a_repayment() -> None:
    rows = [
        ("l1", "m1", 1, "drawn", 0), ("l1", "m1", 40, "past_due", 1), ("l1", "m1", 70, "past_due", 30), ("l1", "m1", 75, "repaid", 0),
        ("l2", "m2", 2, "drawn", 0), ("l2", "m2", 60, "past_due", 60), ("l2", "m2", 61, "repaid", 0), ("l2", "m2", 200, "written_off", 180),
        ("l3", "m3", 3, "drawn", 0), ("l3", "m3", 33, "repaid", 0),
    ]  # fmt: skip
    loan, merchant, day, event, late = zip(*rows, strict=True)
    at = pa.array([START + d * DAY_US for d in day], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    book = pa.table(
        {"loan": loan, "merchant": merchant, "at": at, "event": event, "days_past_due": pa.array(late, pa.int32())}
    )
    pack = Packs.load(Path(__file__).parents[2] / "src/dandelion/defaults/packs").all()[-1]
    found = delinquency_moves(book, pack).sort_by([("line", "ascending"), ("at", "ascending")]).to_pylist()
    said = [(r["line"], r["merchant"], r["days_past_due"], r["bucket"]) for r in found]
    assert [one[:3] for one in said] == [
        ("l1", "m1", 1), ("l1", "m1", 30), ("l1", "m1", 0), ("l2", "m2", 60), ("l2", "m2", 180),
    ]  # fmt: skip
    assert said[2][3] != said[0][3] and len({r["source_id"] for r in found}) == len(found)
    assert all(r["arrived"] == r["at"] for r in found)
    assert delinquency_moves(book.slice(8), pack).num_rows == 0
