"""What speaks against a group, put in numbers, and the table of its members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core.frame import Ints
from dandelion.graph.bursts import Bursts
from dandelion.graph.devices import SharedDevices
from dandelion.graph.edges import Edges, Ties
from dandelion.graph.payments import Payments
from dandelion.graph.rules import RingRules, Rules

RINGS = pa.schema(
    [
        ("account", pa.string()), ("role", pa.string()), ("score", pa.float32()), ("flagged", pa.bool_()),
        ("ring", pa.int32()), ("first_burst", pa.timestamp("us", tz="UTC")), ("bursts", pa.int32()),
        ("returned_fen", pa.int64()), ("evidence", pa.string()),
    ]
)  # fmt: skip
ENOUGH_BURSTS, ENOUGH_STORES = 4, 3  # from here on more of the same adds nothing


@dataclass(frozen=True, slots=True)
class Returns:
    """Edges (buyer -> store) along which money came back at once: how often, and how much."""

    edge: Ints
    times: Ints
    fen: Ints


@dataclass(frozen=True, slots=True)
class Evidence:
    """One group.  Shares lie between 0 and 1."""

    bursts: Ints
    stores: Ints
    buyers: Ints  # in two bursts of the group, or twice given money back
    buyer_bursts: Ints
    returned_fen: Ints  # by buyer
    first: int  # instant of the first burst or quick return
    recurrence: float  # how much of a burst's company comes again, more with more bursts
    many_stores: float  # buyers who come together at more than one of the stores, more with more stores
    returns: float  # buyers who had money back at once
    devices: float  # buyers who share a device with another of them or with the store
    friends: float  # pairs of buyers who deal with each other apart from the stores

    @classmethod
    def of(
        cls, own: Ints, stores: Ints, found: Bursts, burst: Ints, buyer: Ints, returns: Returns, edges: Edges,
        shared: SharedDevices, ties: Ties,
    ) -> Evidence:  # fmt: skip
        n = len(edges.payments.accounts)
        inside = np.isin(burst, own)
        visits = np.bincount(buyer[inside], minlength=n)
        ours = np.isin(edges.payee[returns.edge], stores)
        from_buyer = edges.payer[returns.edge[ours]].astype(np.int64)
        times = np.bincount(from_buyer, weights=returns.times[ours], minlength=n)
        fen = np.zeros(n, np.int64)
        np.add.at(fen, from_buyer, returns.fen[ours])
        buyers = np.setdiff1d(np.flatnonzero((visits >= 2) | (times >= 2) | ((visits >= 1) & (times >= 1))), stores)
        recurring = visits[buyer[inside]] >= 2
        again = float(recurring.mean()) if inside.any() else 0.0
        with_device = np.zeros(len(buyers), np.bool_)
        for i, one in enumerate(buyers.tolist()):
            others = np.concatenate([buyers, stores])
            with_device[i] = shared.holds(np.full(len(others), one, np.int64), others).any()
        moments = [*found.start[own].tolist(), *edges.payments.at[edges.first[returns.edge[ours]]].tolist()]
        return cls(
            own, stores, buyers, visits[buyers], fen[buyers], min(moments) if moments else 0,
            again * min(1.0, (len(own) - 1) / (ENOUGH_BURSTS - 1)) if len(own) else 0.0,
            _wander(buyers, buyer[inside], found.store[burst[inside]]) * min(1.0, (len(stores) - 1) / (ENOUGH_STORES - 1)),
            float((times[buyers] > 0).mean()) if len(buyers) else 0.0,
            float(with_device.mean()) if len(buyers) else 0.0,
            _friends(buyers, ties),
        )  # fmt: skip

    def score(self, rules: RingRules) -> float:
        """1 less the product of what each kind of evidence leaves open (noisy-or).

        Friends who go out together recur as well, so company that recurs counts as far as it is strangers.
        """
        weights = rules.weights
        strangers = 1.0 - min(1.0, self.friends / rules.friends_ties)
        open_ = 1.0
        for kind, weight in (
            (self.recurrence * strangers, weights.recurrence), (self.many_stores * strangers, weights.many_stores),
            (self.returns, weights.quick_returns), (self.devices, weights.shared_devices),
        ):  # fmt: skip
            open_ *= 1.0 - weight * kind
        return 1.0 - open_

    def sentence(self) -> str:
        """Aggregates only: nobody is named."""
        parts = [f"{len(self.buyers)} buyers came together in {len(self.bursts)} bursts at {len(self.stores)} stores"]
        if self.returns > 0:
            parts.append(f"{round(100 * self.returns)} % of them had money back within two days")
        if self.devices > 0:
            parts.append(f"{round(100 * self.devices)} % share a device")
        return "; ".join(parts)


def _wander(buyers: Ints, buyer: Ints, store: Ints) -> float:
    """Share of `buyers` seen in bursts of two stores or more; (buyer, store) are visits."""
    if not len(buyers):
        return 0.0
    pairs = np.unique(np.stack([buyer, store]), axis=1)
    who, stores = np.unique(pairs[0], return_counts=True)
    return float(np.isin(buyers, who[stores > 1]).mean())


def _friends(buyers: Ints, ties: Ties) -> float:
    """Share of pairs of buyers who deal with each other."""
    if len(buyers) < 2:
        return 0.0
    known = sum(
        int(np.isin(ties.neighbours[ties.offsets[one] : ties.offsets[one + 1]], buyers).sum())
        for one in buyers.tolist()
    )
    return known / (len(buyers) * (len(buyers) - 1))


def ring_table(groups: list[Evidence], paid: Payments, rules: Rules) -> pa.Table:
    """Rows of `RINGS`, rings numbered from the strongest, stores before buyers."""
    scored = sorted(((g.score(rules.rings), g) for g in groups), key=lambda pair: (-pair[0], pair[1].first))
    rows: list[tuple[int, str, float, int, Evidence, int, int]] = []
    for ring, (score, group) in enumerate(scored):
        rows += [(int(s), "store", score, ring, group, len(group.bursts), int(group.returned_fen.sum()))
                 for s in group.stores]  # fmt: skip
        for account, bursts, fen in zip(group.buyers, group.buyer_bursts, group.returned_fen, strict=True):
            rows.append((int(account), "buyer", score, ring, group, int(bursts), int(fen)))
    names = paid.accounts.take(pa.array([row[0] for row in rows], pa.int64()))
    flag = rules.rings.flag_score
    return pa.table(
        {
            "account": names, "role": [row[1] for row in rows], "score": [row[2] for row in rows],
            "flagged": [row[2] >= flag for row in rows], "ring": [row[3] for row in rows],
            "first_burst": pa.array([row[4].first for row in rows], pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            "bursts": [row[5] for row in rows], "returned_fen": [row[6] for row in rows],
            "evidence": [row[4].sentence() for row in rows],
        },
        schema=RINGS,
    )  # fmt: skip


def by_account(table: pa.Table, accounts: pa.Array) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(score as a store, score as a buyer) of every account, 0 outside rings."""
    place = {name: i for i, name in enumerate(accounts.to_pylist())} if table.num_rows else {}
    store, buyer = np.zeros(len(accounts)), np.zeros(len(accounts))
    columns = (table.column(name).to_pylist() for name in ("account", "role", "score"))
    for account, role, score in zip(*columns, strict=True):
        scores = store if role == "store" else buyer
        scores[place[account]] = max(scores[place[account]], score)
    return store, buyer
