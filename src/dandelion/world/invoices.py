"""What registered firms invoice, settle and file in one month; circles that invoice each other round and round."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from dandelion.core import DAY_US, HOUR_US
from dandelion.world.almanac import CLOCK_NAMES, FIRM
from dandelion.world.draws import Bools, Ints, Purpose, generator, luck, spread
from dandelion.world.economy import Economy
from dandelion.world.firms import NET_LN_WITHIN, TICKET_CAP_FEN
from dandelion.world.flows import TRANSFER, MonthClock, Pays
from dandelion.world.fraud import Ring
from dandelion.world.health import TURNOVER_BY_HEALTH

SALES_BY_HEALTH, PURCHASES_BY_HEALTH = 0.26, 0.38
VOID_BY_HEALTH, LATE_BY_HEALTH = -0.22, -0.55
BOUGHT_RATES_PPM, BOUGHT_VOID, BOUGHT_RED = (30_000, 130_000, 60_000), 0.041, 0.009  # of purchases
SETTLED = 0.7  # share of invoices paid through an account within the month
CIRCLE_INVOICES = 9.0  # a month and firm while the circle turns


@dataclass(frozen=True)
class Invoices:
    """Invoices of one month and town.  `seller`, `buyer` are accounts; red-letter rows are negative."""

    at: Ints
    arrived: Ints
    seller: Ints
    buyer: Ints
    net_fen: Ints
    tax_fen: Ints
    void: Bools

    def joined(self, more: Pays) -> Invoices:
        """With invoices that are paid at once, known as they are written."""
        if not len(more):
            return self
        net = more.fen * 100 // 113
        return Invoices(
            np.concatenate([self.at, more.at]), np.concatenate([self.arrived, more.at + HOUR_US]),
            np.concatenate([self.seller, more.payee]), np.concatenate([self.buyer, more.payer]),
            np.concatenate([self.net_fen, net]), np.concatenate([self.tax_fen, more.fen - net]),
            np.concatenate([self.void, np.zeros(len(more), bool)]),
        )  # fmt: skip


@dataclass(frozen=True)
class Filings:
    """Tax filings handed in during one month, for the month or quarter before."""

    at: Ints
    arrived: Ints
    taxpayer: Ints
    period_end: Ints
    revenue_fen: Ints
    tax_fen: Ints
    on_time: Bools


def invoice(economy: Economy, town: int, month: int, clock: MonthClock, block: int) -> tuple[Invoices, Pays]:
    """Sales and purchases of the firms of a town, and the transfers that settle most of them."""
    rng = generator(economy.seed, Purpose.INVOICES, block)
    written, red, firms = _written(economy, rng, town, month, clock)
    circle = _circles(economy, rng, town, month, clock)
    net = circle.fen * 100 // 113
    round_trip = Invoices(
        circle.at,
        _known(rng, circle.at),
        circle.payee,
        circle.payer,
        net,
        circle.fen - net,
        np.zeros(len(circle), bool),
    )
    settled = ~written.void & ~red & (rng.random(len(firms)) < SETTLED)
    due = written.at[settled] + (rng.exponential(9.0, int(settled.sum())) * DAY_US).astype(np.int64)
    due = np.minimum(due, clock.end_us - 1 - rng.integers(0, 30 * HOUR_US, len(due)))
    pays = Pays.of(
        np.maximum(due, written.at[settled]), written.seller[settled], written.buyer[settled],
        (written.net_fen + written.tax_fen)[settled], TRANSFER,
    )  # fmt: skip
    books = (written, _reversed(rng, written, red), round_trip)
    joined = Invoices(*(np.concatenate([getattr(part, f.name) for part in books]) for f in fields(Invoices)))
    return joined, Pays.join([pays, circle])


def _written(
    economy: Economy, rng: np.random.Generator, town: int, month: int, clock: MonthClock
) -> tuple[Invoices, Bools, Ints]:
    """(invoices as first written, which of them are reversed later, the firm of each)."""
    merchants, firms, paths = economy.merchants, economy.firms, economy.paths
    firm = np.flatnonzero((merchants.town[firms.row] == town) & (paths.payments[firms.row, month] > 0))
    row = firms.row[firm]
    shown = np.clip(paths.shown[row, month].astype(np.float64), -4, 4)
    season = paths.payments[row, month] / np.maximum(merchants.payments[row], 0.1) / np.exp(TURNOVER_BY_HEALTH * shown)
    sales = np.clip(firms.invoices[firm] * season * np.exp(SALES_BY_HEALTH * shown), 0, 400)
    purchases = np.clip(firms.purchases[firm] * season * np.exp(PURCHASES_BY_HEALTH * shown), 0, 400)
    sold, bought = spread(rng.poisson(sales))[0], spread(rng.poisson(purchases))[0]
    own, place = merchants.account[row], np.concatenate([sold, bought])
    who, rows = firm[place], len(place)
    sale = np.arange(rows) < len(sold)
    net = np.exp(firms.net_ln[who] - 0.9 * ~sale + np.where(sale, *NET_LN_WITHIN) * rng.normal(0, 1, rows))
    net = np.maximum(net.astype(np.int64), 100)
    full = firms.capped[who] & (net > TICKET_CAP_FEN)
    net = np.where(full, TICKET_CAP_FEN - rng.integers(0, 4, rows) * rng.integers(0, 900_000, rows), net)
    net = np.minimum(net, 3_000_000_000)
    rate = np.where(sale, firms.tax_ppm[who], rng.choice(BOUGHT_RATES_PPM, rows, p=(0.25, 0.5, 0.25)))
    void_chance = np.where(sale, firms.void[who] * np.exp(VOID_BY_HEALTH * shown)[place], BOUGHT_VOID)
    void = rng.random(rows) < void_chance
    red = ~void & (rng.random(rows) < np.where(sale, firms.red[who], BOUGHT_RED))
    at = clock.instants(rng, FIRM, CLOCK_NAMES.index("office"), rows)
    written = Invoices(
        at, _known(rng, at), np.concatenate([own[sold], _partners(economy, rng, town, row[bought], "supplier")]),
        np.concatenate([_partners(economy, rng, town, row[sold], "customer"), own[bought]]),
        net, (net * rate + 500_000) // 1_000_000, void,
    )  # fmt: skip
    return written, red, who


def _reversed(rng: np.random.Generator, written: Invoices, red: Bools) -> Invoices:
    """Red-letter invoices: the same parties and sums with the sign turned, some days after the first."""
    rows = int(red.sum())
    at = written.at[red] + ((0.5 + rng.exponential(8.0, rows)) * DAY_US).astype(np.int64)
    return Invoices(
        at, _known(rng, at), written.seller[red], written.buyer[red], -written.net_fen[red], -written.tax_fen[red],
        np.zeros(rows, bool),
    )  # fmt: skip


def _known(rng: np.random.Generator, at: Ints) -> Ints:
    """Invoices reach the lender some days after they are written."""
    return np.asarray(at + (rng.exponential(3.0, len(at)) * DAY_US).astype(np.int64), np.int64)


def _partners(economy: Economy, rng: np.random.Generator, town: int, row: Ints, side: str) -> Ints:
    """A firm's usual partners: a few large outside companies, other firms up or down the chain, some registered shops."""
    merchants, firms, accounts = economy.merchants, economy.firms, economy.accounts
    pool = 3 + (luck(economy.seed, side, row) % np.uint64(14)).astype(np.int64)
    place = (pool * rng.random(len(row)) ** 2).astype(np.int64)
    bits = luck(economy.seed, side + " partner", row, place)
    outside = accounts.outside_start + (bits % np.uint64(accounts.outside)).astype(np.int64)
    local = firms.row[merchants.town[firms.row] == town]
    tier = firms.tier[np.searchsorted(firms.row, local)]
    chain = local[tier == (1 if side == "customer" else 0)]
    chain = chain if len(chain) else local
    partner = merchants.account[chain[((bits >> np.uint64(16)) % np.uint64(len(chain))).astype(np.int64)]]
    low, high = int(merchants.town_starts[town]), int(merchants.town_starts[town + 1])
    shops = low + np.flatnonzero(merchants.registered[low:high] & ~merchants.firm[low:high])
    kind = ((bits >> np.uint64(40)) & np.uint64(255)).astype(np.int64)
    out = np.where(kind < (90 if side == "customer" else 150), outside, partner)
    if side == "customer" and len(shops):
        shop = merchants.account[shops[((bits >> np.uint64(24)) % np.uint64(len(shops))).astype(np.int64)]]
        out = np.where(kind > 195, shop, out)
    return np.where(out == merchants.account[row], outside, out)


