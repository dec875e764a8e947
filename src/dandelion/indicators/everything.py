"""Everything: a few dozen declarations that stand for some two hundred thousand columns.

`standard` is the named set that books and training start from; `full` is that and all of this.  Any id here can be used
by its path from either.

>>> declared = declarations()
>>> len(declared) <= 150 and sum(len(part) for part in declared if not isinstance(part, Stream)) > 200_000
True
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from dandelion.indicators import standard_streams as s
from dandelion.indicators.cube import Cube, Filters
from dandelion.indicators.declare import AGGREGATES, Stream
from dandelion.indicators.definitions import Declaration, Definitions
from dandelion.indicators.each import Each
from dandelion.indicators.standard import standard

FEW = ("7d", "30d", "90d", "180d", "365d")
MANY = ("1d", "3d", "7d", "14d", "30d", "60d", "90d", "180d", "365d", "730d", "ever")
SLOW = ("30d", "90d", "180d", "365d", "730d", "ever")
CHEAP = ("count", "sum", "mean", "max", "deviation", "distinct", "active_days", "days_since_last")
ALL = tuple(aggregate for aggregate in AGGREGATES if aggregate != "last")
ADD = ("count", "amount_sum")
VALID: Filters = (("status", "valid"),)


@lru_cache(maxsize=4)
def full(tz: str = "Asia/Shanghai") -> Definitions:
    """Every column there is.  `tz` is the pack's time zone."""
    return standard(tz).extended(Definitions.of(declarations(), tz=tz))


@lru_cache(maxsize=1)
def declarations() -> tuple[Declaration, ...]:
    """The streams, cubes and families behind them: at most 150."""
    return (*s.STREAMS, *_payments(), *_refunds(), *_orders(), *_reviews(), *_invoices(), *_state(), *_person())


def _payments() -> Iterator[Declaration]:
    sides = (s.RECEIVED, "payer", s.MADE), (s.MADE, "payee", s.RECEIVED)
    for stream, other, opposite in sides:
        by = ("channel", "hours", "days", "size")
        yield from _wide(stream, other, Cube(stream, FEW, CHEAP, by=by, up_to=4))
        yield from _near(stream, other, Cube(stream, MANY, ALL, by=by, up_to=2), opposite)
        trade = Cube(stream, FEW, CHEAP, by=("hours", "days", "size"), only=(("standing", "trade"),), up_to=2)
        yield trade
        yield Each(trade, "trend", to=("30d", "90d", "365d"), figures=ADD)
        yield Each(trade, "of_all", figures=ADD)
        for standing in ("related", "gift"):
            yield Cube(stream, FEW, CHEAP, by=("hours", "days", "size"), only=(("standing", standing),), up_to=1)


def _wide(stream: Stream, other: str, cube: Cube) -> Iterator[Declaration]:
    """What is worth knowing of every cell, however fine."""
    yield cube
    yield Each(cube, "share", figures=ADD)
    yield Each(cube, "of_all", figures=ADD)
    yield Each(cube, "trend", to=("30d", "90d", "180d", "365d"), figures=ADD)
    yield Each(cube, "within", to=("90d", "365d"))
    yield Each(cube, "per", to=(f"distinct_{other}s", "active_days"), figures=ADD)
    yield Each(cube, "per", to=("amount_mean",), figures=("amount_max", "amount_deviation"))


def _near(stream: Stream, other: str, cube: Cube, opposite: Stream | None) -> Iterator[Declaration]:
    """What is worth knowing of cells with one or two levels fixed."""
    yield cube
    yield from _over_time(stream, cube.by, ADD)
    yield Each(cube, "per", to=("amount_q50",), windows=FEW, figures=("amount_q10", "amount_q90", "amount_max"))
    if opposite is not None:
        yield Each(cube, "against", windows=FEW, other=opposite, figures=(*ADD, "amount_mean", "active_days"))


def _over_time(
    stream: Stream, by: tuple[str, ...], figures: tuple[str, ...], only: Filters = ()
) -> Iterator[Declaration]:
    """Against other times: weeks, months, the same weeks a year before."""
    adding = ("count", "sum") if stream.measures else ("count",)
    cube = Cube(stream, (*FEW, "84d", "360d"), adding, by=by, only=only, up_to=min(2, len(by)))
    yield Each(cube, "trend", to=("14d", "60d", "730d"), windows=FEW, figures=figures)
    yield Each(cube, "acceleration", to=("30d.90d", "90d.180d", "180d.365d"), windows=FEW, figures=figures)
    yield Each(cube, "volatility", to=("7d",), windows=("84d",), figures=figures)
    yield Each(cube, "volatility", to=("30d",), windows=("360d",), figures=figures)
    yield Each(cube, "own_past", to=("7d",), windows=("84d",), figures=figures)
    yield Each(cube, "own_past", to=("30d",), windows=("360d",), figures=figures)
    yield Each(cube, "year_before", windows=("30d", "90d", "180d"), figures=figures)
    yield Each(cube, "year_on_year", windows=("30d", "90d", "180d"), figures=figures)


