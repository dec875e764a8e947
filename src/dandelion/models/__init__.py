"""models: train, calibrate, judge, register and score.  Knows Frames, nothing else; never sees a raw event.

In: a `Frame` with labels and their times (`Dataset`).  Out: a `Model` that scores a Frame in whole parts per million
and says how much each column moved it, a `Forecast` in fen, their cards, and a `Registry` that names them by their
bytes.  Training imports LightGBM and optbinning when asked to train; serving needs numpy and numba only.
"""

from dandelion.models.auto import Trained, calibrated, train_pd
from dandelion.models.booster import train_booster
from dandelion.models.calibration import calibrate
from dandelion.models.card import Card
from dandelion.models.crossval import Scorer, repeated_cv, stratified_folds
from dandelion.models.dataset import Dataset
from dandelion.models.expert import ExpertScorecard
from dandelion.models.forecast import Forecast, QuantilesFen, RunRate
from dandelion.models.forecast_training import ForecastCard, forecast_card, judge_forecast, train_forecast
from dandelion.models.gates import Gate, Judgement, judge
from dandelion.models.live import Live
from dandelion.models.metrics import (
    Interval,
    auc,
    auc_interval,
    brier,
    ece,
    ece_critical,
    log_loss,
    paired_auc_gain,
    psi,
    psi_critical,
)
from dandelion.models.model import Contributions, Inputs, Model
from dandelion.models.panel import Panel
from dandelion.models.quarantine import Quarantine, Suspect, inspect
from dandelion.models.registry import ModelRef, Promotion, Registry
from dandelion.models.scorecard import train_prior, train_scorecard
from dandelion.models.small import train_logit
from dandelion.models.spec import Spec
from dandelion.models.split import Split, time_split
from dandelion.models.thin import Contest, Thin, ThinCard, train_thin

__all__ = [
    "Card",
    "Contest",
    "Contributions",
    "Dataset",
    "ExpertScorecard",
    "Forecast",
    "ForecastCard",
    "Gate",
    "Inputs",
    "Interval",
    "Judgement",
    "Live",
    "Model",
    "ModelRef",
    "Panel",
    "Promotion",
    "QuantilesFen",
    "Quarantine",
    "Registry",
    "RunRate",
    "Scorer",
    "Spec",
    "Split",
    "Suspect",
    "Thin",
    "ThinCard",
    "Trained",
    "auc",
    "auc_interval",
    "brier",
    "calibrate",
    "calibrated",
    "ece",
    "ece_critical",
    "forecast_card",
    "inspect",
    "judge",
    "judge_forecast",
    "log_loss",
    "paired_auc_gain",
    "psi",
    "psi_critical",
    "repeated_cv",
    "stratified_folds",
    "time_split",
    "train_booster",
    "train_forecast",
    "train_logit",
    "train_pd",
    "train_prior",
    "train_scorecard",
    "train_thin",
]  # fmt: skip
