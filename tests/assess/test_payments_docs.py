"""The page a newcomer follows says what the program says today, and its examples run."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from dandelion.app.assess import payments_columns, payments_values, reading_sheet
from dandelion.app.usecases.assess_payments import assess_payments
from dandelion.core import ManualClock, instant

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "assess-payments.md").read_text("utf-8")


def test_the_figures_on_the_page_are_those_of_the_example(tmp_path: Path) -> None:
    clock = ManualClock(instant("2025-12-01T00:00:00", "Asia/Shanghai"))
    one = assess_payments(ROOT / "docs/examples/noodle-stall.csv", out=tmp_path, clock=clock).merchants[0]
    said = PAGE.split("For the stall it says:")[1].split("## ")[0]
    reason, turnover = one.limit.reasons[0], one.turnover
    fens = (one.limit.fen, turnover.received_fen, turnover.refunded_fen, turnover.gift_fen, turnover.circular_fen,
            turnover.verified_fen)  # fmt: skip
    wanted = {f"¥{fen // 100:,}" for fen in fens} | set(re.findall(r"¥[\d,]+\d", reason.en + reason.change_en))
    assert set(re.findall(r"¥[\d,]+\d", said)) == wanted


def test_the_python_example_on_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: object) -> None:
    monkeypatch.chdir(ROOT)
    code = PAGE.split("```python")[1].split("```")[0].replace("/tmp/stall", str(tmp_path))
    exec(compile(code, "assess-payments.md", "exec"), {})


@pytest.mark.parametrize("module", [reading_sheet, payments_columns, payments_values])
def test_examples_in_docstrings_run(module: object) -> None:
    names = {"pa": __import__("pyarrow")}
    assert doctest.testmod(module, extraglobs=names).failed == 0  # type: ignore[arg-type]
