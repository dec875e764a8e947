"""Everything: a few dozen declarations that stand for some two hundred thousand columns.

`standard` is the named set that books and training start from; `full` is that and all of this.  Any id here can be used
by its path from either.

>>> len(declarations()) <= 150, len(full().columns) > 250_000
(True, True)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from dandelion.indicators import standard_streams as s
from dandelion.indicators.cube import Cube, Filters
from dandelion.indicators.declare import OF_SHARES
from dandelion.indicators.definitions import Declaration, Definitions
from dandelion.indicators.each import Each
from dandelion.indicators.standard import standard

FEW = ("7d", "30d", "90d", "180d", "365d")
MANY = ("7d", "14d", "30d", "60d", "90d", "180d", "365d", "730d", "ever")
SLOW = ("30d", "90d", "180d", "365d", "730d", "ever")
CHEAP = ("count", "sum", "mean", "max", "deviation", "distinct", "active_days", "days_since_last")
SHAPE = ("min", "q10", "q50", "q90", "days_since_first", "longest_gap")
ALL = (*CHEAP, *SHAPE)
SPANS = (*FEW, "28d", "84d", "360d")
ADD = ("count", "amount_sum")
VALID: Filters = (("status", "valid"),)


@lru_cache(maxsize=4)
def full(tz: str = "Asia/Shanghai") -> Definitions:
    """Every column there is.  `tz` is the pack's time zone."""
    return standard(tz).extended(Definitions.of(declarations(), tz=tz))


@lru_cache(maxsize=1)
def declarations() -> tuple[Declaration, ...]:
    """The streams, cubes and families behind them: at most 150."""
    return (
        *s.STREAMS,
        *_payments(),
        *_over_time(),
        *_newcomers(),
        *_weekdays_and_holidays(),
        *_refunds(),
        *_orders(),
        *_reviews(),
        *_invoices(),
        *_state(),
        *_person(),
        *_ledger(),
    )


def _payments() -> Iterator[Declaration]:
    """The finer the cell, the longer its windows: a column that is empty for nearly everybody says nothing."""
    by = ("channel", "hours", "days", "size")
    tiers = {  # levels fixed at most -> windows
        s.RECEIVED.name: ((2, ("7d",)), (3, ("30d",)), (4, ("90d", "180d", "365d", "730d"))),
        s.MADE.name: ((2, ("30d",)), (3, ("90d",)), (4, ("180d", "365d", "730d"))),
    }
    both: list[Cube] = []
    for stream, other, opposite in ((s.RECEIVED, "payer", s.MADE), (s.MADE, "payee", s.RECEIVED)):
        fine = tuple(Cube(stream, windows, CHEAP, by=by, up_to=up_to) for up_to, windows in tiers[stream.name])
        both += fine
        yield from fine
        yield Each(fine, "per", to=(f"distinct_{other}s", "active_days"), figures=ADD)
        near = Cube(stream, MANY, ALL, by=by, up_to=2)
        yield near
        yield Each(near, "per", to=("amount_q50",), windows=FEW, figures=("amount_mean", "amount_q90", "amount_max"))
        yield Each(near, "per", to=("amount_q10",), windows=FEW, figures=("amount_q90",))
        yield Each(near, "per", to=("longest_gap_days",), windows=SLOW, figures=("days_since_last",))
        yield Each(near, "against", windows=FEW[1:], other=opposite, figures=(*ADD, "amount_mean", "active_days"))
        yield Cube(stream, ("1d", "3d"), CHEAP, by=("channel", "hours", "size"), up_to=1)
        yield Cube(stream, SLOW, OF_SHARES, by=by, up_to=2 if stream is s.RECEIVED else 1)
        trade = Cube(stream, FEW, CHEAP, by=("hours", "days", "size"), only=(("standing", "trade"),), up_to=2)
        yield trade
        yield Each(trade, "trend", to=("30d", "90d", "365d"), figures=ADD)
        yield Cube(stream, SLOW, CHEAP, by=("hours", "days"), only=(("standing", "gift"),), up_to=1)
        yield Cube(stream, SLOW, CHEAP, only=(("standing", "related"),), up_to=0)
    yield Each(tuple(both), "part", figures=ADD)
    yield Each(tuple(both), "of_all", figures=ADD)
    yield Each(tuple(both), "trend", to=("90d", "180d", "365d", "730d"), figures=ADD)
    yield Each(tuple(both), "within", to=("180d", "365d", "730d"))
    yield Each(tuple(both), "per", to=("amount_mean",), figures=("amount_max", "amount_deviation"))


