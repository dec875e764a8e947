"""Control: who decides.  X controls Y when X, together with what X controls, holds more than half of Y's votes.

The least fixpoint of that rule (recursive majority): nothing controls anything without a chain of reasons that begins at
X.  Two parties that control the same firm always stand one above the other, or in a circle of mutual control; so a firm
has one controller at the top, or none.  Holders who act in concert vote as one party, which is controlled by somebody
only where all its members are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dandelion.core.frame import Ints
from dandelion.graph.ownership.holdings import Holdings
from dandelion.graph.ownership.statements import PPM

CONCERT = "concert:"


@dataclass(frozen=True)
class Votes:
    """Votes by node: the parties, then one node per concert.  Node v is controlled with more than ``need[v] / 2``."""

    names: tuple[str, ...]
    node: Ints  # rows sorted by node
    voter: Ints
    votes: Ints
    need: Ints

    @classmethod
    def of(cls, held: Holdings) -> Votes:
        concerts = sorted(set(held.concert) - {""})
        number = {word: len(held.parties) + i for i, word in enumerate(concerts)}
        voter = np.array(
            [number.get(word, h) for word, h in zip(held.concert, held.holder.tolist(), strict=True)], np.int64
        )
        members = sorted({(number[w], h) for w, h in zip(held.concert, held.holder.tolist(), strict=True) if w})
        outside = held.firm != held.holder  # treasury shares have no vote
        node = np.concatenate([held.firm[outside], np.array([m[0] for m in members], np.int64)])
        voter = np.concatenate([voter[outside], np.array([m[1] for m in members], np.int64)])
        votes = np.concatenate([held.votes_ppm[outside], np.ones(len(members), np.int64)])
        sizes = np.bincount(np.array([m[0] for m in members], np.int64), minlength=len(held.parties) + len(concerts))
        need = np.concatenate([PPM - held.treasury_ppm[1], 2 * sizes[len(held.parties) :] - 1])  # a concert: all of it
        names = (*held.parties, *(CONCERT + word for word in concerts))
        return cls(names, node, voter, votes, need)

    @cached_property
    def stakes(self) -> list[list[tuple[int, int]]]:
        """Per node: (node voted in, votes)."""
        out: list[list[tuple[int, int]]] = [[] for _ in self.names]
        for node, voter, votes in zip(self.node.tolist(), self.voter.tolist(), self.votes.tolist(), strict=True):
            out[voter].append((node, votes))
        return out

    @cached_property
    def place(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}


def controlled(votes: Votes, seeds: Iterable[int]) -> list[int]:
    """Nodes that the seeds, voting together, control, in the order in which they fall.  The seeds are not among them
    unless what they control controls them back."""
    tally: dict[int, int] = {}
    found: dict[int, None] = {}
    open_ = deque(dict.fromkeys(seeds))
    counted = set(open_)
    need, stakes = votes.need, votes.stakes
    while open_:
        for node, weight in stakes[open_.popleft()]:
            tally[node] = tally.get(node, 0) + weight
            if 2 * tally[node] > need[node] and node not in found:
                found[node] = None
                if node not in counted:
                    counted.add(node)
                    open_.append(node)
    return list(found)


@dataclass(frozen=True)
class Heads:
    """Who stands at the top of every node: `head[v]` is v itself where nobody controls it."""

    head: Ints
    in_circle: frozenset[int]  # heads that are controlled by what they control: nobody outside decides
    tally: list[dict[int, int]]  # per node: votes commanded by each head

    def commanded(self, node: int) -> list[tuple[int, int]]:
        """(head, votes) in a node, most votes first, then by number."""
        return sorted(self.tally[node].items(), key=lambda pair: (-pair[1], pair[0]))


def heads(votes: Votes) -> Heads:
    """All controllers at once, by contraction: a controlled node's votes pass to its head until nothing moves.

    Cost: O(holdings x log parties), the smaller group always moving into the larger.
    """
    count = len(votes.names)
    group, top, members = list(range(count)), list(range(count)), [[i] for i in range(count)]
    tally: list[dict[int, int]] = [{} for _ in range(count)]
    stakes: list[set[int]] = [set() for _ in range(count)]
    for node, voter, weight in zip(votes.node.tolist(), votes.voter.tolist(), votes.votes.tolist(), strict=True):
        if weight:
            tally[node][voter] = tally[node].get(voter, 0) + weight
            stakes[voter].add(node)
    need = votes.need.tolist()
    circle: set[int] = set()
    open_ = deque(range(count))
    while open_:
        node = open_.popleft()
        own = group[node]
        if top[own] != node or node in circle:
            continue  # it has its head already
        winner = next((g for g, weight in tally[node].items() if 2 * weight > need[node]), None)
        if winner is None:
            continue
        if winner == own:
            circle.add(node)
            continue
        head = top[winner]
        small, large = (own, winner) if len(stakes[own]) <= len(stakes[winner]) else (winner, own)
        for voted in stakes[small]:
            into = tally[voted]
            into[large] = into.get(large, 0) + into.pop(small)
            if 2 * into[large] > need[voted]:
                open_.append(voted)
        stakes[large] |= stakes[small]
        for member in members[small]:
            group[member] = large
        members[large] += members[small]
        top[large] = head
        stakes[small], members[small] = set(), []
    head_of = np.array([top[group[i]] for i in range(count)], np.int64)
    by_head = [{top[g]: weight for g, weight in one.items()} for one in tally]
    return Heads(head_of, frozenset(circle), by_head)
