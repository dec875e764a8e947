"""Metrics against slow obvious oracles and sklearn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from dandelion.core import BadInput
from dandelion.models import metrics as m


def slow_auc(label: np.ndarray, score: np.ndarray) -> float:
    wins = [(b > g) + 0.5 * (b == g) for b in score[label == 1] for g in score[label == 0]]
    return float(np.mean(wins))


@st.composite
def scored(draw):
    n = draw(st.integers(4, 40))
    label = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    label[:4] = [0, 1, 0, 1]
    score = np.array(draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)), float)
    return label, score


@given(scored())
def test_auc_counts_pairs_and_half_of_ties(data):
    label, score = data
    assert m.auc(label, score) == pytest.approx(slow_auc(label, score))
    assert m.auc(label, -score) == pytest.approx(1 - m.auc(label, score))


@given(scored())
def test_ks_is_the_largest_gap_over_every_cut(data):
    label, score = data
    gaps = [abs((score[label == 1] <= c).mean() - (score[label == 0] <= c).mean()) for c in score]
    assert m.ks(label, score) == pytest.approx(max(gaps))


@settings(max_examples=50)
@given(scored())
def test_a_paired_gain_turns_its_sign_when_the_sides_are_swapped(data):
    label, score = data
    other = np.roll(score, 1)
    there, back = m.paired_auc_gain(label, score, other), m.paired_auc_gain(label, other, score)
    assert there.mean == pytest.approx(-back.mean) and there.low == pytest.approx(-back.high)
    assert there.mean == pytest.approx(slow_auc(label, other) - slow_auc(label, score))


def test_delong_covers_the_true_auc_about_as_often_as_it_says():
    random, hits = np.random.default_rng(3), 0
    truth = 0.7602499  # P(N(1,1) > N(0,1)) = Phi(1/sqrt 2)
    for _ in range(400):
        label = np.repeat([0, 1], [120, 40])
        interval = m.auc_interval(label, random.normal(size=160) + label)
        hits += interval.low <= truth <= interval.high
    assert 0.92 <= hits / 400 <= 0.98


def test_delong_and_bootstrap_agree_on_a_paired_gain():
    random = np.random.default_rng(5)
    label = (random.random(600) < 0.3).astype(int)
    a, b = label + random.normal(0, 2, 600), label + random.normal(0, 1, 600)
    exact, classes = m.paired_auc_gain(label, a, b), [np.flatnonzero(label == value) for value in (0, 1)]

    def drawn_gain():
        rows = np.concatenate([random.choice(one, len(one)) for one in classes])
        return m.auc(label[rows], b[rows]) - m.auc(label[rows], a[rows])

    low, high = np.quantile([drawn_gain() for _ in range(400)], [0.025, 0.975])
    assert exact.mean == pytest.approx(m.auc(label, b) - m.auc(label, a)) and exact.low > 0
    assert exact.low == pytest.approx(low, abs=0.015) and exact.high == pytest.approx(high, abs=0.015)


def test_repeats_give_the_mean_auc_of_the_repeats():
    random = np.random.default_rng(6)
    label = (random.random(80) < 0.3).astype(int)
    scores = label + random.normal(0, 1, (5, 80))
    assert m.auc(label, scores) == pytest.approx(np.mean([roc_auc_score(label, row) for row in scores]))
    repeated, single = m.auc_interval(label, scores), m.auc_interval(label, scores[0])
    assert repeated.high - repeated.low < single.high - single.low


def test_a_true_pd_has_small_calibration_error_and_a_doubled_one_is_seen():
    random = np.random.default_rng(7)
    pd = random.beta(2, 18, 20_000)
    label = (random.random(20_000) < pd).astype(int)
    assert m.ece(label, pd) < m.ece_critical(pd) < 0.01
    assert m.ece(label, 2 * pd) > 0.08
    assert m.calibration_in_the_large(label, 2 * pd) == pytest.approx(1, abs=0.1)
    assert sum(d.rows for d in m.deciles(label, pd)) == 20_000
    assert m.brier(label, pd) < m.brier(label, np.full(20_000, label.mean())) < m.brier(label, np.full(20_000, 0.5))


def test_psi_is_under_its_critical_value_without_a_shift_and_over_it_with_one():
    random = np.random.default_rng(8)
    base, same, moved = random.normal(size=3000), random.normal(size=500), random.normal(0.4, 1, 500)
    bound = m.psi_critical(base, 500)
    assert m.psi(base, base) == 0
    assert m.psi(base, same) < bound < m.psi(base, moved)
    gone = np.where(random.random(500) < 0.3, np.nan, same)
    assert m.psi(base, gone) > bound


@pytest.mark.parametrize("label", [[0, 0, 0], [0, 1, -1], [], [0, 1, np.nan]])
def test_labels_that_cannot_be_judged_are_refused(label):
    with pytest.raises(BadInput, match=r"labels (must|hold)"):
        m.auc(np.array(label), np.zeros(len(label)))


def test_a_missing_score_is_refused_rather_than_ranked():
    with pytest.raises(BadInput, match="NaN"):
        m.auc(np.array([0, 1]), np.array([0.5, np.nan]))
