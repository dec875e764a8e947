"""Groups of affiliated firms, and what a group owes together.

Two ties make a group: one party at the top controls both firms, or holds the beneficial owner's line or more of both.
Holders of very many firms (funds, the state, nominees) tie nothing together by their shares; by control they still do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dandelion.graph.ownership.benefit import PPB, integrated
from dandelion.graph.ownership.control import Votes, heads
from dandelion.graph.ownership.holdings import Holdings
from dandelion.graph.ownership.owners import OwnerLine
from dandelion.graph.parts import linked_parts
from dandelion.graph.relation_rules import relation_rules

FIRMS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Groups:
    """Connected parties.  A group's name is its smallest party id; `control` holds the tighter groups, by control alone."""

    group: Mapping[str, str]
    control: Mapping[str, str]

    @cached_property
    def _members(self) -> dict[str, tuple[str, ...]]:
        out: dict[str, list[str]] = {}
        for party in sorted(self.group):
            out.setdefault(self.group[party], []).append(party)
        return {name: tuple(parties) for name, parties in out.items()}

    def members(self, party: str) -> tuple[str, ...]:
        """Everybody in the party's group, itself included."""
        return self._members.get(self.group.get(party, party), (party,))


@dataclass(frozen=True, slots=True)
class GroupExposure:
    """What the members of one group may owe, in fen: each with its own, and together."""

    group: str
    members: tuple[tuple[str, int], ...]
    total_fen: int


def groups(held: Holdings, line: OwnerLine) -> Groups:
    """Groups over all parties.  Firms in 100 % cycles are tied by control like any others."""
    votes = Votes.of(held)
    top = heads(votes)
    count = len(held.parties)
    control = [(i, h) for i, h in enumerate(top.head[:count].tolist()) if i != h]
    concerts = [(n, v) for n, v in zip(votes.node.tolist(), votes.voter.tolist(), strict=True) if n >= count]
    tight = _components(len(votes.names), control + concerts)
    ties = control + concerts + _by_benefit(held, line)
    loose = _components(len(votes.names), ties)
    return Groups(_named(held, loose), _named(held, tight))


def exposure(found: Groups, owed_fen: Mapping[str, int], party: str) -> GroupExposure:
    """The group of `party` with what each member owes (0 where nothing is known)."""
    members = tuple((one, owed_fen.get(one, 0)) for one in found.members(party))
    return GroupExposure(found.group.get(party, party), members, sum(fen for _, fen in members))


def _by_benefit(held: Holdings, line: OwnerLine) -> list[tuple[int, int]]:
    firms = np.unique(held.firm)
    found: dict[int, list[int]] = {}
    for start in range(0, len(firms), FIRMS_AT_ONCE):
        part = firms[start : start + FIRMS_AT_ONCE].tolist()
        for firm, shares in zip(part, integrated(held, part), strict=True):
            for party, share in shares.items():
                if line.passed(round(share * PPB)):
                    found.setdefault(party, []).append(firm)
    most = relation_rules().ownership.holder_firms_max
    return [(party, firm) for party, firms_of in found.items() if len(firms_of) <= most for firm in firms_of]


def _components(count: int, ties: Sequence[tuple[int, int]]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    a, b = np.array(ties, np.int64).reshape(-1, 2).T
    return linked_parts(a, b, count)


def _named(held: Holdings, label: np.ndarray[tuple[int], np.dtype[np.int32]]) -> dict[str, str]:
    first: dict[int, str] = {}
    out = {}
    for party, group in zip(held.parties, label[: len(held.parties)].tolist(), strict=True):
        out[party] = first.setdefault(group, party)  # parties ascend, so the first is the smallest
    return out
