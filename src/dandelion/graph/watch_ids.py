"""Who is who in the ring watch: numbers of accounts, event ids seen, phones in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dandelion.core.frame import Ints
from dandelion.graph.flow.names import Names
from dandelion.graph.payments import NOBODY, Bools, encode

_NEVER = -2  # replaced before it came


@dataclass(frozen=True, slots=True)
class Taken:
    """`fresh`: places (in the order asked for) of payments that are new; the rest of it by these; `removed`: rows replaced."""

    fresh: Ints
    payer: Ints
    payee: Ints
    device: Ints
    event: Ints  # number of the event id, NOBODY without one
    removed: list[int]


class WatchIds:
    def __init__(self, device_accounts_max: int) -> None:
        self.names = Names()
        self._events = Names()
        self._row = np.zeros(0, np.int64)  # of every event id: its row, NOBODY once forgotten
        self._devices: dict[str, int] = {}
        self._users: list[dict[int, None]] = []
        self._logins: set[tuple[int, int]] = set()
        self._most = device_accounts_max
        self._holds: dict[int, set[int]] = {}

    @property
    def bytes_held(self) -> int:
        pairs = sum(len(users) for users in self._users)
        return self.names.bytes_held + self._events.bytes_held + self._row.nbytes + 200 * pairs

    def text(self, codes: Ints) -> list[str]:
        return self.names.text(codes)

    def take(self, payments: pa.Table, order: Ints) -> Taken:
        """The payments of `order`, in that order.  Errors (BadInput): an empty name."""
        payer, payee = (self.names.encode(payments.column(side)).astype(np.int64)[order] for side in ("payer", "payee"))
        event, removed, fresh = np.full(len(order), NOBODY, np.int64), list[int](), payer != payee
        if "event_id" in payments.column_names:
            event, removed, first = self._told(payments, order)
            fresh &= first
        device = np.full(len(order), NOBODY, np.int64)
        if "device" in payments.column_names:
            device = self._phones(payments.column("device"))[order]
            self._use(payer[fresh], device[fresh])
        return Taken(np.flatnonzero(fresh), payer[fresh], payee[fresh], device[fresh], event[fresh], removed)

    def keep(self, taken: Taken, start: int) -> None:
        """Remember the rows of new events, numbered from `start`."""
        named = taken.event >= 0
        self._row[taken.event[named]] = start + np.flatnonzero(named)

    def _told(self, payments: pa.Table, order: Ints) -> tuple[Ints, list[int], Bools]:
        event = self._events.encode(payments.column("event_id")).astype(np.int64)[order]
        replaced = np.zeros(0, np.int64)
        if "replaces" in payments.column_names and payments.column("replaces").null_count < payments.num_rows:
            replaced = self._events.encode(payments.column("replaces").drop_null()).astype(np.int64)
        more = len(self._events) - len(self._row)
        self._row = np.concatenate([self._row, np.full(more, NOBODY, np.int64)])
        removed = [int(row) for row in np.unique(self._row[replaced]) if row >= 0]
        self._row[replaced] = _NEVER
        first = np.zeros(len(event), np.bool_)
        first[np.unique(event, return_index=True)[1]] = True
        return event, removed, first & (self._row[event] == NOBODY)

    def _phones(self, column: pa.ChunkedArray) -> Ints:
        codes, values = encode(column)
        numbers = np.array([self._phone(name) for name in values.to_pylist()] + [NOBODY], np.int64)
        return numbers[codes]

    def _phone(self, name: str) -> int:
        number = self._devices.setdefault(name, len(self._users))
        if number == len(self._users):
            self._users.append({})
        return number

    def _use(self, account: Ints, device: Ints) -> None:
        named = device >= 0
        for one, phone in np.unique(np.stack([account[named], device[named]]), axis=1).T.tolist():
            self._users[phone][one] = None
            self._holds.setdefault(one, set()).add(phone)

    def add_logins(self, logins: pa.Table) -> None:
        person = self.names.encode(logins.column("person")).astype(np.int64)
        phone = self._phones(logins.column("device"))
        self._logins.update((one, own) for one, own in zip(person.tolist(), phone.tolist(), strict=True) if own >= 0)
        self._use(person, phone)

    def logins(self) -> pa.Table:
        """Who was seen with which phone: person, device; at: long ago."""
        pairs = sorted(self._logins)
        phones = list(self._devices)
        return pa.table({
            "person": pa.array(self.text(np.array([one for one, _ in pairs], np.int64)), pa.string()),
            "device": pa.array([phones[phone] for _, phone in pairs], pa.string()),
            "at": pa.array([0] * len(pairs), pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        })  # fmt: skip

    def devices_of(self, codes: Ints) -> pa.Array:
        return pa.array([*self._devices, None], pa.string()).take(
            pa.array(np.where(codes < 0, len(self._devices), codes))
        )

    def sharing(self, accounts: Ints, present: Bools) -> list[tuple[int, int]]:
        """Pairs among `accounts` with a phone in common that is no public one; `present`: accounts with any payment."""
        inside, pairs = set(accounts.tolist()), set[tuple[int, int]]()
        for one in inside:
            for phone in self._holds.get(one, ()):
                users = [user for user in self._users[phone] if present[user]]
                if len(users) <= self._most:
                    pairs.update((one, other) for other in users if other > one and other in inside)
        return sorted(pairs)

    def is_private(self, device: int) -> bool:
        return len(self._users[device]) <= self._most

    def renumber(self, kept: Ints, payer: Ints, device: Ints) -> None:
        """After forgetting: rows `kept`, in their new order, are all there is."""
        place = np.full(int(kept.max(initial=0)) + 2, NOBODY, np.int64)
        place[kept] = np.arange(len(kept))
        old = self._row
        known = (old >= 0) & (old < len(place))
        row = np.where(known, place[np.where(known, old, -1)], old)
        stay = np.flatnonzero((row >= 0) | (old == _NEVER))
        ids = self._events.since(0).take(pa.array(stay))
        self._events = Names()
        self._row = np.zeros(0, np.int64)
        if len(stay):
            self._events.encode(ids)
            self._row = row[stay]
        for users in self._users:
            users.clear()
        self._holds.clear()
        self._use(payer.astype(np.int64), device.astype(np.int64))
        if self._logins:
            self._use(*np.array(sorted(self._logins), np.int64).T)
