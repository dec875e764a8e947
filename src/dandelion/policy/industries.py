"""Industry groups: trades that earn alike, as a merchant declares them.  Each is a number that conditions may compare.

A group is a constant of the book with the unit ``industry``, so that a table's cell names it and a comparison with days is
refused.  What a merchant writes in the form is matched by words, the longest first; what matches nothing, and a form
without a trade, is `UNDECLARED`: not to say is an answer too, so a table has a row for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dandelion.policy.declarations import Constant
from dandelion.policy.records import Reader, Record

UNIT = "industry"
ALIAS = "industry"
_NAME = re.compile(r"trade_[a-z0-9_]{2,40}")


@dataclass(frozen=True, slots=True)
class Industry:
    """`code` is what conditions see and never changes; `words` are what merchants write."""

    name: str
    code: int
    zh: str
    en: str
    words: tuple[str, ...]

    def as_json(self) -> list[Any]:
        return [self.code, self.zh, self.en, list(self.words)]

    def constant(self) -> Constant:
        return Constant(float(self.code), UNIT, "a group of trades of this book")


UNDECLARED = Industry("trade_undeclared", 0, "未说明的行业", "an undeclared trade", ())


def read_industries(record: Record) -> dict[str, Industry]:
    """``trade_meals: {code: 1, zh: ..., en: ..., words: [...]}``; names begin with trade_, codes and words are unique."""
    holder = Reader(record)
    out: dict[str, Industry] = {UNDECLARED.name: UNDECLARED} if record else {}
    codes: set[int] = {UNDECLARED.code}
    taken: dict[str, str] = {}
    for name in record:
        if not _NAME.fullmatch(name) or name == UNDECLARED.name:
            raise holder.refuse(
                name, "is no industry; a name begins with trade_, and trade_undeclared is there already"
            )
        take = Reader(holder.mapping(name))
        found = Industry(
            name, take.whole("code", low=1, high=9_999), take.text("zh"), take.text("en"), take.texts("words")
        )
        take.done()
        if found.code in codes:
            raise holder.refuse(name, f"has code {found.code}, which another industry has")
        for word in found.words:
            if taken.setdefault(word, name) != name:
                raise holder.refuse(name, f"is told by {word!r}, and so is {taken[word]}")
        codes.add(found.code)
        out[name] = found
    return out


def industry_of(industries: Mapping[str, Industry], said: str) -> str:
    """The group a text speaks of, or "" where no word of any group is in it; the longest word wins, then the lower code.

    >>> groups = {"trade_meals": Industry("trade_meals", 1, "餐饮", "meals", ("小吃", "饭店"))}
    >>> industry_of(groups, "老王小吃店"), industry_of(groups, "trade_meals"), industry_of(groups, "矿山")
    ('trade_meals', 'trade_meals', '')
    """
    if said in industries:
        return said
    held = [
        (-len(word), group.code, group.name) for group in industries.values() for word in group.words if word in said
    ]
    return min(held)[2] if held else ""