def _over_time() -> Iterator[Declaration]:
    """Against other times: weeks, months, the same weekdays a year before.  28, 84 and 364 days hold every weekday
    equally often, so that a trend over them owes nothing to weekends."""
    add, fine = ("count", "sum"), ("channel", "hours", "days", "size")
    cubes = (
        Cube(s.RECEIVED, SPANS, add, by=fine, up_to=2),
        Cube(s.MADE, SPANS, add, by=fine, up_to=2),
        Cube(s.SOLD, SPANS, add, by=("status", "days"), up_to=2),
        Cube(s.BOUGHT, SPANS, add, by=("status", "days"), up_to=2),
        Cube(s.INVOICED, SPANS, add, by=("size",), only=VALID, up_to=1),
        Cube(s.SUPPLIED, SPANS, add, by=("size",), only=VALID, up_to=1),
        Cube(s.LOGGED_IN, SPANS, ("count",), by=("hours", "days"), up_to=2),
    )
    yield from cubes
    yield Each(cubes, "trend", to=("14d", "60d", "730d"), windows=FEW)
    yield Each(cubes, "trend", to=("84d", "364d"), windows=("28d", "84d"))
    yield Each(cubes, "acceleration", to=("30d.90d", "90d.180d", "180d.365d"), windows=FEW)
    yield Each(cubes, "volatility", to=("7d", "30d"), windows=("84d", "360d"))
    yield Each(cubes, "own_past", to=("7d", "30d"), windows=("84d", "360d"))
    yield Each(cubes, "year_before", windows=("28d", "30d", "90d", "180d"))
    yield Each(cubes, "year_on_year", windows=("28d", "30d", "90d", "180d"))


def _newcomers() -> Iterator[Declaration]:
    """Who comes for the first time and who comes back: customers, suppliers, devices, lenders that ask.  The cubes only say
    of which cells; what they hold is declared elsewhere."""
    who, often, seldom = ("distinct",), ("7d", "30d", "90d", "180d"), ("30d", "90d", "180d")
    cubes = (
        Cube(s.RECEIVED, often, who, by=("channel", "size"), up_to=1),
        Cube(s.MADE, often, who, by=("channel", "size"), up_to=1),
        Cube(s.SOLD, often, who, by=("size",), up_to=1),
        Cube(s.BOUGHT, seldom, who, by=("size",), up_to=1),
        Cube(s.REFUNDED, seldom, who, up_to=0),
        Cube(s.REVIEWED, seldom, who, up_to=0),
        Cube(s.INVOICED, seldom, who, by=("size",), only=VALID, up_to=1),
        Cube(s.SUPPLIED, seldom, who, by=("size",), only=VALID, up_to=1),
        Cube(s.LOGGED_IN, seldom, who, by=("hours",), up_to=1),
        Cube(s.INQUIRED, seldom, who, up_to=0),
    )
    for family in ("new", "new_share", "returning", "returning_share"):
        yield Each(cubes, family, to=("90d", "180d", "365d"))  # of all time depends on how long the record is


def _weekdays_and_holidays() -> Iterator[Declaration]:
    """The latest days against the same weekdays of the weeks before; public holidays and the days that are none."""
    days, add = ("1d", "3d", "7d"), ("count", "sum")
    cubes = (
        Cube(s.RECEIVED, days, add, by=("channel", "hours", "size"), up_to=1),
        Cube(s.MADE, days, add, by=("channel", "hours", "size"), up_to=1),
        Cube(s.SOLD, days, add, by=("status", "hours", "size"), up_to=1),
        Cube(s.BOUGHT, days, add, by=("status",), up_to=1),
        Cube(s.LOGGED_IN, days, ("count",), by=("hours",), up_to=1),
    )
    yield Each(cubes, "same_weekdays", to=("28d", "56d"))
    streams = (s.RECEIVED, s.MADE, s.SOLD, s.BOUGHT)  # a month often has no holiday
    held = tuple(Cube(stream, SLOW[1:], CHEAP, by=("holiday",), up_to=1) for stream in streams)
    yield from held
    yield Each(held, "part", figures=ADD)
    yield Each(held, "per", to=("active_days",), figures=ADD)


