"""Registered firms: owners and officers, shareholders in chains, tiers of supply, and how each one invoices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.world.cast import Accounts, Merchants
from dandelion.world.draws import Bools, Floats, Ints, Purpose, generator
from dandelion.world.fraud import Ring, Rings
from dandelion.world.people import People
from dandelion.world.trades import INDUSTRIES, Role

# Sales invoices of 425 real small firms (data/invoices): median 15,900 yuan, sd of ln 2.1, tickets capped at 100,000 net,
# 7.1 % void and 2.9 % red-letter rows, 15 a month in the median firm.  Used as calibration constants only.
INVOICES_A_MONTH = 13.0
NET_LN_FEN = 14.45
NET_LN_BETWEEN, NET_LN_WITHIN = 1.35, (1.75, 1.9)  # between firms; within, of sales and of purchases
TICKET_CAP_FEN = 10_000_000
CAPPED_SHARE = 0.72
VOID_SHARE, RED_SHARE = 0.078, 0.034
TAX_RATES_PPM = (30_000, 130_000, 60_000, 90_000, 10_000)
TAX_RATE_WEIGHTS = (0.30, 0.38, 0.16, 0.10, 0.06)
QUIET_PPM = 50_000  # what firms of a circle hold of each other
HOLDING_ROLES = ("owner", "legal_representative", "director", "supervisor", "finance", "household_member")


@dataclass(frozen=True)
class Firms:
    """One row a registered firm, `row` into Merchants.  Edges of ownership and office stand below, as arrays."""

    row: Ints
    tier: Ints  # 0 makes, 1 distributes, 2 serves
    invoices: Floats  # sales invoices a month
    purchases: Floats
    net_ln: Floats
    capped: Bools
    tax_ppm: Ints
    void: Floats
    red: Floats
    late: Floats  # ln odds of a late filing
    holding_firm: Ints  # accounts
    holding_holder: Ints
    holding_ppm: Ints
    office_firm: Ints
    office_person: Ints
    office_role: Ints
    supplier: Ints  # per merchant: account of the firm or outside company it buys from


def found(seed: int, people: People, merchants: Merchants, accounts: Accounts, rings: Rings) -> Firms:
    """Draw firms' invoicing habits, shareholders, officers and the supply edges from firms to shops."""
    rng = generator(seed, Purpose.FIRMS)
    row = np.flatnonzero(merchants.firm)
    sector = np.array([i.sector for i in INDUSTRIES])[merchants.industry[row]]
    tier = np.where(sector == "making", 0, np.where(sector == "wholesale", 1, 2))
    count = len(row)
    lift = merchants.payments[row] / 15.0
    holding = _holdings(rng, people, merchants, row, rings)
    office = _offices(rng, people, merchants, row)
    return Firms(
        row, tier, np.clip(INVOICES_A_MONTH * lift, 1.5, 120), np.clip(9.0 * lift, 1.0, 100),
        NET_LN_FEN + rng.normal(0, NET_LN_BETWEEN, count), rng.random(count) < CAPPED_SHARE,
        rng.choice(TAX_RATES_PPM, count, p=TAX_RATE_WEIGHTS), rng.beta(1.3, 1.3 / VOID_SHARE - 1.3, count),
        rng.beta(1.2, 1.2 / RED_SHARE - 1.2, count), rng.normal(-2.7, 0.5, count),
        *holding, *office, _suppliers(rng, merchants, accounts, row[tier <= 1]),
    )  # fmt: skip


