"""Strategies that cannot matter, found by comparing boxes: unreachable, shadowed, at odds with another.

Slower than loading, so it runs where a book is checked or published, not where a house opens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dandelion.core import PPM
from dandelion.policy.boxes import Box, box_of, within
from dandelion.policy.check import Finding
from dandelion.policy.roster import DECIDING_STAGES
from dandelion.policy.strategy import Strategy

_OFFER = ("limit_times_ppm", "limit_cap_fen", "price_add_ppm", "score_add")


@dataclass(frozen=True, slots=True)
class _Boxed:
    strategy: Strategy
    box: Box


def check_reach(strategies: Sequence[Strategy]) -> Iterator[Finding]:
    """Warnings with file and line, in the book's order; one a strategy at most of each kind."""
    boxed: list[_Boxed] = []
    for strategy in strategies:
        box = box_of(strategy.condition)
        if box is None:
            continue
        name = next((name for name, side in box.items() if side.empty), None)
        if name is not None:
            text = f"{strategy.id} can never fire: nothing meets all that is asked of {name}"
            yield Finding("warning", strategy.place, strategy.id, text)
        elif not box and strategy.text != "true":
            yield Finding(
                "warning", strategy.place, strategy.id, f"{strategy.id} always fires; write `true` if it should"
            )
        elif strategy.mode == "live":
            boxed.append(_Boxed(strategy, box))
    groups: dict[frozenset[str], list[_Boxed]] = {}
    for one in boxed:
        groups.setdefault(frozenset(one.box), []).append(one)
    for names, inner in groups.items():
        outer = [one for wide, group in groups.items() if wide <= names for one in group]
        for one in inner:
            yield from _against(one, outer)


def _against(one: _Boxed, others: Sequence[_Boxed]) -> Iterator[Finding]:
    told: set[str] = set()
    mine = one.strategy
    for other in others:
        theirs = other.strategy
        if theirs is mine or not _everywhere(theirs, mine) or (mine.table and mine.table == theirs.table):
            continue
        what = _what(mine, theirs)
        if what and what not in told and within(one.box, other.box):
            if (
                within(other.box, one.box)
                and (theirs.priority, theirs.id) > (mine.priority, mine.id)
                and what == "shadowed"
            ):
                continue  # the two are alike; the later one is told of
            told.add(what)
            yield Finding("warning", mine.place, mine.id, _sentence(what, mine, theirs))


def _everywhere(theirs: Strategy, mine: Strategy) -> bool:
    """Whether the other one meets everybody this one meets, whenever it does."""
    return (
        theirs.product in ("*", mine.product) and theirs.share_ppm >= PPM and theirs.arm in ("*", mine.arm)
        and theirs.from_us <= mine.from_us and mine.to_us <= theirs.to_us
    )  # fmt: skip


def _what(mine: Strategy, theirs: Strategy) -> str:
    a, b = mine.action, theirs.action
    if mine.stage not in DECIDING_STAGES or theirs.stage not in DECIDING_STAGES:
        return "shadowed" if mine.stage == theirs.stage and a == b and a.kind != "limit_times_ppm" else ""
    if b.kind == "decline" and (a.kind in _OFFER or a.kind == "refer"):
        return "unreachable"
    if b.kind == "refer" and a.kind in _OFFER and a.kind != "score_add":
        return ""  # what is asked for may be filed, and then the offer counts
    if a.kind == b.kind and (
        a.kind == "decline"
        or (a.kind == "refer" and a.label == b.label)
        or (a.kind == "limit_cap_fen" and b.amount <= a.amount)
    ):
        return "shadowed"
    if a.kind == b.kind and a.kind in ("limit_times_ppm", "price_add_ppm", "score_add"):
        middle = PPM if a.kind == "limit_times_ppm" else 0
        return "contradicted" if (a.amount - middle) * (b.amount - middle) < 0 else ""
    return ""


def _sentence(what: str, mine: Strategy, theirs: Strategy) -> str:
    where = f"{theirs.id} ({theirs.place})"
    if what == "unreachable":
        return f"{mine.id} is unreachable: wherever it fires, {where} declines"
    if what == "shadowed":
        return f"{mine.id} is shadowed: wherever it fires, {where} does as much"
    return f"{mine.id} contradicts {where}: both fire together and pull apart ({mine.action.amount} and {theirs.action.amount})"