def _refunds() -> Iterator[Declaration]:
    by = ("hours", "days", "size")
    given = Cube(s.REFUNDED, SLOW, ALL, by=by, up_to=2)
    taken = Cube(s.REFUND_TAKEN, SLOW, ALL, by=by, up_to=1), Cube(s.REFUND_TAKEN, ("365d", "ever"), ALL, by=by, up_to=2)
    yield from (given, *taken)
    yield Each((given, *taken), "part", figures=ADD)
    yield Each((given, taken[0]), "trend", to=("90d", "365d", "730d"), figures=ADD)
    yield Each(given, "against", other=s.RECEIVED, figures=(*ADD, "amount_mean"))
    yield Each(taken, "against", other=s.MADE, figures=(*ADD, "amount_mean"))
    yield Cube(s.REFUNDED, SLOW, OF_SHARES, by=("hours", "days"), up_to=1)


def _orders() -> Iterator[Declaration]:
    by = ("status", "hours", "days", "size")
    tiers = {
        s.SOLD.name: ((2, ("7d",)), (4, FEW[1:])),
        s.BOUGHT.name: ((2, ("30d", "90d")), (3, ("180d", "365d", "730d"))),
    }
    paid = (("deposit", "yes"),)
    for stream, who in ((s.SOLD, "buyer"), (s.BOUGHT, "seller")):
        fine = tuple(Cube(stream, windows, CHEAP, by=by, up_to=up_to) for up_to, windows in tiers[stream.name])
        yield from fine
        yield Each(fine, "part", figures=ADD)
        yield Each(fine, "of_all", figures=ADD)
        yield Each(fine, "trend", to=("90d", "365d", "730d"), figures=ADD)
        yield Each(fine, "per", to=(f"distinct_{who}s", "active_days"), figures=ADD)
        yield Cube(stream, SLOW, (*ALL, *OF_SHARES), by=by, up_to=2 if stream is s.SOLD else 1)
        yield Cube(stream, SLOW, ALL, by=("hours", "days"), only=paid, up_to=1)
    yield Cube(s.SOLD, SLOW, ("sum", "mean", "max"), ("deposit",), by=("hours", "days"), only=paid, up_to=1)


def _reviews() -> Iterator[Declaration]:
    """Within one grade the stars say nothing more, so it is only counted."""
    seen = ("count", "distinct", "active_days", "days_since_last", "longest_gap")
    cube = Cube(s.REVIEWED, SLOW, seen, by=("grade", "hours", "days"), up_to=3)
    yield cube
    yield Cube(s.REVIEWED, SLOW, ("mean", "min", "deviation", "q10", "q50"), by=("hours", "days"), up_to=2)
    yield Each(cube, "part", figures=("count",))
    yield Each(cube, "of_all", figures=("count",))
    yield Each(cube, "trend", to=("90d", "180d", "365d", "730d"), figures=("count",))
    yield Each(cube, "per", to=("distinct_buyers", "active_days"), figures=("count",))


