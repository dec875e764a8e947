"""What an analyst writes: `Stream`, its measures and dimensions, `Derive`; and `Base`, one column straight from events.

Frozen, checked when made, and nothing is computed here.  `cube.Cube` and `each.Each` declare many at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from dandelion.core import DAY_US, BadInput, duration_us, event_class, fields_of
from dandelion.indicators.wording import did_you_mean, several

EVER = "ever"
EVER_US = 200 * 365 * DAY_US
COLUMNS_MAX = 1_000_000
ID_MAX = 200
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LEVEL = re.compile(r"[A-Za-z0-9_]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")
_ID = re.compile(r"[A-Za-z0-9_./=]{1,200}")

OF_EVENTS = ("count", "active_days", "days_since_first", "days_since_last", "longest_gap")
OF_WHO = ("distinct",)
OF_MEASURE = ("sum", "mean", "min", "max", "deviation", "last", "q10", "q50", "q90")
"""qNN is a lower quantile: the value of rank ``ceil(NN / 100 * n)`` of the n that count, itself one of them."""
OF_SHARES = ("top_share", "entropy")
"""Of the counterparties' positive sums of the stream's first measure: the largest over the total; Shannon's entropy in
nats (0 for one counterparty, ln n for n alike)."""
AGGREGATES = (*OF_EVENTS, *OF_WHO, *OF_MEASURE, *OF_SHARES)
ADDING = ("count", "sum")  # what adds up over disjoint windows
SOURCES = ("value", "hour", "weekday", "holiday", "standing")
OWN_KINDS = ("consent", "ledger")  # data of the lender's own books, which no grant names
STANDINGS = ("trade", "related", "self", "gift")


@lru_cache(maxsize=4096)
def window_us(window: str) -> int:
    """Length of a window in microseconds; ``ever`` reaches back before every event."""
    length = EVER_US if window == EVER else duration_us(window)
    if length <= 0:
        raise BadInput(f"window {window!r} is empty; give a length above zero, like 30d", field="windows")
    return length


@dataclass(frozen=True, slots=True)
class Measure:
    """A whole-number field of the event that can be added up, e.g. ``Measure("amount", "amount_fen", "fen", ...)``."""

    name: str
    field: str
    unit: str
    zh: str
    en: str

    def __post_init__(self) -> None:
        if not _WORD.fullmatch(self.name):
            raise BadInput(f"measure {self.name!r} may hold letters, digits and _ only; rename it", field="name")


@dataclass(frozen=True, slots=True)
class Level:
    """One value of a dimension: `equals` a text or flag, or a whole number with ``low <= number < high``
    (for hours of the day, ``low > high`` wraps round midnight)."""

    value: str
    zh: str
    en: str
    equals: str | bool | None = None
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Dimension:
    """A way to split a stream.  `source` says what a level is held against: the ``value`` of `field`, the local
    ``hour`` (0-23) or ISO ``weekday`` (1-7) of the event, whether that day was a public ``holiday`` (1, else 0; see
    `holidays`), or the ``standing`` of the counterparty towards the subject (trade, related, self, gift)."""

    name: str
    levels: tuple[Level, ...]
    source: str = "value"
    field: str | None = None

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise BadInput(f"dimension {self.name!r} has source {self.source!r}; use one of {', '.join(SOURCES)}",
                           field="source")  # fmt: skip
        if not _WORD.fullmatch(self.name) or not all(_LEVEL.fullmatch(level.value) for level in self.levels):
            raise BadInput(f"dimension {self.name!r} and its levels may hold letters, digits and _ only; rename it",
                           field="name")  # fmt: skip
        values = [level.value for level in self.levels]
        if len(set(values)) < len(values) or not values:
            raise BadInput(f"dimension {self.name!r} needs levels, each named once; it has {', '.join(values) or 'none'}",
                           field="levels")  # fmt: skip
        if self.source == "standing" and any(level.value not in STANDINGS for level in self.levels):
            raise BadInput(f"a standing is one of {', '.join(STANDINGS)}", field="levels")

    def level(self, value: str) -> Level:
        for level in self.levels:
            if level.value == value:
                return level
        known = ", ".join(level.value for level in self.levels)
        near = did_you_mean(value, [level.value for level in self.levels])
        raise BadInput(f"dimension {self.name!r} has no level {value!r}; it has {known}{near}", field=self.name)


@dataclass(frozen=True)
class Stream:
    """Events of one `kind` seen by the subject in field `role`, in order of (`time`, event id).

    `counterparty` is the field of the other side; with `people` true it is a private person, and columns about single
    counterparties need at least five of them.  With `latest_by` only the newest event of each value of that field
    counts (snapshots of a loan), and filters apply after that choice.
    """

    name: str
    kind: str
    role: str
    zh: str
    en: str
    counterparty: str | None = None
    measures: tuple[Measure, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    time: str = "at"
    people: bool = False
    latest_by: str | None = None
    zh_count: str = "笔数"  # how Chinese counts such events
    named: bool = False  # the counterparties' names are groups to compare within, so that blocks keep their hashes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BadInput(f"stream name {self.name!r} must be words joined by dots, like payment.received; rename it",
                           field="name")  # fmt: skip
        kinds = {f.name: f.kind.name for f in fields_of(self.kind)}
        if self.role not in event_class(self.kind).ROLES:
            raise BadInput(f"stream {self.name!r}: {self.kind} has no role {self.role!r}; it has "
                           f"{', '.join(event_class(self.kind).ROLES)}", field="role")  # fmt: skip
        if self.time != "at":
            raise BadInput(f"stream {self.name!r}: events are ordered by at; set time='at'", field="time")
        wanted = [m.field for m in self.measures] + [d.field for d in self.dimensions if d.source == "value"]
        for name in (*wanted, *(x for x in (self.counterparty, self.latest_by) if x)):
            if name not in kinds:
                raise BadInput(f"stream {self.name!r}: {self.kind} has no column {name!r}; it has "
                               f"{', '.join(kinds)}{did_you_mean(str(name), kinds)}", field=str(name))  # fmt: skip
        for measure in self.measures:
            if kinds[measure.field] not in ("fen", "count"):
                raise BadInput(f"stream {self.name!r}: {measure.field} is not a whole number, so it cannot be a measure",
                               field=measure.field)  # fmt: skip

    def __hash__(self) -> int:  # equal streams hash alike; their levels need not be gone through each time
        return hash((self.name, self.kind, self.role))

    @cached_property
    def endings(self) -> dict[str, tuple[str, str | None]]:
        """Last part of an id -> (aggregate, measure), for everything this stream can say."""
        out: dict[str, tuple[str, str | None]] = {}
        for aggregate in AGGREGATES:
            for measure in measures_for(self, aggregate):
                out[ending(self, aggregate, measure)] = aggregate, measure
        return out

    def measure(self, name: str) -> Measure:
        for measure in self.measures:
            if measure.name == name:
                return measure
        raise BadInput(f"stream {self.name!r} has no measure {name!r}; it has "
                       f"{', '.join(m.name for m in self.measures) or 'none'}; use one of these", field="measures")  # fmt: skip

    def dimension(self, name: str) -> Dimension:
        for dimension in self.dimensions:
            if dimension.name == name:
                return dimension
        raise BadInput(f"stream {self.name!r} has no dimension {name!r}; it has "
                       f"{', '.join(d.name for d in self.dimensions) or 'none'}"
                       f"{did_you_mean(name, [d.name for d in self.dimensions])}", field=name)  # fmt: skip

    @property
    def others(self) -> str:
        """The counterparties: "payers", "categories"."""
        one = str(self.counterparty)
        return f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"

    @property
    def data_kind(self) -> str:
        return event_class(self.kind).DATA_KIND


@dataclass(frozen=True, slots=True)
class Base:
    """One column straight from events: stream, filter, window, aggregate (and measure where the aggregate needs one)."""

    stream: Stream
    filters: tuple[tuple[str, str], ...]  # (dimension, level), in the stream's order of dimensions
    window: str
    aggregate: str
    measure: str | None = None

    def __post_init__(self) -> None:
        window_us(self.window)
        if self.aggregate not in AGGREGATES:
            raise BadInput(f"{self.aggregate!r} is not an aggregate; use one of {', '.join(AGGREGATES)}",
                           field="aggregates")  # fmt: skip
        _levels_exist(self.stream, self.filters)
        if self.aggregate in (*OF_WHO, *OF_SHARES) and self.stream.counterparty is None:
            raise BadInput(f"stream {self.stream.name!r} names no counterparty, so it has no {self.aggregate}",
                           field="aggregates")  # fmt: skip
        if self.aggregate in (*OF_MEASURE, *OF_SHARES):
            self.stream.measure(self.measure or "")

    @property
    def suffix(self) -> str:
        return ending(self.stream, self.aggregate, self.measure)

    @property
    def id(self) -> str:
        cell = "".join(f"/{dimension}={level}" for dimension, level in self.filters)
        return f"{self.stream.name}{cell}/{self.window}/{self.suffix}"

    @property
    def unit(self) -> str:
        if self.aggregate in OF_SHARES:
            return "share" if self.aggregate == "top_share" else "nats"
        if self.aggregate in OF_MEASURE and self.measure is not None:
            return self.stream.measure(self.measure).unit
        return "count" if self.aggregate in ("count", "distinct") else "days"

    @property
    def is_money(self) -> bool:
        return self.unit == "fen" and self.aggregate in ("sum", "min", "max", "last")

    @property
    def may_be_negative(self) -> bool:
        """A red-letter invoice is below zero, and so may be sums and picks of such amounts."""
        if self.aggregate not in OF_MEASURE or self.aggregate == "deviation" or self.measure is None:
            return False
        column = self.stream.measure(self.measure).field
        return any(f.name == column and f.kind.low is None for f in fields_of(self.stream.kind))

    def as_json(self) -> dict[str, Any]:
        """The structured definition: everything anyone needs to recompute the column."""
        measure = None if self.measure is None else self.stream.measure(self.measure).field
        return {
            "stream": self.stream.kind, "role": self.stream.role, "time": self.stream.time,
            "where": where(self.stream, self.filters),
            "window_s": None if self.window == EVER else window_us(self.window) // 1_000_000,
            "aggregate": self.aggregate, "measure": measure, "counterparty": self.stream.counterparty,
            "latest_by": self.stream.latest_by, "people_min": 5 if self.stream.people else 0,
        }  # fmt: skip


def ending(stream: Stream, aggregate: str, measure: str | None) -> str:
    """Last part of an id: `count`, `amount_sum`, `distinct_payers`, `payer_entropy`."""
    if aggregate == "distinct":
        return f"distinct_{stream.others}"
    if aggregate == "top_share":
        return f"top_{stream.counterparty}_share"
    if aggregate == "entropy":
        return f"{stream.counterparty}_entropy"
    if aggregate == "longest_gap":
        return "longest_gap_days"
    return aggregate if measure is None else f"{measure}_{aggregate}"


def measures_for(stream: Stream, aggregate: str, named: tuple[str, ...] = ()) -> tuple[str | None, ...]:
    """The measures an aggregate is taken of: none, the first, or those `named` (default: all of the stream's).

    Empty where the stream has no counterparty or measure for it.
    """
    if aggregate in OF_SHARES:
        return (stream.measures[0].name,) if stream.counterparty and stream.measures else ()
    if aggregate in OF_MEASURE:
        return named or tuple(measure.name for measure in stream.measures)
    return () if aggregate in OF_WHO and stream.counterparty is None else (None,)


def where(stream: Stream, filters: tuple[tuple[str, str], ...]) -> list[dict[str, Any]]:
    """Filters as conditions on columns of the event (or its local hour, weekday, standing)."""
    return [_filter_json(stream.dimension(name), level) for name, level in filters]


@lru_cache(maxsize=65_536)
def _levels_exist(stream: Stream, filters: tuple[tuple[str, str], ...]) -> None:
    for dimension, level in filters:
        stream.dimension(dimension).level(level)


def _filter_json(dimension: Dimension, value: str) -> dict[str, Any]:
    level = dimension.level(value)
    column = dimension.field if dimension.source == "value" else _COLUMNS.get(dimension.source, dimension.source)
    return {"column": column, "equals": level.equals, "low": level.low, "high": level.high, "level": value}


_COLUMNS = {"holiday": "holiday.cn"}  # whose holidays is part of the meaning
AFTER_KERNEL = ("peers", "new", "returning", "new_share", "returning_share", "same_weekdays", "whose")  # see `late`
OPERATIONS = ("ratio", "share", "difference", "trend", "volatility", "own_past", *AFTER_KERNEL)


@dataclass(frozen=True, slots=True)
class Derive:
    """A column from other columns, named by id.  Any path over a declared stream may be named, in a cube or not.

    ratio, share: first / second.  difference: first - second - third...  trend: first window against the part of the
    second (longer) window before it.  volatility, own_past: the columns are one aggregate over growing windows.
    peers: the first column against those of the group that the others tell (see `peers.against`).  new, returning, and
    their shares: of the counterparties of the first column, by their first event in the second's longer window.
    same_weekdays: a span, then for each week back the window that ends before that week's span and the one that holds it.
    """

    id: str
    op: str
    of: tuple[str, ...]
    zh: str
    en: str
    unit: str = "ratio"
    money: bool = False
    range: tuple[float | None, float | None] = field(default=(None, None))

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise BadInput(
                f"id {self.id!r} may hold words, digits and _ . / = only, at most 200; rename it", field="id"
            )
        several("of", self.of)
        if self.op not in OPERATIONS:
            free = [op for op in OPERATIONS if op not in AFTER_KERNEL]
            raise BadInput(f"{self.op!r} is not an operation; use one of {', '.join(free)}", field="op")
        least = {"volatility": 3, "own_past": 4, "same_weekdays": 5, "whose": 1}.get(self.op, 2)
        exact = self.op in ("ratio", "share", "trend", "new", "returning", "new_share", "returning_share", "whose")
        if len(self.of) < least or (exact and len(self.of) != least):
            count = f"exactly {least}" if exact else f"at least {least}"
            raise BadInput(f"{self.id!r}: {self.op} takes {count} columns, not {len(self.of)}", field="of")
        if self.money and self.op != "difference":
            raise BadInput(f"{self.id!r}: only a difference of money is money", field="money")
