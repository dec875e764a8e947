"""Payments of another country: a second, differently built generator, so that nothing is tuned to our own world alone.

Nothing is shared with `dandelion.world`: families and friends are drawn as cliques and random graphs, stores have
accounts of their own and Zipf crowds, hours are flat or peaked, sums are lognormal in another currency, ids are scrambled, the
period is weeks rather than years.  No model is trained on it and no threshold is set by it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

DAY_US, HOUR_US, MINUTE_US = 86_400_000_000, 3_600_000_000, 60_000_000
START_US = 1_772_000_000_000_000
Ints = npt.NDArray[np.int64]


@dataclass
class _Draft:
    """Columns under construction, and who is what."""

    rng: np.random.Generator
    people: int
    days: int
    rush: bool
    payer: list[Ints] = field(default_factory=list)
    payee: list[Ints] = field(default_factory=list)
    at: list[Ints] = field(default_factory=list)
    fen: list[Ints] = field(default_factory=list)
    case: dict[int, str] = field(default_factory=dict)
    business: set[int] = field(default_factory=set)
    ring: dict[int, int] = field(default_factory=dict)
    used: int = 0

    def pay(self, payer: Ints, payee: Ints | int, at: Ints, amount: npt.NDArray[np.float64] | float) -> None:
        rows = len(payer)
        fen = np.maximum(np.rint(np.broadcast_to(np.asarray(amount, np.float64), (rows,))), 1).astype(np.int64)
        self.payer.append(np.asarray(payer, np.int64))
        self.payee.append(np.broadcast_to(np.asarray(payee, np.int64), (rows,)).copy())
        self.at.append(np.asarray(at, np.int64))
        self.fen.append(fen)

    def moments(self, rows: int) -> Ints:
        """Flat over the day, or peaked at noon and evening."""
        day = self.rng.integers(0, self.days, rows) * DAY_US
        if not self.rush:
            return day + self.rng.integers(0, DAY_US, rows)
        hour = np.where(
            self.rng.random(rows) < 0.45, self.rng.normal(12.3, 0.6, rows), self.rng.normal(18.5, 2.5, rows)
        )
        return day + (np.clip(hour, 0, 23.99) * HOUR_US).astype(np.int64)

    def somebody(self, case: str, *, business: bool) -> int:
        """The next private person without a part yet."""
        one = self._order[self.used]
        self.used += 1
        self.case[one] = case
        if business:
            self.business.add(one)
        return one

    def __post_init__(self) -> None:
        self._order = [int(i) for i in self.rng.permutation(self.people)]


def elsewhere(
    seed: int, *, people: int = 12_000, days: int = 75, rush: bool = False, rings: int = 25, returns: bool = False
) -> tuple[pa.Table, pa.Table]:
    """(payments, truth): payer, payee, at, amount_fen; account, is_business, case, ring (-1 outside), role."""
    rng = np.random.default_rng([seed, 77])
    draft = _Draft(rng, people, days, rush)
    groups = _private_life(draft)
    stores = _stores(draft)
    _own_account_traders(draft)
    _collectors(draft, groups, stores)
    _promotions(draft, stores)
    buyers = _rings(draft, stores, rings, returns)
    return _tables(draft, buyers)


def _private_life(draft: _Draft) -> list[Ints]:
    """Families where everybody pays everybody, circles of friends, chance acquaintances; returns the circles."""
    rng, n = draft.rng, draft.people
    pairs: list[tuple[int, int, float]] = []
    start = 0
    while start < n:
        size = int(rng.integers(1, 6))
        pairs += [
            (a, b, 2.2)
            for a in range(start, min(start + size, n))
            for b in range(start, min(start + size, n))
            if a != b
        ]
        start += size
    order, circles, start = rng.permutation(n), [], 0
    while start < n:
        size = int(rng.integers(5, 14))
        circle = order[start : start + size]
        circles.append(circle)
        pairs += [(int(a), int(b), 0.9) for a in circle for b in circle if a != b and rng.random() < 0.35]
        start += size
    pairs += [(int(a), int(b), 1.0) for a, b in rng.integers(0, n, (n, 2)) if a != b]
    table = np.array(pairs)
    times = rng.poisson(table[:, 2] * draft.days / 60)
    payer, payee = (np.repeat(table[:, k].astype(np.int64), times) for k in (0, 1))
    sums = np.exp(rng.normal(8.2, 1.2, len(payer)))
    step = np.array([1, 100, 1_000, 5_000])[rng.choice(4, len(payer), p=[0.25, 0.25, 0.3, 0.2])]
    draft.pay(payer, payee, draft.moments(len(payer)), np.maximum(np.round(sums / step), 1) * step)
    return circles


def _stores(draft: _Draft) -> Ints:
    """4 % as many stores as people, Zipf crowds, half with a price list; a third of them pay suppliers and wages."""
    rng, n = draft.rng, draft.people
    count = int(n * 0.04)
    stores = n + np.arange(count)
    weight = 1 / np.arange(1, count + 1) ** 0.85
    weight /= weight.sum()
    favourites = rng.choice(count, (n, 6), p=weight)
    visits = rng.poisson(rng.gamma(2.0, 4.5, n) * draft.days / 30)
    payer = np.repeat(np.arange(n), visits)
    loyal = rng.random(len(payer)) < 0.6
    store = np.where(loyal, favourites[payer, rng.integers(0, 6, len(payer))], rng.choice(count, len(payer), p=weight))
    middle, listed = rng.normal(7.6, 0.9, count), rng.random(count) < 0.5
    prices = np.exp(middle[:, None] + rng.normal(0, 0.5, (count, 12)))
    free = np.exp(middle[store] + rng.normal(0, 0.6, len(payer)))
    fixed = np.round(prices[store, rng.integers(0, 12, len(payer))] / 10) * 10
    at = draft.moments(len(payer))
    peaked = rng.random(count) < 0.05
    rush = peaked[store]
    at[rush] = at[rush] // DAY_US * DAY_US + (rng.normal(12.2, 0.25, int(rush.sum())) * HOUR_US).astype(np.int64)
    draft.pay(payer, n + store, at, np.where(listed[store], fixed, free))
    for k in range(count):
        draft.business.add(int(stores[k]))
        draft.case[int(stores[k])] = "rush_hour" if peaked[k] else "store"
    village_count = max(5, n // 1_500)
    for v in range(village_count):
        low = int(rng.integers(0, n - 220))
        shop = n + count + v
        locals_ = np.arange(low, low + int(rng.integers(90, 220)))
        ties = rng.choice(locals_, (len(locals_) * 4, 2))
        ties = ties[ties[:, 0] != ties[:, 1]]
        draft.pay(
            ties[:, 0],
            ties[:, 1],
            draft.moments(len(ties)),
            np.round(np.exp(rng.normal(7.8, 1.0, len(ties))) / 100) * 100 + 100,
        )
        come = np.repeat(locals_, rng.poisson(rng.gamma(1.2, 3.0, len(locals_)) * draft.days / 60))
        draft.pay(come, shop, draft.moments(len(come)), np.exp(rng.normal(7.0, 0.8, len(come))))
        draft.case[shop] = "village_shop"
        draft.business.add(shop)
    every = np.concatenate([stores, n + count + np.arange(village_count)])
    spending = every[rng.random(len(every)) < 0.35]
    staff = np.repeat(spending, 2)
    for month in range(max(1, draft.days // 30)):
        draft.pay(
            staff, rng.integers(0, n, len(staff)), np.full(len(staff), month * 30 * DAY_US + 9 * HOUR_US), 300_000.0
        )
        draft.pay(
            spending,
            rng.choice(stores, len(spending)),
            draft.moments(len(spending)),
            np.exp(rng.normal(11, 1, len(spending))),
        )
    return stores


def _own_account_traders(draft: _Draft) -> None:
    """Vendors with fewer than ten customers and part-time sellers, on the account they also live from."""
    rng, n = draft.rng, draft.people
    for case, count, low, high, visits in (("small_vendor", n // 150, 4, 9, 3.5), ("part_time", n // 100, 12, 60, 1.8)):
        for _ in range(count):
            one = draft.somebody(case, business=True)
            customers = rng.choice(n, int(rng.integers(low, high + 1)), replace=False)
            customers = customers[customers != one]
            come = np.repeat(customers, 1 + rng.poisson(visits * draft.days / 60, len(customers)))
            price = np.exp(rng.normal(8.0, 0.6))
            draft.pay(
                come,
                one,
                draft.moments(len(come)),
                np.maximum(np.round(price * np.exp(rng.normal(0, 0.45, len(come))) / 100), 1) * 100,
            )


def _collectors(draft: _Draft, circles: list[Ints], stores: Ints) -> None:
    """Landlords, group-buy organisers and people who split bills."""
    rng, n, span = draft.rng, draft.people, draft.days * DAY_US
    for _ in range(n // 200):
        one = draft.somebody("landlord", business=False)
        tenants = rng.choice(n, int(rng.integers(3, 13)), replace=False)
        rent = np.round(np.exp(rng.normal(11.6, 0.3, len(tenants))) / 5_000) * 5_000
        for month in range(max(1, draft.days // 30)):
            day = (np.arange(len(tenants)) % 5 + month * 30) * DAY_US
            draft.pay(tenants, one, day + rng.integers(8 * HOUR_US, 22 * HOUR_US, len(tenants)), rent)
    for _ in range(n // 250):
        one = draft.somebody("group_buy_organiser", business=False)
        near = np.unique(np.concatenate([circles[int(k)] for k in rng.integers(0, len(circles), 4)]))
        near, supplier = near[near != one], int(rng.choice(stores))
        for _ in range(int(rng.integers(2, 7))):
            opened = int(rng.integers(0, max(span - 2 * DAY_US, 1)))
            join = near[rng.random(len(near)) < 0.55]
            sums = np.round(np.exp(rng.normal(7.9, 0.5)) / 100) * 100 * rng.integers(1, 4, len(join))
            draft.pay(join, one, opened + rng.integers(0, 10 * HOUR_US, len(join)), sums)
            if len(join):
                draft.pay(np.array([one]), supplier, np.array([opened + 20 * HOUR_US]), float(sums.sum()) * 0.95)
    for _ in range(n // 150):
        one = draft.somebody("bill_splitter", business=False)
        for _ in range(int(rng.integers(1, 7))):
            near = circles[int(rng.integers(0, len(circles)))]
            guests = np.setdiff1d(np.append(near, rng.integers(0, n, 5)), [one])
            opened, share = int(rng.integers(HOUR_US, span)), float(np.round(np.exp(rng.normal(8.3, 0.4)) / 10) * 10)
            draft.pay(
                np.array([one]), int(rng.choice(stores)), np.array([opened - 20 * MINUTE_US]), share * (len(guests) + 1)
            )
            draft.pay(guests, one, opened + rng.integers(0, 45 * MINUTE_US, len(guests)), share)


def _promotions(draft: _Draft, stores: Ints) -> None:
    rng = draft.rng
    for store in rng.choice(stores, max(6, len(stores) // 16), replace=False):
        for _ in range(int(rng.integers(1, 4))):
            opened = int(rng.integers(0, draft.days)) * DAY_US + int(rng.integers(10, 20)) * HOUR_US
            crowd = rng.choice(draft.people, int(rng.integers(25, 130)), replace=False)
            draft.pay(
                crowd,
                int(store),
                opened + rng.integers(0, HOUR_US, len(crowd)),
                np.exp(rng.normal(7.5, 0.4, len(crowd))),
            )
        draft.case[int(store)] = "promotion"


def _rings(draft: _Draft, stores: Ints, count: int, returns: bool) -> dict[int, str]:
    """Buyers who meet in bursts at one to three stores of the middle of the field; with `returns` the money goes back."""
    rng = draft.rng
    role: dict[int, str] = {}
    free = [int(s) for s in stores[len(stores) // 20 :] if draft.case[int(s)] == "store"]
    chosen = rng.permutation(len(free))
    used = 0
    for ring in range(count):
        members = rng.choice(draft.people, int(rng.integers(12, 36)), replace=False)
        where = [free[int(chosen[used + k])] for k in range(int(rng.integers(1, 4)))]
        used += len(where)
        for store in where:
            draft.ring[store], role[store] = ring, "store"
        for burst in range(int(rng.integers(3, 8))):
            store = where[burst % len(where)]
            here = members[rng.random(len(members)) < rng.uniform(0.55, 0.9)]
            opened = int(rng.integers(0, draft.days - 1)) * DAY_US + int(rng.integers(0, 24)) * HOUR_US
            at = opened + rng.integers(0, int(rng.integers(15, 60)) * MINUTE_US, len(here))
            sums = np.exp(rng.normal(9.5, 0.5, len(here))) if returns else np.exp(rng.normal(8.3, 0.6, len(here)))
            draft.pay(here, store, at, sums)
            if returns:
                draft.pay(
                    np.full(len(here), store), here, at + rng.integers(HOUR_US, 12 * HOUR_US, len(here)), sums * 0.97
                )
            for one in here.tolist():
                draft.ring[one], role[one] = ring, "buyer"
    return role


def _tables(draft: _Draft, role: dict[int, str]) -> tuple[pa.Table, pa.Table]:
    payer, payee, at, fen = (np.concatenate(part) for part in (draft.payer, draft.payee, draft.at, draft.fen))
    keep = (payer != payee) & (at >= 0) & (at < (draft.days + 1) * DAY_US)
    payer, payee, at, fen = payer[keep], payee[keep], at[keep], fen[keep]
    accounts = int(max(payer.max(), payee.max())) + 1
    rng = draft.rng
    names = np.array([f"{k:08x}" for k in rng.permutation(accounts * 7)[:accounts]], dtype=object)
    shuffle = rng.permutation(len(at))
    payments = pa.table(
        {
            "payer": pa.array(names[payer[shuffle]], pa.string()), "payee": pa.array(names[payee[shuffle]], pa.string()),
            "at": pa.array(START_US + at[shuffle]).cast(pa.timestamp("us", tz="UTC")), "amount_fen": fen[shuffle],
        }
    )  # fmt: skip
    every = range(accounts)
    truth = pa.table(
        {
            "account": pa.array(names, pa.string()), "is_business": [k in draft.business for k in every],
            "case": [draft.case.get(k, "none") for k in every], "ring": [draft.ring.get(k, -1) for k in every],
            "role": [role.get(k, "") for k in every],
        }
    )  # fmt: skip
    return payments, truth
