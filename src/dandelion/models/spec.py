"""The training specification: typed, read from `defaults.yaml` and whatever a lender overrides.

>>> spec = Spec.load(overrides={"seed": 7, "booster": {"leaves": 7}})
>>> spec.seed, spec.booster.leaves, spec.quarantine.solo_auc_max
(7, 7, 0.85)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dandelion.core import BadInput, plain_yaml, shaped

DEFAULTS = Path(__file__).with_name("defaults.yaml")


@dataclass(frozen=True, slots=True)
class SplitSpec:
    by: str
    oot_share: float
    calibration_share: float
    validation_share: float
    bads_per_part_min: int


@dataclass(frozen=True, slots=True)
class QuarantineSpec:
    solo_auc_max: float
    missingness_auc_max: float
    lift_auc_max: float
    lift_columns: int
    lift_pool: int
    quick_rows_max: int
    quick_rounds: int
    quick_learning_rate: float
    near_copy_correlation: float
    drift_auc_max: float
    rows_max: int
    bads_min: int
    released: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ScorecardSpec:
    columns_max: int
    iv_min: float
    iv_level: float
    correlation_max: float
    bins_max: int
    bin_share_min: float
    prebins_max: int
    smoothing: float
    missing_rows_min: int
    l2: float
    solver_seconds: int


@dataclass(frozen=True, slots=True)
class BoosterSpec:
    columns_max: int
    bags: int
    rounds_max: int
    patience: int
    stop_share: float
    learning_rate: float
    leaves: int
    leaf_rows_min: int
    leaf_share_max: float
    column_share: float
    row_share: float
    l2: float
    monotone: bool
    monotone_fit_min: float
    monotone_agreement_min: float
    monotone_gap_errors: float


@dataclass(frozen=True, slots=True)
class LogitSpec:
    columns_max: int
    gap_errors_min: float
    knots: int
    l2_choices: tuple[float, ...]
    inner_folds: int


@dataclass(frozen=True, slots=True)
class ThinSpec:
    folds: int
    repeats: int
    bads_min: int
    later_bads_min: int
    level: float


@dataclass(frozen=True, slots=True)
class CalibrationSpec:
    isotonic_bads_min: int
    platt_bads_min: int
    pd_floor_ppm: int
    pd_cap_ppm: int


@dataclass(frozen=True, slots=True)
class ComparisonSpec:
    folds: int
    level: float


@dataclass(frozen=True, slots=True)
class GateSpec:
    oot_drop_max: float
    ece_max: float
    level_gap_max: float
    noise_level: float
    psi_level: float
    psi_material: float


@dataclass(frozen=True, slots=True)
class ForecastSpec:
    horizon_days: int
    coverage: float
    calibration_share: float
    rounds: int
    learning_rate: float
    leaves: int
    leaf_rows_min: int
    ratio_micro_max: int


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything that steers training.  `signs` maps a column id to "+", "-" or "0"."""

    seed: int
    threads: int
    split: SplitSpec
    quarantine: QuarantineSpec
    scorecard: ScorecardSpec
    booster: BoosterSpec
    logit: LogitSpec
    thin: ThinSpec
    signs: Mapping[str, str]
    calibration: CalibrationSpec
    comparison: ComparisonSpec
    gates: GateSpec
    forecast: ForecastSpec

    def __post_init__(self) -> None:
        for column, sign in self.signs.items():
            if sign not in ("+", "-", "0"):
                raise BadInput(f'signs.{column} is {sign!r}; write "+", "-" or "0"', field=f"signs.{column}")
        if self.split.by not in ("time", "group"):
            raise BadInput(f"split.by is {self.split.by!r}; write time or group", field="split.by")
        if not self.logit.l2_choices:
            raise BadInput("logit.l2_choices is empty; give one strength or more", field="logit.l2_choices")
        if self.threads < 1:
            raise BadInput(f"threads is {self.threads}; give 1 or more", field="threads")

    @classmethod
    def load(cls, path: Path | str | None = None, overrides: Mapping[str, Any] | None = None) -> Spec:
        """Defaults, then the file at `path`, then `overrides`.  Raises BadInput on an unknown key or a wrong type."""
        plain = plain_yaml(DEFAULTS.read_text("utf-8"))
        for layer in (
            (plain_yaml(Path(path).read_text("utf-8")) or {}) if path else {},
            overrides or {},
        ):
            _overlay(plain, layer, "")
        return shaped(cls, plain, "the training settings")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def _overlay(plain: dict[str, Any], layer: Mapping[str, Any], path: str) -> None:
    for key, value in layer.items():
        where = f"{path}{key}"
        if path in ("signs.", "quarantine.released."):
            plain[key] = value
        elif key not in plain:
            raise BadInput(f"{where} is not a training setting; known here: {', '.join(plain)}", field=where)
        elif isinstance(plain[key], dict):
            if not isinstance(value, Mapping):
                raise BadInput(f"{where} must be a group of settings, not {value!r}", field=where)
            _overlay(plain[key], value, f"{where}.")
        else:
            plain[key] = value
