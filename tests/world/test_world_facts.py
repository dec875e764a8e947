"""The report: both sides with sources, and a plain sentence where a side is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dandelion.core import BadInput
from dandelion.world import WorldSummary, report

World = tuple[Path, WorldSummary]


def test_without_real_data_the_report_says_what_was_left_out(small_world: World, tmp_path: Path) -> None:
    facts = {fact.name: fact for fact in report(small_world[0], tmp_path)}
    shape = facts["payments on Saturday, of a mean day"]
    assert shape.published is None
    assert "DANDELION_DATA" in shape.note
    assert facts["mean drawdown, shop-line"].published == 7615.0
    assert all(fact.source for fact in facts.values())


def test_the_world_behaves_like_published_figures(small_world: World, tmp_path: Path) -> None:
    """Loose bounds: the small world has few borrowers; docs/world.md shows the figures at full size."""
    facts = {fact.name: fact.world for fact in report(small_world[0], tmp_path)}
    bounds = {
        "mean drawdown, shop-line": (3_500, 14_000), "mean days in use, repaid shop-line drawdowns": (40, 60),
        "services among street borrowers": (0.65, 0.95), "payments on Saturday, of a mean day": (1.03, 1.2),
        "payments on Tuesday, of a mean day": (0.85, 0.98), "Spring Festival week, of the weeks beside it": (0.55, 0.85),
        "median sales invoice": (6_000, 40_000), "void among sales invoices": (0.03, 0.13),
        "red-letter among sales invoices": (0.01, 0.06),
    }  # fmt: skip
    for name, (low, high) in bounds.items():
        assert low < facts[name] < high, (name, facts[name])


def test_real_sets_are_read_where_they_are(small_world: World) -> None:
    real = Path(os.environ.get("DANDELION_DATA", "../shared/data"))
    if not (real / "koubei" / "daily_payments.parquet").exists():
        pytest.skip("the real sets are absent; set DANDELION_DATA to compare")
    facts = {fact.name: fact for fact in report(small_world[0])}
    assert 1.05 < facts["payments on Saturday, of a mean day"].published < 1.2
    assert facts["median sales invoice"].published == pytest.approx(15_900, rel=0.02)


def test_a_folder_that_is_no_world_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"world\.json"):
        report(tmp_path)


def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[2] / "docs" / "world.md"
    example = page.read_text().split("```python\n", 1)[1].split("```", 1)[0]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(example, str(page), "exec"), names)
    assert len(names["end"]["drawn_fen"]) == 5
