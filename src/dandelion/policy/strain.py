"""How the chance of failing grows with the limit: a constant elasticity, looked up in whole numbers.

A model's PD holds at the past book's usual limit, counted in months of turnover.  At another limit it is multiplied by
(limit / usual) ** elasticity.  Powers of fractions are not whole, and floating powers differ between machines, so the
curve is tabulated once with decimal arithmetic and read off by straight lines between its points.
"""

from __future__ import annotations

import functools
from decimal import Context, Decimal

import numpy as np

from dandelion.core import PPM
from dandelion.core.frame import Ints
from dandelion.policy.grid_kernel import strained
from dandelion.policy.product import Economics

_STEPS = range(-32, 25)  # the usual limit times 2 ** (k / 4): from 1/256 to 64; flat beyond
_CONTEXT = Context(prec=28)


@functools.lru_cache(maxsize=64)
def curve(elasticity_ppm: int) -> tuple[Ints, Ints]:
    """(multiples of the usual limit, multiples of the PD), both in ppm and rising."""
    elasticity = _CONTEXT.divide(Decimal(elasticity_ppm), Decimal(PPM))

    def power(step: int, of: Decimal) -> int:
        exponent = _CONTEXT.multiply(_CONTEXT.divide(Decimal(step), Decimal(4)), of)
        return int(_CONTEXT.multiply(_CONTEXT.power(Decimal(2), exponent), Decimal(PPM)))

    at = np.array([power(step, Decimal(1)) for step in _STEPS], np.int64)
    return at, np.array([power(step, elasticity) for step in _STEPS], np.int64)


def pd_at(cost: Economics, pd_ppm: Ints, turnover_month_fen: Ints, limit_fen: Ints, rate_ppm: Ints) -> Ints:
    """(n,) the PD of each offer, ppm: the model's, moved to the offer's limit and price."""
    strained = pd_ppm * strain_ppm(limit_fen, turnover_month_fen, cost.pd_elasticity_ppm, cost.pd_elasticity_from_ppm)
    return np.asarray(np.minimum(strained // PPM * dearer_ppm(cost, rate_ppm) // PPM, PPM), np.int64)


def dearer_ppm(cost: Economics, rate_ppm: Ints) -> Ints:
    """What each yearly rate multiplies the PD with, ppm."""
    return np.asarray(
        np.maximum(PPM + (rate_ppm - cost.pd_price_from_ppm) // 100 * cost.pd_price_ppm // 100, 0), np.int64
    )


def strain_ppm(limits_fen: Ints, turnover_month_fen: Ints | int, elasticity_ppm: int, usual_ppm: int) -> Ints:
    """(limits,) what each limit multiplies the PD with, ppm; never falling in the limit."""
    at, times = curve(elasticity_ppm)
    usual_fen = np.maximum(np.atleast_1d(np.asarray(turnover_month_fen, np.int64)) * usual_ppm // PPM, 1)
    out = np.empty(len(limits_fen), np.int64)
    strained(np.asarray(limits_fen, np.int64), usual_fen, at, times, out)
    return out
