"""Payments folded into edges, both directed (who paid whom) and undirected (who deals with whom)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dandelion.core.frame import Ints
from dandelion.graph import kernel
from dandelion.graph.flow import Oriented, triangles_by_kind
from dandelion.graph.payments import Bools, Payments, Small


@dataclass(frozen=True)
class Edges:
    """Directed edges payer -> payee sorted by (payer, payee), self payments left out.  Edge e holds the payments
    ``first[e]:first[e + 1]`` of `payments`; edges of payer p are ``offsets[p]:offsets[p + 1]``."""

    payments: Payments
    offsets: Ints
    payer: Small
    payee: Small
    first: Ints
    in_offsets: Ints  # edges into account a: in_edges[in_offsets[a]:in_offsets[a + 1]]
    in_edges: Ints

    @classmethod
    def of(cls, payments: Payments) -> Edges:
        payments = payments.keep(payments.payer != payments.payee)
        n = len(payments.accounts)
        change = np.flatnonzero(np.diff(payments.payer) | np.diff(payments.payee)) + 1
        first = (
            np.concatenate([[0], change, [len(payments)]]).astype(np.int64) if len(payments) else np.zeros(1, np.int64)
        )
        payer, payee = payments.payer[first[:-1]], payments.payee[first[:-1]]
        in_edges = kernel.order_by(payee, np.arange(len(payee)), n)
        return cls(payments, _offsets(payer, n), payer, payee, first, _offsets(payee, n), in_edges)

    def __len__(self) -> int:
        return len(self.payer)

    def count(self) -> Ints:
        return np.diff(self.first)

    def fen(self) -> Ints:
        """Sum of each edge."""
        return np.add.reduceat(self.payments.fen, self.first[:-1]) if len(self) else np.zeros(0, np.int64)

    def reverse(self) -> Ints:
        """Index of the edge the other way round, -1 where there is none."""
        return self._met[0]

    @cached_property
    def _met(self) -> tuple[Ints, Ties]:
        n, m = len(self.payments.accounts), len(self)
        reverse, ends = np.empty(m, np.int64), np.zeros(n + 1, np.int64)
        neighbours, paid = np.empty(2 * m, np.int32), np.empty(2 * m, np.uint8)
        filled = kernel.meet(self.offsets, self.payee, self.in_offsets, self.in_edges, self.payer, reverse, ends[1:],
                             neighbours, paid)  # fmt: skip
        return reverse, Ties(ends, neighbours[:filled].copy(), paid[:filled].copy())


@dataclass(frozen=True)
class Ties:
    """Undirected neighbours of every account, in compressed sparse rows, ascending; `paid[k]` has bit 1 where the
    row's account paid the neighbour and bit 2 where the neighbour paid it."""

    offsets: Ints
    neighbours: Small
    paid: np.ndarray[tuple[int], np.dtype[np.uint8]]

    @classmethod
    def of(cls, edges: Edges) -> Ties:
        return edges._met[1]

    def degree(self) -> Ints:
        return np.diff(self.offsets)

    @cached_property
    def oriented(self) -> Oriented:
        """The same ties ready for counting; every edge once, payer to payee."""
        forth = (self.paid & 1) != 0
        payer = np.repeat(np.arange(len(self.offsets) - 1, dtype=np.uint32), self.degree())[forth]
        return Oriented.of(payer, self.neighbours[forth].astype(np.uint32), len(self.offsets) - 1)

    def triangles(self, shop: Bools) -> Ints:
        """(accounts, 3): all triangles; those whose other two are no shops; of these, where both others pay the account."""
        found = triangles_by_kind(self.oriented, shop)
        return np.stack([found.all, found.calm, found.payers], axis=1)


def _offsets(sorted_or_not: Ints | Small, n: int) -> Ints:
    return np.concatenate([[0], np.cumsum(np.bincount(sorted_or_not, minlength=n))]).astype(np.int64)
