"""What speaks against a group, put in numbers, and the table of its members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core.frame import Ints
from dandelion.graph.bursts import Bursts
from dandelion.graph.devices import SharedDevices
from dandelion.graph.edges import Edges, Ties
from dandelion.graph.payments import Bools, Payments
from dandelion.graph.ring_signals import CASH_OUT, COMPANY, DEVICE_FARM, FAKE_ORDERS
from dandelion.graph.rules import RingRules, Rules

if TYPE_CHECKING:
    from dandelion.graph.rings import Grouping

RINGS = pa.schema(
    [
        ("account", pa.string()), ("role", pa.string()), ("score", pa.float32()), ("flagged", pa.bool_()),
        ("ring", pa.int32()), ("first_burst", pa.timestamp("us", tz="UTC")), ("bursts", pa.int32()),
        ("returned_fen", pa.int64()), ("evidence", pa.string()), ("kind", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """One group.  Shares lie between 0 and 1."""

    bursts: Ints
    stores: Ints
    buyers: Ints  # in two bursts of the group, or twice given money back; after them those seen once
    chance: npt.NDArray[np.float64]  # of every buyer: 1, or of one seen once how likely it is no usual customer
    buyer_bursts: Ints
    returned_fen: Ints  # by buyer
    first: int  # instant of the first burst or quick return
    recurrence: float  # how much of a burst's company comes again
    many_stores: float  # buyers who come together at more than one of the stores, more with more stores
    returns: float  # buyers who had money back at once, from the store or from one who paid others of the burst too
    company_back: float  # the same as a share of everybody in the bursts; 1 without bursts
    by_store: float  # those who had it back from the store itself
    gain: float  # what the store gave back, in what had been paid: below 1 a fee was kept, above it a wage was added
    lift: float  # middle amount of the bursts, in the store's usual ones; NaN where it has none
    alike: float  # spread of amounts, in the store's usual spread
    differ: float  # different amounts of a burst, as a share of its payments; 1 without bursts
    custom: float  # people who paid the stores and are none of the buyers, for each buyer who recurs
    devices: float  # buyers who share a device with another of them or with the store
    friends: float  # pairs of one burst's company who deal with each other apart from the stores
    friends_each: float  # other buyers a buyer deals with, on average

    @property
    def core(self) -> int:
        """Buyers who recur."""
        return int((self.chance == 1.0).sum())

    @classmethod
    def of(
        cls, own: Ints, stores: Ints, back: Bools, group: Grouping, edges: Edges, shared: SharedDevices, ties: Ties,
        rules: RingRules,
    ) -> Evidence:  # fmt: skip
        found, returns, hired = group.found, group.returns, group.hires
        burst, buyer = group.burst, group.buyer
        own, stores = _without_bystanders(own, stores, back, group, rules)
        n = len(edges.payments.accounts)
        inside = np.isin(burst, own)
        burst, buyer = burst[inside], buyer[inside]
        visits = np.bincount(buyer, minlength=n)
        ours = np.isin(edges.payee[returns.edge], stores)
        from_buyer = edges.payer[returns.edge[ours]].astype(np.int64)
        by_store = np.bincount(from_buyer, weights=returns.times[ours], minlength=n)
        fen = np.zeros(n, np.int64)
        np.add.at(fen, from_buyer, returns.fen[ours])
        price = int(returns.price[ours].sum())
        gain = int(fen.sum()) / price if price else 0.0
        for_hire = np.isin(hired.burst, own)
        by_another = np.bincount(hired.buyer[for_hire], minlength=n)
        np.add.at(fen, hired.buyer[for_hire], hired.fen[for_hire])
        times = by_store + by_another
        core = np.setdiff1d(np.flatnonzero((visits >= 2) | (times >= 2) | ((visits >= 1) & (times >= 1))), stores)
        paid_back = float((times[core] > 0).mean()) if len(core) else 0.0
        once, chance = _casual(core if paid_back < 0.5 else core[:0], stores, burst, buyer, found, rules)
        buyers = np.concatenate([core, once])
        with_device = np.zeros(len(core), np.bool_)
        others = np.concatenate([core, stores])
        for i, one in enumerate(core.tolist()):
            with_device[i] = shared.holds(np.full(len(others), one, np.int64), others).any()
        moments = [*found.start[own].tolist(), *edges.payments.at[edges.first[returns.edge[ours]]].tolist()]
        friends, friends_each = _friends(core, burst, buyer, ties)
        return cls(
            own, stores, buyers, np.concatenate([np.ones(len(core)), chance]), visits[buyers], fen[buyers],
            min(moments) if moments else 0,
            float((visits[buyer] >= 2).mean()) if len(own) > 1 else 0.0,
            _wander(core, buyer, found.store[burst]) * min(1.0, (len(stores) - 1) / max(rules.stores_full - 1, 1)),
            paid_back,
            float((times[np.unique(buyer)] > 0).mean()) if len(buyer) else 1.0,
            float((by_store[core] > 0).mean()) if len(core) else 0.0, gain,
            _usual(group.shapes.lift[own]), _usual(group.shapes.alike[own]),
            float(group.shapes.differ[own].mean()) if len(own) else 1.0, _custom(stores, buyers, len(core), edges),
            float(with_device.mean()) if len(core) else 0.0,
            friends, friends_each,
        )  # fmt: skip

    def score(self, rules: RingRules) -> float:
        """1 less the product of what each kind of evidence leaves open (noisy-or).

        Friends who go out together recur as well, so company that recurs counts as far as it is strangers.  So do people who
        pay into one kitty: it counts as far as the store has other customers, or the sums are not the same few for everybody.
        """
        weights = rules.weights
        apart = 1.0 - min(1.0, max(self.friends / rules.friends_ties, (self.friends_each / rules.friends_each) ** 2))
        size = (self.core - rules.members_min + 1) / (rules.company_full - rules.members_min + 1)
        trade = min(1.0, max(self.custom / rules.custom_full, self.differ / rules.differ_full))
        strangers = apart * min(1.0, size) * trade * (rules.two_bursts if len(self.bursts) < 3 else 1.0)
        back = min(1.0, self.company_back / rules.return_company_full)
        open_ = 1.0
        for kind, weight in (
            (self.recurrence * strangers, weights.recurrence), (self.many_stores * strangers, weights.many_stores),
            (self.returns * back * (1.0 if len(self.bursts) else apart * min(1.0, size)), weights.quick_returns), (self.devices, weights.shared_devices),
        ):  # fmt: skip
            open_ *= 1.0 - weight * kind
        return 1.0 - open_

    def kind(self, rules: RingRules) -> str:
        """The sort of ring that fits: phones in common, then who gave the money back and how much of it, then the amounts."""
        if self.devices >= rules.farm_share:
            return DEVICE_FARM
        if self.returns >= rules.returned_share:
            kept = self.gain <= 1.0 or self.lift >= rules.amount_lift
            return CASH_OUT if kept and self.by_store >= self.returns / 2 else FAKE_ORDERS
        if self.lift >= rules.amount_lift:
            return CASH_OUT
        return FAKE_ORDERS if self.alike <= rules.amount_alike else COMPANY

    def sentence(self, rules: RingRules) -> str:
        """Aggregates only: nobody is named."""
        parts = [f"{self.core} buyers came together in {len(self.bursts)} bursts at {len(self.stores)} stores"]
        if self.returns > 0:
            whom = "" if self.by_store >= self.returns / 2 else ", from one account that is not the store"
            parts.append(f"{round(100 * self.returns)} % of them had money back within two days{whom}")
        if self.lift >= rules.amount_lift:
            parts.append(f"amounts {self.lift:.0f} times the store's usual")
        elif self.alike <= rules.amount_alike:
            parts.append(f"amounts spread {round(100 * self.alike)} % as much as usual")
        if self.devices > 0:
            parts.append(f"{round(100 * self.devices)} % share a device")
        return "; ".join(parts)


def _usual(values: npt.NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _wander(buyers: Ints, buyer: Ints, store: Ints) -> float:
    """Share of `buyers` seen in bursts of two stores or more; (buyer, store) are visits."""
    if not len(buyers):
        return 0.0
    pairs = np.unique(np.stack([buyer, store]), axis=1)
    who, stores = np.unique(pairs[0], return_counts=True)
    return float(np.isin(buyers, who[stores > 1]).mean())


def _custom(stores: Ints, buyers: Ints, core: int, edges: Edges) -> float:
    """Payers of the stores who are none of the buyers, for each buyer who recurs."""
    payers = np.unique(edges.payer[np.isin(edges.payee, stores)])
    return float((~np.isin(payers, buyers)).sum()) / max(core, 1)


def _without_bystanders(
    own: Ints, stores: Ints, back: Bools, group: Grouping, rules: RingRules
) -> tuple[Ints, Ints]:  # fmt: skip
    """Bursts and stores of a group without stores at which a few of its buyers met by chance."""
    inside = np.isin(group.burst, own)
    visits = np.bincount(group.buyer[inside])
    recurs = visits[group.buyer[inside]] >= 2
    store = group.found.store[group.burst[inside]]
    kept = [
        one for one in stores.tolist() if back[one] or ((store == one).any() and recurs[store == one].mean() >= rules.core_share)
    ]  # fmt: skip
    stores = np.array(kept, np.int64)
    return own[np.isin(group.found.store[own], stores)], stores


def _casual(
    core: Ints, stores: Ints, burst: Ints, buyer: Ints, found: Bursts, rules: RingRules
) -> tuple[Ints, npt.NDArray[np.float64]]:
    """Buyers seen once, in bursts most of whose company recurs, and how likely each belongs.

    Somebody who comes to each of B bursts with chance r comes once with chance B r (1 - r)^(B - 1): common in a ring seen two
    or three times, rare in one seen often.  Against them stand the usual customers of those hours.  No core, no others: where
    most get their money back, one who does not is a customer.
    """
    bursts, row = np.unique(burst, return_inverse=True)
    inner = np.isin(buyer, core)
    size, inner_size = np.bincount(row, minlength=len(bursts)), np.bincount(row[inner], minlength=len(bursts))
    fits = inner_size >= rules.core_share * size
    one = ~inner & fits[row] & ~np.isin(buyer, stores)
    if not one.any():
        return np.zeros(0, np.int64), np.zeros(0)
    count, rate = len(bursts), float(inner.sum()) / max(len(core), 1) / len(bursts)
    once, never = count * rate * (1 - rate) ** (count - 1), (1 - rate) ** count
    expected = len(core) * once / max(1 - once - never, 0.05)
    chance = expected / max(expected + float(found.usual[bursts[fits]].sum()), 1e-9)
    if chance < rules.casual_chance:
        return np.zeros(0, np.int64), np.zeros(0)
    return buyer[one], np.full(int(one.sum()), min(chance, 0.999))


def _friends(buyers: Ints, burst: Ints, buyer: Ints, ties: Ties) -> tuple[float, float]:
    """(share of pairs within the company of a burst who deal with each other, other buyers a buyer deals with).

    A large group may be many circles of friends chained together, so both are looked at.  (burst, buyer) are visits;
    without any the first is of all pairs.
    """
    from scipy.sparse import csr_matrix  # loaded when first asked

    if len(buyers) < 2:
        return 0.0, 0.0
    near = [ties.neighbours[ties.offsets[one] : ties.offsets[one + 1]] for one in buyers.tolist()]
    row = np.repeat(np.arange(len(buyers)), [len(others) for others in near])
    others = np.concatenate(near).astype(np.int64)
    ours = np.isin(others, buyers)
    shape = (len(buyers), len(buyers))
    tied = csr_matrix((np.ones(int(ours.sum())), (row[ours], np.searchsorted(buyers, others[ours]))), shape=shape)
    each = float(tied.sum()) / len(buyers)
    core = np.isin(buyer, buyers)
    if not core.any():
        return each / (len(buyers) - 1), each
    bursts, rows = np.unique(burst[core], return_inverse=True)
    visit = (rows, np.searchsorted(buyers, buyer[core]))
    there = csr_matrix((np.ones(len(rows)), visit), shape=(len(bursts), len(buyers)))
    size = np.asarray(there.sum(axis=1)).ravel()
    pairs = np.asarray((there @ tied).multiply(there).sum(axis=1)).ravel()
    return float(np.average(pairs / np.maximum(size * (size - 1), 1.0), weights=size)), each


def ring_table(groups: list[Evidence], paid: Payments, rules: Rules) -> pa.Table:
    """Rows of `RINGS`, rings numbered from the strongest, stores before buyers."""
    table = numbered_table(groups, rules)
    return table.set_column(0, RINGS.field("account"), paid.accounts.take(table.column(0)))


def numbered_table(groups: list[Evidence], rules: Rules) -> pa.Table:
    """The same with accounts by number."""
    scored = sorted(((g.score(rules.rings), g) for g in groups), key=lambda pair: (-pair[0], pair[1].first))
    schema = RINGS.set(0, pa.field("account", pa.int64()))
    parts = [_members(ring, score, group, rules.rings) for ring, (score, group) in enumerate(scored)]
    return pa.concat_tables(parts).cast(schema) if parts else schema.empty_table()


def _members(ring: int, score: float, group: Evidence, rules: RingRules) -> pa.Table:
    """Rows of one ring, accounts by number."""
    stores, buyers = len(group.stores), len(group.buyers)
    rows = stores + buyers
    return pa.table({
        "account": np.concatenate([group.stores, group.buyers]),
        "role": ["store"] * stores + ["buyer"] * buyers,
        "score": np.concatenate([np.full(stores, score), score * group.chance]),
        "flagged": np.full(rows, score >= rules.flag_score),
        "ring": np.full(rows, ring),
        "first_burst": pa.array(np.full(rows, group.first)).cast(pa.timestamp("us", tz="UTC")),
        "bursts": np.concatenate([np.full(stores, len(group.bursts)), group.buyer_bursts]),
        "returned_fen": np.concatenate([np.full(stores, int(group.returned_fen.sum())), group.returned_fen]),
        "evidence": [group.sentence(rules)] * rows,
        "kind": [group.kind(rules)] * rows,
    })  # fmt: skip


def by_account(table: pa.Table, accounts: pa.Array) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(score as a store, score as a buyer) of every account, 0 outside rings."""
    place = {name: i for i, name in enumerate(accounts.to_pylist())} if table.num_rows else {}
    store, buyer = np.zeros(len(accounts)), np.zeros(len(accounts))
    columns = (table.column(name).to_pylist() for name in ("account", "role", "score"))
    for account, role, score in zip(*columns, strict=True):
        scores = store if role == "store" else buyer
        scores[place[account]] = max(scores[place[account]], score)
    return store, buyer
