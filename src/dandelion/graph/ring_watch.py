"""`RingWatch`: payments as they come in, rings within minutes of what gives them away.

The watch holds what `rings` would read: payments of its horizon, stores' own hours, hours that filled up.  A payment asks
for a look only where an hour is busy against the store's own rhythm and its buyers were together before, where its amounts
are far from the store's usual, or where money goes back at once; a look answers as `rings` would on everything held.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from dandelion.core import DAY_US, HOUR_US, SECOND_US, BadInput, iso
from dandelion.core.frame import Ints
from dandelion.graph import clock
from dandelion.graph.payments import amounts, instants, refuse_gaps
from dandelion.graph.rings import rings
from dandelion.graph.rules import Rules, standard_rules
from dandelion.graph.watch_ids import WatchIds
from dandelion.graph.watch_look import Look, Seen
from dandelion.graph.watch_rules import WatchRules, watch_rules
from dandelion.graph.watch_state import WatchState, horizon_start
from dandelion.graph.watch_suspicions import suspicions

SUSPECTED, FLAGGED, GROWN = "suspected", "flagged", "grown"
BACK_US = 49 * HOUR_US  # bursts this long ago may still be explained by money that goes back now


@dataclass(frozen=True, slots=True)
class RingAlert:
    """Something to look at.  `level`: suspected (a burst that looks made up, nothing else yet), flagged (a ring), grown (a flagged
    ring has new members); `new` are those not told before.  For an analyst: it names accounts."""

    at: int  # UTC microseconds, on the stream's own clock
    level: str
    ring: int  # number within this watch; -1 for a suspicion
    kind: str
    score: float
    first_burst: int
    stores: tuple[str, ...]
    buyers: tuple[str, ...]
    new: tuple[str, ...]
    returned_fen: int
    evidence: str

    def as_json(self) -> dict[str, Any]:
        return {
            "at": iso(self.at), "level": self.level, "ring": self.ring, "kind": self.kind, "score": round(self.score, 6),
            "first_burst": iso(self.first_burst), "stores": list(self.stores), "buyers": list(self.buyers),
            "new": list(self.new), "returned_fen": self.returned_fen, "evidence": self.evidence,
        }  # fmt: skip


@dataclass(slots=True)
class _Told:
    """What has been said: the ring of every store, members of every ring, suspicions by store."""

    ring_of: dict[str, int] = field(default_factory=dict)
    members: dict[int, set[str]] = field(default_factory=dict)
    suspected: dict[str, int] = field(default_factory=dict)


class RingWatch:
    """One writer.  Feed it everybody's payments; what it says is what `rings` would say of all it holds at that moment."""

    def __init__(
        self, *, rules: Rules | None = None, watch: WatchRules | None = None, tz: str = "Asia/Shanghai"
    ) -> None:
        self.rules = standard_rules() if rules is None else rules
        self.watch = watch_rules() if watch is None else watch
        self.tz = tz
        self.now = -(2**62)
        self._since = -(2**62)  # what lies before it is forgotten
        self.looks = 0
        self._ids = WatchIds(self.rules.devices.accounts_max)
        self._state = WatchState(self.rules, self.watch)
        self._told = _Told()
        self._waiting: dict[int, int] = {}  # stores that want a look, and from when on they may have it
        self._rests: dict[int, tuple[int, int]] = {}  # of stores: left alone until, looks in vain so far

    def __len__(self) -> int:
        return len(self._state)

    @property
    def bytes_held(self) -> int:
        return self._state.bytes_held + self._ids.bytes_held

    def absorb(self, payments: pa.Table, *, now: int | None = None, quiet: bool = False) -> list[RingAlert]:
        """Take payments as they arrive: payer, payee, at, amount_fen; arrived, event_id, replaces and device where present.

        Any order; an event id seen before is a repeat and changes nothing; a correction takes the replaced payment out.
        `quiet` says nothing: for the history a watch starts from (call `settle` after it).
        Errors (BadInput), before anything is taken: as `rings`; a payment that lies after `now`.
        """
        refuse_gaps(payments)
        at, fen = instants(payments.column("at")), amounts(payments)
        known = instants(payments.column("arrived")) if "arrived" in payments.column_names else at
        if now is not None and len(at) and int(at.max()) >= now:
            raise BadInput(
                f"a payment lies at {iso(int(at.max()))}, after {iso(now)}; give it when its time has come", field="at"
            )
        order = np.lexsort((at, known)) if not quiet else np.argsort(at, kind="stable")
        order = order[at[order] >= self._since]
        taken = self._ids.take(payments, order)
        for row in taken.removed:
            self._state.remove(row)
        rows = order[taken.fresh]
        if len(rows):
            at, fen = at[rows], fen[rows]
            self._state.room_for(len(self._ids.names))
            start, stop = self._state.write(taken.payer, taken.payee, at, clock.local(at, self.tz), fen, taken.device)
            self._ids.keep(taken, start)
            arrival = np.maximum.accumulate(np.maximum(known[rows], self.now))
            found = self._stream(start, stop, arrival, quiet)
        else:
            found = []
        if now is not None:
            self.now = max(self.now, now)
        return found

    def absorb_logins(self, logins: pa.Table) -> None:
        """Who uses which phone (person, device): evidence, never by itself a reason for a look."""
        self._ids.add_logins(logins)

    def _stream(self, row: int, stop: int, arrival: Ints, quiet: bool) -> list[RingAlert]:
        base, found = row, list[RingAlert]()
        while row < stop:
            due = min(self._waiting.values(), default=2**62)
            row = self._state.absorb(row, stop, arrival, base, due)
            if row > base:
                self.now = max(self.now, int(arrival[row - 1 - base]))
            if row < stop and due < int(arrival[row - base]):
                self.now = max(self.now, due)
            stores = set(self._state.take_touched().tolist())
            if not quiet:
                found += self._look(stores)
        return found

    def _look(self, asked: set[int]) -> list[RingAlert]:
        """Look at stores that ask, unless a look found nothing there a moment ago: these wait their turn."""
        for store in asked:
            self._waiting.setdefault(store, self._rests.get(store, (self.now, 0))[0])
        stores = [store for store, due in self._waiting.items() if due <= self.now]
        if not stores:
            return []
        self.looks += 1
        local = int(clock.local(np.array([self.now]), self.tz)[0])
        seen = Look(self._state, self.rules).at(stores, local - BACK_US, self._ids.text, self._sharing)
        found = [*self._flagged(seen.rings), *self._suspected(seen, stores)]
        for store in stores:
            del self._waiting[store]
            if found:
                self._rests.pop(store, None)
            else:
                vain = self._rests.get(store, (0, 0))[1] + 1
                rest = min(self.watch.again_seconds << min(vain - 1, 20), self.watch.again_seconds_max)
                self._rests[store] = (self.now + rest * SECOND_US, vain)
        return found

    def look(self) -> pa.Table:
        """Every ring right now, from the watch's own state; rows as those of `rings`, which it equals."""
        return Look(self._state, self.rules).everywhere(self._ids.text, self._sharing).rings

    def _sharing(self, accounts: Ints) -> list[tuple[int, int]]:
        held = self._state.accounts
        return self._ids.sharing(accounts, (held.receipts > 0) | (held.head_out >= 0))

    def settle(self, now: int | None = None, *, quiet: bool = False) -> list[RingAlert]:
        """Forget what is older than the horizon and look everywhere once; now and then, and after a quiet start."""
        self.now = self.now if now is None else max(self.now, now)
        start = horizon_start(self.now, self.watch)
        if len(self) and bool((self._state.rows.at[: len(self)] < start).any()):
            self._forget(start)
        found = self._flagged(self.look())
        return [] if quiet else found

    def _forget(self, start: int) -> None:
        self._since = start
        held, count = self._state.rows, len(self)
        kept = np.flatnonzero((held.at[:count] >= start) & ~held.gone[:count])
        kept = kept[np.argsort(held.at[kept], kind="stable")]
        parts = [column[kept] for column in held[:6]]
        self._state = WatchState(self.rules, self.watch)
        self._state.room_for(len(self._ids.names))
        first, stop = self._state.write(*parts)
        self._ids.renumber(kept, parts[0], parts[5])
        row = first
        while row < stop:
            row = self._state.absorb(row, stop, parts[2], first)
            self._state.take_touched()

    def _flagged(self, table: pa.Table) -> list[RingAlert]:
        """Alerts for rings, or members of rings, that were not told before."""
        groups: dict[int, list[dict[str, Any]]] = {}
        for one in table.filter(table.column("flagged")).to_pylist():
            groups.setdefault(one["ring"], []).append(one)
        out = []
        for rows in groups.values():
            stores = tuple(r["account"] for r in rows if r["role"] == "store")
            before = sorted({self._told.ring_of[s] for s in stores if s in self._told.ring_of})
            ring = before[0] if before else len(self._told.members)
            members = self._told.members.setdefault(ring, set())
            told = members.union(*(self._told.members[r] for r in before))
            new = tuple(r["account"] for r in rows if r["account"] not in told)
            members.update(told, new)
            self._told.ring_of |= dict.fromkeys(stores, ring)
            if new:
                buyers = tuple(r["account"] for r in rows if r["role"] == "buyer")
                out.append(RingAlert(
                    self.now, GROWN if before else FLAGGED, ring, rows[0]["kind"], rows[0]["score"], _us(rows[0]["first_burst"]),
                    stores, buyers, new, max(r["returned_fen"] for r in rows if r["role"] == "store"), rows[0]["evidence"],
                ))  # fmt: skip
        return out

    def _suspected(self, seen: Seen, stores: list[int]) -> list[RingAlert]:
        """What bursts going on right now give away, at stores of which nothing was said lately."""
        out = []
        for one in suspicions(seen, stores, self.now - 2 * HOUR_US, self.rules.rings, self.watch, self._ids.is_private,
                              self._state.spread_of_stores):  # fmt: skip
            store = self._ids.text(np.array([one.store]))[0]
            quiet_until = self._told.suspected.get(store, -(2**62)) + self.watch.repeats_days * DAY_US
            if store in self._told.ring_of or self.now < quiet_until:
                continue
            self._told.suspected[store] = self.now
            names = tuple(self._ids.text(one.buyers))
            out.append(RingAlert(
                self.now, SUSPECTED, -1, one.kind, self.watch.suspect_score, one.start, (store,), names, (store, *names), 0, one.says,
            ))  # fmt: skip
        return out

    def rings(self) -> pa.Table:
        """The batch on everything held: the slow way to the same answer as `look`."""
        held, alive = self._state.rows, ~self._state.rows.gone[: len(self)]
        table = pa.table({
            "payer": self._ids.text(held.payer[: len(self)][alive]), "payee": self._ids.text(held.payee[: len(self)][alive]),
            "at": pa.array(held.at[: len(self)][alive]).cast(pa.timestamp("us", tz="UTC")),
            "amount_fen": held.fen[: len(self)][alive], "device": self._ids.devices_of(held.device[: len(self)][alive]),
        })  # fmt: skip
        return rings(table, 2**62, logins=self._ids.logins(), rules=self.rules, tz=self.tz)


def _us(moment: Any) -> int:
    return round(moment.timestamp() * 1_000_000)


__all__ = ["FLAGGED", "GROWN", "SUSPECTED", "RingAlert", "RingWatch"]
