"""Declarations expanded: every column id with its definition, its hash and its catalogue entry."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dandelion.core import BadInput, Column, canonical, content_hash, fields_of
from dandelion.indicators.cube import Cube
from dandelion.indicators.declare import (
    AGGREGATES,
    COLUMNS_MAX,
    EVER,
    Base,
    Derive,
    Stream,
    window_us,
)
from dandelion.indicators.sentences import sentences

Definition = Base | Derive
VERSION = 1  # of what the aggregates and operations mean; part of every definition hash
_SHARES = ("top_share",)
_SIGNED = ("sum", "mean", "min", "max", "last")


@dataclass(frozen=True)
class Definitions:
    """A closed set of columns.  `tz` is the zone of local days, hours and weekdays."""

    streams: Mapping[str, Stream]
    columns: Mapping[str, Definition]  # published ids, in order of declaration
    money: frozenset[str]
    tz: str
    _paths: dict[str, Definition] = field(default_factory=dict, repr=False, compare=False)
    plans: dict[tuple[str, ...], object] = field(default_factory=dict, repr=False, compare=False)  # kept by plan.py
    _tables: dict[str, frozenset[tuple[str, str]]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        parts: Iterable[Stream | Cube | Derive],
        *,
        tz: str = "Asia/Shanghai",
        also: Mapping[str, Definition] | None = None,
    ) -> Definitions:
        """Expand declarations; `also` are columns known already that new ones may be derived from.

        Errors (BadInput): clashing ids, two streams of one name, unknown or cyclic columns.
        """
        streams: dict[str, Stream] = {}
        columns: dict[str, Definition] = {}
        money: set[str] = set()
        for part in parts:
            if isinstance(part, Derive):
                _claim(columns, part.id, part)
                money |= {part.id} if part.money else set()
                continue
            stream = part.stream if isinstance(part, Cube) else part
            if streams.setdefault(stream.name, stream) != stream:
                raise BadInput(f"two different streams are called {stream.name!r}; rename one", field="name")
            for base in part.bases() if isinstance(part, Cube) else ():
                _claim(columns, base.id, base)
                if isinstance(part, Cube) and part.money and base.is_money:
                    money.add(base.id)
            if len(columns) > COLUMNS_MAX:
                raise BadInput(f"more than {COLUMNS_MAX:,} columns declared; declare fewer", field="columns")
        made = cls(streams, columns, frozenset(money), tz, dict(also or {}))
        for name in columns:
            made.bases_of(name)
        return made

    def __len__(self) -> int:
        return len(self.columns)

    def extended(self, other: Definitions) -> Definitions:
        """Both sets of columns; an id or a stream name that means two things is an error."""
        streams = {**other.streams, **self.streams}
        for name in set(self.streams) & set(other.streams):
            if self.streams[name] != other.streams[name]:
                raise BadInput(f"two different streams are called {name!r}; rename one", field="name")
        columns = dict(self.columns)
        for name, definition in other.columns.items():
            _claim(columns, name, definition)
        made = Definitions(streams, columns, self.money | other.money, self.tz)
        for name in columns:
            made.bases_of(name)
        return made

    def definition(self, name: str) -> Definition:
        """A published column, or any path over a declared stream (`stream/dim=level/window/aggregate`)."""
        found = self.columns.get(name) or self._paths.get(name)
        if found is None:
            found = self._paths[name] = self._parse(name)
        return found

    def bases_of(self, name: str, _open: tuple[str, ...] = ()) -> list[Base]:
        """The event columns a column is made of, in order, without repeats."""
        if name in _open:
            raise BadInput(f"column {name!r} is derived from itself: {' -> '.join((*_open, name))}", field=name)
        definition = self.definition(name)
        if isinstance(definition, Base):
            return [definition]
        found: dict[Base, None] = {}
        for inner in definition.of:
            found.update(dict.fromkeys(self.bases_of(inner, (*_open, name))))
        if definition.op in ("trend", "volatility", "own_past"):
            self._windows_grow(definition)
        return list(found)

    def _windows_grow(self, derive: Derive) -> None:
        bases = [self.definition(name) for name in derive.of]
        steps = [window_us(b.window) if isinstance(b, Base) and b.aggregate in ("count", "sum") else 0 for b in bases]
        even = derive.op == "trend" or all(step == steps[0] * (i + 1) for i, step in enumerate(steps))
        if 0 in steps or any(a >= b for a, b in itertools.pairwise(steps)) or not even:
            raise BadInput(f"{derive.id!r}: {derive.op} needs counts or sums over growing windows", field=derive.id)

    def _parse(self, path: str) -> Base:
        name, *cell, window, last = path.split("/") if path.count("/") >= 2 else (path, "", "")
        stream = self.streams.get(name)
        if stream is None:
            raise BadInput(f"{path!r} is neither a declared column nor a path over a declared stream", field=path)
        filters = []
        for part in cell:
            dimension, equal, level = part.partition("=")
            if not equal:
                raise BadInput(f"{path!r}: {part!r} should read dimension=level", field=path)
            filters.append((dimension, level))
        for aggregate in AGGREGATES:
            for measure in (None, *(m.name for m in stream.measures)):
                try:
                    base = Base(stream, tuple(filters), window, aggregate, measure)
                except BadInput:
                    continue
                if base.suffix == last and base.id == path and _natural(base):
                    return base
        raise BadInput(f"{path!r} does not name an aggregate, level or window of stream {name!r}", field=path)

    @cached_property
    def catalogue(self) -> Mapping[str, Column]:
        """One entry per published column."""
        return {name: self.column(name) for name in self.columns}

    def column(self, name: str) -> Column:
        definition = self.definition(name)
        kinds = tuple(sorted({base.stream.data_kind for base in self.bases_of(name)}))
        digest = content_hash(canonical(self.as_json(name)))
        if isinstance(definition, Derive):
            null = "zero_is_real" if definition.op == "difference" else "undefined_ratio"
            return Column(name, definition.unit, definition.range, null, "indicators", "credit", digest,
                          definition.zh, definition.en, kinds)  # fmt: skip
        zh, en = sentences(definition)
        return Column(name, definition.unit, _range(definition), _null(definition), "indicators", "credit", digest,
                      zh, en, kinds)  # fmt: skip

    def as_json(self, name: str) -> dict[str, Any]:
        """Canonical definition of a column: what its hash covers."""
        definition = self.definition(name)
        if isinstance(definition, Base):
            return {"version": VERSION, "tz": self.tz, **definition.as_json()}
        return {"version": VERSION, "tz": self.tz, "op": definition.op, "of": [self.as_json(n) for n in definition.of]}

    @cached_property
    def hash(self) -> str:
        """Names the whole set: changes when any published definition changes."""
        return content_hash(canonical({name: entry.definition_hash for name, entry in self.catalogue.items()}))

    def tables_of(self, name: str) -> frozenset[tuple[str, str]]:
        """The (kind, role) tables a column is made of."""
        if name not in self._tables:
            self._tables[name] = frozenset((base.stream.kind, base.stream.role) for base in self.bases_of(name))
        return self._tables[name]

    def needs(self, columns: Iterable[str] | None = None) -> dict[tuple[str, str], int | None]:
        """(kind, role) -> longest window in microseconds (None: all history): what to read for these columns."""
        out: dict[tuple[str, str], int | None] = {}
        for name in self.columns if columns is None else columns:
            for base in self.bases_of(name):
                key = (base.stream.kind, base.stream.role)
                length = None if base.window == EVER else window_us(base.window)
                known = out.get(key, 0)
                out[key] = None if length is None or known is None else max(known, length)
                if any(base.stream.dimension(d).source == "standing" for d, _ in base.filters):
                    out |= dict.fromkeys(RELATION_TABLES)
        return out


RELATION_TABLES = (("role", "firm"), ("role", "person"), ("shareholding", "firm"), ("shareholding", "holder"))


def _claim(columns: dict[str, Definition], name: str, definition: Definition) -> None:
    if columns.setdefault(name, definition) != definition:
        raise BadInput(f"two different definitions claim the id {name!r}; rename one", field=name)


def _natural(base: Base) -> bool:
    needs = base.aggregate in ("sum", "mean", "min", "max", "deviation", "last", "top_share")
    if base.aggregate == "top_share":
        return base.measure == base.stream.measures[0].name
    return needs == (base.measure is not None)


def _range(base: Base) -> tuple[float | None, float | None]:
    if base.aggregate in _SHARES:
        return (0.0, 1.0)
    if base.aggregate in _SIGNED and base.measure is not None:
        column = base.stream.measure(base.measure).field
        if any(f.name == column and f.kind.low is None for f in fields_of(base.stream.kind)):
            return (None, None)  # a red-letter invoice is below zero
    return (0.0, None)


def _null(base: Base) -> str:
    if base.aggregate in ("count", "sum", "distinct", "active_days"):
        return "zero_is_real"
    if base.aggregate == "longest_gap":
        return "fewer_than_2_events"
    if base.aggregate == "top_share":
        return "fewer_than_5_people" if base.stream.people else "no_positive_sum"
    return "no_events"
