"""The past loan book: labels that can be recomputed from dated events, experiment cells, no look ahead."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dandelion.core import DAY_US
from dandelion.world import WorldSummary
from dandelion.world.naive import LIMIT_CHANCES, LIMIT_NOTCHES, RATE_CHANCES

World = tuple[Path, WorldSummary]


def micros(table: pa.Table, name: str) -> np.ndarray:
    return table.column(name).cast(pa.int64()).to_numpy()


@pytest.fixture(scope="module")
def loans(small_world: World) -> pa.Table:
    return pq.read_table(small_world[0] / "record/loans.parquet")


@pytest.fixture(scope="module")
def events(small_world: World) -> dict[str, list[dict[str, object]]]:
    out: dict[str, list[dict[str, object]]] = defaultdict(list)
    table = pq.read_table(small_world[0] / "record/loan_events.parquet")
    table = table.set_column(table.column_names.index("at"), "at", table.column("at").cast(pa.int64()))
    for row in table.to_pylist():
        out[row["loan"]].append(row)
    return out


def test_labels_follow_from_the_dated_events(
    small_world: World, loans: pa.Table, events: dict[str, list[dict[str, object]]]
) -> None:
    end = small_world[1].end_us
    drawn = micros(loans, "drawn_at")
    for row, loan in enumerate(loans.to_pylist()):
        late = [e["at"] for e in events[loan["loan"]] if e["event"] == "past_due" and e["days_past_due"] >= 90]
        bad = any(at <= drawn[row] + 183 * DAY_US for at in late)
        matured = drawn[row] + 183 * DAY_US < end
        assert loan["matured"] == matured
        assert loan["bad"] == (bad if matured else None)


def test_money_of_a_loan_adds_up(loans: pa.Table, events: dict[str, list[dict[str, object]]]) -> None:
    settled = 0
    for loan in loans.to_pylist():
        mine = events[loan["loan"]]
        assert mine[0]["event"] == "drawn"
        assert mine[0]["principal_fen"] == loan["amount_fen"] <= loan["limit_fen"]
        back = sum(e["principal_fen"] for e in mine if e["event"] == "repaid")
        gone = sum(e["principal_fen"] for e in mine if e["event"] == "written_off")
        assert back == loan["principal_repaid_fen"]
        assert back + gone <= loan["amount_fen"]
        assert all(e["principal_fen"] >= 0 and e["interest_fen"] >= 0 for e in mine)
        if gone:
            assert back + gone == loan["amount_fen"]
        settled += back == loan["amount_fen"]
    assert settled > 0.5 * loans.num_rows


def test_nothing_is_known_after_the_end(small_world: World, loans: pa.Table) -> None:
    table = pq.read_table(small_world[0] / "record/loan_events.parquet")
    assert micros(table, "at").max() < small_world[1].end_us
    assert (micros(loans, "decided_at") < micros(loans, "drawn_at")).all()
    assert loans.column("bad").null_count == (~loans.column("matured").to_numpy(zero_copy_only=False)).sum()


def test_experiment_cells_are_filled_by_their_stated_chances(loans: pa.Table) -> None:
    chances = {round(a * b * 1e6) for a in LIMIT_CHANCES for b in RATE_CHANCES}
    assert set(loans.column("cell_chance_ppm").to_pylist()) <= chances
    notches = {int(n * 1e6) for n in LIMIT_NOTCHES}
    assert set(loans.column("limit_notch_ppm").to_pylist()) == notches
    lines = loans.group_by("line").aggregate([("limit_notch_ppm", "min"), ("limit_notch_ppm", "max")])
    assert lines.column("limit_notch_ppm_min").equals(lines.column("limit_notch_ppm_max"))
    middle = (lines.column("limit_notch_ppm_min").to_numpy() == 1_000_000).mean()
    assert abs(middle - 0.4) < 4 * np.sqrt(0.24 / lines.num_rows)


def test_a_line_is_never_overdrawn(loans: pa.Table, events: dict[str, list[dict[str, object]]]) -> None:
    by_merchant: dict[str, list[dict[str, object]]] = defaultdict(list)
    for loan in loans.to_pylist():
        by_merchant[loan["merchant"]].append(loan)
    for mine in by_merchant.values():
        highest = max(loan["limit_fen"] for loan in mine)
        moves = sorted(
            (e["at"], 1 if e["event"] == "drawn" else -1, e["principal_fen"])
            for loan in mine for e in events[loan["loan"]] if e["event"] in ("drawn", "repaid")
        )  # fmt: skip
        owed = np.cumsum([sign * fen for _, sign, fen in moves])
        assert owed.min() >= 0
        assert owed.max() <= highest
