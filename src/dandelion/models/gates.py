"""Judging a model on rows it never saw, and the gates it must pass before anyone promotes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dandelion.core import PPM, Frame
from dandelion.models import metrics
from dandelion.models.dataset import Dataset
from dandelion.models.metrics import Decile, Interval
from dandelion.models.model import Model
from dandelion.models.points import Points
from dandelion.models.spec import GateSpec


@dataclass(frozen=True, slots=True)
class Judgement:
    """A model on one part of the rows."""

    rows: int
    bads: int
    auc: Interval
    ks: float
    brier: float
    ece: float
    level_gap: float
    deciles: tuple[Decile, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows, "bads": self.bads, "auc": self.auc.as_json(), "ks": round(self.ks, 6),
            "brier": round(self.brier, 6), "ece": round(self.ece, 6), "level_gap": round(self.level_gap, 6),
            "deciles": [
                {"rows": d.rows, "bads": d.bads, "mean_pd": round(d.mean_pd, 6), "bad_rate": round(d.bad_rate, 6)}
                for d in self.deciles
            ],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: the figure, the bound, what a perfect model would show by chance at this size, and the verdict."""

    name: str
    value: float
    bound: float
    noise: float
    passed: bool
    sentence: str

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name, "value": round(self.value, 6), "bound": round(self.bound, 6),
            "noise": round(self.noise, 6), "passed": self.passed, "sentence": self.sentence,
        }  # fmt: skip


def judge(model: Model, rows: Dataset) -> Judgement:
    """Figures of `model` on matured `rows`; AUC with its DeLong interval."""
    pd, y = model.score(rows.frame) / PPM, rows.label
    return Judgement(
        len(y), int(y.sum()), metrics.auc_interval(y, pd), metrics.ks(y, pd), metrics.brier(y, pd), metrics.ece(y, pd),
        metrics.calibration_in_the_large(y, pd), metrics.deciles(y, pd),
    )  # fmt: skip


def gates(
    model: Model, sketch: Model, validation: Dataset, oot: Dataset, signs: dict[str, int], spec: GateSpec
) -> tuple[Gate, ...]:
    """Every gate, in a fixed order.

    `sketch` is the same family fitted without the validation rows: only its AUC there can be compared honestly with its
    AUC out of time.
    """
    y, after = oot.label, model.score(oot.frame) / PPM
    two_sided = 2 * spec.noise_level - 1
    old = metrics.auc_interval(validation.label, sketch.raw(validation.frame), two_sided)
    new = metrics.auc_interval(y, sketch.raw(oot.frame), two_sided)
    drop = old.mean - new.mean
    drop_noise = float(np.hypot(old.mean - old.low, new.mean - new.low))
    error = metrics.ece(y, after)
    error_noise = metrics.ece_critical(after, level=spec.noise_level)
    gap, gap_noise = metrics.level_gap(y, after, spec.noise_level)
    raw_before, raw_after = model.raw(validation.frame), model.raw(oot.frame)
    shift = metrics.psi(raw_before, raw_after)
    critical = metrics.psi_critical(raw_before, len(raw_after), level=spec.psi_level)
    broken = broken_signs(model, oot.frame, signs)
    return (
        Gate("auc_drop", drop, spec.oot_drop_max, drop_noise, drop <= max(spec.oot_drop_max, drop_noise),
             "AUC lost from development validation to out-of-time"),
        Gate("ece", error, spec.ece_max, error_noise, error <= max(spec.ece_max, error_noise),
             "mean gap between PD and bad rate over ten equal parts"),
        Gate("level_gap", gap, spec.level_gap_max, gap_noise, abs(gap) <= max(spec.level_gap_max, gap_noise),
             "mean PD over bad rate, less one"),
        Gate("psi", shift, spec.psi_material, critical, shift <= max(spec.psi_material, critical),
             "shift of the score distribution against its bootstrap critical value"),
        Gate("signs", float(len(broken)), 0.0, 0.0, not broken,
             "every signed column moves the score its way only" if not broken else f"broken by {', '.join(broken)}"),
    )  # fmt: skip


def broken_signs(model: Model, frame: Frame, signs: dict[str, int], rows_max: int = 200) -> tuple[str, ...]:
    """Columns whose sign does not hold: each is swept over its own values with the other columns of real rows fixed."""
    values = model.inputs.values(frame)[:rows_max]
    broken = []
    for j, name in enumerate(model.columns):
        known = np.unique(model.inputs.values(frame)[:, j])
        known = known[np.isfinite(known)]
        if not signs.get(name) or len(known) < 2:
            continue
        if isinstance(model.body, Points):
            steps = np.diff(model.body.tables[j].points_micro)
        else:
            grid = known[np.linspace(0, len(known) - 1, min(20, len(known))).astype(int)]
            swept = np.repeat(values, len(grid), axis=0)
            swept[:, j] = np.tile(grid, len(values))
            steps = np.diff(model.body.raw(swept).reshape(len(values), len(grid)), axis=1)
        if (steps * signs[name] < 0).any():
            broken.append(name)
    return tuple(broken)
