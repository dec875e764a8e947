"""Leakage quarantine: columns that look as if they knew the answer are set aside for a person.

No column is judged by its name.  Four checks, each with its bound in the specification:

* *solo*: one column alone ranks bads too well (rank AUC, or the bad rate of its bins learnt on the other half of the
  rows, which also finds answers hidden in a U or in a code);
* *missingness*: whether the value is missing ranks bads too well;
* *lift*: a model loses too much AUC when the column and its near copies are taken away;
* *drift*: the column tells development rows from out-of-time rows.

Labels of the out-of-time part are never looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.models.booster import fit, parameters
from dandelion.models.dataset import Dataset
from dandelion.models.metrics import auc, paired_auc_gain
from dandelion.models.spec import QuarantineSpec, Spec
from dandelion.models.split import hash_share
from dandelion.models.trees import Trees

Floats32 = npt.NDArray[np.float32]
_LIFT_ROUNDS = 60


@dataclass(frozen=True, slots=True)
class Suspect:
    """A column set aside: which check caught it, the figure, the bound, and one sentence for the card."""

    column: str
    check: str
    value: float
    bound: float
    reason: str

    def as_json(self) -> dict[str, str | float]:
        return {
            "column": self.column, "check": self.check, "value": round(self.value, 4), "bound": self.bound,
            "reason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quarantine:
    """What was set aside, what a person let through, and how well all columns together tell the two periods apart."""

    suspects: tuple[Suspect, ...]
    released: tuple[tuple[str, str], ...]
    drift_auc: float | None
    columns_checked: int

    @property
    def columns(self) -> frozenset[str]:
        return frozenset(s.column for s in self.suspects)


def inspect(dev: Dataset, later: Dataset | None, spec: Spec) -> Quarantine:
    """Check every column of `dev` (matured rows); `later` holds the out-of-time rows, whose values only are read."""
    q = spec.quarantine
    rows = _sample(dev.in_order(), q.rows_max, spec.seed)
    after = None if later is None or len(later) == 0 else _sample(later.in_order(), q.rows_max, spec.seed)
    found: dict[str, Suspect] = {}
    half = hash_share(rows.group, "half") < 0.5
    for j, name in enumerate(rows.names):
        x = rows.frame.values[:, j]
        suspect = (
            _solo(name, x, rows.label, half, q)
            or _missingness(name, x, rows.label, q)
            or (_drift(name, x, after.frame.values[:, j], q) if after is not None else None)
        )
        if suspect is not None:
            found[name] = suspect
    rest = rows.without(set(found))
    if rest.names:
        found |= {s.column: s for s in _lift(rest, half, spec)}
    released = tuple((name, why) for name, why in sorted(q.released.items()) if name in found)
    suspects = tuple(found[name] for name in rows.names if name in found and name not in q.released)
    kept = rows.without({s.column for s in suspects})
    drift = _joint_drift(kept, after, spec) if after is not None and kept.names else None
    return Quarantine(suspects, released, drift, len(rows.names))


def _sample(rows: Dataset, most: int, seed: int) -> Dataset:
    if len(rows) <= most:
        return rows
    return rows.take(np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False)))


def _solo(
    name: str, x: Floats32, label: npt.NDArray[np.int8], half: npt.NDArray[np.bool_], q: QuarantineSpec
) -> Suspect | None:
    known = ~np.isnan(x)
    y = label[known]
    if min(y.sum(), len(y) - y.sum()) < q.bads_min:
        return None
    ranked = auc(y, x[known])
    value = max(ranked, 1 - ranked, _binned(x[known], y, half[known]))
    if value <= q.solo_auc_max:
        return None
    reason = f"alone it ranks bads with AUC {value:.3f}; was it written after the outcome?"
    return Suspect(name, "solo", value, q.solo_auc_max, reason)


def _binned(x: Floats32, y: npt.NDArray[np.int8], half: npt.NDArray[np.bool_], bins: int = 16) -> float:
    """AUC of the bad rate of the row's bin, learnt on the other half."""
    cuts = np.unique(np.quantile(x, np.arange(1, bins) / bins, method="lower"))
    part = np.searchsorted(cuts, x, side="left")
    score = np.empty(len(x))
    for here in (half, ~half):
        other = ~here
        rows = np.bincount(part[other], minlength=len(cuts) + 1)
        bads = np.bincount(part[other], y[other], len(cuts) + 1)
        score[here] = ((bads + y.mean()) / (rows + 1))[part[here]]
    return auc(y, score)


