"""The hidden side, in its own folder: roles, cases, rings with burst times, health by month, what decides outcomes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from dandelion.world.bursts import Burst
from dandelion.world.draws import Floats, Purpose, generator
from dandelion.world.economy import Economy
from dandelion.world.fate import Fates
from dandelion.world.fraud import Ring, Rings
from dandelion.world.months import Takings
from dandelion.world.names import Names, instants, picked, text
from dandelion.world.outcomes import fates_table
from dandelion.world.record import write_table
from dandelion.world.schemes import HONEST_FROM, Sort
from dandelion.world.trades import INDUSTRIES, Case, Role

WEAKNESS = 0.4  # standard deviation of what no record shows
COLLUSION = {
    Case.CASH_OUT_STORE: 1.2, Case.FAKE_ORDER_SHOP: 0.8, Case.CIRCULAR_FIRM: 1.0, Case.SYNTHETIC_IDENTITY: 2.0,
}  # fmt: skip
RING_BUYER = 0.7


def decide_fates(economy: Economy, takings: Takings) -> Fates:
    """What decides the outcome of every merchant's loans."""
    rng = generator(economy.seed, Purpose.HEALTH, 1)
    merchants = economy.merchants
    weakness = rng.normal(0, WEAKNESS, len(merchants))
    for case, extra in COLLUSION.items():
        weakness[economy.case == case] += extra
    weakness[np.isin(merchants.owner, _buyers(economy.rings))] += RING_BUYER
    turnover = takings.receipts_fen if economy.null else takings.business_fen
    return Fates(
        economy.seed, economy.null, economy.almanac, merchants.firm, weakness, economy.paths.closes,
        economy.paths.health, economy.debts.load, turnover,
    )  # fmt: skip


def _buyers(rings: Rings) -> Floats:
    parts = [rings.of(int(r)) for r in np.flatnonzero(rings.sort == Ring.CASH_OUT)]
    return np.concatenate(parts) if parts else np.empty(0)


def write_truth(
    folder: Path, economy: Economy, names: Names, takings: Takings, fates: Fates, bursts: list[Burst]
) -> None:
    """Write truth/accounts, merchants, health, rings, bursts and outcomes."""
    _accounts(folder, economy, names)
    merchants, months = economy.merchants, economy.almanac.months
    account = names.account(merchants.account)
    write_table(folder / "merchants.parquet", pa.table({
        "account": account, "owner": names.account(merchants.owner), "town": pa.array(merchants.town),
        "street": text(merchants.street, "street-"),
        "role": _named(Role, merchants.role), "case": _named(Case, economy.case),
        "industry": picked(tuple(i.text for i in INDUSTRIES), merchants.industry).dictionary_decode(),
        "industry_code": picked(tuple(i.code for i in INDUSTRIES), merchants.industry).dictionary_decode(),
        "sector": picked(tuple(i.sector for i in INDUSTRIES), merchants.industry).dictionary_decode(),
        "opened_month": pa.array(merchants.opened), "closes_month": pa.array(economy.paths.closes),
        "quality": pa.array(merchants.quality),
    }))  # fmt: skip
    count = len(merchants)
    write_table(folder / "health.parquet", pa.table({
        "account": pa.concat_arrays([account] * months), "month": pa.array(np.repeat(np.arange(months), count)),
        "health": pa.array(economy.paths.health[:, :months].T.ravel()),
        "shown": pa.array(economy.paths.shown[:, :months].T.ravel()),
        "outside_load": pa.array(economy.debts.load[:, :months].T.ravel()),
        "receipts_fen": pa.array(takings.receipts_fen.T.ravel()), "business_fen": pa.array(takings.business_fen.T.ravel()),
    }))  # fmt: skip
    _rings(folder, economy, names, bursts)
    if len(economy.schemes):
        _schemes(folder, economy, names)
    write_table(folder / "outcomes.parquet", fates_table(fates, account))


