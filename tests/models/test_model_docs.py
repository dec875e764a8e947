"""The page of this room runs as written."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def test_the_example_of_the_page_runs(capsys):
    code = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    exec(compile(code[1], str(PAGE), "exec"), {})
    printed = capsys.readouterr().out
    assert "Out of time" in printed and "pay/" in printed