def _invoices() -> Iterator[Declaration]:
    by, figures = ("days", "size"), ("count", "total_sum")
    both = s.INVOICED, s.SUPPLIED
    sold, bought = (Cube(stream, SLOW, (*ALL, *OF_SHARES), by=by, only=VALID, up_to=2) for stream in both)
    yield from (sold, bought)
    red = tuple(Cube(stream, SLOW, CHEAP, by=("days",), only=(*VALID, ("sign", "red")), up_to=1) for stream in both)
    yield from red
    yield Each((sold, bought, *red), "part", figures=figures)
    yield Each((sold, bought), "trend", to=("90d", "180d", "365d", "730d"), figures=figures)
    yield Each((sold, bought), "per", to=("active_days",), figures=figures)
    yield Each(sold, "per", to=("distinct_buyers",), figures=figures)
    yield Each(bought, "per", to=("distinct_sellers",), figures=figures)
    yield Each(sold, "against", other=s.SUPPLIED, figures=(*figures, "total_mean"))
    yield Each(bought, "against", other=s.INVOICED, figures=(*figures, "total_mean"))
    for stream in both:
        yield Cube(stream, SLOW, ("sum", "mean", "max"), ("tax",), by=by, only=VALID, up_to=2)
        yield Cube(stream, SLOW, ("count", "sum", "max", "distinct"), by=("days", "size"), only=(("status", "void"),),
                   up_to=1)  # fmt: skip


def _state() -> Iterator[Declaration]:
    """Tax filings, loans elsewhere, places."""
    taxed = Cube(s.TAXED, ("180d", "365d", "730d", "ever"), ("count", "sum", "mean", "min", "max", "deviation", "last"),
                 ("revenue", "tax"), by=("on_time",), up_to=1)  # fmt: skip
    yield taxed
    yield Each(taxed, "part", figures=("count", "revenue_sum"))
    yield Each(taxed, "trend", to=("365d", "730d"), figures=("count", "revenue_sum", "tax_sum"))
    yield Each(taxed, "per", to=("revenue_sum",), figures=("tax_sum",))
    year, by = ("90d", "180d", "365d", "730d"), ("open", "late", "size")
    loans = Cube(s.BORROWED, year, ("count", "distinct", "sum", "mean", "max", *OF_SHARES), ("balance", "monthly_due"),
                 by=by, up_to=2)  # fmt: skip
    yield Cube(s.BORROWED, year, ("mean", "max"), ("past_due",), by=("open", "size"), up_to=2)
    yield loans
    yield Each(loans, "part", figures=("count", "balance_sum", "monthly_due_sum"))
    yield Each(loans, "per", to=("count", "distinct_lenders"), figures=("balance_sum", "monthly_due_sum"))
    yield Cube(s.PLACED, ("ever",), ("count", "days_since_first", "days_since_last", "last"), up_to=0)


def _person() -> Iterator[Declaration]:
    """Logins and credit inquiries."""
    seen = ("count", "distinct", "active_days", "days_since_last", "longest_gap")
    logins = Cube(s.LOGGED_IN, MANY, seen, by=("hours", "days"), up_to=2)
    asked = Cube(s.INQUIRED, SLOW, seen, by=("reason", "days"), up_to=2)
    yield from (logins, asked)
    yield Cube(s.LOGGED_IN, ("1d", "3d"), ("count", "distinct"), by=("hours",), up_to=1)
    yield Each((logins, asked), "part", figures=("count",))
    yield Each((logins, asked), "trend", to=("30d", "90d", "180d", "365d"), figures=("count",))
    yield Each((logins, asked), "within", to=("90d", "365d"))
    yield Each(logins, "per", to=("active_days", "distinct_devices"), figures=("count",))
    yield Each(asked, "per", to=("distinct_lenders",), figures=("count",))


def _ledger() -> Iterator[Declaration]:
    """What the lender's own books say; a merchant has none before the first line."""
    seen = ("count", "sum", "mean", "max", "active_days", "days_since_first", "days_since_last", "longest_gap")
    drawn = Cube(s.LEDGER_DRAWN, SLOW, seen, up_to=0)
    repaid = Cube(s.LEDGER_REPAID, SLOW, seen, ("amount", "principal", "interest"), up_to=0)
    yield from (drawn, repaid)
    yield Each((drawn, repaid), "trend", to=("90d", "365d"), figures=ADD)
    yield Each(repaid, "against", other=s.LEDGER_DRAWN, figures=ADD)
    yield Cube(s.LEDGER_LATE, SLOW, ("count", "max", "last", "days_since_last"), by=("late",), up_to=1)
    yield Cube(s.LEDGER_LIMIT, SLOW, ("count", "min", "max", "last", "days_since_last"), by=("change",), up_to=1)
