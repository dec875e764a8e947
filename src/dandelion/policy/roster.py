"""The strategies of one product, compiled together, and which of them meet a subject at a moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dandelion.core import PPM
from dandelion.core.frame import Floats, Ints
from dandelion.policy.engine import TRUE, UNKNOWN, Codes, Engine
from dandelion.policy.expression import Arithmetic, Compare, Literal, Ref, Truth, conjuncts, walk
from dandelion.policy.product import Bools
from dandelion.policy.scalar import Row
from dandelion.policy.strategy import Strategy

DECIDING_STAGES = frozenset({"eligibility", "fraud", "credit", "limit", "price"})


@dataclass(frozen=True, slots=True, eq=False)
class Roster:
    """Everything of a product that is not a draft, in the book's order: root i of `engine` is strategy i.

    `picked` are the places of strategies that only part of the subjects meet live, by share or arm.  `thresholds` holds
    for each alias the numbers it is compared with and the strategy of each; `sums` for each alias the strategies in whose
    arithmetic it stands.
    """

    strategies: tuple[Strategy, ...]
    engine: Engine
    from_us: Ints
    to_us: Ints
    live: Bools
    deciding: Bools
    picked: tuple[int, ...]
    thresholds: Mapping[str, tuple[Floats, Ints]]
    sums: Mapping[str, Ints]

    @classmethod
    def of(cls, strategies: Sequence[Strategy], product: str) -> Roster:
        kept = tuple(s for s in strategies if s.mode != "draft" and s.product in ("*", product))
        return cls(
            strategies=kept,
            engine=Engine.of([s.condition for s in kept]),
            from_us=np.array([s.from_us for s in kept], np.int64),
            to_us=np.array([s.to_us for s in kept], np.int64),
            live=np.array([s.mode == "live" for s in kept], bool),
            deciding=np.array([s.stage in DECIDING_STAGES for s in kept], bool),
            picked=tuple(i for i, s in enumerate(kept) if s.arm != "*" or (s.mode == "live" and s.share_ppm < PPM)),
            thresholds=_thresholds(kept),
            sums=_sums(kept),
        )

    def meeting(self, as_of_us: int, tenant: str, entity: str, arm: str) -> tuple[Meeting, Meeting]:
        """(live, shadow) for one subject at one moment."""
        dated = (self.from_us <= as_of_us) & (as_of_us < self.to_us)
        live = dated & self.live
        for i in self.picked:
            strategy = self.strategies[i]
            if strategy.arm not in ("*", arm):
                dated[i] = live[i] = False
            elif live[i]:
                live[i] = strategy.in_share(tenant, entity)
        return Meeting(self, live), Meeting(self, dated & ~live)


@dataclass(frozen=True, slots=True, eq=False)
class Meeting:
    """Some strategies of a roster: those that meet one subject."""

    roster: Roster
    mask: Bools

    def codes(self, row: Row) -> Codes:
        """Truths of all strategies of the roster (see `engine`), whether they are in the meeting or not."""
        engine = self.roster.engine
        return engine.one(engine.row(row.numbers, row.flags))

    def strategies(self) -> list[Strategy]:
        return self.among(self.mask)

    def ruled(self, codes: Codes) -> tuple[tuple[Strategy, ...], tuple[Strategy, ...]]:
        """(fired, unknown) among those that take part in a decision."""
        here = self.mask & self.roster.deciding
        return tuple(self.among(here & (codes == TRUE))), tuple(self.among(here & (codes == UNKNOWN)))

    def fired(self, codes: Codes, stage: str) -> list[Strategy]:
        """Those of one stage that fired."""
        return [s for s in self.among(self.mask & (codes == TRUE)) if s.stage == stage]

    def among(self, mask: Bools) -> list[Strategy]:
        every = self.roster.strategies
        return [every[i] for i in np.flatnonzero(mask).tolist()]

    def thresholds(self, alias: str) -> set[float]:
        """Numbers the alias is compared with in the meeting's strategies: a truth can only change there."""
        if alias not in self.roster.thresholds:
            return set()
        values, of = self.roster.thresholds[alias]
        return set(values[self.mask[of]].tolist())

    def is_in_a_sum(self, alias: str) -> bool:
        """Whether the alias stands in the arithmetic of a strategy of the meeting: truths may change anywhere then."""
        return alias in self.roster.sums and bool(self.mask[self.roster.sums[alias]].any())


def _thresholds(strategies: Sequence[Strategy]) -> dict[str, tuple[Floats, Ints]]:
    found: dict[str, list[tuple[float, int]]] = {}
    known: dict[int, list[tuple[str, float]]] = {}
    for i, strategy in enumerate(strategies):
        for item in conjuncts(strategy.condition):
            if id(item) not in known:
                known[id(item)] = list(_compared(item))
            for alias, value in known[id(item)]:
                found.setdefault(alias, []).append((value, i))
    return {
        alias: (np.array([v for v, _ in pairs], np.float32), np.array([i for _, i in pairs], np.int64))
        for alias, pairs in found.items()
    }


def _sums(strategies: Sequence[Strategy]) -> dict[str, Ints]:
    found: dict[str, list[int]] = {}
    known: dict[int, frozenset[str]] = {}
    for i, strategy in enumerate(strategies):
        for item in conjuncts(strategy.condition):
            if id(item) not in known:
                known[id(item)] = frozenset(
                    below.alias
                    for node in walk(item)
                    if isinstance(node, Arithmetic)
                    for below in walk(node)
                    if isinstance(below, Ref)
                )
            for alias in known[id(item)]:
                found.setdefault(alias, []).append(i)
    return {alias: np.array(places, np.int64) for alias, places in found.items()}


def _compared(condition: Truth) -> Iterator[tuple[str, float]]:
    """Each alias that is compared with a number, and the number."""
    for node in walk(condition):
        if isinstance(node, Compare):
            for side, other in ((node.left, node.right), (node.right, node.left)):
                if isinstance(side, Ref) and isinstance(other, Literal):
                    yield side.alias, other.value
