"""What the page shows of many models at once runs as written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def test_the_examples_of_many_models_at_once_run_after_the_first_example(capsys):
    text = PAGE.read_text("utf-8")
    at = text.index("## Many models at once")
    blocks = re.findall(r"```python\n(.*?)```", text[:at], re.S)[:1] + re.findall(
        r"```python\n(.*?)```", text[at:], re.S
    )
    space: dict[str, object] = {}
    for code in blocks:
        exec(compile(code, str(PAGE), "exec"), space)
    model, few, panel, live = (space[name] for name in ("model", "few", "panel", "live"))
    assert (panel.score(few) == model.score(few)[:, None]).all() and len(live.current.models) == 1
    assert np.abs(space["foreign"].raw(few) / 1e6 - space["booster"].predict(few.values, raw_score=True)).max() < 1e-6
    assert capsys.readouterr().out
