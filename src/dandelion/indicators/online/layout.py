"""Which fields of which events a set of columns can ever ask for: what the state keeps of an event, and for how long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any

from dandelion.core import BadInput, canonical, content_hash, fields_of
from dandelion.indicators.declare import Stream
from dandelion.indicators.definitions import RELATION_TABLES, Definitions
from dandelion.indicators.peers import MARK

FORMAT = 1  # of the packed records; part of every store's stamp
COMMON = ("event_id", "source", "at", "arrived", "replaces")
Key = tuple[str, str]  # (kind, role)


@dataclass(frozen=True)
class Table:
    """The fields kept of one (kind, role), by how they are packed.  `reach_us` is the longest window (None: ever)."""

    kind: str
    role: str
    numbers: tuple[str, ...]  # 8 bytes each; `at` and `arrived` are not in the list, they come first
    codes: tuple[tuple[str, tuple[str, ...]], ...]  # a byte each: closed sets (and flags: no, yes)
    texts: tuple[str, ...]  # `event_id` first
    reach_us: int | None

    @property
    def key(self) -> Key:
        return self.kind, self.role

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.role}"

    @cached_property
    def kept(self) -> frozenset[str]:
        return frozenset({*self.numbers, *(name for name, _ in self.codes), *self.texts})

    @cached_property
    def instants(self) -> frozenset[str]:
        return frozenset(f.name for f in fields_of(self.kind) if f.kind.name == "instant")

    def as_json(self) -> dict[str, Any]:
        return {
            "numbers": list(self.numbers), "codes": [[name, list(choices)] for name, choices in self.codes],
            "texts": list(self.texts),
        }  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """The tables of a set of columns.

    >>> from dandelion.indicators import standard
    >>> Layout.of(standard(), ["payment.received/30d/amount_sum"]).tables["payment", "payee"].numbers
    ('amount_fen',)
    """

    tables: Mapping[Key, Table]

    @classmethod
    def of(cls, definitions: Definitions, columns: Sequence[str] | None = None) -> Layout:
        """Errors (BadInput): unknown column."""
        needs = definitions.needs(columns)
        streams = [
            s for s in definitions.streams.values()
            if (s.kind, s.role) in needs and (not s.named or _asked_of(definitions, s, columns))
        ]  # fmt: skip
        tables = {}
        for kind, role in sorted(needs):
            spoken = {name for s in streams if (s.kind, s.role) == (kind, role) for name in _texts(s)}
            everything = (kind, role) in RELATION_TABLES
            # a gift is told from trade by the channel, whether or not a stream splits by it
            used = {f.name for f in fields_of(kind) if everything or f.name in spoken or f.name == "channel"}
            tables[kind, role] = _table(kind, role, used - {role, *COMMON}, needs[kind, role])
        return cls(tables)

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(sorted({kind for kind, _ in self.tables}))

    def of_kind(self, kind: str) -> tuple[Table, ...]:
        return tuple(table for table in self.tables.values() if table.kind == kind)

    def as_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "tables": {table.name: table.as_json() for table in self.tables.values()}}

    @cached_property
    def stamp(self) -> str:
        """Names the packed form: a store written under another stamp cannot be read under this one."""
        return content_hash(canonical(self.as_json()))

    def covers(self, definitions: Definitions, columns: Iterable[str] | None) -> None:
        """Errors (BadInput): a column needs events or fields that this state does not keep."""
        wanted = Layout.of(definitions, None if columns is None else tuple(columns))
        for key, table in wanted.tables.items():
            held = self.tables.get(key)
            if held is None or not table.kept <= held.kept or _longer(table.reach_us, held.reach_us):
                what = f"{key[0]} events as {key[1]}" if held is None or table.kept <= held.kept else (
                    f"field {min(table.kept - held.kept)!r} of {key[0]} events")  # fmt: skip
                raise BadInput(
                    f"this online state does not keep what the columns asked for need ({what}, "
                    "or a longer window of them); open it with those columns and rebuild it",
                    field="columns",
                )


def _asked_of(definitions: Definitions, stream: Stream, columns: Iterable[str] | None) -> bool:
    """Whether a column needs this stream's names: texts are kept only where somebody is compared by them."""
    names = definitions.named if columns is None else columns
    about = (name for name in names if MARK in name or name.startswith(f"{stream.name}/"))
    return any(base.stream == stream for name in about for base in definitions.bases_of(name))


def _longer(one: int | None, other: int | None) -> bool:
    return other is not None and (one is None or one > other)


def _table(kind: str, role: str, used: set[str], reach_us: int | None) -> Table:
    numbers: list[str] = []
    codes: list[tuple[str, tuple[str, ...]]] = []
    texts: list[str] = []
    for field in fields_of(kind):
        if field.name not in used:
            continue
        if field.kind.name in ("fen", "count", "instant"):
            numbers.append(field.name)
        elif field.kind.name == "flag":
            codes.append((field.name, ("no", "yes")))
        elif field.kind.name == "choice" and not field.optional:
            codes.append((field.name, field.kind.choices))
        else:
            texts.append(field.name)
    return Table(kind, role, tuple(numbers), tuple(codes), ("event_id", *texts), reach_us)


def _texts(part: object) -> Iterator[str]:
    """Every text inside a declaration; those that are names of fields are fields it may read."""
    if isinstance(part, str):
        yield part
    elif is_dataclass(part):
        for field in fields(part):
            yield from _texts(getattr(part, field.name))
    elif isinstance(part, tuple | list | frozenset):
        for inner in part:
            yield from _texts(inner)
