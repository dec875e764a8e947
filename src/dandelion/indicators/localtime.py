"""Local day, hour and weekday of many instants, from the IANA zone's offsets (PEP 615), without a loop per event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from dandelion.core import DAY_US, HOUR_US, SECOND_US, BadInput
from dandelion.core.frame import Ints

_FIRST, _LAST = datetime(1979, 12, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=16)
def offsets(tz: str) -> tuple[Ints, Ints]:
    """(instants from which an offset holds, offsets), both in microseconds, for 1980 to 2100."""
    try:
        zone = ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadInput(f"{tz!r} is not a time zone; write it like Asia/Shanghai", field="tz") from None

    def offset(second: int) -> int:
        delta = datetime.fromtimestamp(second, zone).utcoffset() or timedelta(0)
        return (delta.days * 86_400 + delta.seconds) * SECOND_US + delta.microseconds

    second, last = int(_FIRST.timestamp()), int(_LAST.timestamp())
    starts, shifts = [second], [offset(second)]
    while second < last:
        ahead = min(second + 7 * 86_400, last)
        if offset(ahead) != shifts[-1]:
            low, high = second, ahead  # the change lies in (low, high]
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == shifts[-1] else (low, middle)
            starts.append(high)
            shifts.append(offset(high))
            ahead = high
        second = ahead
    return np.array(starts, np.int64) * SECOND_US, np.array(shifts, np.int64)


def local(at: Ints, tz: str) -> Ints:
    """Microseconds of the local clock, as if it were UTC."""
    starts, shifts = offsets(tz)
    if len(at) and int(at.min()) >= starts[-1]:  # no change of offset after the last one (China since 1991)
        return at + shifts[-1]
    return at + shifts[np.maximum(np.searchsorted(starts, at, side="right") - 1, 0)]


def days(at: Ints, tz: str) -> Ints:
    """Number of the local day since 1970-01-01."""
    return local(at, tz) // DAY_US


def hours(at: Ints, tz: str) -> Ints:
    """Local hour 0 to 23."""
    return local(at, tz) % DAY_US // HOUR_US


def weekdays(at: Ints, tz: str) -> Ints:
    """ISO weekday 1 (Monday) to 7; 1970-01-01 was a Thursday."""
    return (days(at, tz) + 3) % 7 + 1
