"""`dandelion indicators join`: ready values beside labels, from plain files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.shell import Shell


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"entity": ["f", "g", "f"], "as_of": [15, 15, 50]}), "labels.parquet")
    ready = {"firm": ["f", "f", "f"], "at": [10, 20, 30], "arrived": [11, 21, 60], "fen": [1, 2**60 + 1, 3]}
    pq.write_table(pa.table(ready), "ready.parquet")
    return Shell(monkeypatch, capsys)


def test_labels_get_the_values_that_had_arrived(shell: Shell) -> None:
    told = shell.json("indicators", "join", "--labels", "labels.parquet", "--table", "ready.parquet", "--columns", "fen",
                      "--subject", "firm", "--out", "joined.parquet")  # fmt: skip
    assert (told["rows"], told["columns"]) == (3, 1)
    assert pq.read_table("joined.parquet").column("fen").to_pylist() == [1, None, 2**60 + 1]


@pytest.mark.parametrize(
    ("labels", "column", "said"),
    [("none.parquet", "fen", "there is no file"), ("labels.parquet", "tax", "lacks column 'tax'")],
)
def test_what_is_not_there_is_named(shell: Shell, labels: str, column: str, said: str) -> None:
    code, _, err = shell("indicators", "join", "--labels", labels, "--table", "ready.parquet", "--columns", column,
                         "--subject", "firm", "--out", "joined.parquet")  # fmt: skip
    assert code != 0
    assert said in " ".join(err.split())
