"""Why a firm got what it got: at most four reasons, each with one thing that would change it, in Chinese and English.

The first reason is the rule that decided; the others are the columns that add most to the firm's log-odds of default.
A column's target is the value that alone would bring the PD to the bound, if such a value was ever seen among the
firms; else the value of a firm in the upper quarter.  No reason names a partner of the firm.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import logit, ndtr, ndtri

from dandelion.app.assess.invoices_columns import Spec
from dandelion.app.assess.invoices_model import Model
from dandelion.core import plain_yaml

REASONS_FILE = Path(__file__).with_name("invoices_reasons.yaml")
REASONS_MAX = 4
CONTRIBUTION_MIN = 0.05  # log-odds: less moves a PD of 10 % by under half a point
UPPER_QUARTER = 0.6744897501960817
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` is a rule of `invoices_reasons.yaml` or ``column/<id>``; `points_milli` are thousandths of log-odds."""

    code: str
    zh: str
    en: str
    lever_zh: str
    lever_en: str
    points_milli: int = 0

    def as_json(self) -> dict[str, str | int]:
        return {
            "code": self.code, "zh": self.zh, "en": self.en, "would_change_zh": self.lever_zh,
            "would_change_en": self.lever_en, "points_milli": self.points_milli,
        }  # fmt: skip


@functools.cache
def _texts() -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = plain_yaml(REASONS_FILE.read_text(encoding="utf-8"))
    return texts


def rule_reason(code: str, *, value: str = "", target: str = "") -> Reason:
    text = _texts()[code]
    filled = {key: sentence.format(value=value, target=target) for key, sentence in text.items()}
    return Reason(code, filled["zh"], filled["en"], filled["lever_zh"], filled["lever_en"])


def column_reasons(
    model: Model, specs: tuple[Spec, ...], raw: Values, z: Values, bound_ppm: int, count: int
) -> tuple[Reason, ...]:
    """The `count` columns of one firm that raise its PD most.  `raw`, `z` are (columns,)."""
    points = model.contributions(z[None, :])[0]
    out = []
    for j in np.argsort(-points, kind="stable")[:count]:
        if points[j] < CONTRIBUTION_MIN:
            break
        spec = specs[j]
        target = _target(model, z, int(j), bound_ppm)
        value, aim = shown(float(raw[j]), spec.unit), shown(target, spec.unit)
        out.append(
            Reason(
                f"column/{spec.id}", spec.why_zh, spec.why_en, spec.lever_zh.format(value=value, target=aim),
                _sentence(spec.lever_en.format(value=value, target=aim)), round(float(points[j]) * 1000),
            )
        )  # fmt: skip
    return tuple(out)


def _target(model: Model, z: Values, j: int, bound_ppm: int) -> float:
    """Raw value of column j that alone brings the PD to the bound, or that of a firm in the upper quarter."""
    known, turn = model.scores.known[j], model.scores.turn[j]
    bound = _margin_at(model, bound_ppm / 1e6)
    rest = model.intercept - float(z @ model.weights) + z[j] * model.weights[j]
    needed = (rest - bound) / model.weights[j]
    best = float(_highest_score(len(known)))
    score = needed if z[j] < needed <= best else max(UPPER_QUARTER, min(float(z[j]) + 0.25, best))
    return float(np.quantile(known, float(ndtr(score * turn))))


def _margin_at(model: Model, pd: float) -> float:
    """Log-odds before calibration at which the PD is `pd`; minus infinity at or below the floor."""
    scale = model.calibration
    if scale is None or pd <= scale.floor:
        return -np.inf
    return (float(logit((pd - scale.floor) / (1 - scale.floor))) - scale.shift) / scale.slope


def _highest_score(count: int) -> float:
    """Highest normal score that `count` known values can give."""
    return float(ndtri(1 - 0.5 / max(count, 1)))


def shown(value: float, unit: str) -> str:
    """A figure as a person reads it; missing is a dash.

    >>> shown(0.256, "share"), shown(1234567.0, "CNY"), shown(float("nan"), "share")
    ('25.6 %', '1,234,567', '-')
    """
    if not np.isfinite(value):
        return "-"
    if unit == "share":
        return f"{value * 100:.1f} %"
    if unit == "CNY":
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}".rstrip("0").rstrip(".")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
