"""Automatic modelling: from labelled rows to a calibrated champion with its card, nobody in the loop.

Contract, split, quarantine, families, comparison, calibration, gates.  The booster replaces the scorecard only if its
AUC gain within development is above zero with confidence; the out-of-time part judges the winner and chooses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.models.booster import booster_signs, train_booster
from dandelion.models.calibration import calibrate
from dandelion.models.card import Card
from dandelion.models.dataset import Dataset
from dandelion.models.gates import gates, judge
from dandelion.models.metrics import Interval, paired_auc_gain
from dandelion.models.model import Model
from dandelion.models.quarantine import Quarantine, inspect
from dandelion.models.scorecard import train_prior, train_scorecard
from dandelion.models.signs import signs_of
from dandelion.models.spec import CalibrationSpec, Spec
from dandelion.models.split import Split, hash_share, time_split

Trainer = Callable[[Dataset, Spec, int], Model]


@dataclass(frozen=True, slots=True)
class Trained:
    """`champion` may serve when `card.passed`; `challenger` is the other family, with its own card.

    `comparison` is the booster's AUC less the scorecard's on the validation rows, or cross-validated over all of
    development (`comparison.folds`).
    """

    champion: Model
    card: Card
    challenger: Model
    challenger_card: Card
    prior: Model
    comparison: Interval
    split: Split
    quarantine: Quarantine


def train_pd(dataset: Dataset, spec: Spec, seed: int | None = None) -> Trained:
    """Train prior, scorecard and booster on the matured rows of `dataset`; choose, calibrate and judge.

    Errors: BadInput when the data break the contract, when a part of the split holds too few bads, or when every
    column is quarantined.
    """
    spec = spec if seed is None else replace(spec, seed=seed)
    rows = dataset.matured().in_order()
    split = time_split(rows, spec.split)
    dev, later = rows.take(split.dev), rows.take(split.oot)
    quarantine = inspect(dev, later if split.by == "time" else None, spec)
    rows = rows.without(quarantine.columns)
    if not rows.names:
        raise BadInput("every column is quarantined; read the reasons and release those that are honest", field="frame")
    fit, validation = rows.take(split.fit), rows.take(split.validation)
    dev, held, later = rows.take(split.dev), rows.take(split.calibration), rows.take(split.oot)
    families: dict[str, Trainer] = {"scorecard": train_scorecard, "booster": train_booster}
    rivals = {name: train(fit, spec, spec.seed) for name, train in families.items()}
    folded = {name: _folded(train, rivals[name], rows, split, spec) for name, train in families.items()}
    judged = rows.take(folded["scorecard"][0])
    gain = paired_auc_gain(judged.label, folded["scorecard"][1], folded["booster"][1], spec.comparison.level)
    winner, loser = ("booster", "scorecard") if gain.low > 0 else ("scorecard", "booster")
    prior = calibrated(train_prior(dev, spec, spec.seed), held, spec.calibration)

    def finish(family: str) -> tuple[Model, Card]:
        model = calibrated(families[family](dev, spec, spec.seed), held, spec.calibration)
        signs = signs_of(dev.in_order(), spec) if family == "scorecard" else booster_signs(dev, spec)
        figures = judge(model, later)
        checks = gates(model, rivals[family], validation, later, signs, spec.gates)
        card = Card(
            model.hash, family, tuple(zip(model.inputs.columns, model.inputs.definitions, strict=True)),
            {c: signs[c] for c in model.columns}, rows.content_hash(), rows.label_definition, rows.late_arrivals,
            spec.seed, model.calibrated_by, split, figures, quarantine, checks,
            gain if family == "booster" else None,
            paired_auc_gain(later.label, prior.score(later.frame), model.score(later.frame)), spec.as_json(),
        )  # fmt: skip
        return model, card

    champion, card = finish(winner)
    challenger, other = finish(loser)
    return Trained(champion, card, challenger, other, prior, gain, split, quarantine)


def _folded(
    train: Trainer, sketch: Model, rows: Dataset, split: Split, spec: Spec
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(row numbers, raw scores by a model that saw none of the row's group): the validation rows by `sketch`, and,
    with `comparison.folds` above one on rows split by group, those of fit in turn by models of the rest.

    Rows split by time keep to the validation part, which is later than what the sketch learnt from.
    """
    at, scores = [split.validation], [sketch.raw(rows.take(split.validation).frame)]
    folds = spec.comparison.folds if split.by == "group" else 1
    share = hash_share(rows.group[split.fit], "fold")
    for fold in range(folds - 1):
        inside = (share * (folds - 1)).astype(np.int64) == fold
        model = train(rows.take(np.concatenate([split.fit[~inside], split.validation])), spec, spec.seed)
        at.append(split.fit[inside])
        scores.append(model.raw(rows.take(at[-1]).frame))
    return np.concatenate(at), np.concatenate(scores)


def calibrated(model: Model, held: Dataset, spec: CalibrationSpec) -> Model:
    """`model` with its PD learnt on rows that trained nothing else."""
    curve, how = calibrate(model.raw(held.frame), held.label, held.weights(), spec)
    return replace(model, calibration=curve, calibrated_by=how)
