"""What the assessment hands back, and the files it leaves: decisions.csv, set_aside.csv, result.json."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dandelion.app.assess.invoices_deciding import Decision
from dandelion.app.assess.invoices_reading import Inputs, iter_set_aside
from dandelion.app.assess.invoices_reasons import REASONS_MAX


@dataclass(frozen=True, slots=True)
class Result:
    """The keys of the last line of `--json`, the decisions, and everything below them.

    AUCs and their gains are shares; profits are whole yuan a year over the labelled firms; `details` is JSON-ready.
    """

    auc_cv_mean: float
    auc_cv_low: float
    auc_cv_high: float
    auc_total_sales: float
    auc_gain_low: float
    auc_gain_high: float
    profit_cv: int
    profit_total_sales: int
    firms_approved: int
    budget_spent_yuan: int
    seconds: float
    details: dict[str, Any]
    decisions: tuple[Decision, ...]
    files: tuple[Path, ...]

    def as_json(self) -> dict[str, Any]:
        """The promised keys first, then the rest."""
        head = {name: getattr(self, name) for name in (
            "auc_cv_mean", "auc_cv_low", "auc_cv_high", "auc_total_sales", "auc_gain_low", "auc_gain_high", "profit_cv",
            "profit_total_sales", "firms_approved", "budget_spent_yuan", "seconds",
        )}  # fmt: skip
        return {**head, **self.details, "files": [str(path) for path in self.files]}


def write_decisions(path: Path, decisions: Sequence[Decision]) -> None:
    """UTF-8 with a byte-order mark, so that Excel shows Chinese; one row a firm, at most four reasons across."""
    header = ["firm", "decision", "limit_yuan", "annual_rate_ppm", "pd_ppm", "grade", "expected_profit_yuan", "tied_to"]
    for k in range(1, REASONS_MAX + 1):
        header += [f"reason_{k}_{part}" for part in ("code", "zh", "would_change_zh", "en", "would_change_en")]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for d in decisions:
            row: list[object] = [
                d.firm, "approve" if d.approved else "decline", d.limit_yuan, d.rate_ppm, d.pd_ppm, d.grade,
                d.expected_profit_yuan, " ".join(d.tied_to),
            ]  # fmt: skip
            for reason in d.reasons:
                row += [reason.code, reason.zh, reason.lever_zh, reason.en, reason.lever_en]
            writer.writerow([_plain(cell) for cell in row] + [""] * (len(header) - len(row)))


def _plain(cell: object) -> object:
    """A firm id that begins like a formula is written as text."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "@", "-") else cell


def write_set_aside(path: Path, inputs: Inputs) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "row", "field", "reason"])
        writer.writerows(tuple(_plain(cell) for cell in row) for row in iter_set_aside(inputs))


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
