"""What the ring watch remembers: payments of its horizon in chains, stores' hours, slots that filled up."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from dandelion.core import DAY_US, HOUR_US, SECOND_US
from dandelion.core.frame import Ints
from dandelion.graph import watch_kernel as kernel
from dandelion.graph.bursts import HOURS_A_WEEK, MINUTE_US, Rhythm, market_share, tail_means, weeks_of
from dandelion.graph.payments import NOBODY
from dandelion.graph.ring_signals import middles
from dandelion.graph.rules import Rules
from dandelion.graph.watch_rules import WatchRules
from dandelion.graph.watch_slots import enter_slots

Array = npt.NDArray[Any]
T = TypeVar("T", bound="tuple[Any, ...]")
LATEST_MAX = 100_000  # payments that say how far sums usually lie apart
PEOPLE_MAX = 4096  # buyers of one slot the burst line is worked out for; more are as rare


class Rows(NamedTuple):
    """Payments.  `local` is `at` on the local clock; `hire`: money to a buyer that fits the price and a wage."""

    payer: Array
    payee: Array
    at: Array
    local: Array
    fen: Array
    device: Array
    prev_in: Array
    prev_out: Array
    hire: Array
    gone: Array


class Accounts(NamedTuple):
    head_in: Array
    head_out: Array
    receipts: Array
    hour_row: Array  # of stores: their row in `hours`
    first: Array  # local instants of receipts
    last: Array
    fen: Array
    back: Array  # times money went back at once, never too few
    filled: Array  # has had a slot
    touched: Array
    mark: Array
    seen: Array
    visits: Array


class Slots(NamedTuple):
    store: Array
    place: Array
    events: Array
    payers: Array
    first: Array
    last: Array
    fen: Array
    warm: Array
    burst: Array


class Rule(NamedTuple):
    length: int
    payers_min: int
    store_min: int
    overlap: int
    prior: float
    per_hour: float
    slack: float
    lift: float
    tick: int
    back_us: int
    back_low: float
    back_high: float
    back_buyers: int
    hire_low: float
    hire_high: float
    wage: int
    hire_buyers: int
    alike_payers: int
    alike_differ: float
    device_payers: int

    @classmethod
    def of(cls, rules: Rules, watch: WatchRules) -> Rule:
        burst, ring = rules.bursts, rules.rings
        length = burst.minutes * MINUTE_US
        return cls(
            length, burst.payers_min, burst.store_payments_min, ring.overlap_min, float(burst.prior_weeks),
            length / HOUR_US, watch.slack, ring.amount_lift, watch.tick_seconds * SECOND_US, ring.return_hours * HOUR_US,
            ring.return_share_min, ring.return_share_max, min(ring.return_buyers_min, ring.amount_returns_min),
            ring.hire_share_min, ring.hire_share_max, ring.hire_wage_fen, ring.hire_buyers_min,
            watch.suspect_alike_payers, watch.suspect_alike_differ, watch.suspect_device_payers,
        )  # fmt: skip


class WatchState:
    """Grows as it is fed.  Numbers of accounts come from outside; rows are numbered in the order of arrival."""

    def __init__(self, rules: Rules, watch: WatchRules) -> None:
        self.rule = Rule.of(rules, watch)
        self.means = tail_means(rules.bursts.tail_ppb, PEOPLE_MAX)
        i32, i64 = np.int32, np.int64
        self.rows = Rows(*_empty(1024, (i32, i32, i64, i64, i64, i32, i32, i32, np.bool_, np.bool_)))
        self.accounts = Accounts(
            *_empty(256, (i32, i32, i64, i32, i64, i64, i64, i32, np.bool_, np.bool_, i64, i64, i64))
        )
        self._fresh_accounts(0)
        self.slots = Slots(*_empty(512, (i32, i64, i32, i32, i64, i64, i64, np.bool_, i32)))
        self.table = np.zeros(2048, i32)
        self.hours = np.zeros((64, HOURS_A_WEEK), i64)
        self.market = np.zeros(HOURS_A_WEEK, i64)
        self.counts = np.zeros(6, i64)
        self.touched = np.zeros(256, i64)
        self.taken, self.found = np.zeros(1024, np.bool_), np.zeros(1024, np.int64)
        self.absorbed = 0  # rows taken in; those after them are written, and lie ahead

    @property
    def bytes_held(self) -> int:
        parts = (*self.rows, *self.accounts, *self.slots, self.table, self.hours, self.touched, self.taken, self.found)
        return int(sum(part.nbytes for part in parts))

    def __len__(self) -> int:
        return int(self.counts[kernel.ROWS])

    def room_for(self, accounts: int) -> None:
        held = len(self.accounts.head_in)
        if accounts > held:
            self.accounts = _grown(self.accounts, max(accounts, held * 3 // 2))
            self._fresh_accounts(held)
            self.touched = np.resize(self.touched, len(self.accounts.head_in))

    def _fresh_accounts(self, start: int) -> None:
        for column in (self.accounts.head_in, self.accounts.head_out, self.accounts.hour_row):
            column[start:] = NOBODY

    def write(self, payer: Array, payee: Array, at: Ints, local: Ints, fen: Ints, device: Array) -> tuple[int, int]:
        """Rows for new payments, not yet absorbed: (first, one past the last)."""
        start, stop = len(self), len(self) + len(at)
        if stop > len(self.rows.at):
            self.rows = _grown(self.rows, max(stop, len(self.rows.at) * 3 // 2))
            self.taken, self.found = np.zeros(len(self.rows.at), np.bool_), np.zeros(len(self.rows.at), np.int64)
        for column, values in zip(self.rows, (payer, payee, at, local, fen, device), strict=False):
            column[start:stop] = values
        self.rows.hire[start:stop] = False
        self.rows.gone[start:stop] = False
        self.counts[kernel.ROWS] = stop
        return start, stop

    def absorb(self, row: int, stop: int, clock: Ints, base: int, due: int = 2**62) -> int:
        """Take rows in; returns the row before which stores want a look.  `clock`: instants of arrival from row `base` on; `due`: stop there."""
        while row < stop:
            row, why = kernel.absorb(
                row, stop, self.rows, self.accounts, self.slots, self.table, self.hours, self.market, self.counts,
                self.touched, self.accounts.mark, self.accounts.seen, self.accounts.visits, self.means, clock,
                base, due, self.rule,
            )  # fmt: skip
            self.absorbed = int(row)
            if why == kernel.DONE:
                return int(row)
            if why == kernel.FULL_STORES:
                self.hours = np.concatenate([self.hours, np.zeros_like(self.hours)])
            else:
                self._more_slots()
        return row

    def remove(self, row: int) -> None:
        if 2 * (self.counts[kernel.SLOTS] + 2) > len(self.table) or self.counts[kernel.SLOTS] + 2 > len(
            self.slots.store
        ):
            self._more_slots()
        kernel.remove(row, self.rows, self.accounts, self.slots, self.table, self.hours, self.market, self.counts,
                      self.accounts.mark, self.rule)  # fmt: skip
        self.rows.gone[row] = True

    def take_touched(self) -> Ints:
        """Stores that want a look; none does afterwards."""
        stores = self.touched[: self.counts[kernel.TOUCHED]].copy()
        self.accounts.touched[stores] = False
        self.counts[kernel.TOUCHED] = 0
        return stores

    def rhythm(self, stores: Ints, rank: Ints, size: int, prior: float) -> Rhythm:
        """The rhythm of some stores, numbered `rank` among `size` accounts."""
        counts = np.zeros((size, HOURS_A_WEEK), np.int64)
        total, span = np.zeros(size, np.int64), np.zeros(size)
        row = self.accounts.hour_row[stores]
        counts[rank[row >= 0]] = self.hours[row[row >= 0]]
        total[rank] = self.accounts.receipts[stores]
        span[rank] = self.accounts.last[stores] - self.accounts.first[stores]
        return Rhythm(counts.ravel(), total, weeks_of(span), market_share(self.market), prior)

    def spread_of_stores(self) -> float:
        """How far the sums of a store usually lie apart (mean distance of logarithms from their middle): that of the store
        in the middle, by the latest payments taken in; NaN where no store has trade enough."""
        held = slice(max(0, self.absorbed - LATEST_MAX), self.absorbed)
        rows = np.flatnonzero(~self.rows.gone[held]) + held.start
        _, spread, payments = middles(
            self.rows.payee[rows].astype(np.int64), self.rows.fen[rows], len(self.accounts.head_in)
        )
        known = spread[payments >= self.rule.store_min]
        return float(np.median(known)) if len(known) else float("nan")

    def _more_slots(self) -> None:
        held = int(self.counts[kernel.SLOTS])
        self.slots = _grown(self.slots, len(self.slots.store) * 2)
        self.slots.burst[held:] = NOBODY
        self.table = np.zeros(2 * len(self.slots.store) * 2, np.int32)
        enter_slots(held, self.table, self.slots.store, self.slots.place)


def horizon_start(now: int, watch: WatchRules) -> int:
    return now - watch.horizon_days * DAY_US


def _empty(size: int, kinds: tuple[Any, ...]) -> list[Array]:
    return [np.zeros(size, kind) for kind in kinds]


def _grown(parts: T, size: int) -> T:
    wider = []
    for part in parts:
        fresh = np.zeros(size, part.dtype)
        fresh[: len(part)] = part
        wider.append(fresh)
    return type(parts)(*wider)
