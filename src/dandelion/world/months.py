"""Plays one month of one town: draws its events and hands them to the writer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dandelion.core import DAY_US, SECOND_US
from dandelion.world.bursts import Burst, Staged, stage
from dandelion.world.collectors import collect, spending_places
from dandelion.world.crowds import crowd
from dandelion.world.draws import Ints, Purpose, generator, time_order
from dandelion.world.economy import Economy
from dandelion.world.flows import CHANNELS, NO_ORDER, RED_PACKET, TRANSFER, MonthClock, Pays
from dandelion.world.invoices import Invoices, file_taxes, invoice
from dandelion.world.names import Names, instants, picked, scattered, text, text_where
from dandelion.world.record import RecordWriter
from dandelion.world.reports import REASONS, inquire, log_in, snapshot
from dandelion.world.scheme_events import Staged as Schemed
from dandelion.world.scheme_events import scheme
from dandelion.world.social import between_people
from dandelion.world.trade import Sales, supplies, trade
from dandelion.world.trades import INDUSTRIES

ORDER_NAME_BITS, INVOICE_NAME_BITS = 36, 32  # above any order or invoice number of the largest world
LATE_ARRIVALS = 0.004  # share of payments that reach the lender hours or days later


@dataclass(frozen=True)
class Takings:
    """(merchants, months) fen: everything an account received, and what of it was true business."""

    receipts_fen: Ints
    business_fen: Ints


def play(
    economy: Economy, names: Names, town: int, month: int, writer: RecordWriter, takings: Takings
) -> tuple[Burst, ...]:
    """Write every event of a (month, town) block and add up its takings; returns the truth about its bursts."""
    block = month * economy.people.towns + town
    clock = MonthClock.of(economy.almanac, month)
    sales = trade(economy, town, month, clock, block)
    staged = stage(economy, town, month, clock, block)
    goods = supplies(economy, town, month, clock, block)
    books, settled = invoice(economy, town, month, clock, block)
    rng = generator(economy.seed, Purpose.COLLECTORS, block)
    places = spending_places(economy.merchants, economy.accounts, town)
    calendar_month = economy.almanac.month_days[month].month
    collected = collect(rng, economy.collectors, town, clock, calendar_month, places)
    private = between_people(economy, town, month, clock, block)
    crowds = crowd(economy.seed, economy.people, economy.crowds, town, month, clock, block)
    schemed = scheme(economy.seed, economy.people, economy.merchants, economy.schemes, economy.device, len(economy.rings),
                     town, month, clock, block)  # fmt: skip
    honest = [sales.pays, goods, settled]
    for part in honest:
        _add(takings.business_fen, economy, part, month)
    pays = Pays.join([*honest, staged.pays, collected, private, crowds, schemed.pays, schemed.invoices])
    _add(takings.receipts_fen, economy, pays, month)
    _write_payments(economy, names, pays, writer, block)
    _write_online(economy, names, sales, staged, writer, block)
    _write_invoices(economy, names, books.joined(schemed.invoices), writer, block)
    _write_reports(economy, names, town, month, clock, block, writer, takings, schemed)
    return (*staged.bursts, *schemed.bursts)


def _add(table: Ints, economy: Economy, pays: Pays, month: int) -> None:
    merchant = economy.accounts.merchant_of[pays.payee]
    known = merchant >= 0
    table[:, month] += np.bincount(merchant[known], pays.fen[known], len(table)).astype(np.int64)


def _write_payments(economy: Economy, names: Names, pays: Pays, writer: RecordWriter, block: int) -> None:
    rng = generator(economy.seed, Purpose.ARRIVALS, block)
    pays = pays.take(time_order(pays.at))
    rows = len(pays)
    wait = rng.integers(0, 4 * SECOND_US, rows)
    late = rng.random(rows, np.float32) < LATE_ARRIVALS
    wait[late] = rng.integers(0, 3 * DAY_US, int(late.sum()))
    without = (pays.channel == TRANSFER) | (pays.channel == RED_PACKET)
    writer.write("payment", block, pays.at, pays.at + wait, {
        "payee": names.account(pays.payee), "payer": names.account(pays.payer), "amount_fen": pa.array(pays.fen),
        "channel": picked(CHANNELS, pays.channel.astype(np.int64)), "device": names.device(economy.device[pays.payer], without),
        "order_id": text_where(scattered(pays.order, ORDER_NAME_BITS), pays.order != NO_ORDER, "n"),
    }, economy.almanac.end_us)  # fmt: skip


def _write_online(
    economy: Economy, names: Names, sales: Sales, staged: Staged, writer: RecordWriter, block: int
) -> None:
    end = economy.almanac.end_us
    pays, fake = sales.pays, staged.pays
    done = Pays.join([pays.take(sales.order_of), fake.take(staged.order_of), sales.cancelled])
    at = np.concatenate([sales.order_at, fake.at[staged.order_of] - 40 * SECOND_US, sales.cancelled.at])
    completed = len(sales.order_of) + len(staged.order_of)
    deposit = np.concatenate([sales.deposit_fen, np.zeros(len(done) - len(sales.deposit_fen), np.int64)])
    industry = economy.merchants.industry[economy.accounts.merchant_of[done.payee]]
    status = (np.arange(len(done)) >= completed).astype(np.int64)
    writer.write("order", block, at, at + 2 * SECOND_US, {
        "seller": names.account(done.payee), "buyer": names.account(done.payer), "order_id": text(scattered(done.order, ORDER_NAME_BITS), "n"),
        "amount_fen": pa.array(done.fen), "deposit_fen": pa.array(deposit),
        "category": picked(tuple(i.text for i in INDUSTRIES), industry), "status": picked(("completed", "cancelled"), status),
    }, end)  # fmt: skip
    back = pays.take(sales.refund_of)
    writer.write("refund", block, sales.refund_at, sales.refund_at + 3 * SECOND_US, {
        "payee": names.account(back.payee), "payer": names.account(back.payer), "amount_fen": pa.array(sales.refund_fen),
    }, end)  # fmt: skip
    seen = Pays.join([pays.take(sales.review_of), fake.take(staged.review_of)])
    seen_at = np.concatenate([sales.review_at, staged.review_at])
    stars = np.concatenate([sales.stars, np.full(len(staged.review_of), 5)])
    writer.write("review", block, seen_at, seen_at + 5 * SECOND_US, {
        "seller": names.account(seen.payee), "buyer": names.account(seen.payer), "stars": pa.array(stars),
    }, end)  # fmt: skip


def _write_invoices(economy: Economy, names: Names, books: Invoices, writer: RecordWriter, block: int) -> None:
    number = (block << 20) + np.arange(len(books.at))
    writer.write("invoice", block, books.at, books.arrived, {
        "seller": names.account(books.seller), "buyer": names.account(books.buyer), "invoice_no": text(scattered(number, INVOICE_NAME_BITS), ""),
        "net_fen": pa.array(books.net_fen), "tax_fen": pa.array(books.tax_fen),
        "total_fen": pa.array(books.net_fen + books.tax_fen), "status": picked(("valid", "void"), books.void.astype(np.int64)),
    }, economy.almanac.end_us)  # fmt: skip


def _write_reports(
    economy: Economy, names: Names, town: int, month: int, clock: MonthClock, block: int, writer: RecordWriter,
    takings: Takings, schemed: Schemed,
) -> None:  # fmt: skip
    end = economy.almanac.end_us
    filings = file_taxes(economy, town, month, clock, block, takings.receipts_fen)
    writer.write("tax_filing", block, filings.at, filings.arrived, {
        "taxpayer": names.account(filings.taxpayer), "period_end": instants(filings.period_end),
        "revenue_fen": pa.array(filings.revenue_fen), "tax_fen": pa.array(filings.tax_fen),
        "on_time": pa.array(filings.on_time),
    }, end)  # fmt: skip
    logins = log_in(economy, town, month, clock, block).joined(*schemed.login)
    writer.write("login", block, logins.at, logins.at + SECOND_US, {
        "person": names.account(logins.person), "device": names.device(logins.device),
    }, end)  # fmt: skip
    inquiries = inquire(economy, town, month, clock, block)
    writer.write("credit_inquiry", block, inquiries.at, inquiries.arrived, {
        "person": names.account(inquiries.person), "lender": text(inquiries.lender, "lender-"),
        "reason": picked(REASONS, inquiries.reason),
    }, end)  # fmt: skip
    states, debts = snapshot(economy, town, month, clock, block), economy.debts
    owner = economy.merchants.owner[debts.merchant[states.debt]]
    writer.write("outside_loan", block, states.at, states.arrived, {
        "borrower": names.account(owner), "lender": text(debts.lender[states.debt], "lender-"),
        "loan": text(scattered(states.debt, INVOICE_NAME_BITS), "x"), "balance_fen": pa.array(states.balance_fen),
        "monthly_due_fen": pa.array(debts.due_fen[states.debt]), "days_past_due": pa.array(states.days_past_due),
    }, end)  # fmt: skip
