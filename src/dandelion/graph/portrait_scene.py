"""What all parts of a portrait look at: edges with their ties, receipts and payments out in order of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core import DAY_US
from dandelion.core.frame import Ints
from dandelion.graph import clock, kernel, portrait_kernel
from dandelion.graph.edges import Edges
from dandelion.graph.payments import Bools
from dandelion.graph.rules import DandelionRules

Doubles = npt.NDArray[np.float64]
Columns = dict[str, Doubles]


@dataclass(frozen=True)
class Scene:
    """`into[offsets[a]:offsets[a + 1]]` are the rows of the payments that account a received, by time; `edge_of` names the
    edge of every row.  An edge is `mutual` where money also went the other way, `known` where payer and payee have an
    acquaintance in common who is no shop, else it comes from a `stranger`."""

    edges: Edges
    n: int
    shop: Bools  # a first look: an open crowd of five payers or more
    known: Bools
    mutual: Bools
    tied: Ints  # (n, 2): pairs of payers who deal with each other, all and without shops
    payers: Ints
    payees: Ints
    count: Ints
    fen: Doubles
    into: Ints
    offsets: Ints
    edge_of: Ints
    day: Ints  # of every payment
    hour: Ints
    span_days: float  # of the file

    @classmethod
    def of(cls, edges: Edges, rules: DandelionRules, tz: str) -> Scene:
        paid, n = edges.payments, len(edges.payments.accounts)
        payers, payees = np.diff(edges.in_offsets), np.diff(edges.offsets)
        mutual = edges.reverse() >= 0
        count, fen = edges.count(), edges.fen().astype(np.float64)
        web = _Web.of(edges, n)
        _, tied = web.count(np.zeros(n, np.bool_))
        pairs = np.maximum(payers * (payers - 1) / 2, 1)
        one_way = np.bincount(edges.payee, ~mutual, n) / np.maximum(payers, 1)
        crowd = payers / (payers + rules.payers_half)
        openness = 1 - np.minimum(1.0, tied[:, 0] / pairs / rules.ties_yarn)
        shop = (payers >= 5) & (crowd * openness * one_way >= rules.shop_score_min)
        common, tied = web.count(shop)
        order = np.argsort(paid.at, kind="stable")
        into = kernel.order_by(paid.payee, order, n)
        offsets = np.concatenate([[0], np.cumsum(np.bincount(paid.payee, minlength=n))]).astype(np.int64)
        local = clock.local(paid.at, tz)
        span = (int(paid.at.max()) - int(paid.at.min())) / DAY_US if len(paid) else 0.0
        return cls(
            edges, n, shop, common[web.of_edge] > 0, mutual, tied, payers, payees, count, fen, into, offsets,
            np.repeat(np.arange(len(edges)), count), local // DAY_US, local % DAY_US // (DAY_US // 24), max(span, 1.0),
        )  # fmt: skip

    @property
    def stranger(self) -> Bools:
        return ~(self.known | self.mutual)

    @property
    def received(self) -> Ints:
        """Receipts of every account."""
        return np.diff(self.offsets)

    def per_payee(self, values: npt.NDArray[np.generic]) -> Doubles:
        """Sum over the edges into every account."""
        return np.asarray(np.bincount(self.edges.payee, values.astype(np.float64), self.n), np.float64)

    def per_payer(self, values: npt.NDArray[np.generic]) -> Doubles:
        return np.asarray(np.bincount(self.edges.payer, values.astype(np.float64), self.n), np.float64)

    def per_receiver(self, values: npt.NDArray[np.generic]) -> Doubles:
        """Sum over the payments to every account."""
        return np.asarray(np.bincount(self.edges.payments.payee, values.astype(np.float64), self.n), np.float64)


def over(top: Doubles | Ints, bottom: Doubles | Ints, least: float = 1.0) -> Doubles:
    """Quotient; NaN where the bottom is below `least`."""
    fine = bottom >= least
    return np.where(fine, top / np.where(fine, bottom, 1), np.nan)


@dataclass(frozen=True, slots=True)
class _Web:
    """Undirected edges in the form the kernel takes; `of_edge` is the undirected number of every directed edge."""

    rank: Ints
    offsets: Ints
    heads: Ints
    numbers: Ints
    bits: npt.NDArray[np.uint8]
    of_edge: Ints
    edges: int

    @classmethod
    def of(cls, edges: Edges, n: int) -> _Web:
        a, b = edges.payer.astype(np.int64), edges.payee.astype(np.int64)
        keys, of_edge = np.unique(np.minimum(a, b) * max(n, 1) + np.maximum(a, b), return_inverse=True)
        low, high = keys // max(n, 1), keys % max(n, 1)
        bits = np.zeros(len(keys), np.uint8)
        np.bitwise_or.at(bits, of_edge, np.where(a < b, 1, 2).astype(np.uint8))
        degree = np.bincount(low, minlength=n) + np.bincount(high, minlength=n)
        rank = np.empty(n, np.int64)
        rank[np.argsort(degree, kind="stable")] = np.arange(n)
        up = rank[low] < rank[high]
        bits = np.where(up, bits, (bits >> 1) | ((bits & 1) << 1)).astype(np.uint8)
        tail, head = np.where(up, rank[low], rank[high]), np.where(up, rank[high], rank[low])
        sort = np.argsort(tail * max(n, 1) + head)
        offsets = np.concatenate([[0], np.cumsum(np.bincount(tail, minlength=n))]).astype(np.int64)
        return cls(rank, offsets, head[sort], sort.astype(np.int64), bits[sort], of_edge, len(keys))

    def count(self, skip: Bools) -> tuple[Ints, Ints]:
        """(common acquaintances per undirected edge, (n, 2) tied pairs of payers per account)."""
        n = len(self.rank)
        common, tied, ranked = np.zeros(self.edges, np.int64), np.zeros((n, 2), np.int64), np.zeros(n, np.bool_)
        ranked[self.rank] = skip
        portrait_kernel.support(self.offsets, self.heads, self.numbers, self.bits, ranked, common, tied)
        return common, tied[self.rank]
