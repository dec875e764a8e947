"""Who stands behind one firm: its actual controller and its beneficial owners, kept apart.

The line for beneficial owners comes from the country's rules pack and is passed in with its source and date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from dandelion.core import NotFound
from dandelion.graph.ownership.benefit import PPB, Benefit, benefit
from dandelion.graph.ownership.control import CONCERT, Heads, Votes, controlled, heads
from dandelion.graph.ownership.holdings import Holdings
from dandelion.graph.ownership.statements import PPM, Kind, Office
from dandelion.graph.relation_rules import relation_rules

Control = Literal["sole", "joint", "dispersed", "undisclosed", "circle"]
MANAGER = "legal_representative"


@dataclass(frozen=True, slots=True)
class OwnerLine:
    """From which share on a person is a beneficial owner: `at_least` the line, or strictly above it."""

    ppm: int
    at_least: bool
    source: str
    since: date | None = None

    def passed(self, ppb: int) -> bool:
        line = self.ppm * (PPB // PPM)
        return ppb >= line if self.at_least else ppb > line


@dataclass(frozen=True, slots=True)
class Interest:
    """One interest, in BODS's words: shareholding, votingRights, otherInfluenceOrControl, seniorManagingOfficial."""

    type: str
    direct_or_indirect: Literal["direct", "indirect"]
    share_ppb: int | None
    passes: bool  # does it alone make a beneficial owner


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody behind the firm.  `is_beneficial`: a natural person over the line, by benefit, votes or control."""

    party: str
    kind: Kind
    is_beneficial: bool
    interests: tuple[Interest, ...]


@dataclass(frozen=True, slots=True)
class Ownership:
    """All that is told of who stands behind `firm`.

    `controller` is the party at the top: one party, or a concert of several; None where there is none.  `deciding` are (party, votes) commanded in the firm,
    most first; where control is joint, the first `together` of them make the majority.
    """

    firm: str
    control: Control
    controller: str | None
    controller_kind: Kind | None
    chain: tuple[str, ...]  # from the controller down to the firm
    deciding: tuple[tuple[str, int], ...]
    together: int
    owners: tuple[Owner, ...]
    benefit: Benefit
    line: OwnerLine
    notes: tuple[str, ...]

    @property
    def beneficial(self) -> tuple[Owner, ...]:
        return tuple(owner for owner in self.owners if owner.is_beneficial)


def ownership(held: Holdings, firm: str, line: OwnerLine, offices: Sequence[Office] = (),
              votes: Votes | None = None, top: Heads | None = None) -> Ownership:  # fmt: skip
    """Everything about one firm.  `votes` and `top` may be given where many firms are asked about.

    Errors: NotFound for an unknown firm, or one that nobody is told to hold; BadInput where it, or a firm behind it, was set aside, or holds itself whole.
    """
    votes = Votes.of(held) if votes is None else votes
    top = heads(votes) if top is None else top
    good = benefit(held, firm)
    number = held.place[firm]
    if not len(held.rows_of(number)):
        raise NotFound(f"nobody is told to hold {firm}; it is known as a holder only", field="firm")
    deciding = tuple((votes.names[v], ppm) for v, ppm in top.commanded(number))
    control, controller, together = _control(held, votes, top, number, deciding)
    people = _owners(held, votes, good, deciding, controller, line, number)
    if not any(one.is_beneficial for one in people):
        people += _managers(firm, offices)
    return Ownership(
        firm, control, controller, _kind(held, controller), _chain(held, votes, controller, number), deciding, together,
        tuple(people), good, line, _notes(held, good, top, votes, number),
    )  # fmt: skip


def _control(
    held: Holdings, votes: Votes, top: Heads, number: int, deciding: tuple[tuple[str, int], ...]
) -> tuple[Control, str | None, int]:
    head = int(top.head[number])
    if head in top.in_circle:
        return "circle", None, 0
    if head != number and head >= len(held.parties):
        return "joint", votes.names[head], int(np.count_nonzero(votes.node == head))  # all who act in that concert
    if head != number:
        return "sole", votes.names[head], 1
    need = int(votes.need[number])
    running = np.cumsum([ppm for _, ppm in deciding])
    if not len(running) or 2 * int(running[-1]) <= need:
        return "undisclosed", None, 0  # even all who are told of do not make a majority
    together = int(np.argmax(2 * running > need)) + 1
    return ("joint" if together <= relation_rules().ownership.joint_max else "dispersed"), None, together


def _owners(
    held: Holdings, votes: Votes, good: Benefit, deciding: tuple[tuple[str, int], ...], controller: str | None,
    line: OwnerLine, number: int,
) -> list[Owner]:  # fmt: skip
    shares, commanded = dict(good.shares_ppb), dict(deciding)
    direct = {held.parties[held.holder[row]] for row in held.rows_of(number).tolist()}
    acting = _concert_members(held, votes, [name for name in commanded if name.startswith(CONCERT)])
    for concert, members in acting.items():  # what is voted together counts for each of them
        for member in members:
            commanded[member] = max(commanded.get(member, 0), commanded[concert])
    controllers = {controller, *acting.get(controller or "", ())} - {None}
    out = []
    for party in sorted(
        {*shares, *commanded} - set(acting), key=lambda p: (-shares.get(p, 0), -commanded.get(p, 0), p)
    ):
        kind = Kind(int(held.kind[held.place[party]]))
        how: Literal["direct", "indirect"] = "direct" if party in direct else "indirect"
        interests = []
        if party in shares:
            interests.append(Interest("shareholding", how, shares[party], line.passed(shares[party])))
        if party in commanded:
            ppb = commanded[party] * (PPB // PPM)
            interests.append(Interest("votingRights", how, ppb, line.passed(ppb)))
        if party in controllers:
            interests.append(Interest("otherInfluenceOrControl", how, None, True))
        natural = kind is not Kind.ENTITY
        out.append(Owner(party, kind, natural and any(one.passes for one in interests), tuple(interests)))
    return out


def _concert_members(held: Holdings, votes: Votes, concerts: list[str]) -> dict[str, set[str]]:
    wanted = {name.removeprefix(CONCERT) for name in concerts}
    out: dict[str, set[str]] = {}
    for word, holder in zip(held.concert, held.holder.tolist(), strict=True) if wanted else ():
        if word in wanted:
            out.setdefault(CONCERT + word, set()).add(held.parties[holder])
    return out


def _managers(firm: str, offices: Sequence[Office]) -> list[Owner]:
    """Where no person passes the line, who manages the firm day by day stands in."""
    people = dict.fromkeys(one.person for one in offices if one.firm == firm and one.role == MANAGER)
    interest = Interest("seniorManagingOfficial", "direct", None, True)
    return [Owner(person, Kind.PERSON, True, (interest,)) for person in people]


def _chain(held: Holdings, votes: Votes, controller: str | None, number: int) -> tuple[str, ...]:
    """A shortest line of holdings inside the controlled group, from the controller down."""
    if controller is None:
        return ()
    start = votes.place[controller]
    group = {start, *controlled(votes, [start])}
    came: dict[int, int] = {start: -1}
    queue = [start]
    for node in queue:
        if node == number:
            break
        for below, _ in sorted(votes.stakes[node], key=lambda stake: (-stake[1], stake[0])):
            if below in group and below not in came:
                came[below] = node
                queue.append(below)
    line: list[str] = []
    step = number
    while step != -1:
        line.append(votes.names[step])
        step = came[step]
    return tuple(reversed(line))


def _kind(held: Holdings, party: str | None) -> Kind | None:
    return None if party is None or party not in held.place else Kind(int(held.kind[held.place[party]]))


def _notes(held: Holdings, good: Benefit, top: Heads, votes: Votes, number: int) -> tuple[str, ...]:
    notes = []
    if held.treasury_ppm[0][number]:
        notes.append(f"{good.firm} holds {held.treasury_ppm[0][number] / 10_000:g} % of itself: no vote, and its benefit "
                     "falls to the other holders")  # fmt: skip
    for cycle in good.closed_cycles:
        notes.append(f"{', '.join(cycle)} hold each other whole: nobody outside owns them; check these holdings")
    if int(top.head[number]) in top.in_circle:
        names = ", ".join(votes.names[i] for i in np.flatnonzero(top.head == top.head[number]).tolist())
        notes.append(f"control runs in a circle ({names}): nobody outside decides")
    if good.undisclosed_ppb:
        notes.append(f"{good.undisclosed_ppb / 10_000_000:.4g} % of the benefit goes to holders nobody told of")
    return tuple(notes)
