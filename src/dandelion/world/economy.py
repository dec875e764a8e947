"""One frozen object with everything that does not change from month to month: the economy before it starts to move."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dandelion.core import BadInput
from dandelion.world.almanac import Almanac
from dandelion.world.cast import Accounts, Merchants, cast, hard_merchants
from dandelion.world.collectors import Collectors, gather
from dandelion.world.crowds import Crowds, cast_crowds, friend_sellers, no_crowds
from dandelion.world.draws import Ints, Purpose, generator
from dandelion.world.firms import Firms, found
from dandelion.world.fraud import Ring, Rings, conspire
from dandelion.world.health import Debts, Paths, borrow_elsewhere, live
from dandelion.world.people import People, settle
from dandelion.world.schemes import Schemes, cast_schemes, no_schemes, own_devices
from dandelion.world.streets import Happenings, Streets, happen, lay_out, pressure
from dandelion.world.trades import Case

PEOPLE_MIN, PEOPLE_MAX = 1_000, 2_000_000
LENDERS = 24


@dataclass(frozen=True)
class Economy:
    """The seeded population and its hidden paths.  Large tables of events are drawn from it month by month."""

    seed: int
    null: bool
    almanac: Almanac
    people: People
    streets: Streets
    happenings: Happenings
    merchants: Merchants
    case: Ints  # Case per merchant
    accounts: Accounts
    rings: Rings
    paths: Paths
    debts: Debts
    firms: Firms
    collectors: Collectors
    crowds: Crowds
    hard: bool
    device: Ints  # per account
    schemes: Schemes


def found_economy(
    seed: int, people: int, months: int, null: bool, hard: bool = False, schemes: bool = False
) -> Economy:
    """Draw everything that stands still.  Raises BadInput for sizes outside what the machine or calendar can hold."""
    if not PEOPLE_MIN <= people <= PEOPLE_MAX:
        raise BadInput(f"people is {people}; give {PEOPLE_MIN:,} to {PEOPLE_MAX:,}", field="people")
    if not 0 <= seed < 2**63:
        raise BadInput(f"seed is {seed}; give a whole number from 0 to 2^63 - 1", field="seed")
    almanac = Almanac(months)
    population = settle(seed, people)
    streets = lay_out(seed, population)
    happenings = happen(seed, population, almanac)
    merchants, accounts = cast(seed, population, almanac)
    merchants, case = hard_merchants(seed, merchants, population)
    rings, case = conspire(seed, population, merchants, case, almanac)
    if hard:
        case = friend_sellers(seed, merchants, case)
    merchants = _dress(merchants, case)
    paths = live(seed, merchants, pressure(happenings, len(streets.district), almanac), almanac)
    debts = borrow_elsewhere(seed, merchants, paths, almanac, LENDERS)
    collectors = gather(seed, population, merchants)
    device = _devices(seed, accounts, merchants, rings)
    planned = cast_schemes(seed, population, merchants, case, months, len(accounts)) if schemes else no_schemes()
    return Economy(
        seed, null, almanac, population, streets, happenings, merchants, case, accounts, rings, paths, debts,
        found(seed, population, merchants, accounts, rings),
        collectors,
        cast_crowds(seed, population, merchants, collectors, months) if hard else no_crowds(),
        hard,
        own_devices(planned, device),
        planned,
    )  # fmt: skip


def _dress(merchants: Merchants, case: Ints) -> Merchants:
    """Colluders have little true trade: what the record shows of them is mostly staged."""
    staged = np.isin(case, (Case.CASH_OUT_STORE, Case.SYNTHETIC_IDENTITY))
    payments = np.where(staged, np.minimum(merchants.payments, 8.0), merchants.payments)
    payments = np.where(case == Case.FAKE_ORDER_SHOP, np.minimum(payments, 25.0), payments)
    quality = np.where(staged | (case == Case.FAKE_ORDER_SHOP), merchants.quality - 0.6, merchants.quality)
    return replace(merchants, payments=payments, quality=quality)


def _devices(seed: int, accounts: Accounts, merchants: Merchants, rings: Rings) -> Ints:
    """A phone each; an owner's shop uses the owner's phone; a synthetic cluster shares one to three."""
    rng = generator(seed, Purpose.SYNTHETIC)
    device = np.arange(len(accounts))
    device[merchants.account] = merchants.owner
    for ring in np.flatnonzero(rings.sort == Ring.SYNTHETIC):
        rows = rings.of(int(ring))
        shared = merchants.owner[rows[: int(rng.integers(1, 4))]]
        device[merchants.owner[rows]] = rng.choice(shared, len(rows))
        device[merchants.account[rows]] = device[merchants.owner[rows]]
    return device
