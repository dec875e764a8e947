"""What schemes do in a month: sessions of farms, shifts at a tablet, queues for vouchers, invoices round a circle and both ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.core import DAY_US, HOUR_US, SECOND_US
from dandelion.world.bursts import Burst
from dandelion.world.cast import Merchants
from dandelion.world.draws import Ints, Purpose, generator
from dandelion.world.flows import MINUTE_US, ONLINE_PAY, QR, TRANSFER, MonthClock, Pays
from dandelion.world.people import People
from dandelion.world.schemes import Schemes, Sort

FARM_SESSIONS, LOGINS_A_MONTH = 5.0, 6.0
VOUCHERS_A_MONTH, ONE_PRICE_A_MONTH, REFUNDED = 0.5, 0.5, 0.03
WARY_TURNS, TWO_WAY_INVOICES = 3.0, 4.0


@dataclass(frozen=True)
class Staged:
    """What the schemes of one town and month do.  Logins: at, person, device; invoices settle at once, seller to buyer."""

    pays: Pays
    login: tuple[Ints, Ints, Ints]
    invoices: Pays
    bursts: tuple[Burst, ...]


def scheme(seed: int, people: People, merchants: Merchants, schemes: Schemes, device: Ints, rings: int, town: int,
           month: int, clock: MonthClock, block: int) -> Staged:  # fmt: skip
    """One month of a town's schemes; rings of farms are numbered from `rings` on."""
    empty = np.empty(0, np.int64)
    if not len(schemes):
        return Staged(Pays.none(), (empty, empty, empty), Pays.none(), ())
    rng = generator(seed, Purpose.SCHEMES, 1, block)
    pays, invoices, bursts = [Pays.none()], [Pays.none()], list[Burst]()
    logins: list[tuple[Ints, Ints, Ints]] = [(empty, empty, empty)]
    for k in schemes.active(Sort.DEVICE_FARM, town, month).tolist():
        logins.append(_farm(rng, merchants, schemes, k, rings + k, clock, pays, bursts))
    for k in schemes.active(Sort.FAMILY, town, month).tolist():
        who = rng.choice(schemes.of(k), int(rng.poisson(LOGINS_A_MONTH * len(schemes.of(k)))))
        logins.append((clock.evenings(rng, len(who), 7.0, 23.0), who, device[who]))
    for k in schemes.active(Sort.SHOP_TABLET, town, month).tolist():
        logins.append(_shifts(rng, schemes, k, device, clock))
    for sort, queue in ((Sort.VOUCHERS, _vouchers), (Sort.ONE_PRICE, _one_price)):
        for k in schemes.active(sort, town, month).tolist():
            queue(rng, people, merchants, int(schemes.store[k]), town, clock, pays, bursts)
    for k in schemes.active(Sort.WARY_CIRCLE, town, month).tolist():
        invoices.append(_wary(rng, merchants.account[schemes.of(k)], clock))
    for k in schemes.active(Sort.TWO_WAY, town, month).tolist():
        invoices.append(_two_way(rng, merchants.account[schemes.of(k)], k, clock))
    joined = tuple(np.concatenate([one[part] for one in logins]) for part in range(3))
    return Staged(Pays.join(pays), (joined[0], joined[1], joined[2]), Pays.join(invoices), tuple(bursts))


def _farm(rng: np.random.Generator, merchants: Merchants, schemes: Schemes, k: int, ring: int, clock: MonthClock,
          pays: list[Pays], bursts: list[Burst]) -> tuple[Ints, Ints, Ints]:  # fmt: skip
    """Sessions: on each phone one account after another logs in; most farms then order, and are paid back by the owner."""
    members, phones, store = schemes.of(k), schemes.devices(k), int(schemes.store[k])
    account, owner = int(merchants.account[store]), int(merchants.owner[store])
    logins = []
    for _ in range(int(rng.poisson(FARM_SESSIONS))):
        start = int(clock.evenings(rng, 1, 8.0, 22.0)[0])
        here = rng.random(len(members)) < rng.uniform(0.6, 1.0)
        who, phone = members[here], phones[here]
        turn = np.array([int((phone[:i] == phone[i]).sum()) for i in range(len(phone))], np.int64)
        at = start + turn * int(rng.integers(25, 100)) * SECOND_US + rng.integers(0, 20, len(who)) * SECOND_US
        inside = at < clock.end_us
        logins.append((at[inside], who[inside], phone[inside]))
        if not schemes.orders[k] or not inside.any():
            continue
        who, at = who[inside], at[inside] + rng.integers(8, 20, int(inside.sum())) * SECOND_US
        fen = np.maximum(
            (np.exp(merchants.ticket_ln[store] + rng.normal(0, 0.2, len(who)))).astype(np.int64) // 100 * 100, 100
        )
        pays.append(Pays.of(at, np.full(len(who), account), who, fen, ONLINE_PAY))
        back = at + (rng.uniform(0.1, 1.8, len(who)) * DAY_US).astype(np.int64)
        pays.append(Pays.of(back, who, np.full(len(who), owner), fen + rng.integers(5, 12, len(who)) * 100, TRANSFER))
        bursts.append(Burst(ring, account, int(at.min()), int(at.max()) + 1, len(who)))
    empty = np.empty(0, np.int64)
    logins.append((empty, empty, empty))
    return tuple(np.concatenate([one[part] for one in logins]) for part in range(3))  # type: ignore[return-value]