def _refunds() -> Iterator[Declaration]:
    for stream, other in ((s.REFUNDED, s.RECEIVED), (s.REFUND_TAKEN, s.MADE)):
        cube = Cube(stream, SLOW, ALL, by=("hours", "days", "size"), up_to=2)
        yield cube
        yield Each(cube, "share", figures=ADD)
        yield Each(cube, "trend", to=("90d", "180d", "365d"), figures=ADD)
        yield Each(cube, "against", other=other, figures=(*ADD, "amount_mean"))


def _orders() -> Iterator[Declaration]:
    for stream, who in ((s.SOLD, "buyers"), (s.BOUGHT, "sellers")):
        by = ("status", "hours", "days", "deposit", "size")
        cube = Cube(stream, FEW, CHEAP, by=by, up_to=3)
        yield cube
        yield Each(cube, "share", figures=ADD)
        yield Each(cube, "of_all", figures=ADD)
        yield Each(cube, "trend", to=("30d", "90d", "365d"), figures=ADD)
        yield Each(cube, "per", to=(f"distinct_{who}", "active_days"), figures=ADD)
        yield Cube(stream, MANY, ALL, by=by, up_to=1)
        yield from _over_time(stream, ("status", "days"), ADD)


def _reviews() -> Iterator[Declaration]:
    cube = Cube(s.REVIEWED, FEW, ALL, by=("grade", "hours", "days"), up_to=2)
    yield cube
    yield Each(cube, "share", figures=("count",))
    yield Each(cube, "trend", to=("30d", "90d", "365d"), figures=("count",))
    yield Each(cube, "per", to=("distinct_buyers",), figures=("count",))


def _invoices() -> Iterator[Declaration]:
    for stream, other, opposite in ((s.INVOICED, "buyer", s.SUPPLIED), (s.SUPPLIED, "seller", s.INVOICED)):
        by = ("sign", "days", "size")
        figures = ("count", "total_sum")
        cube = Cube(stream, SLOW, ALL, by=by, only=VALID, up_to=2)
        yield cube
        yield Each(cube, "share", figures=figures)
        yield Each(cube, "trend", to=("90d", "180d", "365d"), figures=figures)
        yield Each(cube, "per", to=(f"distinct_{other}s", "active_days"), figures=figures)
        yield Each(cube, "against", other=opposite, figures=(*figures, "total_mean"))
        yield Cube(stream, SLOW, ("sum", "mean", "max"), ("tax",), by=by, only=VALID, up_to=2)
        yield Cube(stream, SLOW, ("count", "sum", "max", "distinct"), by=("days", "size"), only=(("status", "void"),),
                   up_to=1)  # fmt: skip
        yield from _over_time(stream, ("size",), figures, VALID)


def _state() -> Iterator[Declaration]:
    """Tax filings and loans elsewhere."""
    taxed = Cube(s.TAXED, ("180d", "365d", "730d", "ever"), ("count", "sum", "mean", "min", "max", "deviation", "last"),
                 ("revenue", "tax"), by=("on_time",), up_to=1)  # fmt: skip
    yield taxed
    yield Each(taxed, "share", figures=("count", "revenue_sum"))
    yield Each(taxed, "trend", to=("365d", "730d"), figures=("count", "revenue_sum", "tax_sum"))
    yield Each(taxed, "per", to=("revenue_sum",), figures=("tax_sum",))
    loans = Cube(s.BORROWED, ("90d", "180d", "365d", "730d"), ("count", "distinct", "sum", "mean", "max", "top_share"),
                 ("balance", "monthly_due", "past_due"), by=("open", "late", "size"), up_to=2)  # fmt: skip
    yield loans
    yield Each(loans, "share", figures=("count", "balance_sum", "monthly_due_sum"))
    yield Each(loans, "per", to=("count", "distinct_lenders"), figures=("balance_sum", "monthly_due_sum"))


def _person() -> Iterator[Declaration]:
    """Logins and credit inquiries."""
    seen = ("count", "distinct", "active_days", "days_since_last", "longest_gap")
    logins = Cube(s.LOGGED_IN, MANY, seen, by=("hours", "days"), up_to=2)
    yield logins
    yield Each(logins, "share", figures=("count",))
    yield Each(logins, "trend", to=("30d", "90d", "180d", "365d"), windows=FEW, figures=("count",))
    yield Each(logins, "within", to=("90d", "365d"), windows=FEW)
    yield Each(logins, "per", to=("active_days", "distinct_devices"), figures=("count",))
    yield from _over_time(s.LOGGED_IN, ("hours", "days"), ("count",))
    asked = Cube(s.INQUIRED, SLOW, seen, by=("reason", "days"), up_to=2)
    yield asked
    yield Each(asked, "share", figures=("count",))
    yield Each(asked, "trend", to=("90d", "180d", "365d"), figures=("count",))
    yield Each(asked, "per", to=("distinct_lenders",), figures=("count",))
