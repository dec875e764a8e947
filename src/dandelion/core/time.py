"""Time is UTC microseconds since 1970; windows are half-open; ``30d`` is 30 x 24 h.

>>> Window(0, DAY_US).holds(DAY_US)
False
>>> duration_us("30d") == 30 * DAY_US
True
"""

from __future__ import annotations

import re
import time as _time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from dandelion.core.errors import BadInput

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
_UNITS = {"s": SECOND_US, "min": 60 * SECOND_US, "h": HOUR_US, "d": DAY_US}


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open span [start_us, end_us)."""

    start_us: int
    end_us: int

    def __post_init__(self) -> None:
        if self.start_us > self.end_us:
            raise BadInput("a window ends before it starts; swap its bounds", field="window")

    def holds(self, at_us: int) -> bool:
        return self.start_us <= at_us < self.end_us


class Clock(Protocol):
    """Where ``now`` comes from.  ``as_of`` is always the server's clock, never the caller's word."""

    def now(self) -> int: ...


class SystemClock:
    def now(self) -> int:
        return _time.time_ns() // 1000


class ManualClock:
    """A clock that stands until moved; it never moves backwards."""

    def __init__(self, now_us: int) -> None:
        self._now = now_us

    def now(self) -> int:
        return self._now

    def move_to(self, now_us: int) -> None:
        if now_us < self._now:
            raise BadInput("a clock cannot be moved backwards", field="now")
        self._now = now_us


def duration_us(text: str) -> int:
    """``90d``, ``12h``, ``5min``, ``30s`` to microseconds."""
    match = re.fullmatch(r"(\d{1,6})(s|min|h|d)", text)
    if match is None:
        raise BadInput(f"{text!r} is not a duration; write it like 30d, 12h, 5min or 30s", field="duration")
    return int(match[1]) * _UNITS[match[2]]


def instant(text: str, tz: str = "UTC") -> int:
    """ISO 8601 date or date-time to UTC microseconds; text without an offset is read in `tz`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            f"{text!r} is not a date; write it like 2025-06-30 or 2025-06-30T08:00:00Z", field="at"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(tz))
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND_US + delta.microseconds


def iso(at_us: int) -> str:
    """UTC microseconds to ISO 8601 with Z, always with microseconds, so that text sorts as time."""
    seconds, micros = divmod(at_us, SECOND_US)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def day_of(at_us: int, tz: str) -> date:
    """The calendar day of an instant in the pack's time zone."""
    return datetime.fromtimestamp(at_us // SECOND_US, ZoneInfo(tz)).date()


def start_of_day(day: date, tz: str) -> int:
    """UTC microseconds of local midnight at the start of `day`."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(tz)).timestamp()) * SECOND_US
