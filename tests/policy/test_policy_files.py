"""Books over plain files, and the book that stands while another takes its place."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from policy_samples import AS_OF, DEFAULTS, GOOD_SHOP, book, catalogue
from typer.testing import CliRunner

from dandelion.app.cli import app
from dandelion.core import BadInput
from dandelion.policy import read_catalogue, run_book
from dandelion.policy.files import action_text
from dandelion.policy.scalar import Row, truth_of

FOLDER = DEFAULTS / "strategies"


@pytest.fixture
def frame(tmp_path):
    """A good shop's columns scattered, by id; the PD by alias; a flag by key."""
    rng = np.random.default_rng(3)
    rows = 500
    columns = {}
    for alias, value in GOOD_SHOP.items():
        drawn = (value + 1) * rng.uniform(0, 3, rows)
        drawn[rng.random(rows) < 0.1] = math.nan
        columns[book().columns[alias].id] = pa.array(drawn, from_pandas=True)
    columns["pd_ppm"] = pa.array(rng.integers(0, 150_000, rows))
    columns["granted(payments)"] = pa.array([True, False, None, True] * (rows // 4))
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table(columns), file, row_group_size=100)
    return file


def test_a_book_run_over_a_frame_fires_what_the_plain_evaluator_fires_row_by_row(frame, tmp_path):
    done = run_book(book(), frame, tmp_path / "fired.parquet")
    table = pq.read_table(frame)
    found = pq.read_table(tmp_path / "fired.parquet").to_pylist()
    assert (done.rows, done.fired) == (table.num_rows, len(found))
    live = [s for s in book().strategies if s.mode == "live"]
    names = {alias for s in live for alias in s.aliases}
    want = []
    for at, row in enumerate(table.to_pylist()):
        numbers = {}
        for alias in names:
            use = book().columns.get(alias)
            value = row.get(alias, row.get(use.id if use else alias))
            numbers[alias] = math.nan if value is None else float(np.float32(value))
        flags = {key: row.get(key) for key in book().flag_keys}
        want += [
            {"row": at, "strategy": s.id, "action": action_text(s.action)}
            for s in live
            if truth_of(s.condition, Row(numbers, flags))
        ]
    assert found == want
    assert sum(done.hits.values()) == done.fired and "in_list(black)" in done.missing


def test_dates_of_strategies_are_held_against_the_rows_own_moment(tmp_path):
    copy = tmp_path / "book"
    shutil.copytree(FOLDER, copy)
    text = (copy / "price.yaml").read_text("utf-8")
    (copy / "price.yaml").write_text(
        text.replace("id: price.any.lenders", "id: price.any.lenders\n    from: 2025-01-01", 1), "utf-8"
    )
    from dandelion.policy import Book

    moments = pa.array([AS_OF - 10**14, AS_OF], pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"open_lenders": [4.0, 4.0], "as_of": moments}), tmp_path / "rows.parquet")
    run_book(Book.load(copy), tmp_path / "rows.parquet", tmp_path / "fired.parquet")
    fired = pq.read_table(tmp_path / "fired.parquet").to_pylist()
    assert [f["row"] for f in fired if f["strategy"] == "price.any.lenders"] == [1]


def test_a_frame_that_is_no_parquet_or_holds_text_is_refused_with_its_name(tmp_path):
    (tmp_path / "a.parquet").write_text("hello")
    with pytest.raises(BadInput, match="cannot be read as Parquet"):
        run_book(book(), tmp_path / "a.parquet", tmp_path / "out.parquet")
    pq.write_table(pa.table({"tenure_days": ["old"]}), tmp_path / "b.parquet")
    with pytest.raises(BadInput, match="must hold numbers"):
        run_book(book(), tmp_path / "b.parquet", tmp_path / "out.parquet")


def test_a_catalogue_reads_from_json_and_mistakes_name_the_entry(tmp_path):
    file = tmp_path / "catalogue.json"
    one = {"id": "a/b", "unit": "days", "range": [0, None], "definition_hash": "f" * 64, "definition": {"more": 1}}
    file.write_text(json.dumps([one]))
    assert read_catalogue(file)["a/b"].range == (0.0, None)
    for wrong, said in (({}, "entry 1 must hold id"), ({**one, "range": "all"}, "range is 'all'")):
        file.write_text(json.dumps([wrong]))
        with pytest.raises(BadInput, match=said):
            read_catalogue(file)
    file.write_text("[")
    with pytest.raises(BadInput, match="cannot be read as JSON"):
        read_catalogue(file)


def test_the_commands_check_and_run_work_without_a_workspace(frame, tmp_path):
    used = {use.id for use in book().columns.values()}
    entries = [
        {"id": c.id, "unit": c.unit, "range": list(c.range), "definition_hash": c.definition_hash}
        for c in catalogue().values()
        if c.id in used
    ]
    (tmp_path / "catalogue.json").write_text(json.dumps(entries))
    said = CliRunner().invoke(
        app, ["strategies", "check", str(FOLDER), "--catalogue", str(tmp_path / "catalogue.json")]
    )
    assert said.exit_code == 0 and "0 errors" in said.output
    (tmp_path / "catalogue.json").write_text(json.dumps(entries[1:]))
    said = CliRunner().invoke(
        app, ["strategies", "check", str(FOLDER), "--catalogue", str(tmp_path / "catalogue.json")]
    )
    assert said.exit_code == 1 and "not in the catalogue" in said.output
    out = tmp_path / "fired.parquet"
    said = CliRunner().invoke(app, ["strategies", "run", str(FOLDER), str(frame), "--out", str(out), "--json"])
    line = json.loads(said.stdout.strip().splitlines()[-1])
    assert said.exit_code == 0 and line["fired"] == pq.read_metadata(out).num_rows > 0
