"""A look from the state of the ring watch: the bursts of right now, what they are tied to, and what speaks against them.

Whatever is tied to the burst in question is followed to its end, and only the payments of those accounts are taken out; on
them runs what `rings` runs on a whole file, so the answers are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dandelion.core.frame import Ints
from dandelion.graph import watch_look_kernel as kernel
from dandelion.graph.bursts import Bursts, merged
from dandelion.graph.devices import SharedDevices
from dandelion.graph.edges import Edges, Ties
from dandelion.graph.payments import Payments
from dandelion.graph.ring_evidence import RINGS, numbered_table
from dandelion.graph.ring_signals import Shapes, amount_shapes, hires, quick_returns
from dandelion.graph.rings import Grouping, linked, visits
from dandelion.graph.rules import Rules
from dandelion.graph.watch_kernel import SLOTS
from dandelion.graph.watch_state import WatchState

Names = Callable[[Ints], list[str]]
Devices = Callable[[Ints], list[tuple[int, int]]]  # pairs of accounts with a device in common


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found: rings as `rings` gives them, and every burst looked at with the shape of its amounts."""

    rings: pa.Table
    found: Bursts
    shapes: Shapes
    payments: Payments
    codes: Ints  # numbers of the accounts in `payments`


class Look:
    """One look.  Bursts are worked out once; `at` follows some of them, `everywhere` all."""

    def __init__(self, state: WatchState, rules: Rules) -> None:
        self.state, self.rules = state, rules
        slots, count = state.slots, int(state.counts[SLOTS])
        hot = np.empty(max(count, 1), np.int64)
        hot = hot[
            : kernel.heat(slots, state.accounts, state.hours, state.market, state.counts, state.means, state.rule, hot)
        ]
        hot = hot[np.lexsort((slots.first[hot], slots.store[hot]))]
        self.store, self.first, self.last = (np.zeros(max(len(hot), 1), np.int64) for _ in range(3))
        made = kernel.merge_hot(hot, slots, state.rule.length, self.store, self.first, self.last)
        self.store, self.first, self.last = (part[:made] for part in (self.store, self.first, self.last))
        self._company: dict[int, tuple[Ints, Ints, Ints]] = {}
        self._regular: dict[int, float] = {}
        self._seen, self._common, self._mine, self._others = (np.zeros(max(made, 1), np.int64) for _ in range(4))
        self._buyers = np.zeros(len(state.accounts.head_in), np.int64)

    def bursts_at(self, store: int, since: int = -(2**62)) -> Ints:
        """Numbers of a store's bursts that go on after a local instant."""
        low, high = np.searchsorted(self.store, [store, store + 1])
        return np.asarray(low + np.flatnonzero(self.last[low:high] >= since), np.int64)

    def at(self, stores: Iterable[int], since: int, names: Names, devices: Devices) -> Seen:
        """The rings that some stores' bursts since a local instant belong to, and what is tied to them."""
        seeds = [int(b) for store in stores for b in self.bursts_at(store, since)]
        return self._answer(seeds, [int(s) for s in stores], names, devices)

    def everywhere(self, names: Names, devices: Devices) -> Seen:
        return self._answer(
            list(range(len(self.store))), np.flatnonzero(self.state.accounts.back).tolist(), names, devices
        )

    def _answer(self, seeds: list[int], stores: list[int], names: Names, devices: Devices) -> Seen:
        bursts, links, returning = self._followed(seeds, stores)
        everyone = [self._whom(b)[0] for b in bursts.tolist()] + [self._repaid(store) for store in returning]
        stores_in = np.union1d(self.store[bursts], np.array(returning, np.int64))
        buyers = np.unique(np.concatenate(everyone)) if everyone else np.zeros(0, np.int64)
        paid, rows, codes = self._payments(stores_in, buyers)
        edges, rules = Edges.of(paid), self.rules
        burst = np.zeros(len(rows), np.int64)
        kernel.bursts_of_rows(rows, self.state.rows, self.state.slots, self.state.table, self.state.rule.length, burst)
        found = self._found(paid, rows, burst, bursts, stores_in, codes)
        ring = rules.rings
        shapes = amount_shapes(found, paid, ring, np.flatnonzero(burst >= 0))
        within = np.zeros(len(codes), np.bool_)
        within[np.searchsorted(codes, stores_in)] = True
        groups = Grouping(found, *visits(found, paid), np.searchsorted(bursts, links), quick_returns(edges, ring),
                          hires(found, edges, ring), shapes, within)  # fmt: skip
        shared = _shared(devices(np.union1d(stores_in, buyers)), codes)
        table = numbered_table(groups.evidence(edges, shared, Ties.of(edges), rules), rules)
        who = pa.array(names(codes[table.column("account").to_numpy()]), pa.string())
        table = table.set_column(0, RINGS.field("account"), who)
        return Seen(table, found, shapes, paid, codes)

    def _followed(self, seeds: list[int], stores: list[int]) -> tuple[Ints, Ints, list[int]]:
        """(bursts, (2, links) among them, stores that may return money): everything tied to the seeds."""
        state, rules = self.state, self.rules.rings
        known, pending, links = set(seeds), list(seeds), set[tuple[int, int]]()
        asked, returning = set[int](), list[int]()

        def ask(store: int) -> None:
            if store in asked:
                return
            asked.add(store)
            if len(self._repaid(store)) >= state.rule.back_buyers:
                returning.append(store)
                fresh = [b for b in self.bursts_at(store).tolist() if b not in known]
                known.update(fresh)
                pending.extend(fresh)

        for store in stores:
            ask(store)
        while pending:
            burst = pending.pop()
            ask(int(self.store[burst]))
            _, others, common = self._whom(burst)
            near = others[(common >= rules.overlap_min) & (others != burst)]
            common = common[(common >= rules.overlap_min) & (others != burst)]
            if not len(near):
                continue
            size = np.array([len(self._whom(b)[0]) for b in near.tolist()])
            same = self.store[near] == self.store[burst]
            regulars = np.where(same, self._regularity(int(self.store[burst])) if same.any() else 0.0, 0.0)
            own = np.full(len(near), len(self._whom(burst)[0]))
            for other in near[linked(common, own, size, same, regulars, rules)].tolist():
                links.add((min(burst, other), max(burst, other)))
                if other not in known:
                    known.add(other)
                    pending.append(other)
        pairs = np.array(sorted(links), np.int64).reshape(-1, 2).T
        return np.array(sorted(known), np.int64), pairs, returning

    def _whom(self, burst: int) -> tuple[Ints, Ints, Ints]:
        """(buyers, other bursts they came to, how many of them to each)."""
        if burst not in self._company:
            state = self.state
            people, others = kernel.company(
                burst, int(self.store[burst]), int(self.first[burst]), int(self.last[burst]), state.rows, state.accounts,
                state.slots, state.table, state.counts, state.rule.length, self.rules.rings.buyer_bursts_max,
                state.accounts.mark, self._seen, self._common, self._buyers, self._others, self._mine,
            )  # fmt: skip
            other = self._others[:others].copy()
            self._company[burst] = (self._buyers[:people].copy(), other, self._common[other])
        return self._company[burst]

    def _repaid(self, store: int) -> Ints:
        """Accounts that a store paid as well as the other way round."""
        state = self.state
        found = kernel.repaid(store, state.rows, state.accounts, state.counts, state.accounts.mark, self._buyers)
        return self._buyers[:found].copy()

    def _regularity(self, store: int) -> float:
        if store not in self._regular:
            state = self.state
            self._regular[store] = kernel.regularity_of(
                store, state.rows, state.accounts, state.slots, state.table, state.counts, state.rule.length,
                state.accounts.seen, state.accounts.visits,
            )  # fmt: skip
        return self._regular[store]

    def _payments(self, stores: Ints, buyers: Ints) -> tuple[Payments, Ints, Ints]:
        """(payments to and from these accounts, their rows in the state, numbers of the accounts)."""
        state = self.state
        rows = state.found[: kernel.gather(stores, buyers, state.rows, state.accounts, state.taken, state.found)].copy()
        held = state.rows
        codes = np.unique(np.concatenate([held.payer[rows], held.payee[rows], stores, buyers])).astype(np.int64)
        rows = rows[np.lexsort((held.fen[rows], held.at[rows], held.payee[rows], held.payer[rows]))]
        payer, payee = (np.searchsorted(codes, part[rows]).astype(np.int32) for part in (held.payer, held.payee))
        paid = Payments(pa.array(codes), payer, payee, held.at[rows], held.fen[rows], held.device[rows],
                        pa.array([], pa.string()), np.zeros(len(rows), np.bool_))  # fmt: skip
        return paid, rows, codes

    def _found(self, paid: Payments, rows: Ints, burst: Ints, bursts: Ints, stores: Ints, codes: Ints) -> Bursts:
        """The bursts followed, numbered by store and time as their numbers here ascend."""
        state = self.state
        ours = np.flatnonzero(np.isin(burst, bursts))
        local = state.rows.local[rows[ours]]
        order = np.lexsort((local, paid.payee[ours]))
        expected = state.rhythm(stores, np.searchsorted(codes, stores), len(codes), float(state.rule.prior))
        return merged(paid, ours[order], local[order], expected, state.rule.length)


def _shared(pairs: list[tuple[int, int]], codes: Ints) -> SharedDevices:
    n = max(len(codes), 1)
    if not pairs:
        return SharedDevices(n, np.zeros(0, np.int64))
    a, b = np.searchsorted(codes, np.array(pairs, np.int64).T)
    return SharedDevices(n, np.unique(np.concatenate([a * n + b, b * n + a])))
