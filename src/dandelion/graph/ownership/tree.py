"""The ownership tree around one party as nodes and edges, bounded: who stands above it, and what stands below."""

from __future__ import annotations

from dataclasses import dataclass

from dandelion.core import BadInput, NotFound
from dandelion.graph.ownership.holdings import Holdings
from dandelion.graph.ownership.statements import Kind

NODES_MAX, DEPTH_MAX = 500, 20


@dataclass(frozen=True, slots=True)
class TreeEdge:
    """`holder` holds so much of `firm` directly."""

    holder: str
    firm: str
    share_ppm: int
    votes_ppm: int


@dataclass(frozen=True, slots=True)
class Tree:
    """`levels` maps every party shown to its distance: above the root positive, below negative, the root 0.

    `left_out` counts holdings that lead to parties beyond the limits; largest shares are followed first.
    """

    root: str
    levels: dict[str, int]
    kinds: dict[str, Kind]
    edges: tuple[TreeEdge, ...]
    left_out: int


def tree(held: Holdings, root: str, *, depth: int = 6, nodes: int = 100) -> Tree:
    """Holders above and holdings below `root`, at most `depth` steps away and `nodes` parties in all.

    A cycle shows as an edge to a party that is there already.  Errors: NotFound for an unknown party; BadInput for limits.
    """
    if not 1 <= nodes <= NODES_MAX:
        raise BadInput(f"nodes is {nodes}; give 1 to {NODES_MAX}", field="nodes")
    if not 1 <= depth <= DEPTH_MAX:
        raise BadInput(f"depth is {depth}; give 1 to {DEPTH_MAX}", field="depth")
    if root not in held.place:
        raise NotFound(f"nothing is told of {root!r}; check the id", field="firm")
    start = held.place[root]
    levels: dict[int, int] = {start: 0}
    edges: dict[int, None] = {}
    left_out = 0
    for step in (1, -1):
        ring = [start]
        for distance in range(1, depth + 1):
            fresh: list[int] = []
            for one in ring:
                rows = held.rows_of(one) if step > 0 else held.rows_held(one)
                other = held.holder if step > 0 else held.firm
                for row in sorted(rows.tolist(), key=lambda r: (-int(held.share_ppm[r]), r)):
                    end = int(other[row])
                    if end not in levels:
                        if len(levels) >= nodes:
                            left_out += 1
                            continue
                        levels[end] = step * distance
                        fresh.append(end)
                    edges[row] = None
            ring = fresh
        rows_beyond = (r for one in ring for r in (held.rows_of(one) if step > 0 else held.rows_held(one)).tolist())
        left_out += sum(1 for row in rows_beyond if row not in edges)
    names = held.parties
    return Tree(
        root, {names[i]: level for i, level in levels.items()}, {names[i]: Kind(int(held.kind[i])) for i in levels},
        tuple(TreeEdge(names[int(held.holder[r])], names[int(held.firm[r])], int(held.share_ppm[r]), int(held.votes_ppm[r]))
              for r in sorted(edges)),
        left_out,
    )  # fmt: skip
