"""Exact local clustering of every account, in one or two passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.graph.flow import cluster_kernel, crew
from dandelion.graph.flow.oriented import Ids, Oriented

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_PIECES = 256  # of about the same number of ties; small enough to be handed out evenly


@dataclass(frozen=True, slots=True)
class Kinds:
    """Triangles of each account: `all`; `calm`: the other two are no shops; `payers`: of these, both others pay it."""

    all: Ints
    calm: Ints
    payers: Ints


def triangles(graph: Oriented, *, threads: int | None = None) -> Ids:
    """Triangles through each account (uint32: there are never more than ties)."""
    count = crew.size(threads, graph.ties)
    pieces = _pieces(graph, count)
    counts = np.zeros((count, len(graph)), np.uint32)
    mine = iter(counts)  # one row for each thread

    def work(taken: Iterator[int]) -> None:
        stamp, share = _scratch(graph, ())
        out = next(mine)
        for i in taken:
            cluster_kernel.count_all(graph.start, graph.heads, pieces[i], pieces[i + 1], stamp, share, out)

    crew.share(len(pieces) - 1, count, work)
    total = np.empty(len(graph), np.uint32)
    ranges = crew.parts(len(graph), count)

    def gather(taken: Iterator[int]) -> None:
        for i in taken:
            cluster_kernel.gather(counts, graph.rank, *ranges[i], total)

    crew.share(len(ranges), count, gather)
    return total


def triangles_by_kind(graph: Oriented, shop: Bools, *, threads: int | None = None) -> Kinds:
    """The same in three kinds; `shop[account]` says which accounts a first pass took for shops: those a person visits
    know nobody, and would thin the circle around her."""
    if len(shop) != len(graph):
        raise BadInput(
            f"shop has {len(shop):,} entries for {len(graph):,} accounts; give one per account", field="shop"
        )
    count = crew.size(threads, graph.ties)
    pieces = _pieces(graph, count)
    by_rank = np.zeros(len(graph), np.uint8)
    by_rank[graph.rank] = shop

    def work(taken: Iterator[int]) -> Ints:
        stamp, share = _scratch(graph, (3,))
        out = np.zeros((len(graph), 3), np.int64)
        for i in taken:
            cluster_kernel.count_kinds(graph.start, graph.heads, pieces[i], pieces[i + 1], by_rank, stamp, share, out)
        return out

    total, *others = crew.share(len(pieces) - 1, count, work)
    for other in others:
        total += other
    found = total[graph.rank]
    return Kinds(*(np.ascontiguousarray(found[:, kind]) for kind in range(3)))


def clustering(graph: Oriented, *, threads: int | None = None) -> Doubles:
    """Share of the pairs of neighbours that deal with each other; NaN with fewer than two neighbours."""
    return over_pairs(triangles(graph, threads=threads), graph.degree, threads=threads)


def over_pairs(count: Ids, people: Ids, *, threads: int | None = None) -> Doubles:
    """`count` as a share of the pairs of `people`; NaN without a pair."""
    share = np.empty(len(people))
    ranges = crew.parts(len(people), crew.size(threads, len(people)))

    def divide(taken: Iterator[int]) -> None:
        for i in taken:
            cluster_kernel.over_pairs(count, people, *ranges[i], share)

    crew.share(len(ranges), len(ranges), divide)
    return share


def _pieces(graph: Oriented, threads: int) -> list[int]:
    """Ranks cut where about as many ties lie in between."""
    wanted = 1 if threads == 1 else min(_PIECES, max(1, graph.ties // 4096))
    cuts = np.searchsorted(graph.start, np.linspace(0, graph.ties, wanted + 1)[1:-1].astype(np.uint32))
    return [0, *cuts.tolist(), len(graph)]


def _scratch(graph: Oriented, more: tuple[int, ...]) -> tuple[npt.NDArray[np.int32], Ints]:
    longest = int(np.diff(graph.start).max(initial=0)) if len(graph) else 0
    slots = max(cluster_kernel.SLOTS, 1 << max(len(graph) - 1, 1).bit_length())
    return np.zeros(slots, np.int32), np.zeros((longest, *more), np.int64)
