"""Who trades: merchants with their trade, size, customers and place; firms' owners; the outside companies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.world.almanac import Almanac
from dandelion.world.draws import Bools, Floats, Ints, Purpose, generator
from dandelion.world.people import People
from dandelion.world.trades import INDUSTRIES, MERCHANTS_PER_PERSON, PLANS, Case, Role

ESTABLISHED = 0.76  # share of merchants that traded before the record begins
OPEN_BEFORE_MONTHS = 96
OUTSIDE_PER_PERSON = 0.01


@dataclass(frozen=True)
class Merchants:
    """Everyone who trades, sorted by town.  One row each; `account` is the owner's own account if unregistered."""

    account: Ints
    owner: Ints  # person
    town: Ints
    street: Ints
    role: Ints
    industry: Ints
    registered: Bools
    opened: Ints  # month number, negative before the record
    payments: Floats  # median payments a month
    ticket_ln: Floats  # mean of ln(fen)
    ticket_sd: Floats
    repeat: Floats
    pool: Floats
    local: Floats
    refunds: Floats
    quality: Floats  # fixed part of health
    town_starts: Ints  # (towns + 1,) into these rows

    def __len__(self) -> int:
        return len(self.account)

    @property
    def firm(self) -> Bools:
        return np.asarray(self.role == Role.REGISTERED_FIRM)

    def rhythm(self) -> Ints:
        return np.array([industry.rhythm for industry in INDUSTRIES])[self.industry]

    def clock(self) -> Ints:
        return np.array([industry.clock for industry in INDUSTRIES])[self.industry]


@dataclass(frozen=True)
class Accounts:
    """Account numbers: persons first, then shops and firms with an account of their own, then outside companies."""

    people: int
    businesses: int
    outside: int
    merchant_of: Ints  # (accounts,) row in Merchants or -1

    def __len__(self) -> int:
        return self.people + self.businesses + self.outside

    @property
    def outside_start(self) -> int:
        return self.people + self.businesses


def cast(seed: int, people: People, almanac: Almanac) -> tuple[Merchants, Accounts]:
    """Give a fifth of the people a trade, in each town by the plans' shares."""
    rng = generator(seed, Purpose.MERCHANTS)
    owner, role = _owners(rng, people)
    count = len(owner)
    plan = {name: np.array([getattr(p, name) for p in PLANS])[role - 1] for name in (
        "registered", "payments_a_month", "size_spread", "repeat", "pool_months", "local", "refunds")}  # fmt: skip
    industry = _industries(rng, role)
    trade = {name: np.array([getattr(i, name) for i in INDUSTRIES])[industry] for name in ("ticket_yuan", "spread")}
    street = people.street_of(owner)
    trading_street = np.where(
        (role == Role.STREET_SHOP) & ~people.village[street], _walk_to_town(rng, people, street), street
    )
    registered = rng.random(count) < plan["registered"]
    quality = rng.normal(0, 0.7, count)
    size = rng.normal(0, 1, count)
    payments = plan["payments_a_month"] * np.exp(plan["size_spread"] * (0.95 * size + 0.22 * quality / 0.7))
    payments = np.minimum(payments, 1500.0)
    businesses = int(registered.sum())
    account = owner.copy()
    account[registered] = people.count + np.arange(businesses)
    outside = max(40, int(people.count * OUTSIDE_PER_PERSON))
    merchant_of = np.full(people.count + businesses + outside, -1, np.int64)
    merchant_of[account] = np.arange(count)
    opened = np.where(
        rng.random(count) < ESTABLISHED,
        -1 - (OPEN_BEFORE_MONTHS * rng.random(count) ** 1.5).astype(np.int64),
        rng.integers(0, max(almanac.months - 2, 1), count),
    )
    ticket_sd = trade["spread"] * rng.uniform(0.8, 1.2, count)
    merchants = Merchants(
        account=account,
        owner=owner,
        town=np.searchsorted(people.town_starts, owner, side="right") - 1,
        street=trading_street,
        role=role,
        industry=industry,
        registered=registered,
        opened=opened,
        payments=payments,
        ticket_ln=np.log(trade["ticket_yuan"] * 100) + rng.normal(0, 0.35, count),
        ticket_sd=ticket_sd,
        repeat=np.clip(plan["repeat"] + rng.normal(0, 0.12, count), 0.05, 0.92),
        pool=np.maximum(3.0, plan["pool_months"] * payments * np.exp(rng.normal(0, 0.3, count))),
        local=np.clip(plan["local"] + rng.normal(0, 0.15, count), 0, 0.95) * (plan["local"] > 0),
        refunds=plan["refunds"] * np.exp(rng.normal(0, 0.5, count)),
        quality=quality,
        town_starts=np.searchsorted(owner, people.town_starts),
    )
    return merchants, Accounts(people.count, businesses, outside, merchant_of)


