"""Training and judging the turnover forecast."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import PPM, BadInput, Frame
from dandelion.models.booster import fit
from dandelion.models.calibration import MICRO
from dandelion.models.curve import Curve
from dandelion.models.forecast import FEN_MAX, Forecast, RunRate
from dandelion.models.model import Inputs
from dandelion.models.spec import Spec
from dandelion.models.split import hash_share
from dandelion.models.trees import Trees

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ForecastJudgement:
    """Figures on rows the forecast never saw.  WAPE = sum of |error| / sum of receipts; bias = sum of error / sum."""

    rows: int
    wape: float
    wape_naive: float
    coverage: float
    bias: float
    within_20_percent: float


@dataclass(frozen=True, slots=True)
class ForecastCard:
    """What a forecast is, learnt from and reached."""

    model_hash: str
    columns: tuple[tuple[str, str], ...]
    data_hash: str
    horizon_days: int
    coverage_wanted: float
    judgement: ForecastJudgement
    seed: int

    @property
    def passed(self) -> bool:
        """It beats the run-rate and covers no less than promised, within what chance allows at this size."""
        wanted, j = self.coverage_wanted, self.judgement
        slack = 2 * math.sqrt(wanted * (1 - wanted) / max(j.rows, 1))
        return j.wape <= j.wape_naive and j.coverage >= wanted - slack

    def as_json(self) -> dict[str, Any]:
        j = self.judgement
        figures = {name: round(getattr(j, name), 6) for name in j.__dataclass_fields__}
        return {
            "model": self.model_hash, "family": "forecast", "passed": self.passed, "data": {"hash": self.data_hash},
            "columns": [{"id": c, "definition": d} for c, d in self.columns], "horizon_days": self.horizon_days,
            "coverage_wanted": self.coverage_wanted, "out_of_time": figures, "seed": self.seed,
        }  # fmt: skip

    def to_bytes(self) -> bytes:
        return (json.dumps(self.as_json(), sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()

    def to_markdown(self) -> str:
        j = self.judgement
        return (
            f"# forecast {self.model_hash[:12]}: {'passed' if self.passed else 'NOT passed'}\n\n"
            f"Receipts over {self.horizon_days} days on {j.rows} unseen rows: WAPE {j.wape:.4f} (run-rate "
            f"{j.wape_naive:.4f}), bias {j.bias:+.1%}, within a fifth {j.within_20_percent:.1%}; the interval promised "
            f"{self.coverage_wanted:.0%} and covered {j.coverage:.1%}.\n"
        )


def train_forecast(frame: Frame, target_fen: Ints, base: RunRate, spec: Spec, seed: int | None = None) -> Forecast:
    """Learn the next `spec.forecast.horizon_days` of receipts; `target_fen` int64 (n,) holds what came.

    Rows with no run-rate or a run-rate of zero teach nothing and are left out.  A share of the entities is kept apart
    to set the interval.  Raises BadInput on negative targets or fewer than 50 usable rows on either side.
    """
    f, seed = spec.forecast, spec.seed if seed is None else seed
    if target_fen.shape != (len(frame),) or target_fen.dtype != np.int64:
        raise BadInput(f"target_fen must be int64 with {len(frame)} rows", field="target_fen")
    if (target_fen < 0).any() or (target_fen > FEN_MAX).any():
        raise BadInput(f"target_fen must lie between 0 and {FEN_MAX}", field="target_fen")
    order = np.lexsort((frame.as_of, frame.entity.astype(str)))
    frame, target_fen = frame.take(order), target_fen[order]
    naive, valid = base.fen(frame, f.horizon_days)
    used = np.flatnonzero(valid & (naive > 0))
    rows, ratio = frame.take(used), _log_ratio(target_fen[used], naive[used], f.ratio_micro_max)
    held = hash_share(rows.entity, "conformal") < f.calibration_share
    if min(held.sum(), (~held).sum()) < 50:
        raise BadInput(
            f"{len(used)} rows have a run-rate; 50 are needed on each side of the calibration split", field="frame"
        )
    values = rows.values
    tail = (1 - f.coverage) / 2
    trees = {}
    for name, alpha in (("lower", tail), ("middle", 0.5), ("upper", 1 - tail)):
        params = {
            "objective": "quantile", "alpha": alpha, "learning_rate": f.learning_rate, "num_leaves": f.leaves,
            "min_data_in_leaf": f.leaf_rows_min, "feature_fraction": 0.8, "bagging_fraction": 0.8, "bagging_freq": 1,
            "seed": seed, "deterministic": True, "force_row_wise": True, "num_threads": spec.threads,
            "verbosity": -1, "feature_pre_filter": False,
        }  # fmt: skip
        text = fit(values[~held], ratio[~held], np.ones(int((~held).sum())), params, f.rounds)
        trees[name] = Trees.from_lightgbm(text, len(rows.names))
    bound = f.ratio_micro_max
    knots = np.arange(-bound, bound + 1, 5000, dtype=np.int64)
    curve = Curve.of(lambda x: np.exp(x / MICRO) * PPM, knots)
    return Forecast(
        Inputs.of(rows, rows.names), base, f.horizon_days, trees["lower"], trees["middle"], trees["upper"],
        _margin(trees, values[held], ratio[held], f.coverage), curve,
        {"data": _data_hash(rows, target_fen[used]), "seed": seed},
    )  # fmt: skip


def judge_forecast(model: Forecast, frame: Frame, target_fen: Ints) -> ForecastJudgement:
    """Figures on rows with a run-rate.  Raises BadInput when nothing was received at all."""
    predicted = model.predict(frame)
    ok = predicted.valid
    came, said, naive = (x[ok].astype(np.float64) for x in (target_fen, predicted.q50, model.naive(frame)))
    if came.sum() <= 0:
        raise BadInput("nothing was received in the judged rows; WAPE has no scale", field="target_fen")
    covered = (predicted.q10[ok] <= target_fen[ok]) & (target_fen[ok] <= predicted.q90[ok])
    near = np.abs(said - came) <= 0.2 * came
    return ForecastJudgement(
        int(ok.sum()), float(np.abs(said - came).sum() / came.sum()), float(np.abs(naive - came).sum() / came.sum()),
        float(covered.mean()), float((said - came).sum() / came.sum()), float(near.mean()),
    )  # fmt: skip


def forecast_card(model: Forecast, judgement: ForecastJudgement, spec: Spec) -> ForecastCard:
    columns = tuple(zip(model.inputs.columns, model.inputs.definitions, strict=True))
    return ForecastCard(
        model.hash, columns, str(model.provenance["data"]), model.horizon_days, spec.forecast.coverage, judgement,
        int(model.provenance["seed"]),
    )  # fmt: skip


def _log_ratio(target: Ints, naive: Ints, bound_micro: int) -> npt.NDArray[np.float64]:
    bound = bound_micro / MICRO
    return np.asarray(np.clip(np.log(np.maximum(target, 1) / naive), -bound, bound), np.float64)


def _margin(
    trees: dict[str, Trees], values: npt.NDArray[np.float32], ratio: npt.NDArray[np.float64], coverage: float
) -> int:
    """The conformal margin: the smallest widening that covers the promised share of the kept-apart rows."""
    y = np.rint(ratio * MICRO).astype(np.int64)
    miss = np.sort(np.maximum(trees["lower"].raw(values) - y, y - trees["upper"].raw(values)))
    rank = min(len(miss), math.ceil((len(miss) + 1) * coverage))
    return int(miss[rank - 1])


def _data_hash(rows: Frame, target_fen: Ints) -> str:
    digest = hashlib.sha256("\x1f".join((*rows.names, *rows.entity.astype(str))).encode())
    for part in (rows.as_of, rows.values, target_fen):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
