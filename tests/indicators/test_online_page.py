"""The page about online indicators prints what it says it prints."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "indicators-online.md"


def test_the_example_of_the_page_prints_what_the_page_says() -> None:
    found = re.search(r"```python\n(.*?)```\n\nprints\n\n```\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    assert found is not None
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(found[1], str(PAGE), "exec"), {})
    assert said.getvalue() == found[2]
