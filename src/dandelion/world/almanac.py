"""The calendar of the economy: months of China time, public holidays, and how busy each day and minute is.

Public holidays 2023-2026 follow the State Council's yearly notices.  Weekday and festival factors of street trade were
chosen so that `report` comes near the daily payments of 1,580 real shops (IJCAI-17 Koubei, see docs/world.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dandelion.core import DAY_US, SECOND_US, BadInput
from dandelion.world.draws import Floats, Ints, quantile_table

TZ = "Asia/Shanghai"  # UTC+8 all year since 1991
CHINA = timezone(timedelta(hours=8))
FIRST_DAY = date(2023, 7, 1)
MONTHS_MIN, MONTHS_MAX = 6, 42  # the holiday table ends with 2026
BEYOND = 8  # months of hidden life after the record ends, so that outcomes of late drawdowns exist

NEW_YEARS = (date(2023, 1, 22), date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17))


@dataclass(frozen=True, slots=True)
class Holiday:
    """A public holiday of the State Council's notice, first and last day off."""

    name: str
    first: date
    last: date


HOLIDAYS = (
    Holiday("Mid-Autumn and National Day", date(2023, 9, 29), date(2023, 10, 6)),
    Holiday("New Year", date(2023, 12, 30), date(2024, 1, 1)),
    Holiday("Spring Festival", date(2024, 2, 10), date(2024, 2, 17)),
    Holiday("Qingming", date(2024, 4, 4), date(2024, 4, 6)),
    Holiday("Labour Day", date(2024, 5, 1), date(2024, 5, 5)),
    Holiday("Dragon Boat", date(2024, 6, 8), date(2024, 6, 10)),
    Holiday("Mid-Autumn", date(2024, 9, 15), date(2024, 9, 17)),
    Holiday("National Day", date(2024, 10, 1), date(2024, 10, 7)),
    Holiday("New Year", date(2025, 1, 1), date(2025, 1, 1)),
    Holiday("Spring Festival", date(2025, 1, 28), date(2025, 2, 4)),
    Holiday("Qingming", date(2025, 4, 4), date(2025, 4, 6)),
    Holiday("Labour Day", date(2025, 5, 1), date(2025, 5, 5)),
    Holiday("Dragon Boat", date(2025, 5, 31), date(2025, 6, 2)),
    Holiday("National Day and Mid-Autumn", date(2025, 10, 1), date(2025, 10, 8)),
    Holiday("New Year", date(2026, 1, 1), date(2026, 1, 3)),
    Holiday("Spring Festival", date(2026, 2, 15), date(2026, 2, 23)),
    Holiday("Qingming", date(2026, 4, 4), date(2026, 4, 6)),
    Holiday("Labour Day", date(2026, 5, 1), date(2026, 5, 5)),
    Holiday("Dragon Boat", date(2026, 6, 19), date(2026, 6, 21)),
    Holiday("Mid-Autumn", date(2026, 9, 25), date(2026, 9, 27)),
    Holiday("National Day", date(2026, 10, 1), date(2026, 10, 7)),
)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How one sort of trade breathes: Monday..Sunday, on a holiday, before / in / after Spring Festival, by month."""

    name: str
    week: tuple[float, ...]
    holiday: float
    festival: tuple[float, float, float]
    year: tuple[float, ...]


_FLAT = (1.0,) * 12
RHYTHMS = (
    Rhythm("street", (0.94, 0.94, 0.96, 0.95, 1.06, 1.13, 1.08), 1.04, (1.12, 0.70, 0.96), _FLAT),
    Rhythm(
        "retail", (0.93, 0.94, 0.95, 0.95, 1.05, 1.12, 1.06), 1.08, (1.30, 0.80, 0.92),
        (1.12, 0.95, 0.97, 0.97, 1.0, 1.0, 1.0, 1.0, 1.02, 1.0, 1.0, 1.06),
    ),
    Rhythm(
        "online", (1.04, 1.03, 1.02, 1.0, 0.99, 0.96, 0.96), 0.95, (0.95, 0.42, 0.90),
        (0.98, 0.82, 1.0, 0.95, 0.98, 1.18, 0.92, 0.94, 1.0, 1.05, 1.42, 1.12),
    ),
    Rhythm("farm", (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0), 1.05, (1.4, 0.6, 0.9), _FLAT),
    Rhythm(
        "firm", (1.22, 1.24, 1.22, 1.20, 1.22, 0.55, 0.35), 0.25, (1.0, 0.12, 0.7),
        (0.96, 0.62, 0.90, 0.92, 0.96, 0.98, 1.0, 1.02, 1.06, 1.03, 1.10, 1.25),
    ),
    Rhythm("social", (0.92, 0.92, 0.94, 0.96, 1.08, 1.12, 1.06), 1.3, (1.2, 1.7, 1.1), _FLAT),
)  # fmt: skip
STREET, RETAIL, ONLINE, FARM, FIRM, SOCIAL = range(len(RHYTHMS))

# Share of a day's payments that falls in each hour, by clock (rows) 0..23.
CLOCKS: dict[str, tuple[float, ...]] = {
    "meals": (1, 0, 0, 0, 0, 1, 5, 9, 5, 2, 4, 16, 18, 7, 3, 2, 4, 12, 16, 11, 6, 4, 2, 1),
    "daytime": (0, 0, 0, 0, 0, 0, 1, 3, 6, 9, 10, 8, 6, 7, 9, 9, 9, 9, 8, 7, 5, 3, 1, 0),
    "evening": (3, 1, 0, 0, 0, 0, 0, 0, 1, 1, 2, 4, 5, 4, 4, 4, 5, 8, 12, 15, 15, 12, 8, 5),
    "screen": (3, 1, 1, 0, 0, 1, 2, 3, 5, 7, 8, 7, 7, 7, 7, 6, 6, 6, 6, 8, 10, 10, 8, 5),
    "market": (0, 0, 0, 0, 2, 10, 18, 20, 16, 10, 6, 3, 2, 2, 2, 3, 3, 2, 1, 0, 0, 0, 0, 0),
    "office": (0, 0, 0, 0, 0, 0, 0, 1, 6, 14, 16, 12, 4, 6, 12, 14, 12, 6, 2, 1, 0, 0, 0, 0),
}
CLOCK_NAMES = tuple(CLOCKS)


@dataclass(frozen=True)
class Almanac:
    """Days and months of a world of `months` months.  Month numbers run on past the end by `BEYOND`."""

    months: int

    def __post_init__(self) -> None:
        if not MONTHS_MIN <= self.months <= MONTHS_MAX:
            raise BadInput(
                f"months is {self.months}; give {MONTHS_MIN} to {MONTHS_MAX} (the holiday table ends with 2026)",
                field="months",
            )

    @cached_property
    def month_days(self) -> tuple[date, ...]:
        """First day of each month, with `BEYOND` + 1 further months."""
        count = FIRST_DAY.year * 12 + FIRST_DAY.month - 1
        return tuple(date((count + i) // 12, (count + i) % 12 + 1, 1) for i in range(self.months + BEYOND + 1))

    @cached_property
    def starts_us(self) -> Ints:
        """UTC microseconds of local midnight at the start of each of `month_days`."""
        return np.array([_midnight_us(day) for day in self.month_days], np.int64)

    @property
    def start_us(self) -> int:
        return int(self.starts_us[0])

    @property
    def end_us(self) -> int:
        return int(self.starts_us[self.months])

    def month_of(self, at_us: npt.ArrayLike) -> Ints:
        """Month number of instants; before the start is negative by 30-day steps."""
        at = np.asarray(at_us, np.int64)
        inside = np.searchsorted(self.starts_us, at, side="right") - 1
        before = (at - self.start_us) // (30 * DAY_US)
        return np.where(at < self.start_us, before, inside).astype(np.int64)

    def days(self, month: int) -> int:
        return (self.month_days[month + 1] - self.month_days[month]).days

    def day_weights(self, month: int) -> Floats:
        """(rhythms, days) relative business of each day of a month, mean about 1."""
        first = self.month_days[month]
        span = [first + timedelta(days=i) for i in range(self.days(month))]
        return np.array([[_day_factor(rhythm, day) for day in span] for rhythm in RHYTHMS])

    def month_factor(self, month: int) -> Floats:
        """(rhythms,) factor of the whole month: its season times its mean day weight."""
        season = np.array([rhythm.year[self.month_days[month].month - 1] for rhythm in RHYTHMS])
        return season * self.day_weights(month).mean(axis=1) * (self.days(month) / 30.0)

    def day_table(self, month: int) -> npt.NDArray[np.int16]:
        """(rhythms, 4096) day of month, from 0, for 12 random bits."""
        return quantile_table(self.day_weights(month))


def minute_table() -> npt.NDArray[np.int16]:
    """(clocks, 4096) minute of day for 12 random bits; hours are smoothed into minutes linearly."""
    hours = np.array([CLOCKS[name] for name in CLOCK_NAMES], np.float64)
    minutes = np.arange(1440)
    left = minutes // 60
    part = (minutes % 60) / 60.0
    smooth = hours[:, left] * (1 - part) + hours[:, (left + 1) % 24] * part
    return quantile_table(smooth)


def is_holiday(day: date) -> bool:
    return any(holiday.first <= day <= holiday.last for holiday in HOLIDAYS)


def days_from_new_year(day: date) -> int:
    """Signed days from the nearest Spring Festival day."""
    return min(((day - new_year).days for new_year in NEW_YEARS), key=abs)


def text_of(at_us: int) -> str:
    """China-time ISO text of an instant, for world.json."""
    return datetime.fromtimestamp(at_us // SECOND_US, UTC).astimezone(CHINA).isoformat()


def _midnight_us(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=CHINA).timestamp()) * SECOND_US


def _day_factor(rhythm: Rhythm, day: date) -> float:
    factor = rhythm.week[day.weekday()]
    distance = days_from_new_year(day)
    before, during, after = rhythm.festival
    if -14 <= distance <= -2:
        return factor * before
    if -1 <= distance <= 6:
        return during  # the week itself loses its weekdays
    if 7 <= distance <= 14:
        return factor * after
    return rhythm.holiday if is_holiday(day) else factor
