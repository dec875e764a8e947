"""The real export, where it is at hand: what was measured once must not drift unnoticed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dandelion.app.usecases.assess_invoices import assess_invoices

DATA = Path(os.environ.get("DANDELION_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")) / "invoices"
pytestmark = pytest.mark.skipif(
    not (DATA / "invoices.parquet").is_file(), reason=f"the real invoices are not at {DATA}; set DANDELION_DATA"
)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return assess_invoices(DATA, out=tmp_path_factory.mktemp("out"))


def test_the_quirks_of_the_export_are_counted_exactly(result):
    cleaning = result.details["cleaning"]
    assert cleaning["exact_duplicate_rows"] == 11_665
    assert cleaning["zero_total"] == 4_019
    assert cleaning["net_plus_tax_differs"] == 5
    assert cleaning["red_letters"] == cleaning["red_letters_matched"] + cleaning["red_letters_alone"]


def test_every_firm_without_an_outcome_is_decided_once_within_the_rules(result):
    assert len(result.decisions) == 302 == len({d.firm for d in result.decisions})
    for decision in result.decisions:
        if decision.approved:
            assert 100_000 <= decision.limit_yuan <= 1_000_000
            assert 40_000 <= decision.rate_ppm <= 150_000
        else:
            assert decision.limit_yuan == decision.rate_ppm == 0
            assert decision.reasons
        assert len(decision.reasons) <= 4
    assert result.budget_spent_yuan == sum(d.limit_yuan for d in result.decisions) <= 100_000_000


def test_firms_that_share_most_invoices_get_one_line_and_never_beside_a_default(result):
    pairs = {tuple(p["firms"]) for p in result.details["shared_invoice_pairs"]}
    assert len(pairs) == 8 and ("E14", "E131") in pairs and ("E45", "E242") in pairs
    by_firm = {d.firm: d for d in result.decisions}
    assert by_firm["E242"].reasons[0].code == "tied_to_default"
    for one, other in pairs:
        assert sum(by_firm[f].approved for f in (one, other) if f in by_firm) <= 1


def test_the_model_separates_and_says_how_surely(result):
    assert result.auc_cv_low < result.auc_cv_mean < result.auc_cv_high
    assert result.auc_cv_mean > 0.87
    assert abs(result.auc_total_sales - 0.89) < 0.01
    assert result.auc_gain_low < result.details["auc_gain_mean"] < result.auc_gain_high


def test_the_budget_is_spent_within_a_thousandth_of_the_best_possible(result):
    assert 0 <= result.details["duality_gap"] < 0.001
