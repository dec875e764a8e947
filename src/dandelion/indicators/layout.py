"""What a block of one (kind, role) holds: worked out from definitions, so that nothing nobody uses is kept.

A `Split` is a dimension as codes: each event has one small code per dimension, and a code names the set of levels the
event belongs to (levels may overlap).  The codes of all dimensions of a (kind, role) share words of 62 bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from dandelion.core import BadInput, canonical, content_hash
from dandelion.core.frame import Ints
from dandelion.indicators.declare import Dimension, Level, Stream
from dandelion.indicators.definitions import RELATION_TABLES, Definitions

AT, ARRIVED, GONE, DAY, FIXED = range(5)  # the first lines of a block; words, measures and parties follow
WORD_BITS = 62
CODES_MAX = 1 << 16
OWN, GIFT, OTHER = range(3)  # codes of a standing; related parties add 2 to the last two
_STANDING_SETS = (("self",), ("gift",), ("trade",), ("gift", "related"), ("related",))
_RELATION_MEASURE = {"shareholding": ("share_ppm",)}
RELATION_OTHER = dict(zip(RELATION_TABLES, ("person", "firm", "holder", "firm"), strict=True))


@dataclass(frozen=True, slots=True)
class Split:
    """One dimension as codes.  ``sets[code]`` are the places of the levels that code belongs to."""

    dimension: Dimension
    other: str | None  # the counterparty a standing is about
    sets: tuple[tuple[int, ...], ...]
    word: int = 0
    shift: int = 0

    @property
    def bits(self) -> int:
        return max(1, (len(self.sets) - 1).bit_length())

    @classmethod
    def of(cls, dimension: Dimension, other: str | None) -> Split:
        if dimension.source == "standing":
            names = [level.value for level in dimension.levels]
            sets = [tuple(i for i, name in enumerate(names) if name in one) for one in _STANDING_SETS]
        else:
            sets = [*dict.fromkeys(_sets(dimension, _points(dimension)))]
        if len(sets) > CODES_MAX:
            raise BadInput(f"dimension {dimension.name!r} splits events into more than {CODES_MAX} groups; "
                           "give it fewer levels", field=dimension.name)  # fmt: skip
        return cls(dimension, other, tuple(sets))

    def code_of(self, points: Iterable[object]) -> Ints:
        """Code of each point (an hour, a weekday, a place between edges, a text or flag)."""
        place = {one: code for code, one in enumerate(self.sets)}
        return np.array([place[one] for one in _sets(self.dimension, points)], np.int64)


def _points(dimension: Dimension) -> Iterable[object]:
    """One point of every group that the levels can tell apart."""
    if dimension.source == "hour":
        return range(24)
    if dimension.source == "weekday":
        return range(1, 8)
    if dimension.source == "holiday":
        return range(3)
    if is_text(dimension):
        return [None, *dict.fromkeys(level.equals for level in dimension.levels)]
    return spans(dimension)


def is_text(dimension: Dimension) -> bool:
    return dimension.source == "value" and any(level.equals is not None for level in dimension.levels)


def edges(dimension: Dimension) -> list[int]:
    """The bounds of a dimension over whole numbers, sorted: event x lies in span ``searchsorted(edges, x, "right")``."""
    return sorted({edge for level in dimension.levels for edge in (level.low, level.high) if edge is not None})


def spans(dimension: Dimension) -> list[int]:
    """One number inside each span between edges."""
    bounds = edges(dimension)
    return [bounds[0] - 1, *bounds] if bounds else [0]


def _sets(dimension: Dimension, points: Iterable[object]) -> list[tuple[int, ...]]:
    return [tuple(i for i, level in enumerate(dimension.levels) if _holds(level, point)) for point in points]


def _holds(level: Level, point: object) -> bool:
    if level.equals is not None:
        return type(point) is type(level.equals) and point == level.equals
    if not isinstance(point, int) or isinstance(point, bool):
        return level.low is None and level.high is None
    above = level.low is None or point >= level.low
    below = level.high is None or point < level.high
    wraps = level.low is not None and level.high is not None and level.low > level.high
    return above or below if wraps else above and below


@dataclass(frozen=True)
class Layout:
    """Lines of a block: at, arrived, gone, local day, then `words` of codes, `measures` and `parties`."""

    kind: str
    role: str
    tz: str
    splits: tuple[Split, ...] = ()
    measures: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()  # parties whose names must be matched against related accounts

    @cached_property
    def kept(self) -> dict[str, object]:
        """What readers of columns worked out for this layout."""
        return {}

    @cached_property
    def reads(self) -> frozenset[str]:
        """Columns that a table of these events must have."""
        of_splits = {name for s in self.splits for name in (s.dimension.field, s.other) if name}
        return frozenset({self.role, "event_id", "at", "arrived", *self.measures, *self.parties, *of_splits})

    @cached_property
    def words(self) -> int:
        return max((split.word + 1 for split in self.splits), default=0)

    @property
    def lines(self) -> int:
        return FIXED + self.words + len(self.measures) + len(self.parties)

    def word_line(self, split: Split) -> int:
        return FIXED + split.word

    def measure_line(self, name: str) -> int:
        return FIXED + self.words + self.measures.index(name)

    def party_line(self, name: str) -> int:
        return FIXED + self.words + len(self.measures) + self.parties.index(name)

    def split(self, dimension: Dimension, other: str | None) -> Split:
        wanted = other if dimension.source == "standing" else None
        return next(s for s in self.splits if s.dimension == dimension and s.other == wanted)

    @cached_property
    def hash(self) -> str:
        """Names what the lines mean; a stored block is refused where it differs."""
        dims = [
            [s.dimension.source, s.dimension.field, s.other, s.word, s.shift, [list(one) for one in s.sets],
             [[v.value, v.equals, v.low, v.high] for v in s.dimension.levels]]
            for s in self.splits
        ]  # fmt: skip
        said = [self.kind, self.role, self.tz, dims, list(self.measures), list(self.parties), sorted(self.named)]
        return content_hash(canonical(said))

    @cached_property
    def tag(self) -> bytes:
        return self.hash[:16].encode()


def layouts(definitions: Definitions, columns: Iterable[str] | None = None) -> dict[tuple[str, str], Layout]:
    """(kind, role) -> what these columns (None: every declared one) need of its events, relation tables included.

    >>> from dandelion.indicators import standard
    >>> layouts(standard(), ["payment.received/channel=qr/30d/amount_sum"])["payment", "payee"].measures
    ('amount_fen',)
    """
    splits: dict[tuple[str, str], dict[tuple[Dimension, str | None], None]] = {}
    measures: dict[tuple[str, str], dict[str, None]] = {}
    parties: dict[tuple[str, str], dict[str, None]] = {}
    named: dict[tuple[str, str], set[str]] = {}
    related = False
    seen: set[tuple[Stream, tuple[tuple[str, str], ...], str, str | None]] = set()
    bases = {
        base for name in (definitions.columns if columns is None else columns) for base in definitions.bases_of(name)
    }
    for base in sorted(bases, key=lambda base: base.id):
        stream, key = base.stream, (base.stream.kind, base.stream.role)
        mark = (stream, base.filters, base.aggregate, base.measure)
        if mark in seen:
            continue
        seen.add(mark)
        for out in (splits, measures, parties):
            out.setdefault(key, {})
        for name, _ in base.filters:
            dimension = stream.dimension(name)
            standing = dimension.source == "standing"
            splits[key][dimension, stream.counterparty if standing else None] = None
            if standing:
                related = True
                parties[key][str(stream.counterparty)] = None
                named.setdefault(key, set()).add(str(stream.counterparty))
        if base.measure is not None:
            measures[key][stream.measure(base.measure).field] = None
        if base.aggregate in PARTY_AGGREGATES:
            parties[key][str(stream.counterparty)] = None
            if stream.named:
                named.setdefault(key, set()).add(str(stream.counterparty))
        if stream.latest_by:
            parties[key][stream.latest_by] = None
    made = {
        key: Layout(*key, definitions.tz, _placed(splits[key]), tuple(sorted(measures[key])),
                    tuple(sorted(parties[key])), frozenset(named.get(key, ())))
        for key in splits
    }  # fmt: skip
    for key in RELATION_TABLES if related else ():
        made[key] = relation_layout(key, definitions.tz, made.get(key))
    return made


PARTY_AGGREGATES = ("distinct", "top_share", "entropy")


def relation_layout(key: tuple[str, str], tz: str, own: Layout | None = None) -> Layout:
    """A table of relations names the other side, and how much is held."""
    start = own or Layout(*key, tz)
    other = RELATION_OTHER[key]
    return replace(
        start,
        measures=tuple(sorted({*start.measures, *_RELATION_MEASURE.get(key[0], ())})),
        parties=tuple(sorted({*start.parties, other})),
        named=start.named | {other},
    )


def _placed(dims: Iterable[tuple[Dimension, str | None]]) -> tuple[Split, ...]:
    out: list[Split] = []
    word = shift = 0
    for dimension, other in sorted(dims, key=lambda pair: (pair[0].name, pair[1] or "", repr(pair[0]))):
        split = Split.of(dimension, other)
        if shift + split.bits > WORD_BITS:
            word, shift = word + 1, 0
        out.append(replace(split, word=word, shift=shift))
        shift += split.bits
    return tuple(out)
