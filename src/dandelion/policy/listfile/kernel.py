"""Loops over packed lists: where a key stands, and the sort that puts it there.

A key's first `bits` bits are its bucket; ``index[bucket] : index[bucket + 1]`` are the bucket's places.  What is stored
is the next 64 bits, rising within a bucket, so that a hit has agreed in bits + 64 bits.  The slow obvious version is a
dict in tests/policy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

Words = npt.NDArray[np.uint64]
Starts = npt.NDArray[np.uint32]
Places = npt.NDArray[np.int64]
AHEAD = 64  # keys whose memory is asked for before the first of them is looked at
COARSE_BITS = 12  # of the sort's first step: as many streams as the processor can write at once


@intrinsic
def _ask_for(_context: Any, array: Any, at: Any) -> Any:
    """Have the memory of ``array[at]`` brought near, without waiting for it."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
        byte, whole = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, whole, whole, whole])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        where = builder.bitcast(builder.gep(held.data, [arguments[1]]), byte)
        builder.call(ask, [where, ir.Constant(whole, 0), ir.Constant(whole, 3), ir.Constant(whole, 1)])
        return context.get_dummy_value()

    return types.none(array, types.uintp), build


@njit(nogil=True)
def bucket_of(high: Any, bits: int) -> Any:
    return high >> np.uint64(64 - bits) if bits else np.uint64(0)


@njit(nogil=True)
def stored_of(high: Any, low: Any, bits: int) -> Any:
    return (high << np.uint64(bits)) | (low >> np.uint64(64 - bits)) if bits else high


@njit(nogil=True)
def _scan(keys: Words, begin: int, end: int, key: int) -> int:
    at = begin
    while at < end and keys[at] < key:
        at += 1
    return at if at < end and keys[at] == key else -1


@njit(cache=True, nogil=True)
def find(high: Words, low: Words, bits: int, index: Starts, keys: Words, out: Places) -> None:
    """out[i] = the first place of key i, or -1.  Memory is asked for `AHEAD` keys at a time, so that waits overlap."""
    bucket = np.empty(AHEAD, np.uint64)
    begin, end = np.empty(AHEAD, np.int64), np.empty(AHEAD, np.int64)
    for first in range(0, high.shape[0], AHEAD):
        count = min(AHEAD, high.shape[0] - first)
        for i in range(count):
            bucket[i] = bucket_of(high[first + i], bits)
            _ask_for(index, np.uintp(bucket[i]))
        for i in range(count):
            begin[i], end[i] = index[bucket[i]], index[bucket[i] + np.uint64(1)]
            _ask_for(keys, np.uintp(begin[i]))
            _ask_for(keys, np.uintp(max(begin[i], end[i] - 1)))
        for i in range(count):
            key = stored_of(high[first + i], low[first + i], bits)
            out[first + i] = _scan(keys, begin[i], end[i], key)


@njit(cache=True, nogil=True)
def same_key(index: Starts, keys: Words, at: int, bucket: int) -> int:
    """One past the last place with the key of place `at` in `bucket`."""
    end = at + 1
    while end < np.int64(index[bucket + 1]) and keys[end] == keys[at]:
        end += 1
    return end


@njit(cache=True, nogil=True)
def spread(
    high: Words, low: Words, term: Any, bits: int, starts: Places, high_to: Words, low_to: Words, term_to: Any
) -> None:
    """Put rows into their coarse bucket, in the order given; `starts` (coarse buckets + 1,) is filled."""
    coarse = min(bits, COARSE_BITS)
    starts[:] = 0
    for i in range(high.shape[0]):
        starts[np.int64(bucket_of(high[i], coarse)) + 1] += 1
    for b in range(starts.shape[0] - 1):
        starts[b + 1] += starts[b]
    at = starts[:-1].copy()
    for i in range(high.shape[0]):
        mine = np.int64(bucket_of(high[i], coarse))
        to = at[mine]
        at[mine] += 1
        high_to[to], low_to[to], term_to[to] = high[i], low[i], term[i]


@njit(cache=True, nogil=True)
def settle(
    high: Words, low: Words, term: Any, bits: int, starts: Places, index: Starts, keys: Words, terms: Any
) -> None:
    """From coarse buckets to the finished list: places by bucket, then by key; equal keys stay in the order given."""
    coarse = min(bits, COARSE_BITS)
    fine = bits - coarse
    at = np.empty((1 << fine) + 1, np.int64)
    for c in range(starts.shape[0] - 1):
        begin, end, first = starts[c], starts[c + 1], c << fine
        at[:] = 0
        for i in range(begin, end):
            at[np.int64(bucket_of(high[i], bits)) - first + 1] += 1
        at[0] = begin
        for b in range(1 << fine):
            at[b + 1] += at[b]
            index[first + b] = at[b]
        for i in range(begin, end):
            mine = np.int64(bucket_of(high[i], bits)) - first
            key, one = stored_of(high[i], low[i], bits), term[i]
            to = at[mine]
            at[mine] += 1
            floor = np.int64(index[first + mine])
            while to > floor and keys[to - 1] > key:
                keys[to], terms[to] = keys[to - 1], terms[to - 1]
                to -= 1
            keys[to], terms[to] = key, one
    index[1 << bits] = high.shape[0]


@njit(cache=True, nogil=True)
def first_out_of_order(index: Starts, keys: Words) -> Any:
    """The first place that breaks the order, or -1."""
    for b in range(index.shape[0] - 1):
        if index[b] > index[b + 1]:
            return np.int64(index[b])
        for at in range(np.int64(index[b]) + 1, np.int64(index[b + 1])):
            if keys[at - 1] > keys[at]:
                return at
    return -1
