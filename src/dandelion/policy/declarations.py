"""What a book declares once: columns by alias, constants, levers a merchant can move, and the arms of its experiment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from dandelion.core import PPM
from dandelion.policy.expression import number_text, to_float32
from dandelion.policy.grammar import RESERVED, number_of
from dandelion.policy.records import Place, Reader, Record

# Reasons the engine itself gives; every book's dictionary must hold them.
LIMIT_REASONS = {
    "turnover": "LIMIT_TURNOVER", "affordability": "LIMIT_AFFORDABILITY", "strategy": "LIMIT_STRATEGY",
    "household": "LIMIT_HOUSEHOLD", "licence": "LIMIT_LICENCE", "product_max": "LIMIT_PRODUCT",
    "expected_profit": "LIMIT_RISK",
}  # fmt: skip
NO_OFFER_REASONS = {
    "turnover": "NO_OFFER_TURNOVER", "affordability": "NO_OFFER_AFFORDABILITY", "strategy": "NO_OFFER_STRATEGY",
    "household": "NO_OFFER_HOUSEHOLD", "licence": "NO_OFFER_LICENCE", "product_max": "NO_OFFER_LICENCE",
    "expected_profit": "NO_OFFER_RISK",
}  # fmt: skip
NO_SCORE = "NO_SCORE"
ENGINE_REASONS = tuple(sorted({*LIMIT_REASONS.values(), *NO_OFFER_REASONS.values(), NO_SCORE}))
_ALIAS = re.compile(r"[a-z][a-z0-9_]{1,59}")
_PINNED = re.compile(r"([A-Za-z0-9_./=]{1,200})(?:@([0-9a-f]{8}))?")


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """An alias for a catalogue column, pinned to the first eight characters of its definition hash."""

    alias: str
    id: str
    pin: str
    place: Place

    def as_json(self) -> list[str]:
        return [self.id, self.pin]


@dataclass(frozen=True, slots=True)
class Constant:
    """A named number; `unit` empty means that it fits any; `source` says where it comes from."""

    value: float
    unit: str
    source: str

    def as_json(self) -> list[str]:
        return [repr(self.value), self.unit]


@dataclass(frozen=True, slots=True)
class Lever:
    """Something a merchant can change: which way, in what steps, how far, and what it is called.

    `targets` are values tried, in order, where only a model says what they do.
    """

    alias: str
    up: bool
    step: float
    furthest: float
    zh: str
    en: str
    targets: tuple[float, ...]

    def at(self, steps: int) -> float:
        """So many steps, as people would write the number: 33 steps of 0.01 are 0.33."""
        return to_float32(steps * float(number_text(self.step)))

    def as_json(self) -> list[Any]:
        numbers = [repr(self.step), repr(self.furthest), *(repr(target) for target in self.targets)]
        return [self.up, numbers, self.zh, self.en]


@dataclass(frozen=True, slots=True)
class Voucher:
    """A kind of evidence a merchant may file, and what it is called."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Arm:
    name: str
    share_ppm: int


def _alias(reader: Reader, name: str) -> str:
    if not _ALIAS.fullmatch(name) or name in RESERVED:
        raise reader.refuse(name, "is no alias; use a-z 0-9 _ and none of the grammar's own words")
    return name


def read_columns(record: Record) -> dict[str, ColumnUse]:
    """``alias: "id@hash8"``."""
    take = Reader(record)
    out = {}
    for alias in record:
        match = _PINNED.fullmatch(take.text(_alias(take, alias)))
        if match is None:
            raise take.refuse(alias, "must be a column id, with @ and 8 hex characters of its definition hash")
        out[alias] = ColumnUse(alias, match[1], match[2] or "", record.places[alias])
    return out


def read_constants(record: Record) -> dict[str, Constant]:
    """``name: {value: 0.5, unit: share, source: ...}``."""
    holder = Reader(record)
    out = {}
    for name in record:
        take = Reader(holder.mapping(_alias(holder, name)))
        value = number_of(take.raw("value"), f"{record.places[name]}: {name}")
        out[name] = Constant(value, take.text("unit", ""), take.text("source"))
        take.done()
    return out


def read_levers(record: Record, known: Set[str]) -> dict[str, Lever]:
    """``alias: {direction: up, step: 1, furthest: 200, zh: ..., en: ..., targets: [...]}``."""
    holder = Reader(record)
    out = {}
    for alias in record:
        if alias not in known:
            raise holder.refuse(alias, "is no alias of this book")
        take = Reader(holder.mapping(alias))
        up = take.choice("direction", ("up", "down")) == "up"
        numbers = [number_of(take.raw(key), f"{record.places[alias]}: {key}") for key in ("step", "furthest")]
        if numbers[0] <= 0:
            raise take.refuse("step", "must be above zero")
        targets = take.raw("targets") if take.has("targets") else []
        take.taken.add("targets")
        out[alias] = Lever(
            alias, up, numbers[0], numbers[1], take.text("zh"), take.text("en"),
            tuple(number_of(target, f"{record.places[alias]}: targets") for target in targets),
        )  # fmt: skip
        take.done()
    return out


def read_vouchers(record: Record) -> dict[str, Voucher]:
    """``name: {zh: ..., en: ...}``."""
    holder = Reader(record)
    out = {}
    for name in record:
        take = Reader(holder.mapping(_alias(holder, name)))
        out[name] = Voucher(take.text("zh"), take.text("en"))
        take.done()
    return out


def read_experiment(record: Mapping[str, Any]) -> tuple[str, tuple[Arm, ...]]:
    """``{id: name, arms: [{name, share_ppm}]}``; the shares add up to one million."""
    if not record:
        return "", ()
    assert isinstance(record, Record)
    take = Reader(record)
    identity, arms = take.text("id"), []
    for row in take.records("arms"):
        part = Reader(row)
        arms.append(Arm(part.text("name"), part.whole("share_ppm", low=0, high=PPM)))
        part.done()
    take.done()
    if sum(arm.share_ppm for arm in arms) != PPM:
        raise take.refuse("arms", "must have shares that add up to 1000000")
    return identity, tuple(arms)
