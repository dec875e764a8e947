"""The columns that the bench asks of everybody, said once: filters, windows and aggregates of payments received.

Nothing here is taken from the indicator room, so that peers are written from the meaning of a column.  `definitions`
says the same to the room, in its own words.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

DAY_US = 86_400_000_000
AS_OF_US = 1_751_241_600_000_000  # 2025-06-30T00:00:00Z
TZ, TZ_SHIFT_US = "Asia/Shanghai", 8 * 3_600_000_000  # no change of clocks in these years
WINDOW_DAYS = (1, 7, 14, 30, 60, 90, 180)
AGGREGATES = ("count", "sum", "mean", "max", "deviation", "distinct")
SUFFIX = {
    "count": "count", "sum": "amount_sum", "mean": "amount_mean", "max": "amount_max",
    "deviation": "amount_deviation", "distinct": "distinct_payers",
}  # fmt: skip
CHANNELS = ("qr", "online", "transfer", "card", "red_packet")
HOURS = {"dawn": (0, 6), "morning": (6, 12), "afternoon": (12, 18), "evening": (18, 24)}
DAYS = {"workday": (1, 6), "weekend": (6, 8)}  # ISO weekdays, low <= day < high
_EDGES_FEN = (0, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000, None)
SIZES = {f"s{i}": pair for i, pair in enumerate(itertools.pairwise(_EDGES_FEN))}
LEVELS: dict[str, tuple[str, ...]] = {
    "channel": CHANNELS, "hours": tuple(HOURS), "days": tuple(DAYS), "size": tuple(SIZES),
}  # fmt: skip
STREAM = "payment.received"
Cell = tuple[tuple[str, str], ...]  # (dimension, level) pairs in the order of LEVELS; () is every payment


@dataclass(frozen=True, slots=True)
class Ask:
    """One column: a cell, a window in days, an aggregate."""

    cell: Cell
    days: int
    aggregate: str

    @property
    def id(self) -> str:
        where = "".join(f"/{name}={level}" for name, level in self.cell)
        return f"{STREAM}{where}/{self.days}d/{SUFFIX[self.aggregate]}"


def cube_cells() -> list[Cell]:
    """All 990: every dimension at one of its levels or at all of them; coarse cells first."""
    choices = [[None, *((name, level) for level in levels)] for name, levels in LEVELS.items()]
    cells = [tuple(pair for pair in chosen if pair is not None) for chosen in itertools.product(*choices)]
    return sorted(cells, key=len)


def asks(cells: list[Cell]) -> list[Ask]:
    return [Ask(cell, days, aggregate) for cell in cells for days in WINDOW_DAYS for aggregate in AGGREGATES]


def cells_840() -> list[Cell]:
    """Twenty filters: everything, each channel, hour band and day, four sizes, QR codes by hour band."""
    one = [((name, level),) for name in ("channel", "hours", "days") for level in LEVELS[name]]
    sizes = [(("size", level),) for level in ("s0", "s3", "s6", "s9")]
    return [(), *one, *sizes, *((("channel", "qr"), ("hours", level)) for level in HOURS)]


def columns(name: str) -> list[Ask]:
    """`840`, `10k` (10,000 of the cube's, coarse ones first), `cube` (41,580), or a number: so many of the cube's."""
    if name == "840":
        return asks(cells_840())
    every = asks(cube_cells())
    return {"cube": every, "10k": every[:10_000]}.get(name) or every[: int(name)]


def definitions():  # type: ignore[no-untyped-def]
    """The cube in the room's words; every set above is some of its columns."""
    from dandelion.indicators import Cube, Definitions, Dimension, Level, Measure, Stream

    def spans(which: dict[str, tuple[int, int | None]]) -> tuple[Level, ...]:
        return tuple(Level(name, name, name, low=low, high=high) for name, (low, high) in which.items())

    stream = Stream(
        STREAM, "payment", "payee", "收到的付款", "payments received", counterparty="payer", people=True,
        measures=(Measure("amount", "amount_fen", "fen", "金额", "amount"),),
        dimensions=(
            Dimension("channel", tuple(Level(name, name, name, name) for name in CHANNELS), field="channel"),
            Dimension("hours", spans(HOURS), "hour"),  # type: ignore[arg-type]
            Dimension("days", spans(DAYS), "weekday"),  # type: ignore[arg-type]
            Dimension("size", spans(SIZES), field="amount_fen"),
        ),
    )  # fmt: skip
    windows = tuple(f"{days}d" for days in WINDOW_DAYS)
    subsets = [by for size in range(5) for by in itertools.combinations(LEVELS, size)]
    return Definitions.of([Cube(stream, windows, AGGREGATES, by=by) for by in subsets], tz=TZ)
