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
NEWTON_STEPS_MAX = 100
GRADIENT_MAX = 1e-6
SHORTEST_STEP = 1e-3
FLOOR_PRIOR_B = 50.0
SLOPE_SPREAD = 0.5  # the slope's prior is log-normal around 1: out-of-fold log-odds are nearly on scale already


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
class Calibration:
    """PD = floor + (1 - floor) expit(slope * log-odds + shift)."""

    slope: float
    shift: float
    floor: float

    def pd(self, margin: Values) -> Values:
        return np.asarray(self.floor + (1 - self.floor) * expit(self.slope * margin + self.shift))


@dataclass(frozen=True, slots=True)
class Model:
    """`margin` are log-odds before calibration; `calibration` turns them into PDs."""

    scores: NormalScores
    weights: Values
    intercept: float
    penalty: float
    calibration: Calibration | None = None

    def margin(self, z: Values) -> Values:
        """Log-odds of default before calibration, from normal scores."""
        return np.asarray(self.intercept - z @ self.weights)

    def pd(self, z: Values) -> Values:
        """Calibrated PD, never below the floor."""
        assert self.calibration is not None, "calibrate before asking for a PD"
        return self.calibration.pd(self.margin(z))

    def contributions(self, z: Values) -> Values:
        """(firms, columns) log-odds of default each column adds over a firm in the middle of every column."""
        return -z * self.weights


def fit(z: Values, bad: npt.NDArray[np.int8], scores: NormalScores, penalty: float, *, anchor: int = 0) -> Model:
    """`z` (firms, columns) normal scores; column `anchor` is hardly shrunk.  Errors: BadInput when one class is missing."""
    if bad.all() or not bad.any():
        raise BadInput("the labelled firms are all good or all bad; a model needs both", field="default")
    ridge = np.full(z.shape[1], penalty)
    ridge[anchor] = min(ANCHOR_PENALTY, penalty)
    weights, intercept = projected_newton(z, bad.astype(np.float64), ridge)
    return Model(scores, weights, intercept, penalty)


def projected_newton(z: Values, y: Values, ridge: Values) -> tuple[Values, float]:
    """Minimise the penalised log loss of expit(c - z w) over w >= 0 and any c (Bertsekas 1982): (w, c).

    Weights held at zero by the bound leave the Newton step; Armijo's rule shortens it.  The loss is strictly convex, so
    the minimum is one point; the gradient there is below 1e-6.
    """
    design, penalty = np.column_stack([-z, np.ones(len(y))]), np.append(ridge, 0.0)
    w = np.append(np.zeros(z.shape[1]), logit(np.clip(y.mean(), 0.01, 0.99)))

    def loss(v: Values) -> float:
        eta = design @ v
        return float(np.sum(np.logaddexp(0, eta) - y * eta) + 0.5 * penalty @ v**2)

    now = loss(w)
    for _ in range(NEWTON_STEPS_MAX):
        p = expit(design @ w)
        slope = design.T @ (p - y) + penalty * w
        free = (w > 0) | (slope < 0)
        free[-1] = True
        if np.abs(slope[free]).max() < GRADIENT_MAX:
            break
        inside = design[:, free]
        curve = (inside * (p * (1 - p))[:, None]).T @ inside + np.diag(penalty[free] + 1e-10)
        step = np.zeros_like(w)
        step[free] = np.linalg.solve(curve, slope[free])
        length = 1.0
        while length > SHORTEST_STEP:
            trial = w - length * step
            trial[:-1] = np.maximum(trial[:-1], 0.0)
            then = loss(trial)
            if then <= now - 1e-4 * float(slope @ (w - trial)):
                break
            length /= 2
        else:  # no step improves any more: the rounding error of the loss is reached
            break
        w, now = trial, then
    return w[:-1], float(w[-1])


def calibrate(margin: Values, bad: npt.NDArray[np.int8]) -> Calibration:
    """Fit out-of-fold log-odds to outcomes: Platt's line above a floor that no invoice can take away.

    The floor stands for what invoices never show (illness, fraud, a quarrel among owners); without it a straight line in
    log-odds promises the largest firms a PD of a tenth of a percent that no hundred firms can support.  Its prior is
    Beta(2, 50), mode 2 %.  Platt (1999) softens the targets; here the prior does.  slope >= 0.
    """
    y = bad.astype(np.float64)

    def loss(w: Values) -> float:
        p = np.clip(w[2] + (1 - w[2]) * expit(w[0] * margin + w[1]), 1e-12, 1 - 1e-12)
        fit_loss = -np.sum(y * np.log(p) + (1 - y) * np.log1p(-p))
        prior = -np.log(w[2]) - (FLOOR_PRIOR_B - 1) * np.log1p(-w[2]) + 0.5 * (np.log(w[0]) / SLOPE_SPREAD) ** 2
        return float(fit_loss + prior)

    bounds = [(0.05, 20.0), (-10.0, 10.0), (1e-4, 0.5)]
    found = minimize(loss, np.array([1.0, 0.0, 0.02]), method="L-BFGS-B", bounds=bounds)
    return Calibration(*(float(v) for v in found.x))
