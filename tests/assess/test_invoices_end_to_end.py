"""One small export through the whole assessment: what must hold whatever the figures are."""

from __future__ import annotations

import csv
import json
import random
import re

import pytest
from invoices_maker import quick_rules, small_export

from dandelion.app.usecases.assess_invoices import assess_invoices
from dandelion.core import BadInput, NotFound

HEAD_KEYS = [
    "auc_cv_mean", "auc_cv_low", "auc_cv_high", "auc_total_sales", "auc_gain_low", "auc_gain_high", "profit_cv",
    "profit_total_sales", "firms_approved", "budget_spent_yuan", "seconds",
]  # fmt: skip


def run(export, folder, name="a", **more):
    return assess_invoices(
        export.write(folder / name),
        out=folder / f"{name}-out",
        rules=quick_rules(),
        **{"budget_yuan": 5_000_000, **more},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("assess")


@pytest.fixture(scope="module")
def result(folder):
    return run(small_export(), folder)


def decisions_bytes(folder, name):
    return (folder / f"{name}-out" / "decisions.csv").read_bytes()


def test_the_answer_starts_with_the_promised_keys_and_is_kept_as_json(result, folder):
    assert list(result.as_json())[: len(HEAD_KEYS)] == HEAD_KEYS
    kept = json.loads((folder / "a-out" / "result.json").read_text())
    assert kept["auc_cv_mean"] == result.auc_cv_mean
    assert kept["assumptions"]["lgd_ppm"] == 600_000


def test_every_firm_without_an_outcome_gets_one_row_with_reasons_and_something_that_would_change_them(result, folder):
    with (folder / "a-out" / "decisions.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(result.decisions) == 14
    for row in rows:
        if row["decision"] == "decline":
            assert row["reason_1_code"] and row["reason_1_zh"] and row["reason_1_would_change_en"]
            assert row["limit_yuan"] == row["annual_rate_ppm"] == "0"
        else:
            assert int(row["limit_yuan"]) % 10_000 == 0


def test_the_rating_is_never_an_input(result, folder):
    mixed, none = small_export(), small_export()
    ratings = [row[2] for row in mixed.firms]
    random.Random(1).shuffle(ratings)
    for row, rating in zip(mixed.firms, ratings, strict=True):
        row[2] = rating
    none.firms = [[row[0], row[1], row[3]] for row in none.firms]
    none.firms_header = ["firm", "name", "default"]
    run(mixed, folder, "mixed")
    run(none, folder, "none")
    assert decisions_bytes(folder, "mixed") == decisions_bytes(folder, "none") == decisions_bytes(folder, "a")


def test_the_order_of_rows_and_rows_given_twice_change_nothing_but_the_count_of_duplicates(result, folder):
    export = small_export()
    rows = len(export.invoices)
    export.invoices += [list(row) for row in export.invoices[::3]]
    random.Random(2).shuffle(export.invoices)
    again = run(export, folder, "shuffled")
    assert decisions_bytes(folder, "shuffled") == decisions_bytes(folder, "a")
    assert again.details["cleaning"]["exact_duplicate_rows"] == len(export.invoices) - rows


def test_the_page_is_self_contained_and_a_name_stays_a_name(folder):
    export = small_export()
    for row in export.firms:
        if row[0] == "F50":
            row[0] = "<script>F50"
    for row in export.invoices:
        if row[0] == "F50":
            row[0] = "<script>F50"
    run(export, folder, "page")
    page = (folder / "page-out" / "report.html").read_text()
    assert "<script" not in page and "&lt;script&gt;F50" in page
    assert not re.findall(r"(?:src|href)\s*=|url\(|@import", page)
    assert page.count("<svg") >= 8


def test_the_budget_and_the_rate_cap_are_never_passed(result):
    assert result.budget_spent_yuan <= 5_000_000
    assert all(d.rate_ppm <= result.details["licence"]["nominal_cap_ppm"] for d in result.decisions)


def test_more_budget_never_earns_less(folder, result):
    richer = run(small_export(), folder, "richer", budget_yuan=50_000_000)
    assert richer.details["expected_profit_yuan"] >= result.details["expected_profit_yuan"]


def test_a_budget_below_the_smallest_line_declines_everyone_and_still_reports(folder):
    poor = run(small_export(), folder, "poor", budget_yuan=1)
    assert poor.firms_approved == poor.budget_spent_yuan == 0
    assert {d.reasons[0].code for d in poor.decisions} >= {"budget_spent"}
    assert (folder / "poor-out" / "report.html").stat().st_size > 50_000


def test_a_firm_without_invoices_is_declined_and_told_so(folder):
    export = small_export()
    export.firms.append(["F99", "某公司", "", ""])
    got = {d.firm: d for d in run(export, folder, "silent").decisions}
    assert [r.code for r in got["F99"].reasons] == ["no_invoices"]


def test_a_firm_that_shares_its_invoices_with_a_default_is_declined_and_named_to_the_lender(folder):
    export = small_export()
    failed = next(row[0] for row in export.firms if row[3] == "1")
    export.firms.append(["TWIN", "某公司", "", ""])
    export.invoices += [["TWIN", *row[1:4], f"X{row[4]}", *row[5:]] for row in export.invoices if row[0] == failed]
    result = run(export, folder, "twin")
    twin = next(d for d in result.decisions if d.firm == "TWIN")
    assert twin.reasons[0].code == "tied_to_default" and twin.tied_to == (failed,)
    assert result.details["shared_invoice_pairs"][0]["share_ppm"] == 1_000_000


def test_progress_is_told_from_start_to_end(folder):
    told = []
    run(small_export(), folder, "told", progress=lambda what, share: told.append((what, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[-1] == 1.0


@pytest.mark.parametrize("budget", [0, -5, 1.5, True])
def test_a_budget_that_is_not_whole_yuan_above_zero_is_refused(tmp_path, budget):
    with pytest.raises(BadInput, match="whole yuan above zero"):
        assess_invoices(tmp_path, budget_yuan=budget)


def test_an_unknown_licence_is_refused(tmp_path):
    with pytest.raises(NotFound, match="pawnshop"):
        assess_invoices(tmp_path, licence="pawnshop")
