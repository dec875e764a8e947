"""Local hours and days of many instants: one look into the time zone per quarter of an hour in their span."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from dandelion.core import DAY_US, HOUR_US, SECOND_US, BadInput
from dandelion.core.frame import Ints

_QUARTER_US = 900 * SECOND_US  # every zone's offset since 1980 is a multiple of it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local(at: Ints, tz: str) -> Ints:
    """Microseconds of the local clock, as if it were UTC."""
    if not len(at):
        return at
    try:
        zone = ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadInput(f"{tz!r} is not a time zone; write it like Asia/Shanghai", field="tz") from None
    quarter = at // _QUARTER_US
    first = int(quarter.min())
    offsets = []
    for q in range(first, int(quarter.max()) + 1):
        moment = (_EPOCH + timedelta(seconds=q * 900)).astimezone(zone)
        delta = moment.utcoffset() or timedelta(0)
        offsets.append((delta.days * 86_400 + delta.seconds) * SECOND_US)
    return at + np.array(offsets, np.int64)[quarter - first]


def hours(at: Ints, tz: str) -> Ints:
    return local(at, tz) % DAY_US // HOUR_US


def days(at: Ints, tz: str) -> Ints:
    return local(at, tz) // DAY_US
