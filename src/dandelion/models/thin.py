"""`train_thin`: a challenger from a book whose bads are too few to be split, beside what serves today.

A logit on ranks is trained on every matured row.  Its scores for judging come from repeated cross-validation by borrower,
so that no row is judged by a model that saw it, and so does its calibration.  What serves (often points written by
people) is judged on the same rows.  The later rows are looked at once, by both.  With few bads most gates stay shut, which
is the point: the card says how little is known, and a person may still answer for the model.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import PPM, BadInput, Frame
from dandelion.models import metrics
from dandelion.models.calibration import calibrate
from dandelion.models.crossval import repeated_cv
from dandelion.models.dataset import Dataset
from dandelion.models.gates import Gate
from dandelion.models.metrics import Interval
from dandelion.models.model import Model
from dandelion.models.small import train_logit
from dandelion.models.spec import Spec


@dataclass(frozen=True, slots=True)
class Contest:
    """Challenger against incumbent on the same rows.  The figures are None where a class is missing."""

    rows: int
    bads: int
    auc: Interval | None
    incumbent: Interval | None
    gain: Interval | None

    def as_json(self) -> dict[str, Any]:
        shown = {"auc": self.auc, "incumbent_auc": self.incumbent, "gain": self.gain}
        return {"rows": self.rows, "bads": self.bads} | {k: v.as_json() if v else None for k, v in shown.items()}

    def sentence(self) -> str:
        if self.auc is None or self.incumbent is None or self.gain is None:
            return f"{self.rows} rows with {self.bads} bads: nothing can be said"
        return (
            f"{self.rows} rows with {self.bads} bads: AUC {_said(self.auc)}, what serves {_said(self.incumbent)}, "
            f"gain {self.gain.mean:+.3f} ({self.gain.low:+.3f} to {self.gain.high:+.3f})"
        )


@dataclass(frozen=True, slots=True)
class ThinCard:
    """What is known about a challenger from a thin book.  `folded` is cross-validated, `later` is out of time."""

    model_hash: str
    incumbent_hash: str
    columns: tuple[tuple[str, str], ...]
    data_hash: str
    label_definition: str
    seed: int
    calibrated_by: str
    folded: Contest
    later: Contest
    gates: tuple[Gate, ...]
    spec: dict[str, Any]

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.model_hash, "family": "logit", "passed": self.passed, "incumbent": self.incumbent_hash,
            "columns": [{"id": c, "definition": d} for c, d in self.columns],
            "data": {"hash": self.data_hash, "label": self.label_definition}, "seed": self.seed,
            "calibrated_by": self.calibrated_by, "folded": self.folded.as_json(), "out_of_time": self.later.as_json(),
            "gates": [g.as_json() for g in self.gates], "spec": self.spec,
        }  # fmt: skip

    def to_bytes(self) -> bytes:
        return (json.dumps(self.as_json(), sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()

    def to_markdown(self) -> str:
        """One page for a person."""
        lines = [
            f"# logit {self.model_hash[:12]} from a thin book: {'passed' if self.passed else 'NOT passed'}", "",
            f"Label: {self.label_definition}. Seed {self.seed}. Data {self.data_hash[:12]}. Calibrated by "
            f"{self.calibrated_by} on out-of-fold scores. Beside it: {self.incumbent_hash[:12]}, which serves.", "",
            f"Cross-validated by borrower: {self.folded.sentence()}.", "",
            f"Out of time: {self.later.sentence()}.", "", "| gate | value | bound | |", "|---|---|---|---|",
            *(f"| {g.name} | {g.value:.4f} | {g.bound:.4f} | {'ok' if g.passed else g.sentence} |" for g in self.gates),
            "", *(f"* `{column}`" for column, _ in self.columns),
        ]  # fmt: skip
        return "\n".join(lines).rstrip() + "\n"


@dataclass(frozen=True, slots=True)
class Thin:
    """`champion` may serve when `card.passed`; until then the incumbent does."""

    champion: Model
    card: ThinCard


def train_thin(
    dataset: Dataset, later: Dataset, incumbent: Model, spec: Spec, seed: int | None = None, *,
    learn_from: Collection[str] | None = None,
) -> Thin:  # fmt: skip
    """Train on the matured rows of `dataset`, judge there by cross-validation and once on `later`.

    `later` holds rows after those of `dataset` whose labels are known today.  Columns outside `learn_from` are there for
    the incumbent only.  Errors: BadInput where fewer borrowers
    have gone bad than there are folds.
    """
    seed, rows, thin = spec.seed if seed is None else seed, dataset.matured().in_order(), spec.thin
    bad_groups = len(set(rows.group[rows.label == 1].astype(str)))
    if bad_groups < thin.folds:
        raise BadInput(
            f"{len(rows)} matured loans with {rows.bads} bad by {bad_groups} borrowers; {thin.folds} borrowers with a bad "
            "loan are needed even for a first look",
            field="loans",
        )
    own = rows if learn_from is None else rows.without(set(rows.names) - set(learn_from))
    folded = repeated_cv(
        own, lambda part, n: _Raw(train_logit(part, spec, n)), folds=thin.folds, repeats=thin.repeats, seed=seed
    )
    curve, how = calibrate(np.rint(folded.mean(axis=0)).astype(np.int64), rows.label, rows.weights(), spec.calibration)
    model = replace(train_logit(own, spec, seed), calibration=curve, calibrated_by=how)
    inside = _contest(rows, folded, incumbent, thin.level)
    after = later.matured().in_order()
    outside = _contest(after, model.score(after.frame).astype(np.float64), incumbent, thin.level)
    card = ThinCard(
        model.hash, incumbent.hash, tuple(zip(model.inputs.columns, model.inputs.definitions, strict=True)),
        rows.content_hash(), rows.label_definition, seed, how, inside, outside,
        _gates(inside, outside, model, after, spec), spec.as_json(),
    )  # fmt: skip
    return Thin(model, card)


@dataclass(frozen=True, slots=True)
class _Raw:
    """Scores by log-odds, which calibration wants."""

    model: Model

    def score(self, frame: Frame, /) -> npt.NDArray[np.int64]:
        return self.model.raw(frame)


def _contest(rows: Dataset, score: npt.NDArray[np.float64], incumbent: Model, level: float) -> Contest:
    y = rows.label
    if not 0 < rows.bads < len(rows):
        return Contest(len(rows), rows.bads, None, None, None)
    old = np.broadcast_to(incumbent.score(rows.frame).astype(np.float64), score.shape)
    return Contest(
        len(rows), rows.bads, metrics.auc_interval(y, score, level), metrics.auc_interval(y, old, level),
        metrics.paired_auc_gain(y, old, score, level),
    )  # fmt: skip


def _gates(inside: Contest, outside: Contest, model: Model, later: Dataset, spec: Spec) -> tuple[Gate, ...]:
    thin, gain = spec.thin, inside.gain.low if inside.gain else -1.0
    lost = outside.gain.high if outside.gain else -1.0
    level, noise = (
        metrics.level_gap(later.label, model.score(later.frame) / PPM, spec.gates.noise_level)
        if outside.bads
        else (1.0, 0.0)
    )
    return (
        Gate("bads", inside.bads, thin.bads_min, 0.0, inside.bads >= thin.bads_min,
             f"{inside.bads} bads to learn from, {thin.bads_min} are needed"),
        Gate("gain", gain, 0.0, 0.0, gain > 0, "the gain over what serves is not surely above zero"),
        Gate("later_bads", outside.bads, thin.later_bads_min, 0.0, outside.bads >= thin.later_bads_min,
             f"{outside.bads} bads out of time, {thin.later_bads_min} are needed to judge"),
        Gate("later_gain", lost, 0.0, 0.0, lost >= 0, "out of time it is surely worse than what serves, or not judged"),
        Gate("level_gap", level, spec.gates.level_gap_max, noise, abs(level) <= max(spec.gates.level_gap_max, noise),
             "mean PD over bad rate out of time, less one"),
    )  # fmt: skip


def _said(one: Interval) -> str:
    return f"{one.mean:.3f} ({one.low:.3f} to {one.high:.3f})"