def _holdings(
    rng: np.random.Generator, people: People, merchants: Merchants, row: Ints, rings: Rings
) -> tuple[Ints, Ints, Ints]:
    """Owner with family or a partner; one firm in eight is held by another firm; a few circles of cross-holding."""
    firm: list[int] = []
    holder: list[int] = []
    share: list[int] = []
    account, owner = merchants.account[row], merchants.owner[row]
    relative = people.household.mate(owner, rng.integers(0, 2**63, len(row)).astype(np.uint64))
    partner = rng.integers(0, people.count, len(row))
    pattern = rng.random(len(row))
    for i in range(len(row)):
        own, other = int(account[i]), int(relative[i] if pattern[i] < 0.35 else partner[i])
        if pattern[i] < 0.22 or other == owner[i]:
            parts = [(int(owner[i]), 1_000_000)]
        elif pattern[i] < 0.75:
            major = int(rng.integers(51, 95)) * 10_000
            parts = [(int(owner[i]), major), (other, 1_000_000 - major)]
        elif pattern[i] < 0.88:
            third = int(rng.integers(0, people.count))
            parts = [(int(owner[i]), 400_000), (other, 350_000), (third, 250_000)]
        else:
            parent = int(account[int(rng.integers(0, len(row)))])
            parts = [(parent, 600_000), (int(owner[i]), 400_000)] if parent != own else [(int(owner[i]), 1_000_000)]
        merged: dict[int, int] = {}
        for who, ppm in parts:
            merged[who] = merged.get(who, 0) + ppm
        firm += [own] * len(merged)
        holder += merged.keys()
        share += merged.values()
    largest = _largest_rows(firm, share)
    for ring in np.flatnonzero(rings.sort == Ring.CIRCULAR_INVOICES):
        circle = merchants.account[rings.of(int(ring))]
        firm += [int(a) for a in circle]
        holder += [int(a) for a in np.roll(circle, 1)]
        share += [QUIET_PPM] * len(circle)
        for one in circle:  # ties the circle together; the largest holder gives it
            share[largest[int(one)]] -= QUIET_PPM
    return np.array(firm), np.array(holder), np.array(share)


def _largest_rows(firm: list[int], share: list[int]) -> dict[int, int]:
    """Row of the largest holding of each firm."""
    rows: dict[int, int] = {}
    for row, account in enumerate(firm):
        if account not in rows or share[row] > share[rows[account]]:
            rows[account] = row
    return rows


def _offices(rng: np.random.Generator, people: People, merchants: Merchants, row: Ints) -> tuple[Ints, Ints, Ints]:
    """Owner and legal representative (one in ten is a front man), supervisor, finance; owners of registered shops."""
    shops = np.flatnonzero(merchants.registered & ~merchants.firm)
    bits = rng.integers(0, 2**63, len(row)).astype(np.uint64)
    relative = people.household.mate(merchants.owner[row], bits)
    helper = people.colleagues.mate(merchants.owner[row], bits)
    front = np.where(rng.random(len(row)) < 0.1, helper, merchants.owner[row])
    family = people.household.mate(merchants.owner[shops], rng.integers(0, 2**63, len(shops)).astype(np.uint64))
    kin = (rng.random(len(shops)) < 0.4) & (family != merchants.owner[shops])
    account = merchants.account
    firm = [account[row], account[row], account[row], account[row], account[shops], account[shops[kin]]]
    person = [merchants.owner[row], front, relative, helper, merchants.owner[shops], family[kin]]
    role = [0, 1, 3, 4, 0, 5]
    return (
        np.concatenate(firm),
        np.concatenate(person),
        np.concatenate([np.full(len(f), r) for f, r in zip(firm, role, strict=True)]),
    )


def _suppliers(rng: np.random.Generator, merchants: Merchants, accounts: Accounts, wholesale: Ints) -> Ints:
    """Shops buy from a making or distributing firm of their town, or from an outside company; others from nobody."""
    outside = accounts.outside_start + rng.integers(0, accounts.outside, len(merchants))
    supplier = outside.copy()
    for town in np.unique(merchants.town):
        near = wholesale[merchants.town[wholesale] == town]
        rows = np.flatnonzero((merchants.town == town) & (rng.random(len(merchants)) < 0.6))
        if len(near):
            supplier[rows] = merchants.account[rng.choice(near, len(rows))]
    buys = np.isin(merchants.role, (Role.STREET_SHOP, Role.ONLINE_SHOP, Role.FAMILY_BUSINESS, Role.REGISTERED_FIRM))
    return np.where(buys & (supplier != merchants.account), supplier, -1)