def _shifts(
    rng: np.random.Generator, schemes: Schemes, k: int, device: Ints, clock: MonthClock
) -> tuple[Ints, Ints, Ints]:
    """Each day two shifts log in on the shop's tablet within some minutes; now and then each uses the own phone."""
    staff, tablet = schemes.of(k), int(schemes.devices(k)[0])
    days = np.arange(clock.days)
    day, shift, one = (part.ravel() for part in np.meshgrid(days, [9.0, 16.0], np.arange(len(staff)), indexing="ij"))
    there = rng.random(len(day)) < 0.35
    at = (
        clock.start_us
        + day * DAY_US
        + (shift * HOUR_US).astype(np.int64)
        + (rng.normal(0, 7, len(day)) * MINUTE_US).astype(np.int64)
    )
    own = np.where(rng.random(len(staff)) < 0.75, 1.0, 0.0)  # some never use another device
    often = rng.poisson(3.0 * own)
    who = np.repeat(staff, often)
    private = clock.evenings(rng, len(who), 7.0, 23.0)
    return (np.concatenate([at[there], private]), np.concatenate([staff[one[there]], who]),
            np.concatenate([np.full(int(there.sum()), tablet), device[who]]))  # fmt: skip


def _vouchers(rng: np.random.Generator, people: People, merchants: Merchants, store: int, town: int, clock: MonthClock,
              pays: list[Pays], bursts: list[Burst]) -> None:  # fmt: skip
    """Cards of 200 to 2,000 yuan, round sums, dozens of customers within two hours; a few think better of it."""
    if rng.random() > VOUCHERS_A_MONTH:
        return
    at, payer = _queue(rng, people, town, clock, 20, 70)
    fen = np.array([20_000, 50_000, 50_000, 100_000, 100_000, 200_000])[rng.integers(0, 6, len(at))]
    account = int(merchants.account[store])
    pays.append(Pays.of(at, np.full(len(at), account), payer, fen, QR))
    back = rng.random(len(at)) < REFUNDED
    again = at[back] + (rng.uniform(0.02, 1.8, int(back.sum())) * DAY_US).astype(np.int64)
    pays.append(Pays.of(again, payer[back], np.full(len(again), account), fen[back], TRANSFER))
    bursts.append(Burst(-1, account, int(at[0]), int(at[-1]) + 1, len(at)))


def _one_price(rng: np.random.Generator, people: People, merchants: Merchants, store: int, town: int, clock: MonthClock,
               pays: list[Pays], bursts: list[Burst]) -> None:  # fmt: skip
    """Everything at one price for an hour."""
    if rng.random() > ONE_PRICE_A_MONTH:
        return
    at, payer = _queue(rng, people, town, clock, 15, 60)
    price = max(int(np.exp(merchants.ticket_ln[store] - 0.5)) // 100 * 100 - 10, 90)
    account = int(merchants.account[store])
    pays.append(Pays.of(at, np.full(len(at), account), payer, np.full(len(at), price), QR))
    bursts.append(Burst(-1, account, int(at[0]), int(at[-1]) + 1, len(at)))


def _queue(
    rng: np.random.Generator, people: People, town: int, clock: MonthClock, low: int, high: int
) -> tuple[Ints, Ints]:
    size = int(rng.integers(low, high))
    start = int(clock.evenings(rng, 1, 10.0, 20.0)[0])
    at = start + np.sort(rng.random(size) * int(rng.integers(40, 130)) * MINUTE_US).astype(np.int64)
    return at, rng.integers(int(people.town_starts[town]), int(people.town_starts[town + 1]), size)


def _wary(rng: np.random.Generator, accounts: Ints, clock: MonthClock) -> Pays:
    """The same money round a circle, a slice kept at each hand, days apart, so that no two sums are equal."""
    turns = int(rng.poisson(WARY_TURNS))
    start, size = clock.evenings(rng, turns, 9.0, 17.0), len(accounts)
    at = (start[:, None] + np.cumsum(rng.uniform(0.1, 2.0, (turns, size)) * DAY_US, axis=1).astype(np.int64)).ravel()
    kept = np.cumprod(1 - rng.uniform(0.002, 0.02, (turns, size)), axis=1)
    fen = (rng.integers(200, 2_000, turns)[:, None] * 10_000 * kept).astype(np.int64).ravel()
    place = np.tile(np.arange(size), turns)
    pays = Pays.of(at, accounts[place], accounts[(place + 1) % size], fen, TRANSFER)
    return pays.take(at < clock.end_us)


def _two_way(rng: np.random.Generator, accounts: Ints, k: int, clock: MonthClock) -> Pays:
    """Two or three firms that buy from each other as they need, each with its own usual sum."""
    rows, size = int(rng.poisson(TWO_WAY_INVOICES * len(accounts))), len(accounts)
    seller = rng.integers(0, size, rows)
    buyer = (seller + rng.integers(1, size, rows)) % size
    usual = 11.5 + ((k * 7919 + seller * 104_729 + buyer * 1_299_709) % 1000) / 500
    fen = np.maximum(np.exp(usual + rng.normal(0, 0.5, rows)).astype(np.int64) // 100 * 100, 10_000)
    return Pays.of(clock.evenings(rng, rows, 9.0, 18.0), accounts[seller], accounts[buyer], fen, TRANSFER)
