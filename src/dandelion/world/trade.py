"""What merchants take in during one month: payments of customers, orders and refunds and reviews, purchases of goods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.core import DAY_US, HOUR_US
from dandelion.world.almanac import CLOCK_NAMES, FIRM
from dandelion.world.crowds import among_friends
from dandelion.world.draws import Bools, Floats, Ints, Purpose, generator, luck, spread
from dandelion.world.economy import Economy
from dandelion.world.flows import CARD, MINUTE_US, NO_ORDER, ONLINE_PAY, QR, TRANSFER, MonthClock, Pays
from dandelion.world.trades import INDUSTRIES, Case, Role

REPEAT_BY_HEALTH = 0.42  # ln odds
REFUND_BY_HEALTH = -0.50  # ln rate
NIGHT_SHARE, NIGHT_BY_HEALTH = 0.04, -0.60
POOL_LIFE_MONTHS = 9  # a known customer's place is taken by another after this long
GOODS_SHARE = 0.42  # of turnover spent on goods
GOODS_BY_HEALTH = 0.30
CANCELLED_ORDERS = 0.06
REVIEWED = 0.28
ORDER_BITS = 22  # orders of one block


@dataclass(frozen=True)
class Sales:
    """One month and town: payments, and the orders, refunds and reviews beside them (row numbers into `pays`)."""

    pays: Pays
    refund_of: Ints
    refund_at: Ints
    refund_fen: Ints
    order_of: Ints
    order_at: Ints
    deposit_fen: Ints
    review_of: Ints
    review_at: Ints
    stars: Ints
    cancelled: Pays  # orders that never became a payment


def trade(economy: Economy, town: int, month: int, clock: MonthClock, block: int) -> Sales:
    """Payments of all merchants of a town in a month, in merchant order."""
    rng = generator(economy.seed, Purpose.TRADE, block)
    merchants, paths = economy.merchants, economy.paths
    low, high = int(merchants.town_starts[town]), int(merchants.town_starts[town + 1])
    rows = np.arange(low, high)
    rows = rows[(merchants.role[rows] != Role.REGISTERED_FIRM) & (paths.payments[rows, month] > 0)]
    counts = rng.poisson(paths.payments[rows, month])
    who, _ = spread(counts)
    merchant = rows[who]
    shown = paths.shown[rows, month].astype(np.float64)
    total = len(merchant)
    at = clock.instants(rng, merchants.rhythm()[merchant], merchants.clock()[merchant], total)
    at = _kept_late(rng, at, (NIGHT_SHARE * np.exp(NIGHT_BY_HEALTH * np.clip(shown, -3, 3)))[who], clock)
    at = np.where((economy.case[merchant] == Case.RUSH_HOUR), _rush(rng, at, total), at)
    payer = _customers(economy, rng, rows, who, month, shown)
    if economy.hard:
        payer = among_friends(economy.seed, economy.people, merchants, economy.case, merchant, payer, at)
    ln_fen = merchants.ticket_ln[merchant] + merchants.ticket_sd[merchant] * rng.standard_normal(total, np.float32)
    fen = _rounded(rng, np.exp(ln_fen))
    online = np.isin(merchants.role[merchant], (Role.ONLINE_SHOP,))
    screen = merchants.rhythm()[merchant] == 2
    channel = np.where(online | screen, ONLINE_PAY, QR).astype(np.int8)
    plain = ~(online | screen)
    kind = rng.random(total, np.float32)
    channel[plain & (kind < 0.03)] = CARD
    channel[plain & (kind > 0.94)] = TRANSFER
    order = np.full(total, NO_ORDER, np.int64)
    order[online] = (block << ORDER_BITS) + np.arange(int(online.sum()))
    pays = Pays(at, merchants.account[merchant], payer, fen, channel, order)
    return _aftermath(economy, month, block, pays, merchant, shown[who], online)


def _customers(economy: Economy, rng: np.random.Generator, rows: Ints, who: Ints, month: int, shown: Floats) -> Ints:
    """Known customers by rank in the shop's own circle, passers-by at random; neighbours where the trade is local."""
    merchants, people = economy.merchants, economy.people
    total = len(who)
    odds = np.log(merchants.repeat[rows] / (1 - merchants.repeat[rows])) + REPEAT_BY_HEALTH * shown
    known_chance = np.where(economy.case[rows] == Case.MICRO_VENDOR, 0.99, 1 / (1 + np.exp(-odds)))
    bits = rng.integers(0, 2**63, total)
    known = (bits & 0xFFFF) < (known_chance * 65536).astype(np.int64)[who]
    rank_part = ((bits >> 16) & 0xFFFFF).astype(np.float32) / 2**20
    rank = (merchants.pool[rows].astype(np.float32)[who] * rank_part * np.sqrt(rank_part)).astype(np.int64)
    life = np.where(economy.case[rows] == Case.MICRO_VENDOR, 60, POOL_LIFE_MONTHS)[who]
    epoch = (month + rank * 5 % 7 + 12) // life
    slot = luck(economy.seed, "customer", rows[who] * 4_000_000 + rank * 64 + epoch)
    pick = np.where(known, slot, luck(economy.seed, "walk", bits))
    near = ((pick >> np.uint64(40)) & np.uint64(0xFFFF)).astype(np.int64) < (merchants.local[rows] * 65536).astype(
        np.int64
    )[who]
    town = merchants.town[rows]
    online = merchants.role[rows] == Role.ONLINE_SHOP
    start = np.where(online, 0, people.town_starts[town])
    size = np.where(online, people.count, people.town_starts[town + 1] - people.town_starts[town])
    street = merchants.street[rows]
    near_start, near_size = people.street_starts[street], np.diff(people.street_starts)[street]
    first = np.where(near, near_start[who], start[who])
    width = np.where(near, near_size[who], size[who])
    place = ((pick & np.uint64(0xFFFFFFFF)).astype(np.int64) * width) >> 32
    payer = first + place
    own = payer == merchants.owner[rows][who]
    payer[own] = first[own] + (place[own] + 1) % width[own]
    return np.asarray(payer, np.int64)


