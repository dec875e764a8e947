"""Turnover forecast: what the merchant will receive over the next half year, with an interval that covers.

The model learns log(received / run-rate) at three quantiles from a Frame; a calibration slice of other merchants widens
or narrows the interval until it covers what it promises (conformalised quantile regression, Romano, Patterson, Candes
2019).  Money is exact: the prediction is run-rate (int64 fen) times a whole number of millionths.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dandelion.core import PPM, BadInput, Frame, canonical, content_hash
from dandelion.models.curve import Curve
from dandelion.models.model import FORMAT, Inputs
from dandelion.models.trees import Trees

Ints = npt.NDArray[np.int64]
FEN_MAX = 10**15


@dataclass(frozen=True, slots=True)
class QuantilesFen:
    """Receipts over the horizon in fen, int64 (n,), q10 <= q50 <= q90; 0 and False in `valid` without a run-rate."""

    q10: Ints
    q50: Ints
    q90: Ints
    valid: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RunRate:
    """The naive forecast: the money column of the last `window_days`, stretched to the horizon."""

    column: str
    window_days: int

    def fen(self, frame: Frame, horizon_days: int) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """(fen, valid).  Raises BadInput when the frame lacks the exact money column or it is out of range."""
        if self.column not in frame.money:
            raise BadInput(f"the frame has no exact money column {self.column!r}", field=self.column)
        money = frame.money[self.column]
        if (np.abs(money.fen[money.valid]) > FEN_MAX).any():
            raise BadInput(f"{self.column!r} must lie within {FEN_MAX} fen", field=self.column)
        came_in = np.maximum(money.fen, 0)  # more given back than taken in is a run-rate of nothing
        return np.where(money.valid, came_in * horizon_days // self.window_days, 0), money.valid


@dataclass(frozen=True)
class Forecast:
    """Three packed tree models in micro-log-ratio, the conformal margin, and the table of the exponential."""

    inputs: Inputs
    base: RunRate
    horizon_days: int
    lower: Trees
    middle: Trees
    upper: Trees
    margin_micro: int
    ratio: Curve  # micro-log-ratio to parts per million of the run-rate
    provenance: Mapping[str, str | int]

    @property
    def columns(self) -> tuple[str, ...]:
        return self.inputs.columns

    def predict(self, frame: Frame) -> QuantilesFen:
        """Receipts of the next `horizon_days` for every row."""
        base, valid = self.base.fen(frame, self.horizon_days)
        low, mid, high = (self._times(base, q) for q in self._log_ratios(frame))
        return QuantilesFen(low, mid, high, valid)

    def naive(self, frame: Frame) -> Ints:
        """The run-rate alone, int64 (n,) fen: the baseline beside the model."""
        return self.base.fen(frame, self.horizon_days)[0]

    def _log_ratios(self, frame: Frame) -> tuple[Ints, Ints, Ints]:
        values = self.inputs.values(frame)
        mid = self.middle.raw(values)
        low = np.minimum(self.lower.raw(values) - self.margin_micro, mid)
        return low, mid, np.maximum(self.upper.raw(values) + self.margin_micro, mid)

    def _times(self, base: Ints, log_ratio: Ints) -> Ints:
        part = self.ratio(log_ratio)
        return base // PPM * part + base % PPM * part // PPM

    @cached_property
    def hash(self) -> str:
        return content_hash(self.to_bytes())

    def to_bytes(self) -> bytes:
        return canonical(
            {
                "format": FORMAT, "kind": "forecast", "columns": self.inputs.as_json(),
                "base": {"column": self.base.column, "window_days": self.base.window_days},
                "horizon_days": self.horizon_days, "lower": self.lower.as_json(), "middle": self.middle.as_json(),
                "upper": self.upper.as_json(), "margin_micro": self.margin_micro, "ratio": self.ratio.as_json(),
                "provenance": dict(self.provenance),
            }
        )  # fmt: skip

    @classmethod
    def from_bytes(cls, data: bytes) -> Forecast:
        plain = json.loads(data)
        if plain.get("format") != FORMAT or plain.get("kind") != "forecast":
            raise BadInput(f"not a forecast of format {FORMAT}; publish it again with this version", field="format")
        return cls(
            Inputs.from_json(plain["columns"]), RunRate(plain["base"]["column"], plain["base"]["window_days"]),
            plain["horizon_days"], Trees.from_json(plain["lower"]), Trees.from_json(plain["middle"]),
            Trees.from_json(plain["upper"]), plain["margin_micro"], Curve.from_json(plain["ratio"]),
            plain["provenance"],
        )  # fmt: skip