def _accounts(folder: Path, economy: Economy, names: Names) -> None:
    accounts, merchants, rings = economy.accounts, economy.merchants, economy.rings
    role = np.zeros(len(accounts), np.int64)
    case = np.zeros(len(accounts), np.int64)
    ring = np.full(len(accounts), -1, np.int64)
    role[merchants.account], case[merchants.account] = merchants.role, economy.case
    role[accounts.outside_start :] = int(Role.OUTSIDE_COMPANY)
    collectors = economy.collectors
    case[collectors.centre] = collectors.case
    case[economy.crowds.person] = economy.crowds.case
    players = collectors.case == Case.MAHJONG_PLAYER
    for row in np.flatnonzero(players):
        seats = collectors.members[collectors.starts[row] : collectors.starts[row + 1]]
        case[seats[(case[seats] == 0) & (role[seats] == 0)]] = int(Case.MAHJONG_PLAYER)
    for number in range(len(rings)):
        staged = rings.sort[number] in (Ring.CASH_OUT, Ring.FAKE_ORDERS)
        ring[rings.of(number) if staged else merchants.account[rings.of(number)]] = number
        ring[merchants.account[rings.centre[number]]] = number
    write_table(folder / "accounts.parquet", pa.table({
        "account": names.accounts, "role": _named(Role, role), "case": _named(Case, case),
        "is_business": pa.array((role > 0) & ~np.isin(case, (Case.CASH_OUT_STORE, Case.SYNTHETIC_IDENTITY))),
        "ring": pa.array(ring, mask=ring < 0),
    }))  # fmt: skip


def _rings(folder: Path, economy: Economy, names: Names, bursts: list[Burst]) -> None:
    rings, merchants = economy.rings, economy.merchants
    sizes = np.diff(rings.starts)
    of = np.repeat(np.arange(len(rings)), sizes)
    people = np.isin(rings.sort[of], (Ring.CASH_OUT, Ring.FAKE_ORDERS))
    member = np.where(people, rings.members, merchants.account[np.where(people, 0, rings.members)])
    write_table(folder / "rings.parquet", pa.table({
        "ring": pa.array(of), "sort": _named(Ring, rings.sort[of]),
        "store": names.account(merchants.account[rings.centre[of]]), "member": names.account(member),
        "first_month": pa.array(rings.first_month[of]), "last_month": pa.array(rings.last_month[of]),
    }))  # fmt: skip
    ring = np.array([b.ring for b in bursts], np.int64)
    write_table(folder / "bursts.parquet", pa.table({
        "ring": pa.array(ring, mask=ring < 0), "honest": pa.array(ring < 0),
        "store": names.account(np.array([b.store for b in bursts], np.int64)),
        "start": instants(np.array([b.start_us for b in bursts], np.int64)),
        "end": instants(np.array([b.end_us for b in bursts], np.int64)),
        "payments": pa.array([b.payments for b in bursts], pa.int64()),
    }))  # fmt: skip


def _schemes(folder: Path, economy: Economy, names: Names) -> None:
    """Farms, wary circles and their look-alikes; ring numbers go on after those of `rings`."""
    schemes, merchants = economy.schemes, economy.merchants
    of = np.repeat(np.arange(len(schemes)), np.diff(schemes.starts))
    firms = np.isin(schemes.sort[of], (Sort.WARY_CIRCLE, Sort.TWO_WAY))
    member = np.where(firms, merchants.account[np.where(firms, schemes.members, 0)], schemes.members)
    store = schemes.store[of]
    write_table(folder / "schemes.parquet", pa.table({
        "ring": pa.array(of + len(economy.rings)), "sort": _named(Sort, schemes.sort[of]),
        "honest": pa.array(schemes.sort[of] >= HONEST_FROM), "member": names.account(member),
        "store": pa.array(names.account(merchants.account[np.maximum(store, 0)]).to_pylist(), mask=store < 0),
        "orders": pa.array((schemes.orders[of] > 0) & (schemes.sort[of] == Sort.DEVICE_FARM)),
    }))  # fmt: skip


def _named(
    kinds: type[Role] | type[Case] | type[Ring] | type[Sort], values: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> pa.Array:
    return picked(tuple(kind.name.lower() for kind in kinds), values).dictionary_decode()
