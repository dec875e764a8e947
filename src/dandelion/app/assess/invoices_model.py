"""The PD model for a hundred labelled firms: a logistic regression that may only learn what economics allows.

Every input becomes its normal score among all firms of the export (rank, then the normal quantile; no label is seen),
turned so that higher is safer; coefficients are held at zero or above, and shrunk towards zero except the anchor, sales per month.  With
the largest penalty the model is sales per month alone, so shrinkage is towards the best single column, not to nothing.
Missing values stand at the middle.  The rating never comes here: the inputs are invoice columns and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit, ndtri

from dandelion.core import BadInput

Values = npt.NDArray[np.float64]
ANCHOR_PENALTY = 0.5  # keeps the fit finite when sales alone separate a small fold


@dataclass(frozen=True, slots=True)
class NormalScores:
    """Known values of every column, sorted; a value gets the normal quantile of its rank among them.

    >>> scores = NormalScores.fit(np.array([[1.0], [2.0], [3.0]]), np.array([1.0]))
    >>> scores.of(np.array([[2.0], [np.nan]])).ravel().tolist()
    [0.0, 0.0]
    """

    known: tuple[Values, ...]
    turn: Values  # +1 where higher is safer, -1 where higher is riskier

    @classmethod
    def fit(cls, x: Values, turn: Values) -> NormalScores:
        return cls(tuple(np.sort(column[~np.isnan(column)]) for column in x.T), turn)

    def of(self, x: Values) -> Values:
        """(firms, columns) raw to normal scores, higher safer, missing 0, held within the training ranks."""
        out = np.zeros_like(x)
        for j, known in enumerate(self.known):
            seen = ~np.isnan(x[:, j])
            if len(known) == 0 or not seen.any():
                continue
            rank = (np.searchsorted(known, x[seen, j], "left") + np.searchsorted(known, x[seen, j], "right")) / 2
            out[seen, j] = ndtri(np.clip(rank / len(known), 0.5 / len(known), 1 - 0.5 / len(known)))
        return out * self.turn


@dataclass(frozen=True, slots=True)
class Model:
    """PD = expit(slope * (intercept - scores @ weights) + shift): the raw fit, then Platt's two numbers."""

    scores: NormalScores
    weights: Values
    intercept: float
    penalty: float
    slope: float = 1.0
    shift: float = 0.0

    def margin(self, z: Values) -> Values:
        """Log-odds of default before calibration, from normal scores."""
        return np.asarray(self.intercept - z @ self.weights)

    def pd(self, z: Values) -> Values:
        return np.asarray(expit(self.slope * self.margin(z) + self.shift))

    def contributions(self, z: Values) -> Values:
        """(firms, columns) log-odds of default each column adds over a firm in the middle of every column."""
        return -z * self.weights * self.slope


def fit(z: Values, bad: npt.NDArray[np.int8], scores: NormalScores, penalty: float, *, anchor: int = 0) -> Model:
    """`z` (firms, columns) normal scores; column `anchor` is hardly shrunk.  Errors: BadInput when one class is missing."""
    if bad.all() or not bad.any():
        raise BadInput("the labelled firms are all good or all bad; a model needs both", field="default")
    y = bad.astype(np.float64)
    ridge = np.full(z.shape[1], penalty)
    ridge[anchor] = min(ANCHOR_PENALTY, penalty)

    def loss(w: Values) -> tuple[float, Values]:
        eta = w[-1] - z @ w[:-1]
        wrong = expit(eta) - y
        value = np.sum(np.logaddexp(0, eta) - y * eta) + 0.5 * np.sum(ridge * w[:-1] ** 2)
        return float(value), np.append(-(z.T @ wrong) + ridge * w[:-1], wrong.sum())

    start = np.append(np.zeros(z.shape[1]), logit(np.clip(y.mean(), 0.01, 0.99)))
    bounds = [(0.0, None)] * z.shape[1] + [(None, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
    return Model(scores, found.x[:-1], float(found.x[-1]), penalty)


def platt(margin: Values, bad: npt.NDArray[np.int8]) -> tuple[float, float]:
    """(slope, shift) that turn out-of-fold log-odds into PDs; targets softened as in Platt (1999), slope >= 0."""
    goods, bads = int((bad == 0).sum()), int(bad.sum())
    target = np.where(bad == 1, (bads + 1) / (bads + 2), 1 / (goods + 2))

    def loss(w: Values) -> tuple[float, Values]:
        eta = w[0] * margin + w[1]
        wrong = expit(eta) - target
        return float(np.sum(np.logaddexp(0, eta) - target * eta)), np.array([wrong @ margin, wrong.sum()])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)])
    return float(found.x[0]), float(found.x[1])
