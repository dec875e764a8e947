"""Known merchants teach about the others of their file: learning from positive and unlabelled examples.

Everybody not named stays unlabelled; one who already looks like a business hardly counts as a counterexample.  The score is
divided by what known merchants themselves get when held out, so that hidden ones reach the same height (C. Elkan, K. Noto 2008).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dandelion.core.frame import Ints
from dandelion.graph.portrait import Portrait

FOLDS, ROUNDS, SEED = 3, 60, 310
HALF_TRUST = 100  # with so many known merchants their word weighs half of what it can
WEIGHT_MAX = 0.5  # beside the shipped model's
_FLOOR = 1e-4


def transfer(portrait: Portrait, share: npt.NDArray[np.float64], known: Ints) -> npt.NDArray[np.float64]:
    """Probabilities after label transfer.  Every account is scored by trees that did not learn from it."""
    import lightgbm  # only who names merchants needs it

    n = len(share)
    label = np.zeros(n)
    label[known] = 1.0
    prior = np.clip(share, _FLOOR, 1 - _FLOOR)
    weight = np.where(label == 1, 1.0, 1.0 - prior)
    weight[label == 1] *= max(1.0, weight[label == 0].sum() / 20 / len(known))
    fold = np.random.default_rng(SEED).integers(0, FOLDS, n)
    score = np.zeros(n)
    settings = {
        "objective": "binary", "learning_rate": 0.08, "num_leaves": 8, "min_data_in_leaf": 20, "lambda_l2": 10.0,
        "feature_fraction": 0.5, "seed": SEED, "deterministic": True, "num_threads": 1, "verbosity": -1,
    }  # fmt: skip
    for part in range(FOLDS):
        learn = fold != part
        data = lightgbm.Dataset(portrait.values[learn], label[learn], weight=weight[learn])
        score[~learn] = lightgbm.train(settings, data, ROUNDS).predict(portrait.values[~learn])
    alike = np.clip(score / max(float(np.median(score[known])), _FLOOR), _FLOOR, 1 - _FLOOR)
    trust = WEIGHT_MAX * len(known) / (len(known) + HALF_TRUST)
    together = (1 - trust) * _logit(prior) + trust * _logit(alike)
    return np.asarray(1 / (1 + np.exp(-together)))


def _logit(share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.log(share) - np.log1p(-share))
