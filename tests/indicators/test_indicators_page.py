"""What docs/indicators.md promises a newcomer."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

from dandelion.indicators import declarations, full, standard
from dandelion.indicators.declare import AGGREGATES
from dandelion.indicators.families import FAMILIES
from dandelion.indicators.structure import structure

PAGE = (Path(__file__).parents[2] / "docs" / "indicators.md").read_text("utf-8")


def test_the_example_runs_and_prints_what_the_page_says() -> None:
    code, printed = re.findall(r"```(?:python)?\n(.*?)```", PAGE, re.S)[:2]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "docs/indicators.md", "exec"), {})
    assert out.getvalue() == printed


def test_every_family_and_aggregate_is_explained_with_an_id_that_works() -> None:
    rows = re.findall(r"^\| `([a-z_`, ]+)` \| `([a-z0-9_./=]+)` \|", PAGE, re.M)
    families = [name for names, _ in rows for name in names.split("`, `")]
    assert sorted(families) == sorted(FAMILIES)
    for names, name in rows:
        column = standard().column(name.replace("...", "payment.received"))
        assert any(f".{family}" in column.id for family in names.split("`, `"))
    told = {one for row in re.findall(r"^\| (`[^|]+) \| [^`|]", PAGE, re.M) for one in re.findall(r"`(\w+)`", row)}
    assert set(AGGREGATES) <= told


def test_the_numbers_of_columns_and_declarations_are_these() -> None:
    assert f"{len(standard())} named columns" in PAGE
    assert f"{len(declarations())} declarations" in PAGE
    assert re.search(rf"\| all \| {len(full().columns):,} \|", PAGE)


def test_the_structured_definition_shown_is_the_one_given() -> None:
    told = structure(standard(), "payment.received/channel=qr/hours=night/30d/amount_sum")
    assert told["filter"] == {"channel": "qr", "hour": {"from": 22, "below": 6}}
    assert '"filter": {"channel": "qr", "hour": {"from": 22, "below": 6}}' in PAGE
