"""Owner and firm, two centres: what the registry says of an account, and the risk of both sides crossed.

A firm's other side is its actual controller; a controller's other side are the firms it controls.  Both applicants get the
same columns, so that a clean firm with a risky owner, and a clean owner with a risky firm, look alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import DAY_US
from dandelion.graph.ownership.benefit import integrated
from dandelion.graph.ownership.control import Heads, Votes, heads
from dandelion.graph.ownership.groups import groups
from dandelion.graph.ownership.holdings import Holdings, holdings
from dandelion.graph.ownership.owners import OwnerLine
from dandelion.graph.ownership.statements import of_events
from dandelion.graph.relations import Relations
from dandelion.graph.risk import BadNews, risk_map

Doubles = npt.NDArray[np.float64]
CHANGED_DAYS = 180
FIRMS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Centres:
    """One value per account; NaN is missing."""

    owner_share: Doubles  # of the benefit of the firm that its actual controller has
    owner_steps: Doubles  # holdings between the firm and its controller
    owner_firms: Doubles  # firms under whoever stands at the top, the account itself if a person
    owner_changed: Doubles  # 1 where another one was at the top 180 days ago
    undisclosed_share: Doubles  # of the votes that nobody is told to have
    group_size: Doubles  # parties of the affiliated group, 1 for an account the registry does not know
    risk: Doubles
    risk_both: Doubles  # 1 - (1 - own risk) x (1 - the other side's)


def two_centres(
    accounts: Sequence[str], as_of: int, shareholdings: pa.Table | None, roles: pa.Table | None, found: Relations,
    news: Iterable[BadNews], line: OwnerLine,
) -> Centres:  # fmt: skip
    """Everything told before `as_of`.  `found` are the relations risk flows along."""
    held = _register(shareholdings, roles, as_of)
    votes = Votes.of(held)
    top = heads(votes)
    out = {name: np.full(len(accounts), np.nan) for name in Centres.__slots__}
    out["group_size"][:] = 1.0
    place = {name: i for i, name in enumerate(accounts)}
    known = [(place[name], number) for name, number in held.place.items() if name in place]
    tied = groups(held, line) if known else None
    below = np.bincount(top.head[: len(held.parties)], minlength=len(votes.names))
    before = _controllers(_register(shareholdings, roles, as_of - CHANGED_DAYS * DAY_US))
    now = _controllers(held, votes, top)
    for row, number in known:
        name = held.parties[number]
        head = int(top.head[number])
        out["owner_firms"][row] = below[head] - 1
        assert tied is not None
        out["group_size"][row] = len(tied.members(name))
        if held.firm_starts[number] < held.firm_starts[number + 1]:
            told = sum(top.tally[number].values())
            out["undisclosed_share"][row] = max(0.0, 1 - told / max(1, int(votes.need[number])))
            out["owner_changed"][row] = float(before[name] != now[name]) if name in before else np.nan
    _behind(held, votes, top, known, out)
    risk = risk_map(found, news).of(accounts)
    out["risk"], out["risk_both"] = risk, _crossed(risk, held, top, known)
    return Centres(**out)


def control_ties(shareholdings: pa.Table | None, roles: pa.Table | None, as_of: int) -> list[tuple[str, str]]:
    """(firm, who stands at its top): also where control is put together from several small holdings."""
    return [(firm, head) for firm, head in _controllers(_register(shareholdings, roles, as_of)).items() if firm != head]


def _register(shareholdings: pa.Table | None, roles: pa.Table | None, as_of: int) -> Holdings:
    if shareholdings is None:
        kinds = (("firm", pa.string()), ("holder", pa.string()), ("share_ppm", pa.int64()), ("at", pa.int64()))
        shareholdings = pa.table({name: pa.array([], kind) for name, kind in kinds})
    return holdings(of_events(shareholdings, roles, as_of=as_of)[0])


def _controllers(held: Holdings, votes: Votes | None = None, top: Heads | None = None) -> dict[str, str]:
    """Who stands at the top of every firm, itself where nobody does."""
    votes = Votes.of(held) if votes is None else votes
    top = heads(votes) if top is None else top
    firms = np.unique(held.firm).tolist()
    return {held.parties[firm]: votes.names[int(top.head[firm])] for firm in firms}


def _behind(held: Holdings, votes: Votes, top: Heads, known: list[tuple[int, int]], out: dict[str, Doubles]) -> None:
    """Share of benefit and number of steps of each firm's controller."""
    asked = [(row, n) for row, n in known if top.head[n] != n and int(top.head[n]) not in top.in_circle
             and top.head[n] < len(held.parties)]  # fmt: skip
    for start in range(0, len(asked), FIRMS_AT_ONCE):
        part = asked[start : start + FIRMS_AT_ONCE]
        for (row, firm), shares in zip(part, integrated(held, [n for _, n in part]), strict=True):
            out["owner_share"][row] = min(1.0, shares.get(int(top.head[firm]), 0.0))
            out["owner_steps"][row] = _steps(held, firm, int(top.head[firm]))


def _steps(held: Holdings, firm: int, head: int) -> int:
    """Holdings on a shortest line from the firm up to its head; the head is above it, or no votes would reach it."""
    ring, seen, steps = {firm}, {firm}, 0
    while head not in ring:
        ring = {
            h for one in ring for h in held.holder[held.firm_starts[one] : held.firm_starts[one + 1]].tolist()
        } - seen
        seen |= ring
        steps += 1
        assert ring, "a controller that stands nowhere above its firm"
    return steps


def _crossed(risk: Doubles, held: Holdings, top: Heads, known: list[tuple[int, int]]) -> Doubles:
    """Own risk with the other side's: of a firm its head's, of a head the riskiest firm's."""
    other = np.full(len(risk), np.nan)
    row_of = {number: row for row, number in known}
    for row, number in known:
        head = int(top.head[number])
        if head != number and head in row_of:
            up = row_of[head]
            other[row] = np.fmax(other[row], risk[up])
            other[up] = np.fmax(other[up], risk[row])
    both = 1 - (1 - np.nan_to_num(risk)) * (1 - np.nan_to_num(other))
    return np.where(np.isnan(risk) & np.isnan(other), np.nan, both)
