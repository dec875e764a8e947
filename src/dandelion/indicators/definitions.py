"""Declarations as one set: every column id with its definition, its hash and its catalogue entry.

Named columns (derivations and small cubes) are kept one by one; wide cubes and `Each` stay declarations, and an id of
theirs is read back from its path when it is asked for, so that a hundred thousand of them cost nothing unused.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from dandelion.core import DAY_US, BadInput, Column, canonical, content_hash
from dandelion.indicators import whose
from dandelion.indicators.cube import Cube
from dandelion.indicators.declare import (
    ADDING,
    AFTER_KERNEL,
    COLUMNS_MAX,
    EVER,
    OF_SHARES,
    OWN_KINDS,
    Base,
    Derive,
    Stream,
    window_us,
)
from dandelion.indicators.each import Each
from dandelion.indicators.expansion import Expansion, pieces
from dandelion.indicators.hashing import VERSION, base_text, derived_text
from dandelion.indicators.listed import Columns, Nameable
from dandelion.indicators.paths import Definition, parse
from dandelion.indicators.peers import MARK, OP, against, said_op
from dandelion.indicators.sentences import sentences

Declaration = Stream | Cube | Derive | Each
NAMED_MAX = 5_000  # columns of a cube that are kept one by one; training reads named columns unless told otherwise
KEPT_MAX = 500_000  # paths remembered
RELATION_TABLES = (("role", "firm"), ("role", "person"), ("shareholding", "firm"), ("shareholding", "holder"))


@dataclass(frozen=True)
class Definitions:
    """A closed set of columns.  `tz` is the zone of local days, hours and weekdays."""

    streams: Mapping[str, Stream]
    named: Mapping[str, Definition]  # kept one by one, in order of declaration
    money: frozenset[str]
    tz: str
    wide: Expansion = field(default_factory=Expansion)
    _also: Mapping[str, Definition] = field(default_factory=dict, repr=False, compare=False)  # may be derived from
    _paths: dict[str, Definition] = field(default_factory=dict, repr=False, compare=False)
    plans: dict[tuple[str, ...], object] = field(default_factory=dict, repr=False, compare=False)  # kept by plan.py
    _tables: dict[str, frozenset[tuple[str, str]]] = field(default_factory=dict, repr=False, compare=False)
    _kinds: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)
    _entries: dict[str, Column] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        parts: Iterable[Declaration],
        *,
        tz: str = "Asia/Shanghai",
        also: Mapping[str, Definition] | None = None,
    ) -> Definitions:
        """Take declarations together; `also` are columns known already that new ones may be derived from.

        Errors (BadInput): clashing ids, two streams of one name, unknown or cyclic columns, more than a million columns.
        """
        streams: dict[str, Stream] = {}
        named: dict[str, Definition] = {}
        money: set[str] = set()
        wide: list[Cube | Each] = []
        total = 0
        for part in parts:
            total += 0 if isinstance(part, Stream) else 1 if isinstance(part, Derive) else len(part)
            if total > COLUMNS_MAX:
                raise BadInput(f"these declarations expand to {total:,} columns or more, above {COLUMNS_MAX:,}; "
                               "name fewer dimensions or windows", field="columns")  # fmt: skip
            if isinstance(part, Derive):
                _claim(named, part.id, part)
                money |= {part.id} if part.money else set()
                continue
            for stream in _streams_of(part):
                if streams.setdefault(stream.name, stream) != stream:
                    raise BadInput(f"two different streams are called {stream.name!r}; rename one", field=stream.name)
            if isinstance(part, Each) or (isinstance(part, Cube) and not _small(part)):
                wide.append(part)
            elif isinstance(part, Cube):
                for base in part.bases():
                    _claim(named, base.id, base)
                    money |= {base.id} if part.money and base.is_money else set()
        made = cls(streams, named, frozenset(money), tz, Expansion(tuple(wide)), dict(also or {}))
        made._check()
        return made

    def __len__(self) -> int:
        return len(self.columns)

    @cached_property
    def columns(self) -> Mapping[str, Definition]:
        """Every published id with its definition."""
        return Columns(self.named, self.wide, self.definition)

    @cached_property
    def catalogue(self) -> Mapping[str, Column]:
        """One entry per published column, made when asked for."""
        return Columns(self.named, self.wide, self.column)

    @cached_property
    def derived(self) -> frozenset[str]:
        """Ids of the derivations that are kept one by one."""
        known = {**self._also, **self.named}
        return frozenset(name for name, definition in known.items() if isinstance(definition, Derive))

    @cached_property
    def nameable(self) -> Mapping[str, Column]:
        """The catalogue, and the entry of any path over a declared stream: what a book or a model may name."""
        return Nameable(self.named, self.wide, self.column)

    def extended(self, other: Definitions) -> Definitions:
        """Both sets of columns; an id or a stream name that means two things is an error."""
        for name in set(self.streams) & set(other.streams):
            if self.streams[name] != other.streams[name]:
                raise BadInput(f"two different streams are called {name!r}; rename one", field=name)
        named = dict(self.named)
        for name, definition in other.named.items():
            _claim(named, name, definition)
        wide = Expansion((*self.wide.parts, *other.wide.parts))
        made = Definitions({**other.streams, **self.streams}, named, self.money | other.money, self.tz, wide)
        made._check()
        return made

    def only(self, names: Iterable[str]) -> Definitions:
        """Just these columns, named one by one; errors (BadInput) for one that there is not."""
        named = {name: self.definition(name) for name in names}
        return Definitions(self.streams, named, self.money & named.keys(), self.tz, _also=self.named)

    def forget(self) -> None:
        """Drop what is remembered of paths: a listing of everything needs none of it twice."""
        for kept in (self._paths, self._entries, self._tables, self._kinds):
            kept.clear()

    def _check(self) -> None:
        """Every derivation stands on columns there are; no named one says what its path does not."""
        for name, definition in self.named.items():
            if isinstance(definition, Derive):
                self._alone_claims(name, definition)
                self.bases_of(name)

    def _alone_claims(self, name: str, definition: Derive) -> None:
        """An id that is a path as well means the same as the path."""
        meant = self._meant(name)
        if isinstance(meant, Base) or (meant is not None and (meant.op, meant.of) != (definition.op, definition.of)):
            told = meant.aggregate if isinstance(meant, Base) else f"{meant.op} of {' and '.join(meant.of)}"
            raise BadInput(f"two different definitions claim the id {name!r}: as a path it means {told}; rename it",
                           field=name)  # fmt: skip
        if meant is None and definition.op in AFTER_KERNEL:
            raise BadInput(f"{name!r}: {definition.op} is told of a path and has no id of its own; use the path, like "
                           "payment.received/30d/distinct_payers.new.90d", field=name)  # fmt: skip

    def _meant(self, name: str) -> Definition | None:
        if name.partition("/")[0] not in self.streams:
            return None
        try:
            return parse(self.streams, name)
        except BadInput:
            return None

    def definition(self, name: str) -> Definition:
        """A published column, or any path over a declared stream (`stream/dim=level/window/figure.family`)."""
        found = self.named.get(name) or self._also.get(name) or self._paths.get(name)
        if found is None:
            if len(self._paths) >= KEPT_MAX:
                self._paths.clear()
            found = self._paths[name] = self._from_path(name)
        return found

    def _from_path(self, name: str) -> Definition:
        """A path over a declared stream; against peers, or of counterparties, of any column there is."""
        if MARK in name:
            column, _, by = name.rpartition(MARK)
            entry = self.column(column)
            return against(column, by, self.definition(column), (entry.zh, entry.en))
        if whose.MARK in name:
            near, far, _ = whose.parts(name)
            entry, bases = self.column(far), self.bases_of(far)
            return whose.about(name, self.definition(near), self.definition(far), bases, (entry.zh, entry.en))
        return parse(self.streams, name)

    def _said_op(self, definition: Derive) -> str:
        """The operation as a definition's hash knows it."""
        if definition.op != whose.OP:
            return said_op(definition)
        _, far, aggregate = whose.parts(definition.id)
        return f"{whose.OP} {aggregate} {self.column(far).definition_hash}"

    def bases_of(self, name: str, _open: tuple[str, ...] = ()) -> list[Base]:
        """The event columns a column is made of, in order, without repeats."""
        if name in _open:
            raise BadInput(f"column {name!r} is derived from itself: {' -> '.join((*_open, name))}; derive it from "
                           "other columns", field=_open[0])  # fmt: skip
        definition = self.definition(name)
        if isinstance(definition, Base):
            return [definition]
        found: dict[Base, None] = {}
        for inner in definition.of:
            found.update(dict.fromkeys(self.bases_of(inner, (*_open, name))))
            if isinstance(under := self.definition(inner), Derive) and under.op in AFTER_KERNEL:
                raise BadInput(f"{name!r} is derived from {inner}, which comes last of all ({under.op}); derive it from "
                               "other columns", field=name)  # fmt: skip
        if definition.op in ("trend", "volatility", "own_past"):
            self._windows_grow(definition)
        return list(found)

    def _windows_grow(self, derive: Derive) -> None:
        bases = [self.definition(name) for name in derive.of]
        steps = [window_us(b.window) if isinstance(b, Base) and b.aggregate in ADDING else 0 for b in bases]
        even = derive.op == "trend" or all(step == steps[0] * (i + 1) for i, step in enumerate(steps))
        if 0 in steps or any(a >= b for a, b in itertools.pairwise(steps)) or not even:
            raise BadInput(f"{derive.id!r}: {derive.op} needs counts or sums over growing windows", field=derive.id)
        if derive.op == "trend" and any(step % DAY_US for step in steps):
            raise BadInput(f"{derive.id!r}: a trend is by the day; name windows of whole days", field=derive.id)

    def column(self, name: str) -> Column:
        """The catalogue entry of a published column or a path."""
        if name not in self._entries:
            if len(self._entries) >= KEPT_MAX:
                self._entries.clear()
            self._entries[name] = self._entry(name)
        return self._entries[name]

    def kinds_of(self, name: str) -> tuple[str, ...]:
        """The data kinds that a grant must name for a column."""
        if name not in self._kinds:
            if len(self._kinds) >= KEPT_MAX:
                self._kinds.clear()
            kinds = {base.stream.data_kind for base in self.bases_of(name)} - {*OWN_KINDS}
            self._kinds[name] = tuple(sorted(kinds))
        return self._kinds[name]

    def _entry(self, name: str) -> Column:
        definition = self.definition(name)
        kinds = self.kinds_of(name)
        digest = content_hash(self._text(name).encode())
        if isinstance(definition, Derive):
            return Column(name, definition.unit, definition.range, self._null(name), "indicators", "credit", digest,
                          definition.zh, definition.en, kinds)  # fmt: skip
        zh, en = sentences(definition)
        return Column(name, definition.unit, _range(definition), self._null(name), "indicators", "credit", digest,
                      zh, en, kinds)  # fmt: skip

    def _null(self, name: str) -> str:
        """What NaN means: zero_is_real where it cannot be."""
        definition = self.definition(name)
        if isinstance(definition, Derive) and definition.op == OP:
            return "fewer_than_5_peers"
        if isinstance(definition, Derive) and definition.op == whose.OP:
            return "fewer_than_5_people"
        if isinstance(definition, Derive) and definition.op in ("new", "returning"):
            return "zero_is_real"
        if isinstance(definition, Derive):
            whole = definition.op == "difference" and all(self._null(n) == "zero_is_real" for n in definition.of)
            return "zero_is_real" if whole else "undefined_ratio"
        if definition.aggregate in ("count", "sum", "distinct", "active_days"):
            return "zero_is_real"
        if definition.aggregate == "longest_gap":
            return "fewer_than_2_events"
        if definition.aggregate in OF_SHARES:
            return "fewer_than_5_people" if definition.stream.people else "no_positive_sum"
        return "no_events"

    def as_json(self, name: str) -> dict[str, Any]:
        """Canonical definition of a column: what its hash covers."""
        definition = self.definition(name)
        if isinstance(definition, Base):
            return {"version": VERSION, "tz": self.tz, **definition.as_json()}
        return {
            "version": VERSION,
            "tz": self.tz,
            "op": said_op(definition),
            "of": [self.as_json(n) for n in definition.of],
        }

    def _text(self, name: str) -> str:
        """``canonical(self.as_json(name))``, faster."""
        definition = self.definition(name)
        if isinstance(definition, Base):
            return base_text(definition, self.tz)
        return derived_text(self._said_op(definition), [self._text(inner) for inner in definition.of], self.tz)

    @cached_property
    def hash(self) -> str:
        """Names the whole set: changes when any published definition changes."""
        named: dict[str, Any] = {name: self.column(name).definition_hash for name in self.named}
        if self.wide.parts:
            named[""] = [{"part": type(part).__name__, **asdict(part)} for part in self.wide.parts]
        return content_hash(canonical(named))

    def tables_of(self, name: str) -> frozenset[tuple[str, str]]:
        """The (kind, role) tables a column is made of."""
        if name not in self._tables:
            if len(self._tables) >= KEPT_MAX:
                self._tables.clear()
            self._tables[name] = frozenset((base.stream.kind, base.stream.role) for base in self.bases_of(name))
        return self._tables[name]

    def measured(self, name: str) -> str:
        """The column whose windows say how far back the meaning of `name` reaches: against peers, the one compared."""
        definition = self.definition(name)
        return definition.of[0] if isinstance(definition, Derive) and definition.op == OP else name

    def needs(self, columns: Iterable[str] | None = None) -> dict[tuple[str, str], int | None]:
        """(kind, role) -> longest window in microseconds (None: all history): what to read for these columns."""
        out: dict[tuple[str, str], int | None] = {}
        for name in itertools.chain(self.named, self.wide.samples()) if columns is None else columns:
            for base in self.bases_of(name):
                key = (base.stream.kind, base.stream.role)
                length = None if base.window == EVER else window_us(base.window)
                known = out.get(key, 0)
                out[key] = None if length is None or known is None else max(known, length)
                if any(base.stream.dimension(d).source == "standing" for d, _ in base.filters):
                    out |= dict.fromkeys(RELATION_TABLES)
        if columns is None and any(stream.dimension(d).source == "standing" for stream, d in self.wide.dimensions()):
            out |= dict.fromkeys(RELATION_TABLES)
        return out


def _small(cube: Cube) -> bool:
    return cube.up_to is None and len(cube) <= NAMED_MAX


def _streams_of(part: Stream | Cube | Each) -> tuple[Stream, ...]:
    if isinstance(part, Stream):
        return (part,)
    other = part.other if isinstance(part, Each) else None
    return (*(cube.stream for cube, _ in pieces(part)), *((other,) if other else ()))


def _claim(columns: dict[str, Definition], name: str, definition: Definition) -> None:
    if columns.setdefault(name, definition) != definition:
        raise BadInput(f"two different definitions claim the id {name!r}; rename one", field=name)


def _range(base: Base) -> tuple[float | None, float | None]:
    if base.aggregate == "top_share":
        return (0.0, 1.0)
    return (None, None) if base.may_be_negative else (0.0, None)
