"""The model's card: what it is, what it learnt from, how it did, what was set aside and whether it may serve."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dandelion.models.gates import Gate, Judgement
from dandelion.models.metrics import Interval
from dandelion.models.quarantine import Quarantine
from dandelion.models.split import Split


@dataclass(frozen=True, slots=True)
class Card:
    """Facts about one model.  `model_hash` ties it to the bytes; `spec` is the whole training specification."""

    model_hash: str
    family: str
    columns: tuple[tuple[str, str], ...]
    signs: dict[str, int]
    data_hash: str
    label_definition: str
    late_arrivals: bool
    seed: int
    calibrated_by: str
    split: Split
    out_of_time: Judgement
    quarantine: Quarantine
    gates: tuple[Gate, ...]
    gain_over_scorecard: Interval | None
    gain_over_prior: Interval
    spec: dict[str, Any]

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)

    def as_json(self) -> dict[str, Any]:
        q = self.quarantine
        return {
            "model": self.model_hash, "family": self.family, "passed": self.passed,
            "columns": [{"id": c, "definition": d, "sign": self.signs.get(c, 0)} for c, d in self.columns],
            "data": {
                "hash": self.data_hash, "label": self.label_definition, "late_arrivals": self.late_arrivals,
                "split": self.split.as_json(),
            },
            "seed": self.seed, "calibrated_by": self.calibrated_by, "out_of_time": self.out_of_time.as_json(),
            "gain_over_scorecard": None if self.gain_over_scorecard is None else self.gain_over_scorecard.as_json(),
            "gain_over_prior": self.gain_over_prior.as_json(),
            "quarantine": {
                "checked": q.columns_checked, "set_aside": [s.as_json() for s in q.suspects],
                "released": [{"column": c, "why": w} for c, w in q.released],
                "drift_auc_of_the_rest": None if q.drift_auc is None else round(q.drift_auc, 4),
            },
            "gates": [g.as_json() for g in self.gates], "spec": self.spec,
        }  # fmt: skip

    def to_bytes(self) -> bytes:
        return (json.dumps(self.as_json(), sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()

    def to_markdown(self) -> str:
        """One page for a person."""
        j, a = self.out_of_time, self.out_of_time.auc
        lines = [
            f"# {self.family} {self.model_hash[:12]}: {'passed' if self.passed else 'NOT passed'}", "",
            f"Label: {self.label_definition}. Seed {self.seed}. Data {self.data_hash[:12]}. "
            f"Calibrated by {self.calibrated_by}.", "",
            f"Out of time: {j.rows} rows, {j.bads} bads, AUC {a.mean:.4f} ({a.low:.4f} to {a.high:.4f}), "
            f"KS {j.ks:.4f}, Brier {j.brier:.4f}, ECE {j.ece:.4f}, level {j.level_gap:+.1%}.", "",
            "| gate | value | bound | chance alone | |", "|---|---|---|---|---|",
            *(f"| {g.name} | {g.value:.4f} | {g.bound:.4f} | {g.noise:.4f} | {'ok' if g.passed else g.sentence} |"
              for g in self.gates), "",
            "| tenth | rows | bads | mean PD | bad rate |", "|---|---|---|---|---|",
            *(f"| {k} | {d.rows} | {d.bads} | {d.mean_pd:.4f} | {d.bad_rate:.4f} |"
              for k, d in enumerate(j.deciles, 1)), "",
        ]  # fmt: skip
        if self.gain_over_scorecard is not None:
            g = self.gain_over_scorecard
            lines += [
                f"AUC gain over the scorecard within development: {g.mean:+.4f} ({g.low:+.4f} to {g.high:+.4f}).",
                "",
            ]
        if self.quarantine.suspects:
            lines += ["Set aside for a person:", ""]
            lines += [f"* `{s.column}` ({s.check}): {s.reason}" for s in self.quarantine.suspects] + [""]
        lines += [f"* `{c}` was let through: {why}" for c, why in self.quarantine.released]
        return "\n".join(lines).rstrip() + "\n"
