"""Rings: the same people coming together in bursts, money that is back at once, phones in common.

A promotion is a burst too, but its buyers do not come together a second time: what is looked for is company that recurs.
Label propagation on a payment graph collapses into one community, so bursts come first and grouping afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dandelion.core.frame import Ints
from dandelion.graph.bursts import Bursts, Doubles, find_bursts
from dandelion.graph.devices import SharedDevices, shared_devices
from dandelion.graph.edges import Edges, Ties
from dandelion.graph.parts import linked_parts
from dandelion.graph.payments import Bools, Payments, distinct, read_payments
from dandelion.graph.ring_evidence import Evidence, ring_table
from dandelion.graph.ring_signals import Hires, Returns, Shapes, amount_shapes, hires, quick_returns
from dandelion.graph.rules import RingRules, Rules, standard_rules


def rings(
    payments: pa.Table,
    as_of: int,
    known_at: int | None = None,
    *,
    logins: pa.Table | None = None,
    rules: Rules | None = None,
    tz: str = "Asia/Shanghai",
) -> pa.Table:
    """account, role (buyer or store), score 0 to 1, flagged, ring, first_burst, bursts, returned_fen, evidence, kind.

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
    burst, buyer = visits(found, paid)
    links = _linked_bursts(found, burst, buyer, paid, rules)
    groups = Grouping(found, burst, buyer, links, quick_returns(edges, rules.rings), hires(found, edges, rules.rings),
                      amount_shapes(found, paid, rules.rings))  # fmt: skip
    return ring_table(groups.evidence(edges, shared, ties, rules), paid, rules)


def visits(found: Bursts, paid: Payments) -> tuple[Ints, Ints]:
    """(burst, buyer): who came to which burst, each pair once, sorted."""
    n = max(len(paid.accounts), 1)
    pairs = distinct(found.burst * n + paid.payer[found.payment])
    return pairs // n, pairs % n


def _linked_bursts(found: Bursts, burst: Ints, buyer: Ints, paid: Payments, rules: Rules) -> Ints:
    """(2, links): pairs of bursts that share more company than the regulars of a store would bring."""
    from scipy.sparse import csr_matrix  # loaded when first asked

    few = np.bincount(buyer, minlength=1)[buyer] <= rules.rings.buyer_bursts_max
    shape = (len(found), len(paid.accounts))
    there = csr_matrix((np.ones(few.sum(), np.int32), (burst[few], buyer[few])), shape=shape)
    together = (there @ there.T).tocoo()
    a, b, common = together.row, together.col, together.data
    near = (a < b) & (common >= rules.rings.overlap_min)
    a, b, common = a[near], b[near], common[near]
    size = np.bincount(burst, minlength=len(found))
    same = found.store[a] == found.store[b]
    regulars = np.where(same, regularity(found, paid)[found.store[a]], 0.0)
    keep = linked(common, size[a], size[b], same, regulars, rules.rings)
    return np.stack([a[keep], b[keep]]).astype(np.int64)


def linked(common: Ints, size_a: Ints, size_b: Ints, same: Bools, regulars: Doubles, rules: RingRules) -> Bools:
    """Whether two bursts with `common` buyers belong together; `regulars` is the store's regularity, 0 where they are two."""
    share = np.where(same, rules.overlap_share, rules.overlap_share_apart)
    keep = (common >= rules.overlap_min) & (common >= share * np.minimum(size_a, size_b))
    return np.asarray(keep & (common >= rules.overlap_lift * (size_a * size_b * regulars)))


def regularity(found: Bursts, paid: Payments) -> Doubles:
    """Chance per store that two of its payments outside bursts come from the same payer."""
    n = len(paid.accounts)
    calm = np.ones(len(paid), np.bool_)
    calm[found.payment] = False
    calm &= np.isin(paid.payee, found.store)
    keys, times = np.unique(paid.payee[calm].astype(np.int64) * max(n, 1) + paid.payer[calm], return_counts=True)
    store = keys // max(n, 1)
    total = np.bincount(store, weights=times, minlength=n)
    same = np.bincount(store, weights=times.astype(np.float64) * (times - 1), minlength=n)
    return np.asarray(same / np.maximum(total * (total - 1), 1.0))


