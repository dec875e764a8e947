"""What an analyst looks at: the ego network of a party, a ring, the path between two parties.  Always bounded in size.

Answers name parties by their surrogate ids and say what they left out.  They are for the lender's analyst; nothing here
is ever shown to a merchant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import BadInput, NotFound, iso
from dandelion.graph.relation_rules import ExplorerRules, relation_rules
from dandelion.graph.relations import WORDS, Relations, Tie

CLOSE = (Tie.HOLDS, Tie.OFFICE, Tie.DEVICE)  # ties that few have; they are shown before money
EGO_STEPS_MAX = 3


@dataclass(frozen=True, slots=True)
class Edge:
    """One relation as it is shown; `size` is fen, ppm of shares, days of a shared phone, or 1 (see `Relations`)."""

    source: str
    target: str
    kind: str
    count: int
    size: int
    first: int
    last: int

    def as_json(self) -> dict[str, Any]:
        unit = {"pays": "amount_fen", "invoices": "amount_fen", "holds": "share_ppm"}.get(self.kind)
        told: dict[str, Any] = {"source": self.source, "target": self.target, "kind": self.kind, "count": self.count}
        if unit is not None:
            told[unit] = self.size
        return told | {"first": iso(self.first), "last": iso(self.last)}


@dataclass(frozen=True, slots=True)
class Ego:
    """`nodes` maps each party shown to its distance from the centre.  What did not fit is counted, not shown."""

    centre: str
    nodes: dict[str, int]
    edges: tuple[Edge, ...]
    nodes_left_out: int
    edges_left_out: int

    def as_json(self) -> dict[str, Any]:
        nodes = [{"id": name, "step": step} for name, step in sorted(self.nodes.items(), key=lambda n: (n[1], n[0]))]
        return {"centre": self.centre, "nodes": nodes, "edges": [edge.as_json() for edge in self.edges],
                "nodes_left_out": self.nodes_left_out, "edges_left_out": self.edges_left_out}  # fmt: skip


def ego(found: Relations, centre: str, *, steps: int = 1, nodes: int = 50, rules: ExplorerRules | None = None) -> Ego:
    """The party, those it is related to (closest ties and largest amounts first), and the relations among them all.

    Errors: NotFound for a party without relations; BadInput for limits.
    """
    rules = relation_rules().explorer if rules is None else rules
    _between("nodes", nodes, 1, rules.nodes_max)
    _between("steps", steps, 1, EGO_STEPS_MAX)
    start = _known(found, centre)
    levels = {start: 0}
    left_out: set[int] = set()
    ring = [start]
    for step in range(1, steps + 1):
        fresh: list[int] = []
        for one in ring:
            for other in _by_closeness(found, one):
                if other in levels:
                    continue
                if len(levels) >= nodes:
                    left_out.add(other)
                    continue
                levels[other] = step
                fresh.append(other)
        ring = fresh
    inside = np.zeros(len(found.parties), np.bool_)
    inside[list(levels)] = True
    rows = np.flatnonzero(inside[found.source] & inside[found.target])
    order = np.lexsort((rows, -found.size[rows], ~np.isin(found.kind[rows], CLOSE)))
    shown = np.sort(rows[order[: rules.edges_max]])
    return Ego(centre, {found.parties[i]: step for i, step in levels.items()}, tuple(_edge(found, r) for r in shown.tolist()),
               len(left_out - levels.keys()), len(rows) - len(shown))  # fmt: skip


Neighbours = Callable[[str], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Path:
    """Parties from one end to the other; `hops[i]` are the relations between party i and the next."""

    parties: tuple[str, ...]
    hops: tuple[tuple[Edge, ...], ...]

    def as_json(self) -> dict[str, Any]:
        return {"parties": list(self.parties), "hops": [[edge.as_json() for edge in hop] for hop in self.hops]}


def path(found: Relations, start: str, end: str, *, rules: ExplorerRules | None = None) -> Path:
    """A shortest path over relations of any sort, either way round.

    Errors: NotFound for a party without relations, or where no path is found; BadInput where both ends are the same.
    """
    _known(found, start)
    _known(found, end)

    def near(name: str) -> list[str]:
        return found.parties.text(np.unique(found.near(found.parties.find(name))[0]))

    parties = shortest(near, start, end, rules=rules)
    hops = tuple(_between_two(found, a, b) for a, b in pairwise(parties))
    return Path(parties, hops)


def shortest(near: Neighbours, start: str, end: str, *, rules: ExplorerRules | None = None) -> tuple[str, ...]:
    """Breadth first from both ends, the smaller side first.  A party with very many relations is an end at most: that two
    people pay the same bus company ties nothing.  Errors: as :func:`path`."""
    rules = relation_rules().explorer if rules is None else rules
    if start == end:
        raise BadInput("both ends are the same party; give two", field="to")
    came: tuple[dict[str, str], dict[str, str]] = ({start: ""}, {end: ""})
    edge: list[list[str]] = [[start], [end]]
    visited = 2

    def wide(name: str, others: list[str]) -> bool:
        return len(others) > rules.hub_contacts and name not in (start, end)

    for _ in range(rules.steps_max):
        side = 0 if len(edge[0]) <= len(edge[1]) else 1
        mine, theirs, fresh = came[side], came[1 - side], list[str]()
        met: str | None = None
        for one in edge[side]:
            others = list(near(one))
            if wide(one, others):
                continue
            for other in others:
                if other in mine:
                    continue
                mine[other] = one
                if other in theirs:
                    if wide(other, list(near(other))):
                        continue
                    met = other if met is None else min(met, other)
                    continue
                visited += 1
                fresh.append(other)
            if visited > rules.visited_max:
                raise NotFound(f"no path was found among {rules.visited_max:,} parties around {start} and {end}; ask for "
                               "parties closer to each other", field="to")  # fmt: skip
        if met is not None:
            return (*reversed(_back(came[0], met)), *_back(came[1], met)[1:])
        if not fresh:
            break
        edge[side] = fresh
    raise NotFound(f"there is no path of at most {rules.steps_max} steps between {start} and {end} (parties with more than "
                   f"{rules.hub_contacts} relations are not gone through)", field="to")  # fmt: skip


@dataclass(frozen=True, slots=True)
class RingShown:
    """One ring with its members, stores before buyers; `left_out` members did not fit."""

    ring: int
    score: float
    flagged: bool
    first_burst: int
    evidence: str
    stores: tuple[str, ...]
    buyers: tuple[str, ...]
    left_out: int

    def as_json(self) -> dict[str, Any]:
        return {"ring": self.ring, "score": round(self.score, 6), "flagged": self.flagged, "first_burst": iso(self.first_burst),
                "evidence": self.evidence, "stores": list(self.stores), "buyers": list(self.buyers),
                "left_out": self.left_out}  # fmt: skip


def ring_of(rings: pa.Table, account: str, *, rules: ExplorerRules | None = None) -> RingShown:
    """The strongest ring an account is in.  Errors: NotFound where it is in none."""
    rules = relation_rules().explorer if rules is None else rules
    own = rings.filter(pc.equal(rings.column("account"), account))
    if not own.num_rows:
        raise NotFound(f"{account} is in no ring", field="account")
    best = own.take([int(np.argmax(own.column("score").to_numpy()))])
    number = best.column("ring")[0].as_py()
    members = rings.filter(pc.equal(rings.column("ring"), number))
    named = {role: sorted(members.filter(pc.equal(members.column("role"), role)).column("account").to_pylist())
             for role in ("store", "buyer")}  # fmt: skip
    stores = named["store"][: rules.nodes_max]
    buyers = named["buyer"][: rules.nodes_max - len(stores)]
    first = best.column("first_burst").cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())[0].as_py()
    return RingShown(int(number), float(best.column("score")[0].as_py()), bool(best.column("flagged")[0].as_py()), int(first),
                     str(best.column("evidence")[0].as_py()), tuple(stores), tuple(buyers),
                     members.num_rows - len(stores) - len(buyers))  # fmt: skip


def _by_closeness(found: Relations, party: int) -> list[int]:
    """Others by their closest tie, then by the largest amount, then by id."""
    other, row = found.near(party)
    money = ~np.isin(found.kind[row], CLOSE)
    order = np.lexsort((other, -found.size[row], money))
    return list(dict.fromkeys(other[order].tolist()))


def _between_two(found: Relations, a: str, b: str) -> tuple[Edge, ...]:
    other, row = found.near(found.parties.find(a))
    return tuple(_edge(found, r) for r in row[other == found.parties.find(b)].tolist())


def _edge(found: Relations, row: int) -> Edge:
    return Edge(found.parties[found.source[row]], found.parties[found.target[row]], WORDS[Tie(int(found.kind[row]))],
                int(found.count[row]), int(found.size[row]), int(found.first[row]), int(found.last[row]))  # fmt: skip


def _back(came: dict[str, str], name: str) -> list[str]:
    out = []
    while name:
        out.append(name)
        name = came[name]
    return out


def _known(found: Relations, name: str) -> int:
    number = found.parties.find(name)
    if number < 0:
        raise NotFound(f"{name!r} has no relation; check the id", field="party")
    return number


def _between(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise BadInput(f"{what} is {value}; give {low} to {high}", field=what)
