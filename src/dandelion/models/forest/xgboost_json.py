"""Reads XGBoost's JSON form (`booster.save_model("m.json")` or `save_raw("json")`), without XGBoost.

XGBoost compares in float32 with `value < threshold`; missing goes the stored way.  A category in the stored set goes
right, anything else, unseen or negative, left.  The base score is stored as the objective's output and becomes a margin.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.models.forest.grove import CannotPack, Grove, Tree, below, outside, planted
from dandelion.models.forest.lightgbm_text import whole_numbers

LOGIT = {"binary:logistic", "reg:logistic"}
LOG = {"count:poisson", "reg:gamma", "reg:tweedie"}
SAME = {
    "reg:squarederror", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror", "reg:quantileerror",
    "binary:logitraw", "binary:hinge", "multi:softprob", "multi:softmax", "rank:pairwise", "rank:ndcg", "rank:map",
    "survival:aft", "survival:cox",
}  # fmt: skip


def from_xgboost(data: str | bytes) -> Grove:
    """Raw margins (`output_margin=True`) of every tree in the file.

    Raises BadInput for anything but a JSON model, CannotPack for linear boosters, leaves with several values and
    objectives whose base score we do not know how to read.
    """
    try:
        learner: dict[str, Any] = json.loads(data)["learner"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput("not an XGBoost JSON model; write it with save_model('model.json')", field="xgboost") from error
    booster = learner["gradient_booster"]
    dropped = None
    if booster["name"] == "dart":
        dropped, booster = booster["weight_drop"], booster["gbtree"]
    elif booster["name"] != "gbtree":
        raise CannotPack(f"booster {booster['name']!r} has no trees; use gbtree or dart", field="booster")
    model = booster["model"]
    shape = learner["learner_model_param"]
    if any(int(t["tree_param"].get("size_leaf_vector", "1")) > 1 for t in model["trees"]):
        raise CannotPack(
            "leaves with several values cannot be packed; train with multi_strategy='one_output_per_tree'",
            field="multi_strategy",
        )
    outputs = max(1, int(shape.get("num_class", "0")), int(shape.get("num_target", "1")))
    trees = []
    for k, (tree, group) in enumerate(zip(model["trees"], model["tree_info"], strict=True)):
        trees.append(_tree(tree, int(group), 1.0 if dropped is None else float(dropped[k])))
    return planted(trees, int(shape["num_feature"]), _base(shape["base_score"], learner["objective"]["name"], outputs))


def _base(text: str, objective: str, outputs: int) -> npt.NDArray[np.float64]:
    """One base margin an output.  Newer files write a list, older ones a number."""
    plain = json.loads(text)
    scores = [float(np.float32(s)) for s in (plain if isinstance(plain, list) else [plain])]
    scores = scores * outputs if len(scores) == 1 else scores
    if objective in LOGIT:
        return np.array([math.log(s / (1 - s)) for s in scores])
    if objective in LOG:
        return np.array([math.log(s) for s in scores])
    if objective in SAME:
        return np.array(scores)
    raise CannotPack(f"how objective {objective!r} reads its base score is not known here", field="objective")


def _tree(plain: dict[str, Any], output: int, weight: float) -> Tree:
    left, right = (np.array(plain[name], np.int64) for name in ("left_children", "right_children"))
    condition = np.array(plain["split_conditions"], np.float64).astype(np.float32)
    nan_left = np.array(plain["default_left"], np.int64) > 0
    ranges = {}
    spans = zip(plain["categories_nodes"], plain["categories_segments"], plain["categories_sizes"], strict=True)
    for node, start, size in spans:
        chosen = [int(c) for c in plain["categories"][start : start + size]]
        ranges[int(node)] = outside(whole_numbers(chosen, negative_zero=False))
    return Tree.of_nodes(
        np.array(plain["split_indices"], np.int64), np.asarray(below(condition)), nan_left, left, right,
        condition.astype(np.float64) * weight, np.rint(1000 * np.array(plain["sum_hessian"], np.float64)).astype(np.int64),
        output, ranges,
    )  # fmt: skip
