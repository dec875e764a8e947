"""Payments folded into a `CompactGraph`: parted by payer, sorted part by part in a processor's own cache, summed up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput, iso
from dandelion.core.frame import Ints
from dandelion.graph.flow import crew
from dandelion.graph.flow import fold_kernel as kernel
from dandelion.graph.flow.compact import PERIODS, CompactGraph, span_of
from dandelion.graph.flow.oriented import ACCOUNTS_MAX, Ids, as_ids

_PART_PAYMENTS = 24_000
_LARGE = 64  # room for edges of large sums in a part; a part with more is folded a second time
Ranges = list[tuple[int, int]]
N = TypeVar("N", np.uint16, np.uint32)


def fold(
    payer: npt.ArrayLike, payee: npt.ArrayLike, fen: npt.ArrayLike, at: npt.ArrayLike, accounts: int, *,
    since: int, until: int, threads: int | None = None,
) -> CompactGraph:  # fmt: skip
    """Payments in any order, between accounts 0 to `accounts` - 1, with ``since <= at < until`` (UTC microseconds).

    Errors (BadInput): lengths that differ, an unknown account, an amount of zero or less, an instant outside.
    """
    a, b = as_ids(payer, "payer"), as_ids(payee, "payee")
    amounts, moments = np.ascontiguousarray(fen, np.int64), np.ascontiguousarray(at, np.int64)
    if not len(a) == len(b) == len(amounts) == len(moments):
        raise BadInput(f"{len(a):,} payers, {len(b):,} payees, {len(amounts):,} amounts, {len(moments):,} instants; "
                       "give one of each per payment", field="payee")  # fmt: skip
    if not 0 <= accounts < ACCOUNTS_MAX or len(a) >= 1 << 32 or until <= since:
        raise BadInput(
            "give fewer than 2^30 accounts, fewer than 2^32 payments, and an until after since", field="accounts"
        )
    if len(a) and int(amounts.min()) <= 0:
        raise BadInput(f"payment amount_fen is {int(amounts.min())}; give whole fen above zero", field="amount_fen")
    count, span = crew.size(threads, len(a)), span_of(since, until)
    ranges = crew.parts(len(a), count)
    second = _seconds(moments, since, until, span, ranges, count)
    return _fold(a, b, amounts, second, accounts, since, span, ranges, count)


def _seconds(at: Ints, since: int, until: int, span: int, ranges: Ranges, threads: int) -> Ids:
    second = np.empty(len(at), np.uint32)
    limit = min(-((since - until) // 1_000_000), PERIODS * span)

    def count(taken: Iterator[int]) -> list[int]:
        return [kernel.to_seconds(at, since, limit, *ranges[i], second) for i in taken]

    outside = [i for found in crew.share(len(ranges), threads, count) for i in found if i >= 0]
    if outside:
        raise BadInput(
            f"a payment at {iso(int(at[min(outside)]))} lies outside {iso(since)} to {iso(until)}", field="at"
        )
    return second


def _fold(a: Ids, b: Ids, fen: Ints, second: Ids, accounts: int, since: int, span: int, ranges: Ranges,
          threads: int) -> CompactGraph:  # fmt: skip
    wanted = max(1, min(4096, len(a) // _PART_PAYMENTS))
    shift = max(0, (max(accounts, 1) - 1).bit_length() - (wanted - 1).bit_length())
    firsts = np.minimum(np.arange(((max(accounts, 1) - 1) >> shift) + 2, dtype=np.int64) << shift, accounts)
    parts = len(firsts) - 1
    sizes = np.zeros((len(ranges), parts), np.int64)

    def count(taken: Iterator[int]) -> list[int]:
        return [kernel.count_parts(a, b, *ranges[i], accounts, shift, sizes[i]) for i in taken]

    wrong = [i for found in crew.share(len(ranges), threads, count) for i in found if i >= 0]
    if wrong:
        i = min(wrong)
        raise BadInput(f"payment {i:,} is {a[i]:,} -> {b[i]:,}, but there are {accounts:,} accounts; "
                       "name every account first", field="accounts")  # fmt: skip
    ends = np.cumsum(sizes.T.ravel()).reshape(sizes.T.shape).T
    places = ends - sizes
    lows = np.append(places[0], ends[-1, -1])
    keys, source = np.empty(int(lows[-1]), np.uint64), np.empty(int(lows[-1]), np.uint32)

    def part(taken: Iterator[int]) -> None:
        for i in taken:
            kernel.part_payments(a, b, *ranges[i], shift, places[i], keys, source)

    crew.share(len(ranges), threads, part)
    start = np.empty(accounts + 1, np.uint32)
    m = len(keys)
    columns = (np.empty(m, np.uint32), np.empty(m, np.uint16), np.empty(m, np.uint32), np.empty(m, np.uint32),
               np.empty(m, np.uint32), np.empty(m, np.uint16))  # fmt: skip
    stops, larges = np.zeros(parts, np.int64), [np.zeros((0, 3), np.int64)] * parts

    def sum_up(taken: Iterator[int]) -> None:
        for p in taken:
            low, high = int(lows[p]), int(lows[p + 1])
            mine, bits, order = _sorted(keys[low:high], source[low:high], shift + 30)
            for room in (_LARGE, high - low):
                large = np.zeros((room, 3), np.int64)
                stops[p], many = kernel.fold_part(mine, bits, order, fen, second, span, firsts[p],
                                                  firsts[p + 1] - firsts[p], low, start, *columns, large)  # fmt: skip
                if many <= room:
                    break
            larges[p] = large[:many]

    crew.share(parts, threads, sum_up)
    end = 0
    for p in range(parts):
        low, stop = int(lows[p]), int(stops[p])
        if low > end:
            kernel.move_down(low, stop, end, *columns)
            start[firsts[p] : firsts[p + 1]] -= np.uint32(low - end)
            larges[p] = larges[p] - np.array([low - end, 0, 0])
        end += stop - low
    start[accounts] = end
    payee, times, total, first, last, spread = columns
    return CompactGraph(since, span, start, _cut(payee, end), _cut(times, end), _cut(total, end), _cut(first, end),
                        _cut(last, end), _cut(spread, end), np.concatenate(larges))  # fmt: skip


def _cut(values: npt.NDArray[N], end: int) -> npt.NDArray[N]:
    return values if end == len(values) else values[:end].copy()


def _sorted(keys: npt.NDArray[np.uint64], source: Ids, key_bits: int) -> tuple[npt.NDArray[np.uint64], int, Ids]:
    """Keys in order, each with its place in `source` in the lowest bits, how many bits these are, and that source; no bits
    where the source stands in the order of the keys."""
    bits = max(len(keys) - 1, 1).bit_length()
    if key_bits + bits > 64:  # few payments among very many accounts: sort the places instead
        order = np.argsort(keys, kind="stable")
        return keys[order], 0, source[order]
    packed = keys << np.uint64(bits) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    return packed, bits, source
