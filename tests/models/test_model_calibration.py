"""Calibration, curves and logistic regression."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_samples import spec
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from dandelion.core import PPM, BadInput
from dandelion.models.calibration import calibrate, pool_adjacent, uncalibrated
from dandelion.models.curve import Curve
from dandelion.models.logistic import fit_logistic, sigmoid
from dandelion.models.metrics import calibration_in_the_large, ece

KNOTS = st.lists(st.tuples(st.integers(-(10**7), 10**7), st.integers(0, PPM)), min_size=2, max_size=30)


@given(KNOTS, st.lists(st.integers(-(2 * 10**7), 2 * 10**7), min_size=2))
def test_a_curve_never_falls_and_passes_through_its_knots(knots, asked):
    x = np.unique([k for k, _ in knots])
    if len(x) < 2:
        return
    y = np.sort([v for _, v in knots])[: len(x)]
    curve = Curve(x.astype(np.int64), y.astype(np.int64))
    assert (curve(curve.x) == curve.y).all()
    out = curve(np.sort(np.array(asked, np.int64)))
    assert (np.diff(out) >= 0).all() and y[0] <= out[0] and out[-1] <= y[-1]
    assert (Curve.from_json(curve.as_json())(curve.x) == curve.y).all()


def test_a_falling_curve_is_refused():
    with pytest.raises(BadInput, match="never falling"):
        Curve(np.array([0, 1]), np.array([5, 4]))


def test_the_stored_table_is_the_logistic_function_to_two_parts_in_ten_thousand():
    x = np.random.default_rng(0).integers(-7_000_000, 7_000_000, 5000)
    exact = sigmoid(x / 1e6) * PPM
    table = uncalibrated(spec(calibration={"pd_floor_ppm": 1, "pd_cap_ppm": 999_999}).calibration)(x)
    assert (np.abs(table - exact) <= 2e-4 * exact + 1).all()


def skewed(rows: int, seed: int):
    """Raw scores that rank well and mean something else: twice too sure, one unit too low."""
    random = np.random.default_rng(seed)
    truth = random.normal(-2, 1.2, rows)
    label = (random.random(rows) < sigmoid(truth)).astype(np.int8)
    return np.rint((2 * truth - 1) * 1e6).astype(np.int64), label


@pytest.mark.parametrize(("rows", "how"), [(20_000, "isotonic"), (3_000, "platt")])
def test_calibration_mends_a_score_that_is_too_sure(rows, how):
    settings_ = spec().calibration
    raw, label = skewed(rows, 1)
    curve, by = calibrate(raw, label, np.ones(rows), settings_)
    fresh, truth = skewed(20_000, 2)
    before, after = uncalibrated(settings_)(fresh) / PPM, curve(fresh) / PPM
    assert by == how
    assert ece(truth, after) < 0.012 < 0.05 < ece(truth, before)
    assert abs(calibration_in_the_large(truth, after)) < 0.08
    assert settings_.pd_floor_ppm <= curve.y[0] and curve.y[-1] <= settings_.pd_cap_ppm


def test_with_hardly_any_bads_only_the_level_moves():
    raw, label = skewed(150, 3)
    label[:] = 0
    label[:5] = 1
    curve, by = calibrate(raw, label, np.ones(150), spec().calibration)
    assert by == "level" and curve(raw).mean() / PPM == pytest.approx(5.5 / 151, rel=0.02)


def test_an_empty_calibration_slice_is_an_error():
    with pytest.raises(BadInput, match="calibration slice is empty"):
        calibrate(np.empty(0, np.int64), np.empty(0, np.int8), np.empty(0), spec().calibration)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.5, 9)), min_size=1, max_size=40))
def test_pooling_adjacent_violators_agrees_with_sklearn(pairs):
    rate, weight = (np.array(v) for v in zip(*pairs, strict=True))
    block = pool_adjacent(rate, weight)
    mine = (np.bincount(block, rate * weight) / np.bincount(block, weight))[block]
    theirs = IsotonicRegression().fit(np.arange(len(rate)), rate, sample_weight=weight)
    theirs = theirs.predict(np.arange(len(rate)))
    assert np.allclose(mine, theirs, atol=1e-9)


def test_logistic_regression_agrees_with_sklearn_and_survives_separable_data():
    random = np.random.default_rng(4)
    x = random.normal(size=(800, 4))
    y = (random.random(800) < sigmoid(x @ [1, -0.5, 0, 0.2] - 1)).astype(float)
    w = random.uniform(0.5, 2, 800)
    intercept, slopes = fit_logistic(x, y, w, 2.0)
    peer = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(x, y, sample_weight=w)
    assert intercept == pytest.approx(peer.intercept_[0], abs=1e-5) and np.allclose(slopes, peer.coef_[0], atol=1e-5)
    _, wall = fit_logistic(x[:, :1], (x[:, 0] > 0).astype(float), np.ones(800), 1.0)
    assert 0 < wall[0] < 50


def test_a_score_that_ranks_backwards_on_its_slice_becomes_one_pd_for_everybody():
    raw, label = skewed(3000, 5)
    curve, by = calibrate(-raw, label, np.ones(3000), spec().calibration)
    assert by == "flat" and len(np.unique(curve(raw))) == 1
    assert curve(raw)[0] / PPM == pytest.approx(label.mean(), rel=0.01)
