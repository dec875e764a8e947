"""The past book as the lender wrote it down: one row a loan as known at the end, and the dated events of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dandelion.core import DAY_US, PPM
from dandelion.world.book import Book
from dandelion.world.draws import Bools, Floats, Ints, spread
from dandelion.world.fate import (
    BAD_DPD,
    BAD_WINDOW_DAYS,
    FIRM_TERM_DAYS,
    INSTALMENT_DAYS,
    SHOP_TERM_DAYS,
    WRITE_OFF_DPD,
)
from dandelion.world.naive import LIMIT_CHANCES, LIMIT_NOTCHES, RATE_CHANCES, RATE_NOTCHES_PPM
from dandelion.world.names import Names, instants, picked, text

EVENTS = ("drawn", "due", "repaid", "past_due", "written_off", "recovered")
DRAWN, DUE, REPAID, PAST_DUE, WRITTEN_OFF, RECOVERED = range(len(EVENTS))
MARKS = (1, 30, 60, 90)  # days past due that are written down
RECOVERY_DAYS = 60  # after the write-off


@dataclass(frozen=True)
class Events:
    """Dated events of loans: `loan` is the row in the book."""

    loan: Ints
    at: Ints
    event: Ints
    principal_fen: Ints
    interest_fen: Ints
    days_past_due: Ints

    def before(self, end_us: int) -> Events:
        keep = np.flatnonzero(self.at < end_us)
        keep = keep[np.lexsort((self.event[keep], self.loan[keep], self.at[keep]))]
        return Events(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))


def terms(book: Book, firm: Bools) -> Ints:
    return np.where(firm[book.merchant], FIRM_TERM_DAYS, SHOP_TERM_DAYS)


def all_events(book: Book, firm: Bools) -> Events:
    """Every event of every loan, also those after the record's end."""
    ends, count = book.ends, len(book)
    instalments = terms(book, firm) // INSTALMENT_DAYS
    loan, place = spread(instalments)
    due_day = (place + 1) * INSTALMENT_DAYS
    part = ends.drawn_fen // instalments
    principal = np.where(place == instalments[loan] - 1, ends.drawn_fen[loan] - part[loan] * place, part[loan])
    owed = ends.drawn_fen[loan] - part[loan] * place
    lost, missed, final = ends.lost[loan], ends.missed[loan], ends.repaid_days[loan]
    late_dpd = np.where((missed >= 0) & ~lost, ends.max_dpd[loan], 0)
    closing = np.where(lost, 10**6, final)
    stands = due_day < np.where(lost, 10**6, np.where(missed[:] >= 0, np.maximum(final, due_day[:]), closing) + 0)
    stands &= due_day - INSTALMENT_DAYS < closing
    stands &= (due_day <= closing) | ((place == missed) & ~lost)
    pays_on = due_day + np.where(place == missed, late_dpd, 0)
    paid = stands & ~(lost & (place >= missed))
    rate = book.rate_ppm[loan]
    interest = owed * INSTALMENT_DAYS * rate // (365 * PPM)
    start = book.drawn_at[loan]
    paid_part = np.bincount(loan[paid], principal[paid], count).astype(np.int64)
    rest = np.where(ends.lost, 0, ends.drawn_fen - paid_part)
    last_due = np.bincount(loan[paid], np.ones(int(paid.sum())), count).astype(np.int64) * INSTALMENT_DAYS
    rest_days = np.clip(ends.repaid_days - last_due, 0, INSTALMENT_DAYS)
    rest_interest = rest * rest_days * book.rate_ppm // (365 * PPM)
    pieces = [
        _piece(np.arange(count), book.drawn_at, DRAWN, ends.drawn_fen),
        _piece(loan[stands], (start + due_day * DAY_US)[stands], DUE, principal[stands], interest[stands]),
        _piece(loan[paid], (start + pays_on * DAY_US)[paid], REPAID, principal[paid], interest[paid]),
    ]
    early = np.flatnonzero((rest > 0) & ~ends.lost)
    final_at = book.drawn_at + np.maximum(ends.repaid_days, last_due) * DAY_US
    pieces.append(_piece(early, final_at[early], REPAID, rest[early], rest_interest[early]))
    behind = np.flatnonzero(ends.missed >= 0)
    first_due = book.drawn_at + (ends.missed + 1) * INSTALMENT_DAYS * DAY_US
    for mark in MARKS:
        rows = behind[ends.max_dpd[behind] >= mark]
        pieces.append(_piece(rows, first_due[rows] + mark * DAY_US, PAST_DUE, days=np.full(len(rows), mark)))
    gone = np.flatnonzero(ends.lost)
    written = first_due[gone] + WRITE_OFF_DPD * DAY_US
    left = ends.outstanding_fen[gone]
    pieces.append(_piece(gone, written, WRITTEN_OFF, left, days=np.full(len(gone), WRITE_OFF_DPD)))
    pieces.append(_piece(gone, written + RECOVERY_DAYS * DAY_US, RECOVERED, left - ends.loss_fen[gone]))
    return Events(*(np.concatenate([getattr(p, name) for p in pieces]) for name in Events.__dataclass_fields__))


