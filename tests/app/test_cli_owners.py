"""`dandelion graph owners` on plain files, as a lender would try it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dandelion.app.cli import app, main

EXAMPLE = str(Path(__file__).parents[2] / "docs" / "examples" / "holdings.csv")


def said(*words: str) -> str:
    done = CliRunner().invoke(app, ["graph", "owners", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_one_firm_is_answered_in_words_and_as_json() -> None:
    shown = said(EXAMPLE, "--firm", "noodle-kitchen")
    assert "wang-fang > sichuan-foods > noodle-kitchen" in shown and "wang-fang, li-wei" in shown
    told = json.loads(said(EXAMPLE, "--firm", "noodle-kitchen", "--json").splitlines()[-1])
    assert told["actualController"] == "wang-fang" and told["beneficialOwners"] == ["wang-fang", "li-wei"]
    assert told["rule"]["since"] == "2024-11-01" and len(told["tree"]["edges"]) == 7


def test_the_line_is_the_one_in_force_on_the_day() -> None:
    files = [json.loads(said(EXAMPLE, "--firm", "noodle-kitchen", "--json", "--day", day).splitlines()[-1]) for day in
             ("2024-10-31", "2024-11-01")]  # fmt: skip
    assert [one["rule"]["at_least"] for one in files] == [False, True]


def test_all_firms_are_listed_and_written(tmp_path: Path) -> None:
    out = tmp_path / "owners.parquet"
    told = json.loads(said(EXAMPLE, "--json", "--out", str(out)).splitlines()[-1])
    assert told["firms"] == 4 and [one["subject"] for one in told["not_answered"]] == ["loop-one", "loop-two"]
    rows = pq.read_table(out).to_pylist()
    by_whom = {(r["subject"], r["interestedParty"]) for r in rows if r["isActualController"]}
    assert ("noodle-kitchen", "wang-fang") in by_whom and len(by_whom) == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--firm", "nobody"], "nothing is told of 'nobody'"),
        (["--firm", "loop-one"], "hold each other whole"),
        (["--out", "owners.doc"], "neither .csv nor .parquet"),
        (["--jurisdiction", "xx"], "no pack xx/bank"),
        (["--day", "2020-01-01"], "no pack cn/bank is in force"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence_and_exit_code_two(
    words: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["dandelion", "graph", "owners", EXAMPLE, *words])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2 and says in capsys.readouterr().err
