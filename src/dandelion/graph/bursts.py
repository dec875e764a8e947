"""Slots in which a store had far more payers than its own week leads one to expect."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dandelion.core import DAY_US, HOUR_US
from dandelion.core.frame import Ints
from dandelion.graph import clock, kernel
from dandelion.graph.payments import Bools, Payments, distinct
from dandelion.graph.rules import BurstRules

HOURS_A_WEEK = 168
MINUTE_US = HOUR_US // 60
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
    order = kernel.order_by(payments.payee[rows], np.argsort(at), len(payments.accounts))
    rows, at = rows[order], at[order]
    store, payer = payments.payee[rows].astype(np.int64), payments.payer[rows]
    expected = Rhythm.of(store, at, rules.prior_weeks)
    length = rules.minutes * MINUTE_US
    hot = np.zeros(len(rows), np.bool_)
    for shift in (0, length // 2):
        slot = (at + shift) // length
        start = np.flatnonzero(np.concatenate([[True], (store[1:] != store[:-1]) | (slot[1:] != slot[:-1])]))
        events = np.diff(np.append(start, len(rows)))
        slots = np.flatnonzero(events >= rules.payers_min)
        mean = expected.usual(store[start[slots]], at[start[slots]], events[slots]) * (length / HOUR_US)
        slots, mean = _keep(slots, mean, rare(events[slots], mean, rules))  # payers are at most events
        group = np.full(len(start), -1, np.int64)
        group[slots] = np.arange(len(slots))
        group = np.repeat(group, events)
        inside = group >= 0
        people = distinct(group[inside] * len(payments.accounts) + payer[inside]) // len(payments.accounts)
        payers = np.bincount(people, minlength=len(slots))
        burst = (payers >= rules.payers_min) & rare(payers, mean, rules)
        hot[inside] |= burst[group[inside]]
    return merged(payments, rows[hot], at[hot], expected, length)


def merged(payments: Payments, rows: Ints, at: Ints, expected: Rhythm, length: int) -> Bursts:
    """Hot payments (`rows`, sorted by store and local time `at`) as bursts: one ends where `length` passes without any."""
    if not len(rows):
        return _none()
    store = payments.payee[rows].astype(np.int64)
    new = np.concatenate([[True], (store[1:] != store[:-1]) | (at[1:] - at[:-1] >= length)])
    first = np.flatnonzero(new)
    events = np.diff(np.append(first, len(rows)))
    took = np.maximum(at[first + events - 1] - at[first], length / 2) / HOUR_US
    usual = expected.usual(store[first], at[first], events) * took
    return Bursts(store[first], payments.at[rows][first], np.cumsum(new) - 1, rows, usual)


def _none() -> Bursts:
    empty = np.zeros(0, np.int64)
    return Bursts(empty, empty, empty, empty, np.zeros(0))


def rare(people: Ints, mean: Doubles, rules: BurstRules) -> Bools:
    """Poisson P(X >= people) below the rule's tail: the mean lies below the one at which the tail is just that."""
    return np.asarray(mean < tail_means(rules.tail_ppb, int(people.max(initial=0)) + 1)[np.maximum(people, 1)])


def tail_means(tail_ppb: int, size: int) -> Doubles:
    """Entry k: the mean at which k or more happen with just this chance; at least `size` entries."""
    return _tail_means(tail_ppb, 1 << max(size, 256).bit_length())


@lru_cache(maxsize=16)
def _tail_means(tail_ppb: int, size: int) -> Doubles:
    from scipy.special import gammaincinv  # loaded when first asked

    return np.concatenate([[0.0], gammaincinv(np.arange(1, size), tail_ppb / 1e9)])


def _keep(slots: Ints, mean: Doubles, keep: Bools) -> tuple[Ints, Doubles]:
    return slots[keep], mean[keep]


@dataclass(frozen=True)
class Rhythm:
    """Payments an hour a store usually has, by hour of the week.  `counts[store * 168 + hour]`; `market` sums to one."""

    counts: Ints
    total: Ints
    weeks: Doubles
    market: Doubles
    prior: float

    @classmethod
    def of(cls, store: Ints, at: Ints, prior_weeks: float) -> Rhythm:
        """From all payments, sorted by store and local time."""
        hour = at // HOUR_US % HOURS_A_WEEK
        stores = int(store.max()) + 1
        start = np.flatnonzero(np.concatenate([[True], store[1:] != store[:-1]]))
        span = np.zeros(stores)
        span[store[start]] = at[np.append(start[1:], len(at)) - 1] - at[start]
        counts = np.bincount(store * HOURS_A_WEEK + hour, minlength=stores * HOURS_A_WEEK)
        market = market_share(np.bincount(hour, minlength=HOURS_A_WEEK))
        return cls(counts, np.bincount(store, minlength=stores), weeks_of(span), market, prior_weeks)

    def usual(self, store: Ints, at: Ints, events: Ints) -> Doubles:
        """Expected payments in the hour of `at`, the `events` of the slot in question left out."""
        hour = at // HOUR_US % HOURS_A_WEEK
        own = np.maximum(self.counts[store * HOURS_A_WEEK + hour] - events, 0)
        usual = np.maximum(self.total[store] - events, 1) / self.weeks[store] * self.market[hour]
        return np.asarray((own + self.prior * usual) / (np.maximum(self.weeks[store] - 1, 0) + self.prior))


def market_share(by_hour: Ints) -> Doubles:
    """Each hour's share of everybody's payments, none of them zero."""
    market = by_hour + 1.0
    return np.asarray(market / market.sum())


def weeks_of(span_us: Doubles) -> Doubles:
    return np.asarray(np.maximum(np.ceil(span_us / (7 * DAY_US)), 1.0))
