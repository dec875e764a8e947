"""Leaks are caught by what they do, never by what they are called."""

from __future__ import annotations

import numpy as np
import pytest
from model_samples import dataset, spec

from dandelion.models import Spec, inspect

INNOCENT = {f"sample/c{j}" for j in range(10)}


def caught(extra, *, overrides=None, rows: int = 3000, seed: int = 3):
    data = dataset(rows, seed, extra=extra)
    cut = rows * 3 // 4
    report = inspect(data.take(np.arange(cut)), data.take(np.arange(cut, rows)), spec(**(overrides or {})))
    return report, {s.column: s.check for s in report.suspects}


def test_clean_columns_all_pass():
    report, suspects = caught(None)
    assert suspects == {} and report.columns_checked == 10 and 0.4 < report.drift_auc < 0.6


def test_a_post_outcome_amount_is_caught_alone():
    _, suspects = caught(lambda y, x, t, r: {"sample/harmless_name": y * 100 + r.normal(0, 30, len(y))})
    assert suspects == {"sample/harmless_name": "solo"}


def test_an_answer_hidden_in_a_u_or_a_code_is_caught_alone():
    def extra(y, x, t, r):
        code = np.where(y == 1, r.choice([3, 11, 7], len(y)), r.choice([1, 5, 9, 13], len(y)))
        return {"sample/code": code.astype(float)}

    _, suspects = caught(extra)
    assert suspects == {"sample/code": "solo"}


def test_a_field_filled_in_only_for_bads_is_caught_by_its_gaps():
    def extra(y, x, t, r):
        return {"sample/recovered": np.where((y == 1) & (r.random(len(y)) < 0.8), r.normal(size=len(y)), np.nan)}

    _, suspects = caught(extra)
    assert suspects == {"sample/recovered": "missingness"}


@pytest.mark.parametrize("copies", [1, 3])
def test_a_leak_too_weak_to_stand_out_alone_is_caught_by_its_lift_even_with_twins(copies):
    def extra(y, x, t, r):
        leak = y + r.normal(0, 0.75, len(y))
        return {f"sample/k{i}": leak + r.normal(0, 0.01, len(y)) for i in range(copies)}

    _, suspects = caught(extra, rows=4000)
    assert "lift" in {suspects.get(f"sample/k{i}") for i in range(copies)}
    assert not set(suspects) & INNOCENT


def test_a_column_that_tells_the_date_is_caught_without_labels_of_the_later_rows():
    _, suspects = caught(lambda y, x, t, r: {"sample/build": (t / 1e6 + r.normal(0, 1e6, len(t)))})
    assert suspects == {"sample/build": "drift"}


def test_a_column_that_stops_being_filled_is_caught():
    def extra(y, x, t, r):
        gone = np.arange(len(t)) > 0.7 * len(t)
        return {"sample/old_source": np.where(gone, np.nan, r.normal(size=len(t)))}

    assert caught(extra)[1] == {"sample/old_source": "drift"}


def test_a_person_may_release_a_column_and_the_report_says_why():
    overrides = {"quarantine": {"released": {"sample/harmless_name": "Wang Li: measured before the offer"}}}
    report, suspects = caught(
        lambda y, x, t, r: {"sample/harmless_name": y * 100 + r.normal(0, 30, len(y))}, overrides=overrides
    )
    assert suspects == {} and report.released == (("sample/harmless_name", "Wang Li: measured before the offer"),)


def test_the_bounds_come_from_the_specification():
    overrides = {"quarantine": {"solo_auc_max": 0.6}}
    assert "sample/c0" in caught(None, overrides=overrides)[1]
    assert Spec.load().quarantine.solo_auc_max == 0.85