def _kept_late(rng: np.random.Generator, at: Ints, share: Floats, clock: MonthClock) -> Ints:
    """Move a share of the payments into the small hours, where the struggling keep selling."""
    late = rng.random(len(at), np.float32) < share
    day = (at[late] - clock.start_us) // DAY_US
    hours = rng.uniform(0, 3.5, int(late.sum()))
    at[late] = clock.start_us + day * DAY_US + (hours * HOUR_US).astype(np.int64)
    return at


def _rush(rng: np.random.Generator, at: Ints, total: int) -> Ints:
    """Honest rush hour: half of a canteen's payments fall into forty minutes at noon."""
    local_hour = (at // HOUR_US + 8) % 24
    noon = (local_hour >= 10) & (local_hour < 15)
    day = (at + 8 * HOUR_US) // DAY_US * DAY_US - 8 * HOUR_US
    return np.asarray(
        np.where(noon, day + 12 * HOUR_US + (rng.random(total) ** 1.3 * 40 * MINUTE_US).astype(np.int64), at), np.int64
    )


def _rounded(rng: np.random.Generator, fen: Floats) -> Ints:
    """Prices are mostly whole yuan, sometimes half or tenths, seldom odd fen."""
    step = np.array([100, 100, 100, 100, 100, 50, 10, 1])[rng.integers(0, 8, len(fen))]
    step = np.where(fen > 20_000, np.maximum(step, 100), step)
    return np.maximum((fen / step).astype(np.int64) * step, step)


def _aftermath(
    economy: Economy, month: int, block: int, pays: Pays, merchant: Ints, shown: Floats, online: Bools
) -> Sales:
    rng = generator(economy.seed, Purpose.ORDERS, block)
    merchants, end = economy.merchants, economy.almanac.end_us
    total = len(pays)
    chance = merchants.refunds[merchant] * np.exp(REFUND_BY_HEALTH * np.clip(shown, -3, 3))
    back = np.flatnonzero(rng.random(total, np.float32) < chance)
    back_at = pays.at[back] + (rng.exponential(2.2, len(back)) * DAY_US).astype(np.int64) + 5 * MINUTE_US
    part = np.where(rng.random(len(back)) < 0.75, 100, rng.integers(10, 90, len(back)))
    back_fen = np.maximum(pays.fen[back] * part // 100, 1)
    kept = back_at < end
    orders = np.flatnonzero(online)
    ahead = (rng.exponential(0.02, len(orders)) * DAY_US).astype(np.int64) + 30_000_000
    furniture = np.array([i.text in ("定制家具", "网店家居") for i in INDUSTRIES])[merchants.industry[merchant[orders]]]
    deposit = np.where(furniture & (rng.random(len(orders)) < 0.5), pays.fen[orders] * 3 // 10, 0)
    seen = orders[rng.random(len(orders)) < REVIEWED]
    seen_at = pays.at[seen] + ((3 + rng.exponential(4.0, len(seen))) * DAY_US).astype(np.int64)
    mood = 4.5 + 0.22 * np.clip(shown[seen], -3, 3) + rng.normal(0, 0.9, len(seen))
    read = seen_at < end
    lost = orders[rng.random(len(orders)) < CANCELLED_ORDERS]
    cancelled = pays.take(lost)
    cancelled = Pays(
        np.maximum(cancelled.at - rng.integers(1, 20 * DAY_US, len(lost)), economy.almanac.start_us),
        cancelled.payee, np.roll(cancelled.payer, 1), cancelled.fen, cancelled.channel,
        (block << ORDER_BITS) + (1 << (ORDER_BITS - 1)) + np.arange(len(lost)),
    )  # fmt: skip
    return Sales(
        pays, back[kept], back_at[kept], back_fen[kept], orders,
        np.maximum(pays.at[orders] - ahead, economy.almanac.start_us), deposit,
        seen[read], seen_at[read], np.clip(np.round(mood), 1, 5).astype(np.int64)[read], cancelled,
    )  # fmt: skip


def supplies(economy: Economy, town: int, month: int, clock: MonthClock, block: int) -> Pays:
    """Transfers of shops to their suppliers: two-fifths of turnover, cut first when things go badly."""
    rng = generator(economy.seed, Purpose.SUPPLIES, block)
    merchants, paths = economy.merchants, economy.paths
    rows = np.arange(int(merchants.town_starts[town]), int(merchants.town_starts[town + 1]))
    rows = rows[(economy.firms.supplier[rows] >= 0) & ~merchants.firm[rows] & (paths.payments[rows, month] > 0)]
    shown = paths.shown[rows, month].astype(np.float64)
    budget = GOODS_SHARE * paths.turnover_fen[rows, month] * np.exp(GOODS_BY_HEALTH * shown)
    of, _ = spread(rng.poisson(np.clip(1.0 + 0.6 * np.log1p(budget / 200_000), 0.5, 5.0)))
    at = clock.instants(rng, FIRM, CLOCK_NAMES.index("market"), len(of))
    expected = np.clip(1.0 + 0.6 * np.log1p(budget / 200_000), 0.5, 5.0)
    fen = (budget / expected)[of] * np.exp(rng.normal(-0.08, 0.4, len(of)))
    fen = np.maximum(fen.astype(np.int64) // 100 * 100, 100)
    return Pays.of(at, economy.firms.supplier[rows[of]], merchants.account[rows[of]], fen, TRANSFER)
