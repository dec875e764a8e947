"""Columns of a firm: known small books, and what must not move them."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from invoices_maker import churn_rows, invoice, quick_rules, small_export

from dandelion.app.assess.invoices_books import clean_books
from dandelion.app.assess.invoices_columns import PREFIX, catalogue, model_inputs, specs
from dandelion.app.assess.invoices_months import _longest_run, _seasonality
from dandelion.app.assess.invoices_reading import read_directory

TODAY = date(2024, 6, 1)


def books(export, folder, as_of=None):
    rules = quick_rules()
    inputs = read_directory(export.write(folder), rules.layout, as_of=as_of, today=TODAY, progress=lambda _w, _s: None)
    return clean_books(inputs, rules, lambda _w, _s: None)


def one_firm(rows):
    export = small_export(good=1, bad=0, unknown=0)
    export.churn, export.invoices = churn_rows(), rows
    return export


def value(got, name, row=0):
    return float(got.frame[PREFIX + name][row])


def test_a_small_book_gives_the_figures_one_can_do_by_hand(tmp_path):
    rows = []
    for month in range(8):
        day = date(2020, month + 1, 1)
        if month != 3:
            rows.append(invoice("F1", 10 + month, day, 113_000, partner="A"))
        if month == 7:
            rows.append(invoice("F1", 99, date(2020, 8, 31), 113_000 * 3, partner="B"))
        rows.append(invoice("F1", 500 + month, day, 56_500, sale=False, partner="S"))
    rows.append(invoice("F1", 900, date(2020, 2, 3), 77_000, partner="C", void="true"))
    got = books(one_firm(rows), tmp_path)
    months = 244 / 30.4375  # 2020-01-01 to 2020-08-31, both counted
    assert value(got, "sales_per_month") == pytest.approx(10 * 1000 / months, rel=1e-5)
    assert value(got, "purchases_per_month") == pytest.approx(8 * 500 / months, rel=1e-5)
    assert value(got, "selling_months_share") == pytest.approx(7 / 8)
    assert value(got, "longest_pause_share") == pytest.approx(1 / 8)
    assert value(got, "void_sales_share") == pytest.approx(1 / 9)
    assert value(got, "customer_concentration") == pytest.approx(0.7**2 + 0.3**2)
    assert value(got, "repeat_sales_share") == pytest.approx(0.7)
    assert value(got, "margin") == pytest.approx((10_000 - 4_000) / 14_000)
    assert value(got, "growth") == pytest.approx(np.log(7_000 / 3_000), rel=1e-5)
    assert value(got, "customers_kept") == pytest.approx(3 / 6)  # the halves meet on 1 May: A thrice, B for three
    assert value(got, "suppliers_kept") == pytest.approx(1.0)
    assert got.frame.fen(PREFIX + "sales_fen", 0) == 1_000_000
    assert got.frame.fen(PREFIX + "yearly_sales_fen", 0) == 1_000_000  # a window under a year is not stretched


def test_a_sale_and_its_red_letter_leave_no_trace_in_the_turnover(tmp_path):
    plain = [invoice("F1", 10 + m, date(2020, m + 1, 1), 113_000) for m in range(8)]
    undone = [
        invoice("F1", 90, date(2020, 3, 9), 999_000, partner="X"),
        invoice("F1", 91, date(2020, 7, 9), -999_000, partner="X"),
    ]
    before, after = books(one_firm(plain), tmp_path / "a"), books(one_firm(plain + undone), tmp_path / "b")
    for name in ("sales_per_month", "typical_month", "sales_variation", "customer_concentration", "margin"):
        assert value(after, name) == pytest.approx(value(before, name))
    assert value(after, "red_sales_share") > value(before, "red_sales_share") == 0


def test_when_the_export_was_cut_moves_no_input_of_the_model(tmp_path):
    """Four years later (1,461 days keeps the calendar): every column stays but the recency that is barred."""
    export, later = small_export(good=4, bad=2, unknown=2), small_export(good=4, bad=2, unknown=2)
    for row in later.invoices:
        row[3] = (date.fromisoformat(row[3]) + timedelta(days=1461)).isoformat()
    before, after = books(export, tmp_path / "a"), books(later, tmp_path / "b", as_of=date(2024, 3, 1))
    for spec in specs():
        if spec.id != "window_recency_days":
            assert np.array_equal(before.frame[PREFIX + spec.id], after.frame[PREFIX + spec.id], equal_nan=True), (
                spec.id
            )
    assert spec_of("window_recency_days").sign == spec_of("window_months").sign == 0


def spec_of(name):
    return next(spec for spec in specs() if spec.id == name)


def test_a_firms_columns_do_not_depend_on_the_other_firms(tmp_path):
    export, alone = small_export(good=4, bad=2, unknown=2), small_export(good=4, bad=2, unknown=2)
    alone.firms = alone.firms[:1]
    alone.invoices = [row for row in alone.invoices if row[0] == "F1"]
    together, single = books(export, tmp_path / "a"), books(alone, tmp_path / "b")
    for spec in model_inputs():
        assert value(together, spec.id) == value(single, spec.id), spec.id


def test_values_stay_in_the_range_the_catalogue_promises(tmp_path):
    got, entries = books(small_export(good=8, bad=4, unknown=6), tmp_path), catalogue()
    for name in got.frame.names:
        low, high = entries[name].range
        seen = got.frame[name][~np.isnan(got.frame[name])]
        assert low is None or (seen >= low - 1e-6).all(), name
        assert high is None or (seen <= high + 1e-6).all(), name
    assert {entry.purpose for entry in entries.values()} == {"credit"}
    assert len({entry.definition_hash for entry in entries.values()}) == len(entries)


def test_a_firm_without_sales_has_missing_sales_columns_not_zeros(tmp_path):
    rows = [invoice("F1", 10 + m, date(2020, m + 1, 1), 113_000, sale=False) for m in range(8)]
    got = books(one_firm(rows), tmp_path)
    assert np.isnan(value(got, "typical_month")) and np.isnan(value(got, "void_sales_share"))
    assert value(got, "purchases_per_month") > 0


def test_every_input_says_why_and_what_would_change_it_in_both_languages():
    for spec in model_inputs():
        assert spec.why_zh and spec.why_en
        assert "{target}" in spec.lever_zh and "{target}" in spec.lever_en


def test_the_longest_run_and_the_seasons_by_hand():
    assert _longest_run(np.array([False, True, True, False, True])) == 2
    assert _longest_run(np.zeros(3, bool)) == 0
    quarters = np.repeat([1.0, 2.0, 3.0, 4.0], 3)
    assert _seasonality(np.tile(quarters, 2), 0) == pytest.approx(1.0)
    assert np.isnan(_seasonality(quarters, 0))
