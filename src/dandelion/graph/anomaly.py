"""Unsupervised anti-fraud: how unlike a reference period a row is, with reasons, and a threshold that watches for drift.

An isolation forest (Liu, Ting and Zhou 2008; scikit-learn's) is grown on a reference period, no label needed.  The
threshold is a quantile of that period's scores.  On every later period the population stability index (PSI) of the scores
says whether the reference still holds: past `psi_act` the threshold moves to the same quantile of the period itself, so
that a changed market does not flood the analyst, and the answer says so.  A missing value is never odd: not to consent
is nobody's fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput, Column, Frame
from dandelion.graph.relation_rules import AnomalyRules, relation_rules

Doubles = npt.NDArray[np.float64]
State = Literal["stable", "watch", "moved"]
BINS = 10
FLOOR = 1e-4  # of a bin's share, so that an empty bin does not make the index infinite


@dataclass(frozen=True, slots=True)
class Reason:
    """One column that is out of the ordinary: `beyond_ppm` of the reference lies further out on the same side."""

    column: str
    side: Literal["high", "low"]
    beyond_ppm: int
    en: str
    zh: str


@dataclass(frozen=True)
class Anomalies:
    """Per row: score (0.5 is ordinary, towards 1 is odd), whether it is above the threshold, and reasons where it is."""

    score: Doubles
    flagged: npt.NDArray[np.bool_]
    reasons: tuple[tuple[Reason, ...], ...]
    threshold: float
    psi: float
    state: State
    drifted: tuple[tuple[str, float], ...]  # columns by their own PSI, worst first, those past the watch line


class AnomalyModel:
    """Grown once on a reference frame; the same frame and seed give the same scores.

    Errors (BadInput): fewer rows than a reference needs, no column that varies.
    """

    def __init__(
        self, reference: Frame, columns: Sequence[str], *, seed: int = 310, rules: AnomalyRules | None = None
    ) -> None:
        from sklearn.ensemble import IsolationForest  # takes a second to import; serving does without it

        self.rules = relation_rules().anomaly if rules is None else rules
        if len(reference) < self.rules.rows_min:
            raise BadInput(
                f"the reference has {len(reference):,} rows; give {self.rules.rows_min:,} or more", field="reference"
            )
        values = reference.select(list(columns)).values.astype(np.float64)
        known = np.isfinite(values)
        varies = [bool(len(np.unique(values[known[:, j], j])) > 1) for j in range(values.shape[1])]
        self.columns = tuple(name for name, does in zip(columns, varies, strict=True) if does)
        if not self.columns:
            raise BadInput("no column of the reference varies; give columns that do", field="columns")
        values = values[:, varies]
        self.entries: dict[str, Column] = {name: reference.catalogue[name] for name in self.columns}
        self.sorted = [np.sort(values[np.isfinite(values[:, j]), j]) for j in range(values.shape[1])]
        self.middle = np.array([float(np.median(column)) for column in self.sorted])
        forest = IsolationForest(
            n_estimators=self.rules.trees, max_samples=min(self.rules.sample, len(values)), random_state=seed
        )
        self.forest: Any = forest.fit(self._filled(values))
        self.scores = np.sort(self._score(values))
        self.threshold = float(np.quantile(self.scores, 1 - self.rules.flagged_ppm / 1e6))

    def look(self, frame: Frame) -> Anomalies:
        """Scores of a period.  Few rows say nothing about drift: below `rows_min` the reference's threshold stands."""
        values = frame.select(list(self.columns)).values.astype(np.float64)
        if not len(values):
            return Anomalies(np.zeros(0), np.zeros(0, np.bool_), (), self.threshold, 0.0, "stable", ())
        score = self._score(values)
        enough = len(score) >= self.rules.rows_min
        index = psi(self.scores, score) if enough else 0.0
        state: State = "moved" if index > self.rules.psi_act else "watch" if index > self.rules.psi_watch else "stable"
        share = self.rules.flagged_ppm / 1e6
        threshold = float(np.quantile(score, 1 - share)) if state == "moved" else self.threshold
        flagged = score > threshold
        reasons = tuple(self._reasons(row) if out else () for row, out in zip(values, flagged.tolist(), strict=True))
        return Anomalies(score, flagged, reasons, threshold, index, state, self._drifted(values) if enough else ())

    def _filled(self, values: Doubles) -> Doubles:
        """Missing values in the middle of the reference."""
        return np.where(np.isfinite(values), values, self.middle)

    def _score(self, values: Doubles) -> Doubles:
        return -np.asarray(self.forest.score_samples(self._filled(values)), np.float64)

    def _reasons(self, row: Doubles) -> tuple[Reason, ...]:
        found: list[tuple[float, int, Literal["high", "low"]]] = []
        for j, reference in enumerate(self.sorted):
            if np.isfinite(row[j]):
                above = 1 - float(np.searchsorted(reference, row[j], side="left")) / len(reference)
                below = float(np.searchsorted(reference, row[j], side="right")) / len(reference)
                found.append((above, j, "high") if above < below else (below, j, "low"))
        found.sort()
        near = [one for one in found[: self.rules.reasons] if one[0] * 1e6 <= self.rules.reason_tail_ppm]
        return tuple(self._reason(self.columns[j], side, beyond) for beyond, j, side in near)

    def _reason(self, name: str, side: Literal["high", "low"], beyond: float) -> Reason:
        entry, ppm = self.entries[name], round(beyond * 1e6)
        rank = f"{100 - ppm / 10_000:.4g} %"
        than, zh = ("higher", "高") if side == "high" else ("lower", "低")
        return Reason(name, side, ppm, f"{entry.en}: {than} than for {rank} of the reference period",
                      f"{entry.zh}：{zh}于参照期 {rank} 的账户")  # fmt: skip

    def _drifted(self, values: Doubles) -> tuple[tuple[str, float], ...]:
        found = []
        for j, name in enumerate(self.columns):
            now = values[np.isfinite(values[:, j]), j]
            index = psi(self.sorted[j], now) if len(now) >= self.rules.rows_min else 0.0
            if index > self.rules.psi_watch:
                found.append((name, index))
        return tuple(sorted(found, key=lambda pair: (-pair[1], pair[0])))


def psi(reference: Doubles, now: Doubles) -> float:
    """Population stability index over tenths of the reference: sum of (now - then) x ln(now / then)."""
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, BINS + 1)[1:-1]))
    then, later = (np.bincount(np.searchsorted(edges, x, side="right"), minlength=len(edges) + 1) / max(len(x), 1)
                   for x in (reference, now))  # fmt: skip
    then, later = np.maximum(then, FLOOR), np.maximum(later, FLOOR)
    return float(np.sum((later - then) * np.log(later / then)))
