"""Logistic regression by Newton's method: small, deterministic, no library at training or serving."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)), np.float64)


def fit_logistic(x: Floats, target: Floats, weight: Floats, l2: float, rounds_max: int = 100) -> tuple[float, Floats]:
    """(intercept, coefficients (k,)) that maximise the weighted likelihood less l2/2 * |coefficients|^2.

    `target` may lie between 0 and 1.  Steps are halved until the objective improves, so that separable data cannot
    run away.  Coefficients are rounded to 1e-9.
    """
    columns = np.column_stack([np.ones(len(x)), x])
    share = float(np.clip(np.average(target, weights=weight), 1e-6, 1 - 1e-6))
    beta = np.zeros(columns.shape[1])
    beta[0] = np.log(share / (1 - share))
    penalty = np.full(columns.shape[1], l2)
    penalty[0] = 0.0

    def objective(b: Floats) -> float:
        z = columns @ b
        return float(np.sum(weight * (np.logaddexp(0, z) - target * z)) + 0.5 * np.sum(penalty * b * b))

    best = objective(beta)
    for _ in range(rounds_max):
        p = sigmoid(columns @ beta)
        gradient = columns.T @ (weight * (p - target)) + penalty * beta
        curvature = (columns * (weight * np.maximum(p * (1 - p), 1e-9))[:, None]).T @ columns
        step = np.linalg.solve(curvature + np.diag(penalty + 1e-9), gradient)
        scale = 1.0
        while scale > 1e-6 and objective(beta - scale * step) > best:
            scale /= 2
        beta = beta - scale * step
        now = objective(beta)
        if best - now <= 1e-10 * max(1.0, abs(best)):
            break
        best = now
    rounded = np.asarray(np.round(beta, 9), np.float64)
    return float(rounded[0]), rounded[1:]