def _missingness(name: str, x: Floats32, label: npt.NDArray[np.int8], q: QuarantineSpec) -> Suspect | None:
    missing = np.isnan(x)
    if not 0 < missing.sum() < len(x) or not 0 < label.sum() < len(label):
        return None
    value = 0.5 + abs(float(missing[label == 1].mean()) - float(missing[label == 0].mean())) / 2
    if value <= q.missingness_auc_max:
        return None
    reason = f"whether it is missing ranks bads with AUC {value:.3f}; is it filled in only after an outcome?"
    return Suspect(name, "missingness", value, q.missingness_auc_max, reason)


def _drift(name: str, before: Floats32, after: Floats32, q: QuarantineSpec) -> Suspect | None:
    """Missing counts as below every value, so that a column that starts or stops being filled is caught."""
    x = np.concatenate([before, after])
    x = np.where(np.isnan(x), -np.inf, x)
    period = np.repeat([0, 1], [len(before), len(after)])
    value = auc(period, x)
    value = max(value, 1 - value)
    if value <= q.drift_auc_max:
        return None
    reason = f"it tells development from out-of-time rows with AUC {value:.3f}; it will not mean the same tomorrow"
    return Suspect(name, "drift", value, q.drift_auc_max, reason)


def _lift(rows: Dataset, half: npt.NDArray[np.bool_], spec: Spec) -> list[Suspect]:
    q = spec.quarantine
    y = rows.label
    if min(int(y[half].sum()), int(y[~half].sum())) < q.bads_min:
        return []
    whole, gain = _fitted(rows, half, spec)
    found = []
    for j in np.argsort(-gain, kind="stable")[: q.lift_columns]:
        if gain[j] <= 0:
            break
        name = rows.names[j]
        rest = rows.without(_copies(rows, int(j), q) | {name})
        without = _fitted(rest, half, spec)[0] if rest.names else np.zeros(int((~half).sum()))
        lift = paired_auc_gain(y[~half], without, whole)
        if lift.mean > q.lift_auc_max and lift.low > 0:
            reason = f"without it (and its near copies) the model loses {lift.mean:.3f} of AUC; no one column should"
            found.append(Suspect(name, "lift", lift.mean, q.lift_auc_max, reason))
    return found


def _copies(rows: Dataset, j: int, q: QuarantineSpec) -> set[str]:
    """Columns whose ranks follow column j's; missing ranks lowest."""
    values = rows.frame.values[:4000]
    ranks = np.argsort(np.argsort(np.where(np.isnan(values), -np.inf, values), axis=0, kind="stable"), axis=0)
    centred = ranks - ranks.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0)) + 1e-12
    correlation = (centred * centred[:, [j]]).sum(axis=0) / (size * size[j])
    return {rows.names[k] for k in np.flatnonzero(np.abs(correlation) >= q.near_copy_correlation)}


def _fitted(
    rows: Dataset, half: npt.NDArray[np.bool_], spec: Spec
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(scores of the second half by a quick model of the first, spread of contributions per column)."""
    params = parameters(spec, rows, [0] * len(rows.names), spec.seed)
    values = rows.frame.values
    trees = Trees.from_lightgbm(
        fit(values[half], rows.label[half], rows.weights()[half], params, _LIFT_ROUNDS), len(rows.names)
    )
    few = values[~half][:500]
    spread = np.abs(trees.contributions(few)[0]).mean(axis=0)
    return trees.raw(values[~half]).astype(np.float64), spread


def _joint_drift(before: Dataset, after: Dataset, spec: Spec) -> float:
    """AUC with which all kept columns together tell the periods apart (cross-fitted over two halves)."""
    values = np.concatenate([before.frame.values, after.without(set(after.names) - set(before.names)).frame.values])
    period = np.repeat([0, 1], [len(before), len(after)]).astype(np.int8)
    half = hash_share(np.concatenate([before.group, after.group]), "period") < 0.5
    params = parameters(spec, before, [0] * len(before.names), spec.seed)
    score = np.zeros(len(values))
    for train in (half, ~half):
        if not 0 < period[train].sum() < train.sum():
            return 0.5
        text = fit(values[train], period[train], np.ones(int(train.sum())), params, _LIFT_ROUNDS)
        score[~train] = Trees.from_lightgbm(text, len(before.names)).raw(values[~train])
    return auc(period, score)
