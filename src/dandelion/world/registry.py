"""Facts that are filed once: places, dated works, shareholdings, offices; and the lender's list of accounts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dandelion.core import DAY_US
from dandelion.world.draws import Ints, Purpose, generator
from dandelion.world.economy import Economy
from dandelion.world.firms import HOLDING_ROLES
from dandelion.world.names import Names, instants, picked, text
from dandelion.world.record import RecordWriter
from dandelion.world.streets import WHAT
from dandelion.world.trades import INDUSTRIES, Case, Role

DECLARING = 0.8  # of merchants without a licence, who tell the lender what they do
KINDS = ("unregistered", "registered_shop", "registered_firm")


def opened_us(economy: Economy) -> Ints:
    """When each merchant opened, to the day."""
    rng = generator(economy.seed, Purpose.CASTING, 1)
    merchants, almanac = economy.merchants, economy.almanac
    inside = almanac.starts_us[np.clip(merchants.opened, 0, almanac.months)]
    before = almanac.start_us + merchants.opened * 30 * DAY_US
    return np.asarray(
        np.where(merchants.opened >= 0, inside, before) + rng.integers(0, DAY_US, len(merchants)), np.int64
    )


def write_registry(economy: Economy, names: Names, writer: RecordWriter) -> None:
    """Placements, works, shareholdings and roles."""
    merchants, streets, firms = economy.merchants, economy.streets, economy.firms
    rng = generator(economy.seed, Purpose.STREETS, 2)
    opened, end = opened_us(economy), economy.almanac.end_us
    placed = np.flatnonzero(
        np.isin(merchants.role, (Role.STREET_SHOP, Role.FAMILY_BUSINESS, Role.REGISTERED_FIRM, Role.FARMER))
    )
    street = merchants.street[placed]
    jitter = rng.normal(0, 900, (2, len(placed))).astype(np.int64)
    station = np.maximum(streets.station_m[street] + rng.normal(0, 60, len(placed)).astype(np.int64), 5)
    writer.write("placement", 0, opened[placed], opened[placed] + DAY_US, {
        "merchant": names.account(merchants.account[placed]), "street": text(street, "street-"),
        "district": text(streets.district[street], "district-"), "lat_e6": pa.array(streets.lat_e6[street] + jitter[0]),
        "lon_e6": pa.array(streets.lon_e6[street] + jitter[1]), "station_m": pa.array(station),
    }, end)  # fmt: skip
    works = economy.happenings
    writer.write("works", 0, works.known_us, works.known_us + DAY_US, {
        "street": text(works.street, "street-"), "what": picked(WHAT, works.what), "starts": instants(works.starts_us),
        "ends": instants(works.ends_us),
    }, end)  # fmt: skip
    merchant_of = economy.accounts.merchant_of
    filed = opened[merchant_of[firms.holding_firm]]
    writer.write("shareholding", 0, filed, filed + 5 * DAY_US, {
        "firm": names.account(firms.holding_firm), "holder": names.account(firms.holding_holder),
        "share_ppm": pa.array(firms.holding_ppm),
    }, end)  # fmt: skip
    filed = opened[merchant_of[firms.office_firm]]
    writer.write("role", 0, filed, filed + 5 * DAY_US, {
        "firm": names.account(firms.office_firm), "person": names.account(firms.office_person),
        "role": picked(HOLDING_ROLES, firms.office_role),
    }, end)  # fmt: skip


def accounts_table(economy: Economy, names: Names) -> pa.Table:
    """What a lender may know of every account before it reads a single event.  Unregistered traders look like people.

    Columns: account, opened, kind, registered, registration_no, industry (as declared), owner.
    """
    rng = generator(economy.seed, Purpose.NAMES, 9)
    accounts, merchants, almanac = economy.accounts, economy.merchants, economy.almanac
    count = len(accounts)
    age = (rng.random(count) ** 1.4 * 9 * 365 * DAY_US).astype(np.int64)
    opened = almanac.start_us - age - rng.integers(0, DAY_US, count)
    own = merchants.registered
    opened[merchants.account[own]] = opened_us(economy)[own]
    made_up = merchants.account[economy.case == Case.SYNTHETIC_IDENTITY]
    opened[made_up] = almanac.start_us - rng.integers(30 * DAY_US, 90 * DAY_US, len(made_up))
    kind = np.zeros(count, np.int64)
    kind[merchants.account[own]] = 1
    kind[merchants.account[merchants.firm]] = 2
    kind[accounts.outside_start :] = 2
    industry: list[str | None] = [None] * count
    telling = own | (rng.random(len(merchants)) < DECLARING)
    for account, number in zip(merchants.account[telling], merchants.industry[telling], strict=True):
        industry[int(account)] = INDUSTRIES[int(number)].text
    said = {Case.LANDLORD: ("房屋出租", 0.35), Case.GROUP_BUY_ORGANISER: ("社区团购", 0.5)}
    for case, (words, share) in said.items():
        centres = economy.collectors.centre[economy.collectors.case == case]
        for person in centres[rng.random(len(centres)) < share]:
            industry[int(person)] = words
    owner = np.full(count, -1, np.int64)
    owner[merchants.account[own]] = merchants.owner[own]
    number = text(rng.permutation(count) + 91_000_000, "R")
    order = pa.array(np.argsort(names.accounts.to_numpy(zero_copy_only=False)))
    table = pa.table({
        "account": names.accounts,
        "opened": instants(opened),
        "kind": picked(KINDS, kind).dictionary_decode(),
        "registered": pa.array(kind > 0),
        "registration_no": pa.array(
            np.where(kind > 0, number.to_numpy(zero_copy_only=False), None), pa.string()
        ),
        "industry": pa.array(industry, pa.string()),
        "owner": names.accounts.take(pa.array(owner.astype(np.int32), mask=owner < 0)),
    })  # fmt: skip
    return table.take(order)
