"""`CompactGraph`: who paid whom, how often, how much, when: 20 bytes an edge and 4 an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import DAY_US, SECOND_US, BadInput
from dandelion.core.frame import Ints
from dandelion.graph.flow import fold_kernel as kernel
from dandelion.graph.flow.oriented import Ids, Oriented

Shorts = npt.NDArray[np.uint16]
N = TypeVar("N", np.uint16, np.uint32, np.int64)
PERIODS = 16  # bits of `spread`
SPAN_DAYS = 14


@dataclass(frozen=True, slots=True)
class CompactGraph:
    """Directed edges sorted by (payer, payee), payments to oneself left out.  Edges of payer p are
    ``start[p]:start[p + 1]``.  `first` and `last` are whole seconds since `origin` (UTC microseconds); bit k of `spread`
    is set where a payment fell in the k-th `span_s` seconds.  Sums that the columns cannot hold stand in `large`:
    (edge, count, fen), int64, by edge; :meth:`counts` and :meth:`fens` give all of them exactly."""

    origin: int
    span_s: int
    start: Ids
    payee: Ids
    count: Shorts
    fen: Ids
    first: Ids
    last: Ids
    spread: Shorts
    large: Ints

    def __len__(self) -> int:
        """Edges."""
        return len(self.payee)

    @property
    def accounts(self) -> int:
        return len(self.start) - 1

    @property
    def bytes_held(self) -> int:
        parts = (self.start, self.payee, self.count, self.fen, self.first, self.last, self.spread, self.large)
        return sum(part.nbytes for part in parts)

    def payers(self) -> Ids:
        """The payer of every edge."""
        return np.repeat(np.arange(self.accounts, dtype=np.uint32), np.diff(self.start))

    def counts(self) -> Ints:
        return self._exact(self.count, 1)

    def fens(self) -> Ints:
        return self._exact(self.fen, 2)

    def _exact(self, column: Shorts | Ids, place: int) -> Ints:
        values = column.astype(np.int64)
        values[self.large[:, 0]] = self.large[:, place]
        return values

    def to_arrow(self) -> pa.Table:
        """payer, payee (numbers), count, fen, first, last (instants, whole seconds), spread."""
        moments = [pa.array(self.origin + part.astype(np.int64) * SECOND_US) for part in (self.first, self.last)]
        kind = pa.timestamp("us", tz="UTC")
        return pa.table({
            "payer": self.payers(), "payee": np.asarray(self.payee), "count": self.counts(), "fen": self.fens(),
            "first": moments[0].cast(kind), "last": moments[1].cast(kind), "spread": np.asarray(self.spread),
        })  # fmt: skip

    def oriented(self, *, threads: int | None = None) -> Oriented:
        """Ready for counting triangles."""
        return Oriented.of(self.payers(), self.payee, self.accounts, threads=threads)

    def within(self, accounts: int) -> CompactGraph:
        """The same edges with room for more accounts."""
        if accounts < self.accounts:
            raise BadInput(f"the graph has {self.accounts:,} accounts; {accounts:,} are fewer", field="accounts")
        start = np.full(accounts + 1, len(self), np.uint32)
        start[: len(self.start)] = self.start
        return CompactGraph(self.origin, self.span_s, start, self.payee, self.count, self.fen, self.first, self.last,
                            self.spread, self.large)  # fmt: skip

    def merged(self, other: CompactGraph) -> CompactGraph:
        """Payments of both, each counted as often as it is in them.  Errors (BadInput): another origin or span."""
        if (self.origin, self.span_s) != (other.origin, other.span_s):
            raise BadInput(
                "graphs that count time from different origins cannot be merged; build one anew", field="origin"
            )
        n = max(self.accounts, other.accounts)
        a, b = self.within(n), other.within(n)
        start = np.empty(n + 1, np.uint32)
        from_a, from_b = np.empty(len(a) + len(b), np.int64), np.empty(len(a) + len(b), np.int64)
        end = kernel.merge(a.start, a.payee, b.start, b.payee, start, from_a, from_b)
        ia, ib = from_a[:end], from_b[:end]
        count, fen = (_at(x, ia, 0) + _at(y, ib, 0) for x, y in ((a.counts(), b.counts()), (a.fens(), b.fens())))
        return CompactGraph(
            self.origin, self.span_s, start, np.maximum(_at(a.payee, ia, 0), _at(b.payee, ib, 0)),
            np.minimum(count, kernel.COUNT_MAX).astype(np.uint16), np.minimum(fen, kernel.FEN_MAX).astype(np.uint32),
            np.minimum(_at(a.first, ia, 0xFFFFFFFF), _at(b.first, ib, 0xFFFFFFFF)),
            np.maximum(_at(a.last, ia, 0), _at(b.last, ib, 0)), _at(a.spread, ia, 0) | _at(b.spread, ib, 0),
            large_of(count, fen),
        )  # fmt: skip


def large_of(count: Ints, fen: Ints) -> Ints:
    """(edge, count, fen) of the edges whose sums the columns cannot hold."""
    edge = np.flatnonzero((count >= kernel.COUNT_MAX) | (fen >= kernel.FEN_MAX))
    return np.stack([edge, count[edge], fen[edge]], axis=1).astype(np.int64)


def span_of(since: int, until: int) -> int:
    """Seconds of one bit of `spread`: two weeks, or more where 16 times two weeks do not reach from since to until."""
    days = -((since - until) // (DAY_US * PERIODS))
    return max(SPAN_DAYS, days) * (DAY_US // SECOND_US)


def _at(values: npt.NDArray[N], where: Ints, otherwise: int) -> npt.NDArray[N]:
    if not len(values):
        return np.full(len(where), otherwise, values.dtype)
    return np.where(where >= 0, values[where], values.dtype.type(otherwise))
