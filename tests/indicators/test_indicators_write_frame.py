"""Frames written from sorted Parquet hold the bytes of `evaluate`, whatever the portions and threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_indicators_kernel import DAY, NOW, history, mine, tables

from dandelion.core import BadInput, Frame
from dandelion.indicators import evaluate, read_frame
from dandelion.indicators.columns import texts
from dandelion.indicators.textcodes import text_order, texts_in_order
from dandelion.indicators.write_frame import write_frame

SUBJECTS = [f"m{n:02}" for n in range(12)]


def lake(folder: Path, seed: int) -> tuple[dict[tuple[str, str], pa.Table], dict[tuple[str, str], list[Path]]]:
    """Histories of some subjects, each kind and role sorted and cut into two files of small row groups."""
    parts: dict[tuple[str, str], list[pa.Table]] = {}
    for n, name in enumerate(SUBJECTS[:10]):
        for key, table in tables(history(25, seed * 100 + n)).items():
            place = table.column_names.index(key[1])
            ids = pa.array([f"{name}.{text}" for text in table.column("event_id").to_pylist()], pa.string())
            gone = pa.array(
                [None if t is None else f"{name}.{t}" for t in table.column("replaces").to_pylist()], pa.string()
            )
            table = table.set_column(0, table.field(0), ids).set_column(4, table.field(4), gone)
            mine_only = pa.array([name] * table.num_rows, pa.string())
            parts.setdefault(key, []).append(table.set_column(place, table.field(place), mine_only))
    whole = {
        key: pa.concat_tables(t).sort_by([(key[1], "ascending"), ("at", "ascending"), ("event_id", "ascending")])
        for key, t in parts.items()
    }
    files: dict[tuple[str, str], list[Path]] = {}
    for key, table in whole.items():
        cut = table.num_rows // 2
        for number, part in enumerate((table.slice(0, cut), table.slice(cut))):
            file = folder / f"{key[0]}.{key[1]}.{number}.parquet"
            pq.write_table(part, file, row_group_size=16)
            files.setdefault(key, []).append(file)
    return whole, files


def labels(seed: int) -> pa.Table:
    random = np.random.default_rng(seed)
    as_of = NOW - random.integers(0, 40, 50) * DAY
    return pa.table(
        {"entity": random.choice(SUBJECTS, 50), "as_of": as_of, "known_at": as_of + random.integers(0, 9, 50)}
    )


@pytest.mark.parametrize(("rows", "workers"), [(7, 1), (40, 2), (100_000, 3)])
def test_a_written_frame_has_the_bytes_of_evaluate(tmp_path: Path, rows: int, workers: int) -> None:
    whole, files = lake(tmp_path, rows)
    asked = labels(rows).sort_by("entity")
    names = list(mine().columns)[::7] + sorted(mine().money)
    names = list(dict.fromkeys(names))
    told: list[tuple[int, int]] = []
    out = tmp_path / "frame.parquet"
    done = write_frame(mine(), files, asked, out, columns=names, workers=workers, rows_at_once=rows,
                       progress=lambda *said: told.append(said), related={"m01": ["ann"]})  # fmt: skip
    assert (done.rows, done.columns, told[-1]) == (50, len(names), (50, 50))
    frame = Frame.from_arrow(pq.read_table(out))
    subjects, as_of, known_at = (asked.column(name).to_pylist() for name in ("entity", "as_of", "known_at"))
    wanted = evaluate(
        mine(), whole, subjects, np.array(as_of), np.array(known_at), columns=names, related={"m01": ["ann"]}
    )
    assert frame.entity.tolist() == subjects
    assert frame.values.tobytes() == wanted.values.tobytes()
    assert frame.catalogue == dict(wanted.catalogue)
    for name in wanted.money:
        assert [frame.fen(name, row) for row in range(50)] == [wanted.fen(name, row) for row in range(50)]


@pytest.mark.parametrize(("rows", "workers"), [(9, 2), (100_000, 1)])
def test_a_frame_read_from_files_has_the_bytes_of_evaluate(tmp_path: Path, rows: int, workers: int) -> None:
    whole, files = lake(tmp_path, rows)
    names = [*list(mine().columns)[::9], "my/left", "my.billed/7d/total_sum"]
    names = list(dict.fromkeys(names))
    frame = read_frame(mine(), files, NOW, NOW, columns=names, workers=workers, rows_at_once=rows, granted=["payments",
                       "credit_reports"])  # fmt: skip
    wanted = evaluate(
        mine(), whole, frame.entity.tolist(), NOW, NOW, columns=names, granted=["payments", "credit_reports"]
    )
    assert len(frame) >= 8
    assert frame.values.tobytes() == wanted.values.tobytes()
    assert frame.catalogue == dict(wanted.catalogue)
    assert {n: m.fen.tolist() for n, m in frame.money.items()} == {n: m.fen.tolist() for n, m in wanted.money.items()}


def test_what_is_not_supplied_or_not_granted_is_missing_and_says_so(tmp_path: Path) -> None:
    _, files = lake(tmp_path, 5)
    some = {key: paths for key, paths in files.items() if key[0] != "invoice"}
    names = ["my.paid/7d/count", "my.billed/7d/count", "my.owed/30d/count"]
    out = tmp_path / "frame.parquet"
    write_frame(mine(), some, labels(1), out, columns=names, granted=["payments", "invoices"])
    frame = Frame.from_arrow(pq.read_table(out))
    assert [frame.catalogue[name].null_policy for name in names] == ["zero_is_real", "not_supplied", "not_consented"]
    assert np.isnan(frame.values).all(axis=0).tolist() == [False, True, True]
    assert frame.entity.tolist() == sorted(frame.entity.tolist()), "labels come out in order of entity"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab\0é", max_size=19), max_size=40))
def test_texts_are_put_in_order_of_their_bytes_and_equal_ones_stay_as_they_stood(names: list[str]) -> None:
    offsets, data, _ = texts(pa.array(names, pa.string()))
    wanted = sorted(range(len(names)), key=lambda place: (names[place].encode(), place))
    assert text_order(offsets, data).tolist() == wanted
    assert texts_in_order(offsets, data) == (names == sorted(names, key=str.encode))


def test_columns_that_are_mostly_empty_are_packed_and_the_others_are_not(tmp_path: Path) -> None:
    _, files = lake(tmp_path, 5)
    asked = pa.concat_tables([labels(n) for n in range(40)])
    names = ["my.paid/ever/days_since_last", "my.paid/hours=night/channel=card/7d/amount_sum"]
    write_frame(mine(), files, asked, tmp_path / "frame.parquet", columns=names)
    chunks = [pq.ParquetFile(tmp_path / "frame.parquet").metadata.row_group(0).column(place) for place in (3, 4)]
    values = Frame.from_arrow(pq.read_table(tmp_path / "frame.parquet")).values
    assert [chunk.compression for chunk in chunks] == ["UNCOMPRESSED", "SNAPPY"]
    assert chunks[1].total_compressed_size < chunks[1].total_uncompressed_size * 0.3
    assert np.count_nonzero(values[:, 1]) < 0.05 * len(values) < np.count_nonzero(values[:, 0])


def test_files_and_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    whole, files = lake(tmp_path, 6)
    names = ["my.paid/7d/count"]
    with pytest.raises(BadInput, match="labels lack column 'as_of'"):
        write_frame(mine(), files, pa.table({"entity": ["m00"]}), tmp_path / "f", columns=names)
    key = ("payment", "payee")
    upside_down = tmp_path / "wrong.parquet"
    pq.write_table(whole[key].sort_by([("payee", "descending")]), upside_down, row_group_size=8)
    with pytest.raises(BadInput, match="not sorted by payee"):
        write_frame(mine(), {key: upside_down}, labels(1), tmp_path / "f", columns=names, rows_at_once=8)
    lacking = tmp_path / "lacking.parquet"
    pq.write_table(whole[key].drop_columns(["arrived"]), lacking)
    with pytest.raises(BadInput, match="lacks column 'arrived'"):
        write_frame(mine(), {key: lacking}, labels(1), tmp_path / "f", columns=names)


def test_counterparties_read_as_codes_are_numbered_as_their_texts_are(tmp_path: Path) -> None:
    whole, _ = lake(tmp_path, 3)
    table, key = whole["payment", "payee"].drop_columns(["replaces"]), ("payment", "payee")
    payer = pa.array([None if i % 11 == 0 else name for i, name in enumerate(table.column("payer").to_pylist())])
    table = table.set_column(table.column_names.index("payer"), "payer", payer)
    names = ["my.paid/ever/distinct_payers", "my.paid/7d/distinct_payers"]
    frames = []
    for coded in (True, False):
        pq.write_table(table, tmp_path / "p.parquet", use_dictionary=coded, row_group_size=40)
        for rows in (7, 1_000):
            frames.append(read_frame(mine(), {key: tmp_path / "p.parquet"}, NOW, NOW, columns=names, rows_at_once=rows))
    assert frames[0].values[:, 0].max() > 2
    wanted = evaluate(mine(), {key: table}, frames[0].entity.tolist(), NOW, NOW, columns=names)
    assert {frame.values.tobytes() for frame in frames} == {wanted.values.tobytes()}
