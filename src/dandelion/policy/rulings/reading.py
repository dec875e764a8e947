"""A kept ruling read again: its row of columns, what fired by name, its reasons in words."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dandelion.core import BadInput
from dandelion.core.frame import Floats
from dandelion.policy.book import Book
from dandelion.policy.rulings.records import SCHEMA


@dataclass(frozen=True, slots=True)
class Told:
    """A ruling in names and words."""

    outcome: str
    reasons: tuple[Mapping[str, str], ...]
    fired: tuple[str, ...]
    unknown: tuple[str, ...]
    shadow: tuple[str, ...]


def is_ruling(body: Mapping[str, Any]) -> bool:
    return body.get("schema") == SCHEMA


def columns_in(body: Mapping[str, Any]) -> Floats:
    """(columns,) float32: the row as it was given."""
    return np.frombuffer(base64.b64decode(body["columns"]), "<f4").astype(np.float32)


def read_ruling(body: bytes | Mapping[str, Any], book: Book) -> Told:
    """A ruling of `book` in names and words.  Errors: BadInput where another book ruled, or it is no ruling."""
    plain: Mapping[str, Any] = json.loads(body) if isinstance(body, bytes) else body
    if not is_ruling(plain):
        raise BadInput(f"this is {plain.get('schema')!r}, not {SCHEMA!r}", field="schema")
    if plain["names"]["book"] != book.hash:
        raise BadInput(f"book {plain['names']['book'][:12]} ruled, this is {book.hash[:12]}", field="book")
    strategies = book.roster(plain["product"]).strategies

    def named(field: str) -> tuple[str, ...]:
        bits = np.unpackbits(np.frombuffer(base64.b64decode(plain[field]), np.uint8), bitorder="little")
        return tuple(strategies[i].id for i in np.flatnonzero(bits).tolist())

    reasons = tuple(
        {**reason, "zh": book.reasons[reason["code"]].zh, "en": book.reasons[reason["code"]].en}
        for reason in plain["reasons"]
    )
    return Told(plain["outcome"], reasons, named("fired"), named("unknown"), named("shadow"))
