"""The model, its calibration and its validation against slow, obvious counterparts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invoices_maker import quick_rules
from scipy.optimize import minimize
from scipy.special import expit

from dandelion.app.assess.invoices_charts import wilson
from dandelion.app.assess.invoices_columns import model_inputs, specs
from dandelion.app.assess.invoices_judging import roc_points
from dandelion.app.assess.invoices_model import NormalScores, calibrate, fit, projected_newton
from dandelion.app.assess.invoices_validation import (
    Learner,
    auc_in_folds,
    gain_in_folds,
    gain_resampled,
    grouped_folds,
    out_of_fold,
    placements,
)
from dandelion.core import BadInput
from dandelion.models.metrics import auc, auc_interval

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 10_000)


def sample(seed, rows=90, columns=5, signal=1.0):
    random = np.random.default_rng(seed)
    z = random.normal(size=(rows, columns))
    bad = (random.random(rows) < expit(-1.2 - signal * z[:, 0] - 0.4 * signal * z[:, 1])).astype(np.int8)
    bad[:3], bad[3:6] = 1, 0
    return z, bad


def scores(columns=5):
    return NormalScores(tuple(np.arange(10.0) for _ in range(columns)), np.ones(columns))


@few
@given(seeds, st.sampled_from([0.5, 6.0, 60.0]))
def test_newton_finds_the_same_minimum_as_a_general_optimiser(seed, penalty):
    z, bad = sample(seed)
    y, ridge = bad.astype(float), np.full(5, penalty)
    w, c = projected_newton(z, y, ridge)

    def loss(v):
        eta = v[-1] - z @ v[:-1]
        return np.sum(np.logaddexp(0, eta) - y * eta) + 0.5 * np.sum(ridge * v[:-1] ** 2)

    slow = minimize(loss, np.zeros(6), method="L-BFGS-B", bounds=[(0, None)] * 5 + [(None, None)], tol=1e-12)
    assert loss(np.append(w, c)) <= slow.fun + 1e-6
    assert (w >= 0).all()
    assert np.allclose(w, slow.x[:-1], atol=2e-3)


@few
@given(seeds)
def test_a_safer_value_never_raises_the_pd(seed):
    z, bad = sample(seed)
    margin = fit(z, bad, scores(), 6.0).margin(z)
    model = Learner(scores(), (6.0,), 3, 1).learn(z, bad, np.arange(len(bad)), seed)
    for j in range(z.shape[1]):
        safer = z.copy()
        safer[:, j] += 1.0
        assert (model.pd(safer) <= model.pd(z) + 1e-12).all()
    assert np.isfinite(margin).all()


def test_the_largest_penalty_leaves_the_anchor_alone():
    z, bad = sample(1)
    weights = fit(z, bad, scores(), 1e6).weights
    assert weights[0] > 0.3 and (weights[1:] < 1e-3).all()


def test_contributions_add_up_to_the_log_odds():
    z, bad = sample(2)
    model = fit(z, bad, scores(), 6.0)
    assert np.allclose(model.intercept + model.contributions(z).sum(axis=1), model.margin(z))


def test_no_pd_falls_below_the_floor_and_calibrated_pds_add_up_to_the_bads():
    random = np.random.default_rng(3)
    margin = random.normal(-2, 2, 4000)
    truth = 0.05 + 0.95 * expit(margin)
    bad = (random.random(4000) < truth).astype(np.int8)
    got = calibrate(margin, bad)
    assert got.floor == pytest.approx(0.05, abs=0.02) and got.slope == pytest.approx(1.0, abs=0.15)
    pd = got.pd(margin)
    assert pd.min() >= got.floor
    assert pd.mean() == pytest.approx(bad.mean(), rel=0.03)


def test_one_outcome_only_is_refused():
    with pytest.raises(BadInput, match="both"):
        fit(np.zeros((5, 2)), np.zeros(5, np.int8), scores(2), 6.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_normal_scores_keep_the_order_and_put_missing_values_in_the_middle(values):
    column = np.array(values)[:, None]
    made = NormalScores.fit(column, np.array([1.0]))
    z = made.of(column)[:, 0]
    order = np.argsort(column[:, 0], kind="stable")
    assert (np.diff(z[order]) >= 0).all()
    assert made.of(np.array([[np.nan]]))[0, 0] == 0.0
    assert np.array_equal(NormalScores.fit(column, np.array([-1.0])).of(column)[:, 0], -z)


@few
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=20, max_size=80), seeds)
def test_firms_of_one_group_never_stand_on_both_sides_of_a_fold(rows, seed):
    group = np.array([g for g, _ in rows])
    bad = np.array([b for _, b in rows], np.int8)
    fold = grouped_folds(bad, group, 5, seed)
    for g in np.unique(group):
        assert len(np.unique(fold[group == g])) == 1
    assert set(fold) <= set(range(5))


def test_folds_of_single_firms_share_the_bads_evenly():
    bad = (np.arange(123) < 27).astype(np.int8)
    fold = grouped_folds(bad, np.arange(123), 5, 310)
    bads = np.bincount(fold, bad, minlength=5)
    assert bads.max() - bads.min() <= 1
    assert np.bincount(fold).max() - np.bincount(fold).min() <= 1


@few
@given(seeds)
def test_auc_inside_folds_agrees_with_pairs_counted_one_by_one(seed):
    random = np.random.default_rng(seed)
    bad = (np.arange(40) % 4 == 0).astype(np.int8)
    score = random.integers(0, 6, (2, 40)).astype(float)
    fold = np.stack([grouped_folds(bad, np.arange(40), 4, seed + r) for r in range(2)])
    got = placements(bad, score, fold)
    for r in range(2):
        for k in range(4):
            here = fold[r] == k
            pairs = [
                1.0 if a > b else 0.5 if a == b else 0.0
                for a in score[r, here & (bad == 1)]
                for b in score[r, here & (bad == 0)]
            ]
            assert got.fold_auc[r * 4 + k] == pytest.approx(np.mean(pairs))
    assert 0 <= got.auc <= 1


def test_with_a_single_fold_it_is_the_auc_and_delong_interval_of_the_models_room():
    z, bad = sample(4)
    score = -z[:, 0]
    got = placements(bad, score, np.zeros((1, len(bad)), int))
    assert got.auc == pytest.approx(auc(bad, score))
    ours, theirs = auc_in_folds(got), auc_interval(bad, score)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_a_score_gains_nothing_over_itself():
    z, bad = sample(5)
    fold = np.stack([grouped_folds(bad, np.arange(len(bad)), 5, s) for s in range(3)])
    same = placements(bad, -z[:, 0], fold)
    for gain in (gain_in_folds(same, same), gain_resampled(same, same, 5)):
        assert gain.mean == gain.low == gain.high == 0


def test_labels_without_any_relation_to_the_columns_give_no_auc_worth_the_name():
    """Over ten draws of chance labels the nested figure stays around one half: nothing leaks through the folds."""
    rules = dataclasses.replace(quick_rules().validation, seeds=(310,))
    found = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        z = random.normal(size=(100, 6))
        bad = random.permutation(np.arange(100) < 25).astype(np.int8)
        scored = out_of_fold(z, bad, np.arange(100), Learner(scores(6), rules.penalties, 3, 1), rules)
        found.append(placements(bad, scored.margin, scored.fold).auc)
    assert abs(np.mean(found) - 0.5) < 0.08


def test_the_inputs_hold_no_column_that_says_where_the_export_was_cut_and_no_rating():
    inputs = {spec.id for spec in model_inputs()}
    assert inputs.isdisjoint({"window_months", "window_recency_days"})
    assert not any("rating" in spec.id or "评级" in spec.zh for spec in specs())
    assert len(inputs) >= 15
    assert model_inputs()[0].id == "sales_per_month"  # the anchor


def test_the_roc_of_a_perfect_score_rises_at_once_and_wilson_never_leaves_the_unit_interval():
    bad = np.array([0, 0, 1, 1], np.int8)
    assert roc_points(bad, np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 1.0])).tolist() == [1.0, 1.0]
    assert wilson(0, 5)[0] == 0.0 and wilson(5, 5)[1] == 1.0
