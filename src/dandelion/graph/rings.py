"""Rings: the same people coming together in bursts, money that is back at once, phones in common.

A promotion is a burst too, but its buyers do not come together a second time: what is looked for is company that recurs.
Label propagation on a payment graph collapses into one community, so bursts come first and grouping afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from dandelion.core import HOUR_US
from dandelion.core.frame import Ints
from dandelion.graph import kernel
from dandelion.graph.bursts import Bursts, find_bursts
from dandelion.graph.devices import SharedDevices, shared_devices
from dandelion.graph.edges import Edges, Ties
from dandelion.graph.payments import Payments, distinct, read_payments
from dandelion.graph.ring_evidence import Evidence, Returns, ring_table
from dandelion.graph.rules import Rules, standard_rules


def rings(
    payments: pa.Table,
    as_of: int,
    known_at: int | None = None,
    *,
    logins: pa.Table | None = None,
    rules: Rules | None = None,
    tz: str = "Asia/Shanghai",
) -> pa.Table:
    """account, role (buyer or store), score 0 to 1, flagged, ring, first_burst, bursts, returned_fen, evidence.

    One row per account and ring, best first.  Errors (BadInput): as :func:`read_payments`.
    """
    rules = standard_rules() if rules is None else rules
    read = read_payments(payments, as_of, known_at)
    shared = shared_devices(read, logins, as_of, as_of if known_at is None else known_at,
                            accounts_max=rules.devices.accounts_max)  # fmt: skip
    edges = Edges.of(read)
    return find_rings(edges, Ties.of(edges), shared, rules, tz)


def find_rings(edges: Edges, ties: Ties, shared: SharedDevices, rules: Rules, tz: str) -> pa.Table:
    """The same from prepared edges."""
    paid = edges.payments
    found = find_bursts(paid, rules.bursts, tz)
    n = len(paid.accounts)
    buyers = distinct(found.burst * max(n, 1) + paid.payer[found.payment])
    burst, buyer = buyers // max(n, 1), buyers % max(n, 1)
    links = _linked_bursts(found, burst, buyer, paid, rules)
    returns = _quick_returns(edges, rules)
    return ring_table(_Grouping(found, burst, buyer, links, returns).evidence(edges, shared, ties, rules), paid, rules)


def _linked_bursts(found: Bursts, burst: Ints, buyer: Ints, paid: Payments, rules: Rules) -> Ints:
    """(2, links): pairs of bursts that share more company than the regulars of a store would bring."""
    few = np.bincount(buyer, minlength=1)[buyer] <= rules.rings.buyer_bursts_max
    shape = (len(found), len(paid.accounts))
    there = csr_matrix((np.ones(few.sum(), np.int32), (burst[few], buyer[few])), shape=shape)
    together = (there @ there.T).tocoo()
    a, b, common = together.row, together.col, together.data
    a, b, common = (part[a < b] for part in (a, b, common))
    size = np.bincount(burst, minlength=len(found))
    smaller = np.minimum(size[a], size[b])
    chance = np.where(
        found.store[a] == found.store[b], size[a] * size[b] * _regularity(found, paid)[found.store[a]], 0.0
    )
    share = np.where(found.store[a] == found.store[b], rules.rings.overlap_share, rules.rings.overlap_share_apart)
    keep = (common >= rules.rings.overlap_min) & (common >= share * smaller)
    keep &= common >= rules.rings.overlap_lift * chance
    return np.stack([a[keep], b[keep]]).astype(np.int64)


def _regularity(found: Bursts, paid: Payments) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Chance per store that two of its payments outside bursts come from the same payer."""
    n = len(paid.accounts)
    calm = np.ones(len(paid), np.bool_)
    calm[found.payment] = False
    calm &= np.isin(paid.payee, found.store)
    keys, visits = np.unique(paid.payee[calm].astype(np.int64) * max(n, 1) + paid.payer[calm], return_counts=True)
    store = keys // max(n, 1)
    total = np.bincount(store, weights=visits, minlength=n)
    same = np.bincount(store, weights=visits.astype(np.float64) * (visits - 1), minlength=n)
    return np.asarray(same / np.maximum(total * (total - 1), 1.0))


def _quick_returns(edges: Edges, rules: Rules) -> Returns:
    """Payments of the store to the buyer within hours of the buyer's payment and of nearly its amount."""
    times, fen = np.zeros(len(edges), np.int64), np.zeros(len(edges), np.int64)
    ring = rules.rings
    kernel.match_quick(edges.reverse(), edges.first, edges.payments.at, edges.payments.fen, ring.return_hours * HOUR_US,
                       ring.return_share_min, ring.return_share_max, times, fen)  # fmt: skip
    edge = np.flatnonzero(times > 0)
    return Returns(edge, times[edge], fen[edge])


@dataclass(frozen=True, slots=True)
class _Grouping:
    found: Bursts
    burst: Ints
    buyer: Ints
    links: Ints
    returns: Returns

    def evidence(self, edges: Edges, shared: SharedDevices, ties: Ties, rules: Rules) -> list[Evidence]:
        """Groups: bursts linked to each other, and stores that return money to many."""
        n_bursts, n = len(self.found), len(edges.payments.accounts)
        back_store = edges.payee[self.returns.edge].astype(np.int64)
        returning = np.bincount(back_store, minlength=n) >= rules.rings.return_buyers_min
        odd = np.zeros(n_bursts, np.bool_)
        odd[self.links.ravel()] = True
        tied = np.flatnonzero(returning[self.found.store])  # every burst of a returning store belongs to its group
        odd[tied] = True
        rows = np.concatenate([self.links[0], tied])
        cols = np.concatenate([self.links[1], n_bursts + self.found.store[tied]])
        nodes = n_bursts + n
        joined = coo_matrix((np.ones(len(rows)), (rows, cols)), shape=(nodes, nodes))
        _, label = connected_components(joined, directed=False)
        bursts, stores = np.flatnonzero(odd), np.flatnonzero(returning)
        out = []
        for group in np.unique(np.concatenate([label[bursts], label[n_bursts + stores]])).tolist():
            own = bursts[label[bursts] == group]
            store = np.union1d(self.found.store[own], stores[label[n_bursts + stores] == group])
            out.append(
                Evidence.of(
                    own, store, self.found, self.burst, self.buyer, self.returns, edges, shared, ties, rules.rings
                )
            )
        return [one for one in out if len(one.stores) and one.core >= rules.rings.members_min]
