"""What the page and the docstrings show is run."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

import dandelion.lending as room
from dandelion.lending import tables
from dandelion.vault import Vault, metadata

ROOT = Path(__file__).parents[2]
MODULES = [name for _, name, _ in pkgutil.iter_modules(room.__path__, "dandelion.lending.")]


def test_the_example_on_the_page_runs_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "lending.md").read_text("utf-8"), re.S)[0]
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/lending.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("年化利率（单利）14.4 %\n借 10,000.00 元，按期还清共付息费 200.00 元")
    assert printed.endswith("1008000 8000\n")


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_migrated_tables_are_the_declared_ones(vault: Vault) -> None:
    ours = [t for t in metadata.tables.values() if t.name.startswith(("lending_", "ledger_"))]
    assert len(ours) == 9
    with vault.database.read() as connection:
        there = sa.inspect(connection)
        for table in ours:
            columns = {c["name"]: c for c in there.get_columns(table.name)}
            assert set(columns) == set(table.columns.keys())
            for column in table.columns:
                assert columns[column.name]["nullable"] == column.nullable, (table.name, column.name)
            assert there.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key]
            indexes = {i["name"]: (i["column_names"], bool(i["unique"])) for i in there.get_indexes(table.name)}
            declared = {i.name: ([c.name for c in i.columns], bool(i.unique)) for i in table.indexes}
            assert indexes == declared, table.name
    assert tables.APPEND_ONLY