def _circles(economy: Economy, rng: np.random.Generator, town: int, month: int, clock: MonthClock) -> Pays:
    """A sells to B, B to C, C to A, near-equal sums within days; the same money pays for all of it."""
    parts = [Pays.none()]
    for ring in economy.rings.active(Ring.CIRCULAR_INVOICES, month):
        rows = economy.rings.of(int(ring))
        if economy.merchants.town[rows[0]] != town:
            continue
        accounts = economy.merchants.account[rows]
        turns = int(rng.poisson(CIRCLE_INVOICES)) + 1
        turn, place = spread(np.full(turns, len(accounts)))
        start = clock.evenings(rng, turns, 9.0, 17.0)
        at = start[turn] + place * rng.integers(2 * HOUR_US, DAY_US, len(turn))
        base = rng.integers(200, 990, turns) * 100 * 100
        fen = (base[turn] * (1 - 0.004 * place)).astype(np.int64)
        pays = Pays.of(at, accounts[place], accounts[(place + 1) % len(accounts)], fen, TRANSFER)
        parts.append(pays.take(at < clock.end_us))
    return Pays.join(parts)


def file_taxes(economy: Economy, town: int, month: int, clock: MonthClock, block: int, receipts_fen: Ints) -> Filings:
    """Firms file every month, registered shops every quarter; the struggling file late.

    `receipts_fen` is (merchants, months) seen so far; filings cover the period before this month.
    """
    rng = generator(economy.seed, Purpose.TAX, block)
    merchants, paths = economy.merchants, economy.paths
    rows = np.arange(int(merchants.town_starts[town]), int(merchants.town_starts[town + 1]))
    quarter_start = economy.almanac.month_days[month].month in (1, 4, 7, 10)
    rows = rows[merchants.firm[rows] | (merchants.registered[rows] & quarter_start)]
    rows = rows[(merchants.opened[rows] < month) & (paths.closes[rows] >= month)] if month > 0 else rows[:0]
    span = np.where(merchants.firm[rows], 1, np.minimum(3, month))
    totals = np.concatenate([np.zeros((len(rows), 1), np.int64), np.cumsum(receipts_fen[rows, :month], axis=1)], axis=1)
    revenue = totals[:, month] - totals[np.arange(len(rows)), month - span]
    shown = np.clip(paths.shown[rows, month].astype(np.float64), -4, 4)
    habit = np.full(len(merchants), -2.9)
    habit[economy.firms.row] = economy.firms.late
    odds = np.exp(habit[rows] + LATE_BY_HEALTH * shown)
    late = rng.random(len(rows)) < odds / (1 + odds)
    day = np.where(late, 15 + rng.exponential(12, len(rows)), rng.beta(3, 1.3, len(rows)) * 14.5)
    at = clock.start_us + (day * DAY_US).astype(np.int64)
    shown_part = np.where(merchants.firm[rows], rng.uniform(0.75, 1.05, len(rows)), rng.uniform(0.35, 0.9, len(rows)))
    revenue = (revenue * shown_part).astype(np.int64) // 100 * 100
    tax = revenue * np.where(merchants.firm[rows], 30_000, 10_000) // 1_000_000
    keep = at < economy.almanac.end_us
    arrived = at + ((1 + rng.exponential(3.0, len(rows))) * DAY_US).astype(np.int64)
    return Filings(
        at[keep], arrived[keep], merchants.account[rows[keep]], np.full(int(keep.sum()), clock.start_us - 1),
        revenue[keep], tax[keep], ~late[keep],
    )  # fmt: skip
