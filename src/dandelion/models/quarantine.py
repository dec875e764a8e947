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

from dandelion.models.booster import quick_trees
from dandelion.models.dataset import Dataset
from dandelion.models.metrics import auc, paired_auc_gain
from dandelion.models.spec import QuarantineSpec, Spec
from dandelion.models.split import hash_share

Floats32 = npt.NDArray[np.float32]
_CELLS = 64


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
        found |= {s.column: s for s in _lift(rest, spec)}
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
    cuts = _cuts(x[known])
    cell = np.searchsorted(cuts, x[known], side="left")
    ranked = _auc_of_cells(cell, y, len(cuts) + 1)
    wide = len(cuts) // 16 + 1
    value = max(ranked, 1 - ranked, _coded(cell // wide, y, half[known], len(cuts) // wide + 1))
    if value <= q.solo_auc_max:
        return None
    reason = f"alone it ranks bads with AUC {value:.3f}; was it written after the outcome?"
    return Suspect(name, "solo", value, q.solo_auc_max, reason)


def _cuts(x: Floats32) -> Floats32:
    """Cell bounds at the quantiles: ranks to within one part in 64, for a fraction of a sort per check."""
    return np.unique(np.quantile(x, np.arange(1, _CELLS) / _CELLS, method="lower"))


def _auc_of_cells(cell: npt.NDArray[np.int64], y: npt.NDArray[np.int8], cells: int) -> float:
    """AUC when only the cell of a row is known; rows of one cell tie."""
    bad = np.bincount(cell, y, cells)
    good = np.bincount(cell, minlength=cells) - bad
    below = np.cumsum(good) - good / 2
    return float(bad @ below / (bad.sum() * good.sum()))


def _coded(cell: npt.NDArray[np.int64], y: npt.NDArray[np.int8], half: npt.NDArray[np.bool_], cells: int) -> float:
    """AUC of the bad rate of the row's cell, learnt on the other half: finds answers that do not rise or fall."""
    score = np.empty(len(cell))
    for here in (half, ~half):
        other = ~here
        rows = np.bincount(cell[other], minlength=cells)
        bads = np.bincount(cell[other], y[other], cells)
        score[here] = ((bads + y.mean()) / (rows + 1))[cell[here]]
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
    x = np.where(np.isnan(x), -np.inf, x).astype(np.float32)
    period = np.repeat(np.array([0, 1], np.int8), [len(before), len(after)])
    known = x[x > -np.inf]
    cuts = np.append(np.float32(-np.inf), _cuts(known)) if len(known) else np.empty(0, np.float32)
    value = _auc_of_cells(np.searchsorted(cuts, x, side="left"), period, len(cuts) + 1)
    value = max(value, 1 - value)
    if value <= q.drift_auc_max:
        return None
    reason = f"it tells development from out-of-time rows with AUC {value:.3f}; it will not mean the same tomorrow"
    return Suspect(name, "drift", value, q.drift_auc_max, reason)


def _lift(rows: Dataset, spec: Spec) -> list[Suspect]:
    q = spec.quarantine
    rows = _sample(rows, q.quick_rows_max, spec.seed)
    half = hash_share(rows.group, "half") < 0.5
    y = rows.label
    if min(int(y[half].sum()), int(y[~half].sum())) < q.bads_min:
        return []
    strongest = np.argsort(-_quick(rows, half, spec)[1], kind="stable")[: q.lift_pool]
    pool = rows.without({name for j, name in enumerate(rows.names) if j not in set(strongest.tolist())})
    whole, gain = _quick(pool, half, spec)
    found = []
    for j in np.argsort(-gain, kind="stable")[: q.lift_columns]:
        if gain[j] <= 0:
            break
        name = pool.names[j]
        rest = pool.without(_copies(pool, int(j), q) | {name})
        without = _quick(rest, half, spec)[0] if rest.names else np.zeros(int((~half).sum()))
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


def _quick(
    rows: Dataset, half: npt.NDArray[np.bool_], spec: Spec
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(scores of the second half by a quick model of the first, mean absolute contribution per column)."""
    values = rows.frame.values
    trees = quick_trees(values[half], rows.label[half], rows.weights()[half], spec)
    spread = np.abs(trees.contributions(values[~half][:500])[0]).mean(axis=0)
    return trees.raw(values[~half]).astype(np.float64), spread


def _joint_drift(before: Dataset, after: Dataset, spec: Spec) -> float:
    """AUC with which all kept columns together tell the periods apart (cross-fitted over two halves)."""
    most = spec.quarantine.quick_rows_max // 2
    before, after = _sample(before, most, spec.seed), _sample(after, most, spec.seed)
    values = np.concatenate([before.frame.values, after.frame.select(before.names).values])
    period = np.repeat(np.array([0, 1], np.int8), [len(before), len(after)])
    half = hash_share(np.concatenate([before.group, after.group]), "period") < 0.5
    score = np.zeros(len(values))
    for train in (half, ~half):
        if not 0 < period[train].sum() < train.sum():
            return 0.5
        trees = quick_trees(values[train], period[train], np.ones(int(train.sum())), spec)
        score[~train] = trees.raw(values[~train])
    return auc(period, score)