@dataclass(frozen=True, slots=True)
class Grouping:
    """Bursts with their visits (burst, buyer) and what ties them; `within`: accounts that may be stores (default: all)."""

    found: Bursts
    burst: Ints
    buyer: Ints
    links: Ints
    returns: Returns
    hires: Hires
    shapes: Shapes
    within: Bools | None = None

    def evidence(self, edges: Edges, shared: SharedDevices, ties: Ties, rules: Rules) -> list[Evidence]:
        """Groups: bursts linked to each other, stores that return money to many, bursts whose buyers one other paid."""
        n_bursts, n = len(self.found), len(edges.payments.accounts)
        returning = self.returning(edges, rules.rings)
        back = returning.copy()
        back[self.found.store[self.hires.burst]] = True
        odd = np.zeros(n_bursts, np.bool_)
        odd[self.links.ravel()] = True
        odd[self.hires.burst] = True
        tied = np.flatnonzero(returning[self.found.store])  # every burst of a returning store belongs to its group
        odd[tied] = True
        rows = np.concatenate([self.links[0], tied])
        cols = np.concatenate([self.links[1], n_bursts + self.found.store[tied]])
        label = linked_parts(rows, cols, n_bursts + n)
        bursts, stores = np.flatnonzero(odd), np.flatnonzero(returning)
        out = []
        for group in np.unique(np.concatenate([label[bursts], label[n_bursts + stores]])).tolist():
            own = bursts[label[bursts] == group]
            store = np.union1d(self.found.store[own], stores[label[n_bursts + stores] == group])
            for some in self._of_one_company(own, store, rules.rings):
                mine = own[np.isin(self.found.store[own], some)]
                out.append(Evidence.of(mine, some, back, self, edges, shared, ties, rules.rings))
        return [one for one in out if len(one.stores) and one.core >= rules.rings.members_min]

    def _of_one_company(self, own: Ints, stores: Ints, rules: RingRules) -> list[Ints]:
        """`stores` parted where the company at one, in all bursts of `own`, is not that of the others.

        Of a ring's many members three meet at a stranger's by chance now and then: one pair of bursts proves nothing.
        """
        from scipy.sparse import csr_matrix  # loaded when first asked

        if len(stores) < 2:
            return [stores]
        inside = np.isin(self.burst, own)
        where = np.searchsorted(stores, self.found.store[self.burst[inside]])
        n = int(self.buyer.max(initial=0)) + 1
        pairs = distinct(where * n + self.buyer[inside])
        there = csr_matrix((np.ones(len(pairs), np.int64), (pairs // n, pairs % n)), shape=(len(stores), n))
        size = np.bincount(pairs // n, minlength=len(stores))
        together = (there @ there.T).tocoo()
        a, b, common = together.row, together.col, together.data
        near = (common >= rules.overlap_min_apart) & (common >= rules.core_share * np.minimum(size[a], size[b]))
        label = linked_parts(a[near], b[near], len(stores))
        return [stores[label == one] for one in range(int(label.max()) + 1)]

    def returning(self, edges: Edges, rules: RingRules) -> Bools:
        """Stores that gave money back at once to many buyers, or to some of a burst whose amounts were odd."""
        n = len(edges.payments.accounts)
        store = edges.payee[self.returns.edge].astype(np.int64)
        returning = np.bincount(store, minlength=n) >= rules.return_buyers_min
        odd = self.shapes.odd(rules)[self.burst]
        back = store * max(n, 1) + edges.payer[self.returns.edge]
        had = odd & np.isin(self.found.store[self.burst] * max(n, 1) + self.buyer, back)
        some = np.bincount(self.burst[had], minlength=len(self.found)) >= rules.amount_returns_min
        returning[self.found.store[some]] = True
        return np.asarray(returning if self.within is None else returning & self.within)
