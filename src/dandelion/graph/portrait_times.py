"""When it is paid: clock and week, how long and how densely, crowds, newcomers."""

from __future__ import annotations

import numpy as np

from dandelion.core import DAY_US, HOUR_US
from dandelion.core.frame import Ints
from dandelion.graph import portrait_kernel
from dandelion.graph.payments import distinct
from dandelion.graph.portrait_scene import Columns, Doubles, Scene, over

MONTH_MIN_DAYS = 20  # in a shorter file everything keeps to one part of the month
ALIKE = 0.01  # sums within this share of each other count as equal


def times(scene: Scene) -> Columns:
    edges, n = scene.edges, scene.n
    paid, receipts = edges.payments, scene.received.astype(np.float64)
    stranger = scene.stranger[scene.edge_of]
    first, last = _ends(scene)
    span = np.where(receipts > 0, (last - first) / DAY_US, np.nan)
    days = _days(paid.payee.astype(np.int64), scene.day, n)
    stranger_days = _days(paid.payee[stranger].astype(np.int64), scene.day[stranger], n)
    crowded, largest, equal = (np.zeros(n, np.int64) for _ in range(3))
    rows = scene.into
    portrait_kernel.crowds(scene.offsets, paid.at[rows], paid.fen[rows], paid.payer[rows].astype(np.int64), HOUR_US, ALIKE,
                           crowded, largest, equal)  # fmt: skip
    ring = np.exp(2j * np.pi * (scene.hour + 0.5) / 24)
    turn = np.hypot(scene.per_receiver(ring.real), scene.per_receiver(ring.imag))
    weekend = (scene.day + 3) % 7 >= 5  # day 0 was a Thursday
    night = scene.hour < 6
    lift = _clock_lift(scene)
    month_days = _turn(scene, 30.44)
    return {
        "days": over(days, np.full(n, scene.span_days)),
        "days_a_receipt": over(days, receipts, 2),
        "stranger_days": over(stranger_days, np.full(n, scene.span_days)),
        "life": span / scene.span_days,
        "pace": np.log(over(receipts, np.maximum(span, 1.0))),
        "busiest_day": over(_busiest_day(paid.payee.astype(np.int64), scene.day, n), receipts, 2),
        "busiest_hour": over(largest, receipts, 2),
        "crowded": over(crowded, receipts, 3),
        "equal_crowd": over(equal, receipts, 3),
        "burstiness": _burstiness(scene),
        "clock_turn": np.where(receipts >= 3, over(turn, receipts), np.nan),
        "month_turn": np.where((receipts >= 3) & (scene.span_days >= MONTH_MIN_DAYS), month_days, np.nan),
        "clock_lift": lift,
        "weekend": over(scene.per_receiver(weekend), receipts, 3),
        "night": over(scene.per_receiver(night), receipts, 3),
        "newcomers": _newcomers(scene, first, last),
        "gap": _visit_gap(scene),
    }


def _ends(scene: Scene) -> tuple[Doubles, Doubles]:
    at, got = scene.edges.payments.at[scene.into], scene.received > 0
    first, last = np.full(scene.n, np.nan), np.full(scene.n, np.nan)
    first[got], last[got] = at[scene.offsets[:-1][got]], at[scene.offsets[1:][got] - 1]
    return first, last


def _days(account: Ints, day: Ints, n: int) -> Doubles:
    if not len(day):
        return np.zeros(n)
    span = int(day.max() - day.min()) + 1
    return np.bincount(distinct(account * span + (day - day.min())) // span, minlength=n).astype(np.float64)


def _busiest_day(account: Ints, day: Ints, n: int) -> Doubles:
    """The most receipts on one day."""
    out = np.zeros(n)
    if len(day):
        span = int(day.max() - day.min()) + 1
        keys, count = np.unique(account * span + (day - day.min()), return_counts=True)
        np.maximum.at(out, keys // span, count.astype(np.float64))
    return out


def _burstiness(scene: Scene) -> Doubles:
    """(s - m) / (s + m) of the gaps between receipts: -1 a metronome, 0 chance, 1 bursts (K. Goh, A. Barabasi, 2008)."""
    at = scene.edges.payments.at[scene.into].astype(np.float64)
    owner = scene.edges.payments.payee[scene.into]
    if len(at) < 2:
        return np.full(scene.n, np.nan)
    inside = owner[1:] == owner[:-1]
    gap, who = (at[1:] - at[:-1])[inside] / HOUR_US, owner[1:][inside]
    count = np.bincount(who, minlength=scene.n).astype(np.float64)
    mean = over(np.bincount(who, gap, scene.n), count)
    sd = np.sqrt(np.maximum(over(np.bincount(who, gap**2, scene.n), count) - mean**2, 0.0))
    return np.where(count >= 3, (sd - mean) / np.maximum(sd + mean, 1e-9), np.nan)


def _turn(scene: Scene, period_days: float) -> Doubles:
    """How much receipts keep to one moment of a period: 0 anywhere, 1 always the same."""
    phase = np.exp(2j * np.pi * scene.day / period_days)
    both = np.hypot(scene.per_receiver(phase.real), scene.per_receiver(phase.imag))
    return over(both, scene.received)


def _clock_lift(scene: Scene) -> Doubles:
    """Mean over receipts of ln(strangers' payments / other payments) at that hour in this file: how commercial the hour is."""
    stranger = scene.stranger[scene.edge_of]
    hour = scene.hour
    both = [np.bincount(hour[side], minlength=24) + 5.0 for side in (stranger, ~stranger)]
    lift = np.log(both[0] / both[0].sum()) - np.log(both[1] / both[1].sum())
    return np.where(scene.received >= 3, over(scene.per_receiver(lift[hour]), scene.received), np.nan)


def _newcomers(scene: Scene, first: Doubles, last: Doubles) -> Doubles:
    """Of the payers in the later half of an account's time, the share that had not paid in the earlier half."""
    edges = scene.edges
    middle = ((first + last) / 2)[edges.payee]
    begun = edges.payments.at[edges.first[:-1]] >= middle
    late = edges.payments.at[edges.first[1:] - 1] >= middle
    return np.where(scene.received >= 5, over(scene.per_payee(begun & late), scene.per_payee(late)), np.nan)


def _visit_gap(scene: Scene) -> Doubles:
    """Mean over payers of ln(days between their payments), payers with several."""
    edges = scene.edges
    spell = (edges.payments.at[edges.first[1:] - 1] - edges.payments.at[edges.first[:-1]]) / DAY_US
    several = scene.count >= 2
    gap = np.where(several, np.log(np.maximum(spell / np.maximum(scene.count - 1, 1), 1 / 24)), 0.0)
    return over(scene.per_payee(gap), scene.per_payee(several)) - np.log(scene.span_days)
