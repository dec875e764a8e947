"""How the shipped model is made: towns whose truth is known, looked at in full and through windows and gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import DAY_US, PPM, BadInput, Frame
from dandelion.core.frame import Ints
from dandelion.graph.identify import FOREVER, UNPAID_SHARE, portrait_frame
from dandelion.graph.payments import instants, read_payments
from dandelion.graph.portrait import portray
from dandelion.graph.rules import Rules
from dandelion.models import Dataset, Model, Spec, calibrated, train_booster

LABEL = "is a business (simulated truth); staged shops of rings are left out"
SETTINGS = {  # a quarter of rounds_max trees: the towns differ from each other more than a stopping set would show
    "threads": 1,
    "booster": {"rounds_max": 1000, "leaves": 15, "learning_rate": 0.06, "column_share": 0.5, "row_share": 0.7,
                "monotone": False, "stop_share": 0.0},
}  # fmt: skip
HELD_SHARE = 0.2  # of the towns, the last ones given: they calibrate


@dataclass(frozen=True, slots=True)
class Town:
    """One set of payments with known truth.  `business` names accounts, `unclear` those that teach nothing."""

    seed: int
    payments: pa.Table
    business: frozenset[str]
    unclear: frozenset[str]


def train_identification(towns: Sequence[Town], rules: Rules, tz: str, seed: int = 310) -> Model:
    """A calibrated model of P(business).  The last fifth of the towns only calibrates.

    Beside it, under `UNPAID_SHARE` of its provenance, the share of businesses among accounts that nobody paid in the
    views it learnt from: no model can say more of these.  Errors (BadInput): fewer than two towns.
    """
    if len(towns) < 2:
        raise BadInput(f"{len(towns)} town given; at least two are needed, one of them for calibration", field="seeds")
    held = max(1, round(len(towns) * HELD_SHARE))
    spec = Spec.load(overrides=SETTINGS | {"seed": seed})
    learn, rest = _dataset(towns[:-held], rules, tz), _dataset(towns[-held:], rules, tz)
    model = calibrated(train_booster(learn, spec), rest, spec.calibration)
    return replace(model, provenance={**model.provenance, UNPAID_SHARE: _unpaid_ppm(learn)})


def views(town: Town) -> Iterator[pa.Table]:
    """All payments; windows of 25 to 90 and of 25 to 35 days; a longer one with a quarter to four fifths of its payments."""
    rng = np.random.default_rng([town.seed, 5])
    at = instants(town.payments.column("at"))

    def window(low: float, high: float) -> npt.NDArray[np.bool_]:
        days = rng.uniform(low, high) * DAY_US
        first = rng.uniform(at.min(), max(at.min() + 1.0, at.max() - days))
        return np.asarray((at >= first) & (at < first + days))

    yield town.payments
    yield town.payments.filter(pa.array(window(25, 90)))
    yield town.payments.filter(pa.array(window(60, 240) & (rng.random(len(at)) < rng.uniform(0.25, 0.8))))
    yield town.payments.filter(pa.array(window(25, 35)))


def _unpaid_ppm(data: Dataset) -> int:
    """Parts per million of businesses among the accounts without a payer."""
    unpaid = data.frame["graph.portrait/payers"] == 0
    return round(PPM * float(data.label[unpaid].mean())) if unpaid.any() else 0


def _dataset(towns: Sequence[Town], rules: Rules, tz: str) -> Dataset:
    parts: list[Frame] = []
    labels: list[npt.NDArray[np.int8]] = []
    groups: list[str] = []
    for town in towns:
        for number, view in enumerate(views(town)):
            paid = read_payments(view, FOREVER)
            frame = portrait_frame(paid, portray(paid, rules, tz))
            clear = np.array([name not in town.unclear for name in frame.entity])
            entity = np.array([f"{town.seed}.{number}.{name}" for name in frame.entity], object)
            frame = Frame(entity, frame.as_of, frame.known_at, frame.names, frame.values, frame.catalogue, {})
            labels.append(np.array([name.split(".", 2)[2] in town.business for name in entity], np.int8)[clear])
            parts.append(frame.take(np.flatnonzero(clear)))
            groups += [str(town.seed)] * int(clear.sum())
    return _labelled(_stacked(parts), np.concatenate(labels), np.array(groups, object))


def _stacked(parts: list[Frame]) -> Frame:
    first = parts[0]
    return Frame(
        np.concatenate([p.entity for p in parts]), np.concatenate([p.as_of for p in parts]),
        np.concatenate([p.known_at for p in parts]), first.names, np.concatenate([p.values for p in parts]), first.catalogue, {},
    )  # fmt: skip


def _labelled(frame: Frame, label: npt.NDArray[np.int8], groups: npt.NDArray[np.object_]) -> Dataset:
    """The truth of a simulated town is known at once: observed when the file ends, matured then."""
    observed: Ints = frame.as_of.copy()
    return Dataset(frame, label, observed, observed + 1, int(observed.max()) + 1, LABEL, groups=groups)
