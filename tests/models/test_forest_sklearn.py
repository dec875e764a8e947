"""Forests read from scikit-learn estimators against their own predictions."""

from __future__ import annotations

import numpy as np
import pytest
from forest_oracle import agree_everywhere, ties
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from dandelion.models.forest import CannotPack, from_sklearn


def table(seed: int, rows: int = 500, missing: bool = True):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 5)).astype(np.float32)
    x[:, 1] = np.round(x[:, 1] * 2)
    x[:, 3] = random.integers(0, 30, rows)
    if missing:
        x[random.random(x.shape) < 0.15] = np.nan
    z = np.nan_to_num(x)
    return x, z[:, 0] + z[:, 1] * (z[:, 2] > 0) + np.isin(z[:, 3], (1, 5, 8, 22)) + random.normal(0, 0.3, rows)


def raw(model, x):
    if hasattr(model, "decision_function"):
        return model.decision_function(x).reshape(len(x), -1)
    if hasattr(model, "predict_proba"):
        chance = model.predict_proba(x)
        return chance[:, 1:] if chance.shape[1] == 2 else chance
    return model.predict(x).reshape(len(x), -1)


WITH_NAN = [
    RandomForestRegressor(6, random_state=1), RandomForestRegressor(6, max_leaf_nodes=60, random_state=1),
    ExtraTreesRegressor(6, max_depth=6, random_state=1), HistGradientBoostingRegressor(max_iter=8, min_samples_leaf=5),
    HistGradientBoostingRegressor(max_iter=8, min_samples_leaf=5, categorical_features=[3]),
]  # fmt: skip
CLASSES = [
    RandomForestClassifier(6, random_state=1), ExtraTreesClassifier(6, max_depth=5, random_state=1),
    HistGradientBoostingClassifier(max_iter=6, categorical_features=[3]), DecisionTreeClassifier(max_depth=4),
]  # fmt: skip


@pytest.mark.parametrize("model", WITH_NAN, ids=lambda m: type(m).__name__)
def test_regressors_with_missing_values_score_as_in_scikit_learn(model):
    x, y = table(1)
    grove = from_sklearn(model.fit(x, y))
    hist = type(model).__name__.startswith("Hist")
    odd = np.concatenate([x[:150], ties(grove, 200, 1, finite=True)])
    if not hist:
        odd[np.abs(odd) > 1e30] = 0
    assert np.abs(agree_everywhere(grove, odd) / 1e9 - raw(model, odd)).max() < 1e-6


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("model", CLASSES, ids=lambda m: type(m).__name__)
def test_classifiers_score_as_in_scikit_learn(model, classes):
    x, y = table(2)
    grove = from_sklearn(model.fit(x, np.digitize(y, [0, 1][: classes - 1])))
    assert grove.outputs == (1 if classes == 2 else 3)
    assert np.abs(agree_everywhere(grove, x) / 1e9 - raw(model, x)).max() < 1e-6


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "log_loss", "three classes"])
def test_gradient_boosting_starts_where_scikit_learn_starts(loss):
    x, y = table(3, missing=False)
    model = (
        GradientBoostingRegressor(n_estimators=9, loss=loss)
        if "error" in loss
        else GradientBoostingClassifier(n_estimators=9)
    )
    model.fit(x, y if "error" in loss else np.digitize(y, [0, 1][: 1 if loss == "log_loss" else 2]))
    grove = from_sklearn(model)
    assert np.abs(agree_everywhere(grove, x[:200]) / 1e9 - raw(model, x[:200])).max() < 1e-6


def test_what_is_no_forest_is_refused_with_the_reason():
    x, y = table(4, 80, missing=False)
    with pytest.raises(CannotPack, match="LogisticRegression cannot be packed; give a fitted one of"):
        from_sklearn(LogisticRegression().fit(x, y > 0))
    with pytest.raises(CannotPack, match="fit with init=None"):
        from_sklearn(GradientBoostingRegressor(n_estimators=2, init=LinearRegression()).fit(x, y))
    with pytest.raises(CannotPack, match="one a target"):
        from_sklearn(RandomForestRegressor(2).fit(x, np.stack([y, y], 1)))