def _piece(
    loan: Ints,
    at: Ints,
    event: int,
    principal: Ints | None = None,
    interest: Ints | None = None,
    days: Ints | None = None,
) -> Events:
    zero = np.zeros(len(loan), np.int64)
    return Events(
        loan, at, np.full(len(loan), event), zero if principal is None else principal,
        zero if interest is None else interest, zero if days is None else days,
    )  # fmt: skip


def loans_table(book: Book, events: Events, firm: Bools, accounts: pa.Array, end_us: int) -> pa.Table:
    """One row a drawdown, with performance as known at `end_us`; `events` are those before it.

    bad is null until 183 days after the drawdown have passed; loss_fen is null until the loan is written off.
    """
    count = len(book)
    product = firm[book.merchant].astype(np.int64)
    dpd = _days_past_due(book, end_us)
    matured = book.drawn_at + BAD_WINDOW_DAYS * DAY_US < end_us
    worst = np.zeros(count, np.int64)
    repaid, past = events.event == REPAID, events.event == PAST_DUE
    np.maximum.at(worst, events.loan[past], events.days_past_due[past])
    off = np.zeros(count, bool)
    off[events.loan[events.event == WRITTEN_OFF]] = True
    back = np.bincount(events.loan[events.event == RECOVERED], events.principal_fen[events.event == RECOVERED], count)
    loss = book.ends.outstanding_fen - back.astype(np.int64)
    paid_back = np.bincount(events.loan[repaid], events.principal_fen[repaid], count).astype(np.int64)
    interest = np.bincount(events.loan[repaid], events.interest_fen[repaid], count).astype(np.int64)
    chance = np.array(LIMIT_CHANCES)[book.limit_notch] * np.array(RATE_CHANCES)[book.rate_notch]
    return pa.table({
        "loan": text(np.arange(count), "loan-"),
        "merchant": accounts,
        "line": text(book.line, "line-"),
        "product": picked(("shop-line", "invoice-line"), product).dictionary_decode(),
        "decided_at": instants(book.decided_at),
        "drawn_at": instants(book.drawn_at),
        "limit_fen": pa.array(book.limit_fen),
        "rate_ppm": pa.array(book.rate_ppm),
        "term_days": pa.array(terms(book, firm)),
        "amount_fen": pa.array(book.ends.drawn_fen),
        "limit_notch_ppm": pa.array((np.array(LIMIT_NOTCHES)[book.limit_notch] * PPM).astype(np.int64)),
        "price_notch_ppm": pa.array(np.array(RATE_NOTCHES_PPM)[product, book.rate_notch]),
        "cell_chance_ppm": pa.array(np.round(chance * PPM).astype(np.int64)),
        "max_dpd": pa.array(np.maximum(worst, dpd)),
        "matured": pa.array(matured),
        "bad": pa.array(book.ends.bad, mask=~matured),
        "principal_repaid_fen": pa.array(paid_back),
        "interest_paid_fen": pa.array(interest),
        "loss_fen": pa.array(loss, mask=~off),
    })  # fmt: skip


def _days_past_due(book: Book, end_us: int) -> Ints:
    """Exact worst days past due seen by `end_us` from the first missed instalment."""
    first_due = book.drawn_at + (book.ends.missed + 1) * INSTALMENT_DAYS * DAY_US
    passed = (end_us - 1 - first_due) // DAY_US
    worst = np.where(book.ends.lost, passed, np.minimum(passed, book.ends.max_dpd))
    return np.where(book.ends.missed >= 0, np.maximum(worst, 0), 0)


def events_table(book: Book, events: Events, names: Names, account: Ints) -> pa.Table:
    """Columns: loan, merchant, at, event, principal_fen, interest_fen, days_past_due; sorted by (at, loan)."""
    return pa.table({
        "loan": text(events.loan, "loan-"),
        "merchant": names.account(account[book.merchant[events.loan]]),
        "at": instants(events.at),
        "event": picked(EVENTS, events.event).dictionary_decode(),
        "principal_fen": pa.array(events.principal_fen),
        "interest_fen": pa.array(events.interest_fen),
        "days_past_due": pa.array(events.days_past_due),
    })  # fmt: skip


def first_decisions(book: Book, merchants: int) -> Ints:
    """(merchants,) instant of the first decision that led to a drawdown; -1 for none."""
    first = np.full(merchants, np.iinfo(np.int64).max)
    np.minimum.at(first, book.merchant, book.decided_at)
    return np.where(first == np.iinfo(np.int64).max, -1, first)


__all__ = ["BAD_DPD", "Events", "Floats", "all_events", "events_table", "first_decisions", "loans_table"]
