"""Slots in which a store had far more payers than its own week leads one to expect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc

from dandelion.core import DAY_US, HOUR_US
from dandelion.core.frame import Ints
from dandelion.graph import clock
from dandelion.graph.payments import Bools, Payments, distinct
from dandelion.graph.rules import BurstRules

_HOURS_A_WEEK = 168
_MINUTE_US = HOUR_US // 60
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bursts:
    """Burst b happened at `store[b]` from `start[b]`; its payments are rows of `payment` where `burst` == b."""

    store: Ints
    start: Ints
    burst: Ints
    payment: Ints  # index into the payments given
    usual: Doubles  # payments the store usually has in such a time

    def __len__(self) -> int:
        return len(self.store)


def find_bursts(payments: Payments, rules: BurstRules, tz: str) -> Bursts:
    """Poisson tail of the number of distinct payers in a slot against the store's own hour of the week, leaning on the
    market's rhythm where the store is young.  Two grids shifted by half; overlapping slots of a store become one burst.
    """
    size = np.bincount(payments.payee, minlength=len(payments.accounts))
    rows = np.flatnonzero((size[payments.payee] >= rules.store_payments_min) & (payments.payer != payments.payee))
    if not len(rows):
        return _none()
    at = clock.local(payments.at[rows], tz)
    order = np.argsort(
        payments.payee[rows].astype(np.int64) * (1 << 32) + (at - at.min()) // 1_000_000
    )  # a second is fine enough
    rows, at = rows[order], at[order]
    store, payer = payments.payee[rows].astype(np.int64), payments.payer[rows]
    expected = _Rhythm(store, at, rules.prior_weeks)
    length = rules.minutes * _MINUTE_US
    hot = np.zeros(len(rows), np.bool_)
    for shift in (0, length // 2):
        slot = (at + shift) // length
        start = np.flatnonzero(np.concatenate([[True], (store[1:] != store[:-1]) | (slot[1:] != slot[:-1])]))
        events = np.diff(np.append(start, len(rows)))
        slots = np.flatnonzero(events >= rules.payers_min)
        mean = expected.of(store[start[slots]], at[start[slots]], events[slots]) * (length / HOUR_US)
        slots, mean = _keep(slots, mean, _rare(events[slots], mean, rules))  # payers are at most events
        group = np.full(len(start), -1, np.int64)
        group[slots] = np.arange(len(slots))
        group = np.repeat(group, events)
        inside = group >= 0
        people = distinct(group[inside] * len(payments.accounts) + payer[inside]) // len(payments.accounts)
        payers = np.bincount(people, minlength=len(slots))
        burst = (payers >= rules.payers_min) & _rare(payers, mean, rules)
        hot[inside] |= burst[group[inside]]
    rows, at, store = rows[hot], at[hot], store[hot]
    if not len(rows):
        return _none()
    new = np.concatenate([[True], (store[1:] != store[:-1]) | (at[1:] - at[:-1] >= length)])
    first = np.flatnonzero(new)
    events = np.diff(np.append(first, len(rows)))
    took = np.maximum(at[first + events - 1] - at[first], length / 2) / HOUR_US
    usual = expected.of(store[first], at[first], events) * took
    return Bursts(store[first], payments.at[rows][first], np.cumsum(new) - 1, rows, usual)


def _none() -> Bursts:
    empty = np.zeros(0, np.int64)
    return Bursts(empty, empty, empty, empty, np.zeros(0))


def _rare(people: Ints, mean: Doubles, rules: BurstRules) -> Bools:
    """Poisson P(X >= people) below the rule's tail."""
    return np.asarray(gammainc(np.maximum(people, 1), mean) * 1e9 < rules.tail_ppb)


def _keep(slots: Ints, mean: Doubles, keep: Bools) -> tuple[Ints, Doubles]:
    return slots[keep], mean[keep]


class _Rhythm:
    """Payments an hour a store usually has, by hour of the week."""

    def __init__(self, store: Ints, at: Ints, prior_weeks: float) -> None:
        hour = at // HOUR_US % _HOURS_A_WEEK
        stores = int(store.max()) + 1
        self.counts = np.bincount(store * _HOURS_A_WEEK + hour, minlength=stores * _HOURS_A_WEEK)
        start = np.flatnonzero(np.concatenate([[True], store[1:] != store[:-1]]))
        span = np.zeros(stores)
        span[store[start]] = at[np.append(start[1:], len(at)) - 1] - at[start]
        self.weeks = np.maximum(np.ceil(span / (7 * DAY_US)), 1.0)
        self.total = np.bincount(store, minlength=stores)
        market = np.bincount(hour, minlength=_HOURS_A_WEEK) + 1.0
        self.market, self.prior = market / market.sum(), prior_weeks

    def of(self, store: Ints, at: Ints, events: Ints) -> Doubles:
        """Expected payments in the hour of `at`, the `events` of the slot in question left out."""
        hour = at // HOUR_US % _HOURS_A_WEEK
        own = np.maximum(self.counts[store * _HOURS_A_WEEK + hour] - events, 0)
        usual = np.maximum(self.total[store] - events, 1) / self.weeks[store] * self.market[hour]
        return np.asarray((own + self.prior * usual) / (np.maximum(self.weeks[store] - 1, 0) + self.prior))
