"""Days of the pack's time zone, counted from 1970-01-01, and the dated holiday table.

A *day* in this room is a whole number: the local calendar day of an instant.  Interest counts nights: money paid out on
day 10 and repaid on day 13 used days 10, 11 and 12 (head counted, tail not).

>>> str(date_of(day_number(date(2026, 3, 1)) - 1))
'2026-02-28'
"""

from __future__ import annotations

from datetime import date, timedelta

from dandelion.core import BadInput, Unavailable, day_of, start_of_day

_EPOCH = date(1970, 1, 1)
HOLIDAYS_KNOWN_UNTIL = date(2026, 12, 31)  # chinesecalendar 1.11 carries the State Council notices up to here
HOLIDAYS_KNOWN_FROM = date(2004, 1, 1)


def day_number(day: date) -> int:
    return (day - _EPOCH).days


def date_of(day: int) -> date:
    return _EPOCH + timedelta(days=day)


def local_day(at_us: int, time_zone: str) -> int:
    """Day number of an instant in `time_zone`."""
    return day_number(day_of(at_us, time_zone))


def day_start_us(day: int, time_zone: str) -> int:
    """UTC microseconds of local midnight at the start of `day`."""
    return start_of_day(date_of(day), time_zone)


def add_months(day: int, months: int, *, anchor: int) -> int:
    """The day `months` later that falls on day-of-month `anchor`, or on the month's last day where it is shorter."""
    start = date_of(day)
    index = start.year * 12 + start.month - 1 + months
    year, month = divmod(index, 12)
    first_of_next = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (first_of_next - timedelta(days=1)).day
    return day_number(date(year, month + 1, min(anchor, last)))


def is_working_day(day: int, jurisdiction: str) -> bool:
    """Whether banks work on `day`.  Unavailable outside the dated table: a holiday is announced, never guessed."""
    if jurisdiction != "cn":
        raise BadInput(f"no holiday table for {jurisdiction!r}; add one beside its pack", field="jurisdiction")
    when = date_of(day)
    if not HOLIDAYS_KNOWN_FROM <= when <= HOLIDAYS_KNOWN_UNTIL:
        raise Unavailable(
            f"the holiday table covers {HOLIDAYS_KNOWN_FROM} to {HOLIDAYS_KNOWN_UNTIL} and {when} lies outside it; "
            "update chinesecalendar once the State Council has announced the year",
            field="day",
        )
    import chinese_calendar

    return bool(chinese_calendar.is_workday(when))
