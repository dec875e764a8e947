"""From raw log-odds to a PD that means what it says, learnt on a slice that trained nothing else.

Isotonic where there are enough bads, Platt's line where there are few, a shift of level where there are hardly any.
Sources: Platt 1999 (with his smoothed targets); Zadrozny, Elkan 2002 (isotonic); Niculescu-Mizil, Caruana 2005.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dandelion.core import PPM, BadInput
from dandelion.models.curve import Curve
from dandelion.models.logistic import Floats, fit_logistic, sigmoid
from dandelion.models.spec import CalibrationSpec

Ints = npt.NDArray[np.int64]
MICRO = 1_000_000
_KNOTS = np.arange(-15 * 32, 15 * 32 + 1, dtype=np.int64) * (MICRO // 32)


def uncalibrated(spec: CalibrationSpec) -> Curve:
    """The logistic function itself, held within floor and cap."""
    return _line(0.0, 1.0, spec)


def calibrate(raw_micro: Ints, label: npt.NDArray[np.int8], weight: Floats, spec: CalibrationSpec) -> tuple[Curve, str]:
    """(curve, how): `how` is isotonic, platt, level, or flat where the score ranks nothing.  Raises BadInput when the slice is empty."""
    if len(raw_micro) == 0:
        raise BadInput("the calibration slice is empty; give it a share of the rows", field="split.calibration_share")
    raw = raw_micro / MICRO
    bads = int(label.sum())
    if bads >= spec.isotonic_bads_min and len(np.unique(raw_micro)) >= 10:
        return _isotonic(raw_micro, label, weight, spec), "isotonic"
    if bads >= spec.platt_bads_min and np.ptp(raw) > 0:
        goods = len(label) - bads
        target = np.where(label == 1, (bads + 1) / (bads + 2), 1 / (goods + 2))
        intercept, slope = fit_logistic(raw[:, None], target, weight, 0.0)
        if slope[0] <= 0:  # the score says nothing here: one PD for everybody is the honest answer
            return _line(_level(np.zeros(len(raw)), label, weight), 0.0, spec), "flat"
        return _line(intercept, float(slope[0]), spec), "platt"
    return _line(_level(raw, label, weight), 1.0, spec), "level"


def _line(intercept: float, slope: float, spec: CalibrationSpec) -> Curve:
    return Curve.of(lambda x: _held(sigmoid(intercept + slope * x / MICRO), spec), _KNOTS)


def _held(pd: Floats, spec: CalibrationSpec) -> Floats:
    return np.clip(pd * PPM, spec.pd_floor_ppm, spec.pd_cap_ppm)


def _level(raw: Floats, label: npt.NDArray[np.int8], weight: Floats) -> float:
    """The shift that brings the mean PD to the smoothed bad rate."""
    wanted = (float(weight @ label) + 0.5) / (float(weight.sum()) + 1)
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        if float(np.average(sigmoid(raw + middle), weights=weight)) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _isotonic(raw: Ints, label: npt.NDArray[np.int8], weight: Floats, spec: CalibrationSpec) -> Curve:
    """Blocks of equal rate joined by straight lines between their centres, so that the order inside is kept."""
    x, at = np.unique(raw, return_inverse=True)
    rows, bads = np.bincount(at, weight).astype(np.float64), np.bincount(at, weight * label)
    block = pool_adjacent(bads / rows, rows)
    total = np.bincount(block, rows)
    centre = np.bincount(block, rows * x) / total
    rate = np.maximum.accumulate((np.bincount(block, bads) + 0.5) / (total + 1))
    knots, first = np.unique(np.rint(centre).astype(np.int64), return_index=True)
    if len(knots) < 2:
        return _line(_level(raw / MICRO, label, weight), 1.0, spec)
    return Curve(knots, np.rint(_held(rate[first], spec)).astype(np.int64))


def pool_adjacent(rate: Floats, weight: Floats) -> npt.NDArray[np.int64]:
    """Pool-adjacent-violators for a rising fit: the block number of each position."""
    means: list[float] = []
    masses: list[float] = []
    sizes: list[int] = []
    for value, mass in zip(rate.tolist(), weight.tolist(), strict=True):
        means.append(value)
        masses.append(mass)
        sizes.append(1)
        while len(means) > 1 and means[-2] >= means[-1]:
            mean, mass_last, size = means.pop(), masses.pop(), sizes.pop()
            total = masses[-1] + mass_last
            means[-1] = (means[-1] * masses[-1] + mean * mass_last) / total
            masses[-1] = total
            sizes[-1] += size
    return np.repeat(np.arange(len(sizes)), sizes)
