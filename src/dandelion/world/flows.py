"""Payments in columns while they are still account numbers, and the clock of one month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from dandelion.core import DAY_US, SECOND_US
from dandelion.world.almanac import Almanac, minute_table
from dandelion.world.draws import Bools, Ints

CHANNELS = ("qr", "online", "transfer", "card", "red_packet")
QR, ONLINE_PAY, TRANSFER, CARD, RED_PACKET = range(5)
NO_ORDER = -1
MINUTE_US = 60 * SECOND_US


@dataclass(frozen=True)
class Pays:
    """Payments: microseconds, payee and payer account numbers, fen, channel number, order number or NO_ORDER."""

    at: Ints
    payee: Ints
    payer: Ints
    fen: Ints
    channel: npt.NDArray[np.int8]
    order: Ints

    @classmethod
    def of(
        cls, at: Ints, payee: Ints, payer: Ints, fen: npt.NDArray[np.generic], channel: int | npt.NDArray[np.int8],
        order: Ints | None = None,
    ) -> Pays:  # fmt: skip
        rows = len(at)
        channels = np.full(rows, channel, np.int8) if isinstance(channel, int) else channel
        orders = np.full(rows, NO_ORDER, np.int64) if order is None else order
        return cls(at, payee, payer, np.maximum(fen.astype(np.int64), 1), channels, orders)

    @classmethod
    def join(cls, parts: Sequence[Pays]) -> Pays:
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    @classmethod
    def none(cls) -> Pays:
        empty = np.empty(0, np.int64)
        return cls(empty, empty, empty, empty, np.empty(0, np.int8), empty)

    def take(self, rows: Ints | Bools) -> Pays:
        return Pays(*(getattr(self, f.name)[rows] for f in fields(self)))

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True)
class MonthClock:
    """Turns random bits into instants of one month, following a rhythm of days and a clock of minutes."""

    start_us: int
    end_us: int
    day_table: npt.NDArray[np.int16]
    minutes: npt.NDArray[np.int16]

    @classmethod
    def of(cls, almanac: Almanac, month: int) -> MonthClock:
        return cls(
            int(almanac.starts_us[month]), int(almanac.starts_us[month + 1]), almanac.day_table(month), minute_table()
        )

    @property
    def days(self) -> int:
        return (self.end_us - self.start_us) // DAY_US

    def instants(self, rng: np.random.Generator, rhythm: Ints | int, clock: Ints | int, rows: int) -> Ints:
        """(rows,) instants; `rhythm` and `clock` are numbers or arrays of numbers."""
        bits = rng.integers(0, 2**63, rows)
        day = self.day_table[rhythm, bits & 4095].astype(np.int64)
        minute = self.minutes[clock, (bits >> 12) & 4095].astype(np.int64)
        micros = ((bits >> 24) & 0xFFFFFFF) * (60 * SECOND_US) >> 28
        return np.asarray(self.start_us + day * DAY_US + minute * MINUTE_US + micros, np.int64)

    def evenings(self, rng: np.random.Generator, rows: int, hour_low: float, hour_high: float) -> Ints:
        """(rows,) instants on any day between two hours of the day."""
        day = rng.integers(0, self.days, rows)
        hour = rng.uniform(hour_low, hour_high, rows)
        return np.asarray(self.start_us + day * DAY_US + (hour * 3600 * SECOND_US).astype(np.int64), np.int64)
