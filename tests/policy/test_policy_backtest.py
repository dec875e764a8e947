"""A book over a past cohort: the offers are the engine's own, the swap set adds up, every strategy's worth is checked by leaving it out."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from policy_samples import AS_OF, DEFAULTS, GOOD_SHOP, lists, product, shop

from dandelion.app.backtest_report import page
from dandelion.core import BadInput
from dandelion.policy import Book, History, backtest, compare_books, decide, differences
from dandelion.policy.backtest import profit_fen
from dandelion.policy.compared import wilson

ROWS = 240


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """Made-up shops around the default book's borders, the same ones every time."""
    rng = np.random.default_rng(7)
    columns = {name: np.full(ROWS, float(value)) for name, value in GOOD_SHOP.items()}
    columns["tenure_days"] = rng.choice([30, 70, 100, 200, 400], ROWS).astype(float)
    columns["trend_30_90"] = rng.choice([-0.8, -0.6, -0.3, 0.0], ROWS)
    columns["loan_inquiries_90d"] = rng.choice([0, 3, 6, 9], ROWS).astype(float)
    columns["out_to_in_90d"] = rng.choice([0.5, 1.2], ROWS)
    columns["ticket_mean_fen_90d"] = rng.choice([3_000, 60_000], ROWS).astype(float)
    turnover = rng.choice([90_000, 400_000, 2_000_000, 6_000_000], ROWS)
    table = {
        **columns, "industry": rng.choice([0, 1, 8, 12], ROWS).astype(float), "pd_ppm": rng.choice([8_000, 30_000, 60_000, 150_000], ROWS),
        "turnover_month_fen": turnover, "forecast_q10_fen": turnover * 5, "forecast_q50_fen": turnover * 6,
        "forecast_q90_fen": turnover * 7, "outside_due_month_fen": turnover // 40, "outside_balance_fen": turnover // 4,
        "entity": [f"m{i}" for i in range(ROWS)], "as_of": np.full(ROWS, AS_OF),
        "bad": pa.array([None if i % 11 == 0 else bool(rng.random() < 0.04) for i in range(ROWS)]),
        "group.town": ["north" if i % 3 else "south" for i in range(ROWS)],
        **{f"granted({kind})": [True] * ROWS for kind in ("payments", "invoices", "credit_reports", "registry")},
        **{f"in_list({name})": [False] * ROWS for name in ("black", "grey", "white")},
        **{f"filed({name})": [name == "business_licence"] * ROWS for name in book().vouchers},
    }  # fmt: skip
    file = tmp_path_factory.mktemp("past") / "past.parquet"
    pq.write_table(pa.table(table), file)
    return file, table


@cache
def book():
    return Book.load(DEFAULTS / "strategies")


@pytest.fixture(scope="module")
def history(past):
    return History.read(past[0])


@pytest.fixture(scope="module")
def found(history):
    return backtest(book(), product(), history)


def test_every_row_comes_out_as_a_decision_would_have_decided_it(found, history, past):
    _, table = past
    names = {code.code: name for name, code in book().industries.items()}
    for row in range(0, ROWS, 6):
        request = shop(
            int(table["pd_ppm"][row]), columns={name: float(table[name][row]) for name in (*GOOD_SHOP, "ticket_mean_fen_90d")},
            money={name: int(table[name][row]) for name in ("turnover_month_fen", "forecast_q10_fen", "forecast_q50_fen", "forecast_q90_fen", "outside_due_month_fen", "outside_balance_fen")},
            entity=f"m{row}", industry=names[int(table["industry"][row])],
        )  # fmt: skip
        one = decide(book(), product(), lists(), request)
        assert one.limit_fen == found.limit_fen[row] and one.rate_ppm == found.rate_ppm[row]
        assert one.outcome == ("declined", "referred-to-evidence", "approved")[found.outcome[row]]
        live = {s["id"] for s in one.body["strategies"]}
        assert live == {found.strategies[i].id for i in np.flatnonzero(found.columns(np.array([row]))[:, 0])}


def test_the_worth_of_a_strategy_is_the_book_with_it_less_the_book_without_it(found, history):
    compared = compare_books(found, found, history)
    worth = {w.strategy: w for w in compared.worth}
    picked = sorted((w for w in compared.worth if w.alone), key=lambda w: -w.alone)[:6]
    assert len(picked) == 6
    for one in picked:
        rest = tuple(s for s in book().strategies if s.id != one.strategy)
        other = backtest(replace(book(), strategies=rest), product(), history)
        differs = (
            (other.limit_fen != found.limit_fen) | (other.rate_ppm != found.rate_ppm) | (other.outcome != found.outcome)
        )
        gained = sum(
            int(sign * profit_fen(product(), b.limit_fen, b.rate_ppm, history.bad == 1)[history.bad >= 0].sum())
            for sign, b in ((1, found), (-1, other))
        )
        assert (int(differs.sum()), gained) == (one.alone, one.profit_fen), one
    silent = next(w for w in compared.worth if w.verdict == "never fires")
    assert silent.hits == 0 and worth[silent.strategy].alone == 0


def test_the_swap_set_adds_up_and_says_who_changed_sides(found, history, tmp_path):
    folder = tmp_path / "looser"
    shutil.copytree(DEFAULTS / "strategies", folder)
    text = (folder / "credit.yaml").read_text("utf-8")
    (folder / "credit.yaml").write_text(
        text.replace("when: trend_30_90 < -0.7", "when: trend_30_90 < -0.9").replace(
            "trend_30_90: -0.71}", "trend_30_90: -0.91}"
        ),
        "utf-8",
    )
    looser = backtest(Book.load(folder), product(), history)
    said = differences(book(), looser.book)
    assert said == ["credit.shop.collapse: asked for `trend_30_90 < -0.7`, now asks for `trend_30_90 < -0.9`"]
    compared = compare_books(looser, found, history, tuple(said))
    swaps = {s.name: s for s in compared.swaps}
    assert swaps["in"].rows > 0 and swaps["out"].rows == 0
    assert sum(s.rows for s in compared.swaps) == ROWS
    assert swaps["both"].rows + swaps["in"].rows == compared.new.approved
    assert compared.gain_fen == compared.new.profit_fen - compared.live.profit_fen
    assert json.loads(json.dumps(compared.as_json()))["worth"][0]["verdict"]
    html = page(compared, frame="past.parquet", product="shop-line")
    assert (
        "swapped in: new book only" in html
        and "trend_30_90 &lt; -0.9" in html
        and "http" not in html.split("<body>")[1]
    )


def test_groups_are_told_with_an_interval_and_marked_where_one_is_left_behind(found, history):
    compared = compare_books(found, found, history)
    assert {g.group for g in compared.groups} == {"north", "south"}
    for group in compared.groups:
        assert group.low <= group.approval_rate <= group.high and group.rows in (80, 160)
    assert wilson(0, 0) == (0.0, 1.0) and wilson(1.0, 10)[1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("columns", "said"),
    [({"x": [1]}, "pd_ppm"), ({"pd_ppm": [1]}, "turnover_month_fen"), ({"pd_ppm": [1], "turnover_month_fen": [1], "bad": ["yes"]}, "bad must be")],
)  # fmt: skip
def test_a_frame_that_cannot_be_judged_says_what_it_lacks(tmp_path, columns, said):
    file = tmp_path / "f.parquet"
    pq.write_table(pa.table(columns), file)
    with pytest.raises(BadInput, match=said):
        History.read(file)