def hard_merchants(seed: int, merchants: Merchants, people: People) -> tuple[Merchants, Ints]:
    """Turn some merchants into the hard cases of identification and of burst detection: (merchants, case per row)."""
    rng = generator(seed, Purpose.CASTING)
    count = len(merchants)
    case = np.full(count, int(Case.NONE))
    village = people.village[merchants.street]
    small = np.isin(merchants.role, (Role.PART_TIME, Role.FAMILY_BUSINESS))
    street = merchants.role == Role.STREET_SHOP
    meals = np.array([i.text in ("小吃快餐", "饭店", "奶茶饮品") for i in INDUSTRIES])[merchants.industry]
    pick = rng.random(count)
    _mark(case, small & (pick < 0.28), Case.MICRO_VENDOR, rng)
    _mark(case, street & village & (pick < 0.75), Case.VILLAGE_SHOP, rng)
    _mark(case, (street | (merchants.role == Role.ONLINE_SHOP)) & (pick < 0.07), Case.PROMOTION, rng)
    _mark(case, street & meals & (pick < 0.16), Case.RUSH_HOUR, rng)
    micro, shop = case == Case.MICRO_VENDOR, case == Case.VILLAGE_SHOP
    rush, promo = case == Case.RUSH_HOUR, case == Case.PROMOTION
    payments = np.where(micro, np.minimum(merchants.payments, 9.0), merchants.payments)
    payments = np.where(rush | promo, np.maximum(payments, 70.0), payments)
    pool = np.where(micro, rng.uniform(2.5, 6.5, count), merchants.pool)
    changed = {
        "payments": payments,
        "pool": np.where(shop, np.minimum(pool, 150), pool),
        "repeat": np.where(micro, 0.97, np.where(shop, 0.9, merchants.repeat)),
        "local": np.where(shop, 1.0, merchants.local),
    }
    return Merchants(**{**merchants.__dict__, **changed}), case


def _mark(case: Ints, wanted: Bools, value: Case, rng: np.random.Generator) -> None:
    """Mark free wanted rows; where chance gave fewer than four, mark some more at random."""
    free = np.flatnonzero(case == Case.NONE)
    chosen = np.flatnonzero(wanted & (case == Case.NONE))
    if len(chosen) < 4:
        chosen = np.union1d(chosen, rng.choice(free, 4, replace=False))
    case[chosen] = int(value)


def _owners(rng: np.random.Generator, people: People) -> tuple[Ints, Ints]:
    owners, roles = [], []
    for town in range(people.towns):
        low, high = int(people.town_starts[town]), int(people.town_starts[town + 1])
        rural = people.village[people.street_of(np.arange(low, high))]
        key = rng.random(high - low)
        traders = max(2 * len(PLANS), int((high - low) * MERCHANTS_PER_PERSON))
        counts = np.maximum(2, np.round(np.array([p.share for p in PLANS]) * traders)).astype(np.int64)
        farmers = int(counts[Role.FARMER - 1])
        field = np.argsort(np.where(rural, key, 1 + key))  # farmers come from the villages first
        farm, rest = field[:farmers], rng.permutation(field[farmers:])
        others = [int(plan.role) for plan in PLANS if plan.role != Role.FARMER]
        role = np.repeat(others, counts[np.array(others) - 1])
        who = np.concatenate([farm, rest[: len(role)]]) + low
        what = np.concatenate([np.full(len(farm), int(Role.FARMER)), role])
        order = np.argsort(who)
        owners.append(who[order])
        roles.append(what[order])
    return np.concatenate(owners), np.concatenate(roles)


def _industries(rng: np.random.Generator, role: Ints) -> Ints:
    out = np.zeros(len(role), np.int64)
    for plan in PLANS:
        rows = np.flatnonzero(role == plan.role)
        choices = [i for i, industry in enumerate(INDUSTRIES) if industry.role == plan.role]
        weights = np.array([INDUSTRIES[i].weight for i in choices], float)
        out[rows] = rng.choice(choices, len(rows), p=weights / weights.sum())
    return out


def _walk_to_town(rng: np.random.Generator, people: People, street: Ints) -> Ints:
    """Shops gather: half of them move to one of the few busy streets of their town."""
    out = street.copy()
    for town in range(people.towns):
        streets = np.flatnonzero((people.street_town == town) & ~people.village)
        if len(streets) == 0:
            continue
        busy = streets[: max(1, len(streets) // 6)]
        rows = np.flatnonzero((people.street_town[street] == town) & (rng.random(len(street)) < 0.5))
        out[rows] = rng.choice(busy, len(rows))
    return out
