"""Payments folded into edges, both directed (who paid whom) and undirected (who deals with whom)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.core.frame import Ints
from dandelion.graph import kernel
from dandelion.graph.payments import Bools, Payments, Small


@dataclass(frozen=True, slots=True)
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
        n = max(len(self.payments.accounts), 1)
        keys = self.payer.astype(np.int64) * n + self.payee
        wanted = self.payee.astype(np.int64) * n + self.payer
        at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        return np.where(keys[at] == wanted, at, -1) if len(keys) else np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Ties:
    """Undirected neighbours of every account, in compressed sparse rows, ascending; `paid[k]` has bit 1 where the
    row's account paid the neighbour and bit 2 where the neighbour paid it."""

    offsets: Ints
    neighbours: Small
    paid: np.ndarray[tuple[int], np.dtype[np.uint8]]

    @classmethod
    def of(cls, edges: Edges) -> Ties:
        n = max(len(edges.payments.accounts), 1)
        a, b = edges.payer.astype(np.int64), edges.payee.astype(np.int64)
        keys = np.concatenate([a * n + b, b * n + a])
        bits = np.concatenate([np.full(len(a), 1, np.uint8), np.full(len(a), 2, np.uint8)])
        order = np.argsort(keys, kind="stable")
        keys, bits = keys[order], bits[order]
        new = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, np.int64)
        paid = np.bitwise_or.reduceat(bits, new) if len(keys) else bits
        rows, neighbours = keys[new] // n, (keys[new] % n).astype(np.int32)
        return cls(_offsets(rows, len(edges.payments.accounts)), neighbours, paid)

    def degree(self) -> Ints:
        return np.diff(self.offsets)

    def triangles(self, shop: Bools) -> Ints:
        """(accounts, 3): all triangles; those whose other two are no shops; of these, where both others pay the account."""
        degree = self.degree()
        n = len(degree)
        rank = np.empty(n, np.int64)
        order = np.argsort(degree, kind="stable")
        rank[order] = np.arange(n)
        row = np.repeat(np.arange(n), degree)
        low, high = rank[row], rank[self.neighbours]
        up = low < high
        low, high, paid = low[up], high[up], self.paid[up]
        sort = np.argsort(low * max(n, 1) + high)
        out = np.zeros((n, 3), np.int64)
        kernel.count_triangles(_offsets(low[sort], n), high[sort], paid[sort], shop[order], out)
        return out[rank]


def _offsets(sorted_or_not: Ints | Small, n: int) -> Ints:
    return np.concatenate([[0], np.cumsum(np.bincount(sorted_or_not, minlength=n))]).astype(np.int64)
