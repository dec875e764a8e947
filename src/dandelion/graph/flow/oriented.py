"""`Oriented`: who deals with whom, each tie once, kept at the end that has fewer ties."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.graph.flow import build_kernel, crew

Ids = npt.NDArray[np.uint32]
ACCOUNTS_MAX = 1 << 30
_PART_EDGES = 24_000  # edges sorted at a time; with their rows they fit a processor's own cache
_SEEN = 512


@dataclass(frozen=True, slots=True)
class Oriented:
    """Accounts ranked by number of ties; row r holds the ties of the account of rank r to higher ranks, as heads
    ``rank << 2 | bits`` (see `build_kernel`).  No row is longer than sqrt(2 x ties), whatever hubs there are, unless repeats
    upset the ranking (which costs time, never exactness)."""

    rank: Ids  # of each account
    degree: Ids  # different accounts dealt with, by account
    start: Ids  # row r is heads[start[r]:start[r + 1]]
    heads: Ids

    def __len__(self) -> int:
        return len(self.rank)

    @property
    def ties(self) -> int:
        return len(self.heads)

    @property
    def bytes_held(self) -> int:
        return self.rank.nbytes + self.degree.nbytes + self.start.nbytes + self.heads.nbytes

    @classmethod
    def of(cls, payer: npt.ArrayLike, payee: npt.ArrayLike, accounts: int, *, threads: int | None = None) -> Oriented:
        """From directed edges between accounts 0 to `accounts` - 1, in any order; repeats and payments to oneself are
        folded away.  Errors (BadInput): lengths that differ, an account outside the range, 2^30 accounts or more."""
        a, b = as_ids(payer, "payer"), as_ids(payee, "payee")
        if len(a) != len(b):
            raise BadInput(f"{len(a):,} payers and {len(b):,} payees; give one of each per edge", field="payee")
        if not 0 <= accounts < ACCOUNTS_MAX:
            raise BadInput(f"accounts is {accounts:,}; give 0 to {ACCOUNTS_MAX - 1:,}", field="accounts")
        if len(a) >= 1 << 32:
            raise BadInput(f"{len(a):,} edges; at most {(1 << 32) - 1:,} fit one graph", field="payer")
        count = crew.size(threads, len(a))
        degree = _ends(a, b, accounts, count)
        rank = np.empty(accounts, np.uint32)
        build_kernel.rank_by(degree, rank)
        start, heads, repeats = _rows(a, b, rank, count)
        if repeats:
            by_rank = np.zeros(accounts, np.uint32)
            build_kernel.count_degrees(start, heads, by_rank)
            degree = by_rank[rank]
        return cls(rank, degree, start, heads)


def as_ids(values: npt.ArrayLike, field: str) -> Ids:
    """Whole numbers from 0 to 2^32 - 1 as uint32.  Errors: BadInput."""
    array = np.asarray(values)
    if array.dtype == np.uint32:
        return np.ascontiguousarray(array)
    if array.dtype.kind not in "iu" and len(array):
        raise BadInput(f"{field} holds {array.dtype}; give account numbers", field=field)
    if len(array) and (int(array.min()) < 0 or int(array.max()) >= 1 << 32):
        raise BadInput(f"{field} holds {int(array.min())}; account numbers start at 0", field=field)
    return array.astype(np.uint32)


def _ends(payer: Ids, payee: Ids, accounts: int, threads: int) -> Ids:
    ranges = crew.parts(len(payer), threads)
    counts = [np.zeros(accounts, np.uint32) for _ in ranges]

    def count(pieces: Iterator[int]) -> list[int]:
        return [build_kernel.count_ends(payer, payee, *ranges[i], counts[i]) for i in pieces]

    wrong = [at for found in crew.share(len(ranges), threads, count) for at in found if at >= 0]
    if wrong:
        at = min(wrong)
        raise BadInput(
            f"edge {at:,} is {payer[at]:,} -> {payee[at]:,}, but there are {accounts:,} accounts; name every account first",
            field="accounts",
        )
    for other in counts[1:]:
        build_kernel.add_up(counts[0], other)
    return counts[0]


def _rows(payer: Ids, payee: Ids, rank: Ids, threads: int) -> tuple[Ids, Ids, int]:
    """(start, heads, repeats dropped)."""
    n = len(rank)
    wanted = max(1, min(4096, len(payer) // _PART_EDGES))
    shift = max(0, (max(n, 1) - 1).bit_length() - (wanted - 1).bit_length())
    firsts = np.minimum(np.arange(((max(n, 1) - 1) >> shift) + 2, dtype=np.int64) << shift, n)
    ranges = crew.parts(len(payer), threads)
    sizes = np.zeros((len(ranges), len(firsts) - 1), np.int64)

    def count(pieces: Iterator[int]) -> None:
        for i in pieces:
            build_kernel.count_parts(payer, payee, *ranges[i], rank, shift, sizes[i])

    crew.share(len(ranges), threads, count)
    ends = np.cumsum(sizes.T.ravel()).reshape(sizes.T.shape).T  # part by part, within a part thread by thread
    places = ends - sizes
    lows = np.append(places[0], ends[-1, -1])
    pairs = np.empty(int(lows[-1]), np.uint64)

    def part(pieces: Iterator[int]) -> None:
        for i in pieces:
            build_kernel.part_edges(payer, payee, *ranges[i], rank, shift, places[i], pairs)

    crew.share(len(ranges), threads, part)
    heads, start = np.empty(len(pairs), np.uint32), np.empty(n + 1, np.uint32)
    kept = np.zeros(len(firsts) - 1, np.int64)

    def sort(pieces: Iterator[int]) -> None:
        place, seen = np.zeros((1 << shift) + 1, np.int64), np.zeros(_SEEN, np.uint8)
        for i in pieces:
            kept[i] = build_kernel.sort_part(
                pairs, lows[i], lows[i + 1], firsts[i], firsts[i + 1] - firsts[i], heads, start, place, seen
            )

    crew.share(len(kept), threads, sort)
    left = int(kept.sum())
    if left < len(heads):
        build_kernel.close_gaps(heads, start, firsts, lows[:-1], kept)
        heads = heads[:left].copy()
    start[n] = left
    return start, heads, len(pairs) - left
