"""Reads fitted scikit-learn forests: random forests, extra trees, gradient boosting, histogram gradient boosting.

The estimator is read through its attributes, so scikit-learn is imported by whoever made it, never here.  Outputs: a
regressor's prediction; the chance of the second class (two classes) or of every class (more) for forests; the decision
function for boosters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.models.forest.grove import CannotPack, Grove, Ranges, Tree, floor32, outside, planted

FORESTS = {"RandomForestClassifier", "ExtraTreesClassifier", "RandomForestRegressor", "ExtraTreesRegressor"}
SINGLE = {"DecisionTreeClassifier", "ExtraTreeClassifier", "DecisionTreeRegressor", "ExtraTreeRegressor"}
BOOSTED = {"GradientBoostingClassifier", "GradientBoostingRegressor"}
BINNED = {"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"}


def from_sklearn(estimator: Any) -> Grove:
    """Raises CannotPack for an estimator that is not one of these, or whose start is itself a model."""
    kind = type(estimator).__name__
    if kind in FORESTS | SINGLE:
        return _averaged(estimator, [estimator] if kind in SINGLE else list(estimator.estimators_))
    if kind in BOOSTED:
        return _boosted(estimator)
    if kind in BINNED:
        return _binned(estimator)
    raise CannotPack(
        f"{kind} cannot be packed; give a fitted one of {', '.join(sorted(FORESTS | BOOSTED | BINNED))}",
        field="estimator",
    )


def _averaged(estimator: Any, members: list[Any]) -> Grove:
    if getattr(estimator, "n_outputs_", 1) != 1:
        raise CannotPack("a forest with several targets cannot be packed; fit one a target", field="n_outputs_")
    classes = getattr(estimator, "n_classes_", 0)
    shown = [0] if not classes else [classes - 1] if classes <= 2 else list(range(classes))
    trees = []
    for member in members:
        value = member.tree_.value[:, 0, :]
        if classes:
            value = value / value.sum(axis=1, keepdims=True)
        trees += [_tree(member.tree_, value[:, c] / len(members), k) for k, c in enumerate(shown)]
    return planted(sorted(trees, key=lambda t: t.output), int(estimator.n_features_in_), np.zeros(len(shown)))


def _boosted(estimator: Any) -> Grove:
    start = estimator.init_
    if start != "zero" and type(start).__name__ not in ("DummyClassifier", "DummyRegressor"):
        raise CannotPack("boosting that starts from another model cannot be packed; fit with init=None", field="init")
    width = int(estimator.n_features_in_)
    base = np.asarray(estimator._raw_predict_init(np.zeros((1, width), np.float32)), np.float64)[0]
    trees = [
        _tree(member.tree_, member.tree_.value[:, 0, 0] * estimator.learning_rate, k)
        for stage in estimator.estimators_
        for k, member in enumerate(stage)
    ]
    return planted(trees, width, base)


def _tree(tree: Any, value: npt.NDArray[np.float64], output: int) -> Tree:
    """Its X is float32, its thresholds doubles; `value <= threshold` goes left."""
    goes_left = getattr(tree, "missing_go_to_left", None)
    nan_left = np.zeros(len(value), np.bool_) if goes_left is None else np.asarray(goes_left) > 0
    return Tree.of_nodes(
        tree.feature, floor32(tree.threshold), nan_left, tree.children_left, tree.children_right, value,
        tree.n_node_samples, output, {},
    )  # fmt: skip


def _binned(estimator: Any) -> Grove:
    column, known = _columns(estimator)
    trees = []
    for stage in estimator._predictors:
        for k, predictor in enumerate(stage):
            nodes = predictor.nodes
            is_leaf = nodes["is_leaf"] > 0
            left = np.where(is_leaf, -1, nodes["left"].astype(np.int64))
            ranges = {
                int(i): _category_ranges(predictor, int(i), known) for i in np.flatnonzero(nodes["is_categorical"])
            }
            trees.append(
                Tree.of_nodes(
                    column[nodes["feature_idx"].astype(np.int64)], floor32(nodes["num_threshold"].astype(np.float64)),
                    nodes["missing_go_to_left"] > 0, left, nodes["right"].astype(np.int64),
                    nodes["value"].astype(np.float64), nodes["count"].astype(np.int64), k, ranges,
                )
            )  # fmt: skip
    return planted(trees, int(estimator.n_features_in_), np.asarray(estimator._baseline_prediction).ravel())


def _columns(estimator: Any) -> tuple[npt.NDArray[np.int64], dict[int, npt.NDArray[np.float64]]]:
    """(column of the caller's table for each column that the trees see, the category values behind each code).

    Categorical columns are encoded and moved to the front before the trees see them.
    """
    width = int(estimator.n_features_in_)
    categorical = getattr(estimator, "is_categorical_", None)
    if categorical is None or not np.any(categorical):
        return np.arange(width), {}
    first = np.flatnonzero(categorical)
    column = np.concatenate([first, np.flatnonzero(~np.asarray(categorical))])
    known = {}
    encoder = estimator._preprocessor.named_transformers_["encoder"]
    for j, values in enumerate(encoder.categories_):
        try:
            known[j] = np.asarray(values, np.float64)
        except (TypeError, ValueError) as error:
            raise CannotPack(
                "categories that are text cannot be packed; number them before fitting", field="categorical_features"
            ) from error
    return column, known


def _category_ranges(predictor: Any, node: int, known: dict[int, npt.NDArray[np.float64]]) -> Ranges:
    """Values that go left.  A category the trees never saw goes with the missing ones."""
    row = predictor.nodes[node]
    words = predictor.raw_left_cat_bitsets[int(row["bitset_idx"])]
    values = known[int(row["feature_idx"])]
    codes = [code for code in range(len(values)) if not np.isnan(values[code])]
    is_left = {code: bool(int(words[code // 32]) >> (code % 32) & 1) for code in codes}
    side = not row["missing_go_to_left"]  # name the side that unknown values do not take, then turn round if needed
    named = tuple((float(np.float32(values[c])), float(np.float32(values[c]))) for c in codes if is_left[c] == side)
    return named if side else outside(named)
