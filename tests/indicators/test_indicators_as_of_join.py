"""Ready values are joined as the slow obvious search would: last row before the moment that had arrived."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput
from dandelion.indicators import join_as_of
from dandelion.indicators.as_of_join import _Ready

MOMENT = st.integers(0, 6)
ROWS = st.lists(st.tuples(st.sampled_from(["f", "g", None]), MOMENT, MOMENT, st.text("ab", max_size=2)), max_size=25)
LABELS = st.lists(st.tuples(st.sampled_from(["f", "g", "nobody", "a longer one", None]), MOMENT, MOMENT), max_size=8)
READY = ("firm", "at", "arrived", "event_id")


def ready(rows: list[tuple[Any, ...]]) -> pa.Table:
    types = (pa.string(), pa.int64(), pa.int64(), pa.string())
    made = {name: pa.array([row[i] for row in rows], types[i]) for i, name in enumerate(READY)}
    return pa.table({**made, "fen": pa.array([None if i % 5 == 4 else i for i in range(len(rows))], pa.int64())})


def labels(rows: list[tuple[Any, ...]]) -> pa.Table:
    return pa.table({"entity": pa.array([r[0] for r in rows], pa.string()), "as_of": pa.array([r[1] for r in rows], pa.int64()),
                     "known_at": pa.array([r[2] for r in rows], pa.int64())})  # fmt: skip


def slowly(asked: pa.Table, table: pa.Table, ids: bool) -> list[int | None]:
    out = []
    for label in asked.to_pylist():
        counts = [
            (row["at"], row["arrived"], row["event_id"] if ids else "", place, row["fen"])
            for place, row in enumerate(table.to_pylist())
            if row["firm"] is not None and row["firm"] == label["entity"]
            and row["at"] < label["as_of"] and row["arrived"] < label["known_at"]
        ]  # fmt: skip
        out.append(max(counts, key=lambda one: one[:4])[4] if counts else None)
    return out


@settings(max_examples=80, deadline=None)
@given(
    ROWS,
    LABELS,
    st.booleans(),
    st.sampled_from([None, ("firm", "at", "arrived"), ("firm", "at", "arrived", "event_id")]),
)
def test_a_label_gets_the_last_row_that_had_arrived(
    rows: list[tuple[Any, ...]], asked: list[tuple[Any, ...]], ids: bool, by: tuple[str, ...] | None
) -> None:
    table = ready(rows)
    if by:
        table = table.sort_by([(name, "ascending") for name in by])
    wanted = labels(asked)
    found = join_as_of(wanted, table if ids else table.drop_columns(["event_id"]), ["fen"], subject="firm", workers=1)
    assert found.column("fen").to_pylist() == slowly(wanted, table, ids)
    assert found.select(wanted.column_names).equals(wanted)


def test_files_of_many_row_groups_and_timestamps_of_other_units_give_the_same(tmp_path: Path) -> None:
    many = ready([("fg"[i % 2], i % 7, i % 3, str(i)) for i in range(60)])
    asked = labels([("fg"[i % 2], i % 9, i % 4) for i in range(40)])
    pq.write_table(many, tmp_path / "ready.parquet", row_group_size=7)
    stamped = asked.set_column(
        1, "as_of", asked.column("as_of").cast(pa.timestamp("us")).cast(pa.timestamp("ns", "UTC"))
    )
    pq.write_table(stamped, tmp_path / "labels.parquet", row_group_size=9)
    found = join_as_of(tmp_path / "labels.parquet", tmp_path / "ready.parquet", ["fen"], subject="firm")
    assert found.column("fen").to_pylist() == slowly(asked, many, True)


def test_values_keep_their_type_to_the_last_bit() -> None:
    table = pa.table({"firm": ["f"], "at": [1], "fen": [2**62 + 1], "share": [0.1], "word": ["yes"]})
    got = join_as_of(pa.table({"entity": ["f"], "as_of": [2]}), table, ["fen", "share", "word"], subject="firm")
    assert got.select(["fen", "share", "word"]).to_pylist() == [{"fen": 2**62 + 1, "share": 0.1, "word": "yes"}]


@pytest.mark.parametrize(
    ("change", "column", "told"),
    [
        ({"firm": ["f"]}, "fen", "lacks column 'at'"),
        ({"firm": ["f"], "at": [1]}, "fen", "lacks column 'fen'"),
        ({"firm": ["f"], "at": pa.array([None], pa.int64()), "fen": [1]}, "fen", "rows without 'at'"),
        ({"firm": ["f"], "at": [1.5], "fen": [1]}, "fen", "timestamps or whole microseconds"),
        ({"firm": ["f"], "at": [1], "as_of": [1]}, "as_of", "rename it there"),
    ],
)
def test_a_table_that_cannot_be_joined_says_why(change: dict[str, Any], column: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        join_as_of(pa.table({"entity": ["f"], "as_of": [2]}), pa.table(change), [column], subject="firm")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["f", "g", "hh", "", "a longer name", "a longer one"]), MOMENT, MOMENT), max_size=40
    ),
    LABELS,
    st.integers(1, 9),
)
def test_a_sorted_file_without_nulls_gives_what_the_table_gives(
    rows: list[tuple[Any, ...]], asked: list[tuple[Any, ...]], group: int
) -> None:
    table = ready([(*row, "") for row in sorted(rows)]).drop_columns(["event_id"])
    table = table.set_column(3, "fen", pa.array(range(len(rows)), pa.int64()))
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(table, f"{folder}/ready.parquet", row_group_size=group)
        pq.write_table(labels(asked).rename_columns(["who", "as_of", "known_at"]), f"{folder}/labels.parquet")
        other_way = patch.object(_Ready, "of", side_effect=AssertionError("the file is plain"))
        with other_way if rows else nullcontext():
            found = join_as_of(
                f"{folder}/labels.parquet", f"{folder}/ready.parquet", ["fen"], subject="firm", entity="who"
            )
    assert (
        found.column("fen").to_pylist() == join_as_of(labels(asked), table, ["fen"], subject="firm")["fen"].to_pylist()
    )
    assert found.column("fen").to_pylist() == slowly(labels(asked), table, False)


@pytest.mark.parametrize("group", [7, 64, 5_000])
@pytest.mark.parametrize("known", [True, False])
def test_subjects_of_many_rows_and_columns_of_three_types(tmp_path: Path, group: int, known: bool) -> None:
    random = np.random.default_rng(312)
    size, asked = 3_000, 2_000
    firm = np.sort(
        random.choice(["b", "firm with a long name", "firm with a long name too", "x"], size, p=[0.2, 0.1, 0.6, 0.1])
    )
    at = random.integers(0, 900, size)
    by_time = np.lexsort((at, firm))
    table = pa.table({
        "firm": firm[by_time], "at": at[by_time], "arrived": at[by_time] + random.integers(0, 60, size),
        "fen": np.arange(size), "share": random.random(size), "seen": pa.array(at[by_time]).cast(pa.timestamp("us")),
    }).sort_by([(name, "ascending") for name in ("firm", "at", "arrived", "fen")])  # fmt: skip
    wanted = pa.table({"entity": random.choice([*np.unique(firm), "a", "c", "firm with a long name t"], asked),
                       "as_of": random.integers(-5, 1_000, asked)})  # fmt: skip
    if known:
        wanted = wanted.append_column("known_at", pa.array(wanted["as_of"].to_numpy() - random.integers(0, 90, asked)))
    pq.write_table(table, tmp_path / "ready.parquet", row_group_size=group)
    names = ["fen", "share", "seen"]
    with patch.object(_Ready, "of", side_effect=AssertionError("the file is plain")):
        found = join_as_of(wanted, tmp_path / "ready.parquet", names, subject="firm")
    assert found.select(names).equals(join_as_of(wanted, table, names, subject="firm").select(names))
    rows = {name: table.filter(pc.equal(table["firm"], name)).to_pylist() for name in np.unique(firm)}
    slow = [
        max(
            ((row["at"], row["arrived"], row["fen"]) for row in rows.get(label["entity"], [])
             if row["at"] < label["as_of"] and row["arrived"] < label.get("known_at", label["as_of"])),
            default=(0, 0, None),
        )[2]
        for label in wanted.to_pylist()
    ]  # fmt: skip
    assert found["fen"].to_pylist() == slow
    assert 0 < slow.count(None) < asked
