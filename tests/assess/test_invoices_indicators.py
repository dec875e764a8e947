"""Figures of cleaned invoices from the indicators room, held to a plain sum over the rows."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from dandelion.app.assess.invoices_cleaning import STATES
from dandelion.app.assess.invoices_indicators import definitions, invoice_figures
from dandelion.core import DAY_US

IDS = ("F2", "F1", "empty", "F3")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, int | bool]]:
    random = np.random.default_rng(5)
    made = []
    for n in range(600):
        state, day = int(random.integers(0, len(STATES))), int(random.integers(18_000, 18_900))
        size = 0 if STATES[state] == "zero" else int(random.integers(1, 90_000_000_000))
        total = -size if STATES[state].startswith("red") else size
        made.append({
            "firm": int(random.choice([0, 1, 3])), "sale": bool(random.integers(0, 2)), "number": n, "day": day,
            "counterparty": int(random.integers(0, 9)), "net_fen": total - total // 7, "tax_fen": total // 7,
            "total_fen": total, "state": state,
        })  # fmt: skip
    return made


def test_counts_and_exact_sums_by_state_are_those_of_a_plain_loop(rows):
    with duckdb.connect(":memory:", config={"preserve_insertion_order": False}) as db:
        db.register("given", pa.Table.from_pylist(rows))
        db.execute("create table invoice as select * replace (state::tinyint as state) from given")
        found = invoice_figures(db, IDS, 19_000 * DAY_US)
    for sale in (True, False):
        for at, firm in enumerate(IDS):
            mine = [r for r in rows if r["firm"] == at and r["sale"] == sale]
            got = {name: values[at] for name, values in found[sale].items()}
            if not mine:
                assert firm == "empty" and all(np.isnan(value) for value in got.values())
                continue

            def fen(name: str, *states: str, of: list = mine) -> list[int]:
                return [r[name] for r in of if STATES[r["state"]] in states]

            stands = ("valid", "red_alone")
            assert got == {
                "issued": len(mine), "void": len(fen("day", "void")), "counted": len(fen("day", *stands)),
                "gross": sum(fen("total_fen", "valid", "undone")),
                "red": -sum(fen("total_fen", "red_matched", "red_alone")), "net": sum(fen("net_fen", *stands)),
                "tax": sum(fen("tax_fen", *stands)), "largest": max(fen("net_fen", "valid"), default=0),
            }  # fmt: skip


def test_every_figure_has_its_sentence_in_both_languages():
    entry = definitions().column("cleaned.sold/state=void/ever/count")
    assert "作废" in entry.zh and "void" in entry.en and entry.data_kinds == ("invoices",)
