"""A circuit over a tile of rows, or over one row.  The arrays are those of `circuit.Circuit`, which says what they mean.

The slow obvious versions are `scalar.truth_of` and `evaluate.evaluate`; tests/policy/test_policy_engine.py holds the
kernels to them bit for bit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from dandelion.policy.circuit import (
    ABS,
    ADD,
    CONST,
    DIV,
    IF_MISSING,
    LESS,
    LESS_EQUAL,
    LOAD,
    MAX,
    MIN,
    MUL,
    SUB,
    WITHIN,
)
from dandelion.policy.lanes import (
    ROW_LANES,
    ROWS_ON,
    above,
    at_least,
    at_most,
    below,
    each_above,
    each_at_least,
    missing,
    perhaps_above,
    perhaps_at_least,
    perhaps_at_most,
    perhaps_below,
    place,
    present,
    turn_eight,
)

TILE = 256  # rows worked on together: their literals stay in the second-level cache
BLOCK = 16  # columns turned at once: one cache line of a row
WORDS = TILE // 64
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Whole32 = npt.NDArray[np.uint32]
Words = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint8]


@njit(cache=True, nogil=True, error_model="numpy")
def stepped(step: int, x: np.float32, y: np.float32, pool: Floats, at: int) -> np.float32:
    """One step of a helper.  Each rounds to float32; a truth is 1, 0, or missing for unknown."""
    nothing = np.float32(np.nan)
    if step == ABS:
        return np.float32(abs(x))
    if step == WITHIN:
        if np.isnan(x):
            return nothing
        low, end = at + 1, at + 1 + int(pool[at])
        high = end
        while low < high:
            middle = (low + high) // 2
            if pool[middle] < x:
                low = middle + 1
            else:
                high = middle
        return np.float32(1.0 if low < end and pool[low] == x else 0.0)
    if step == IF_MISSING:
        return y if np.isnan(x) else x
    if np.isnan(x) or np.isnan(y):
        return nothing
    if step == ADD:
        return np.float32(x + y)
    if step == SUB:
        return np.float32(x - y)
    if step == MUL:
        return np.float32(x * y)
    if step == DIV:
        return nothing if y == np.float32(0.0) else np.float32(x / y)
    if step == MIN:
        return min(x, y)
    if step == MAX:
        return max(x, y)
    if step == LESS:
        return np.float32(1.0 if x < y else 0.0)
    if step == LESS_EQUAL:
        return np.float32(1.0 if x <= y else 0.0)
    return np.float32(1.0 if x == y else 0.0)  # circuit.EQUAL


@njit(cache=True, nogil=True)
def helper_rows(
    values: Floats, columnar: bool, source: Ints, begin: int, rows: int, step: Ints, first: Ints, second: Ints, pool: Floats,
    helper: Floats,
) -> None:  # fmt: skip
    """(helpers, TILE) the helpers of the rows from `begin` on, each at its place; other places hold anything."""
    for h in range(step.shape[0]):
        out, kind, a, b = helper[h], step[h], first[h], second[h]
        if kind == CONST:
            for r in range(TILE):
                out[r] = pool[a]
        elif kind == LOAD:
            turn(values, columnar, source, np.array([a]), begin, rows, helper[h : h + 1])
        elif kind == WITHIN:
            for r in range(TILE):
                out[r] = stepped(kind, helper[a, r], np.float32(0.0), pool, b)
        else:
            for r in range(TILE):
                out[r] = stepped(kind, helper[a, r], helper[b, r], pool, 0)


@njit(cache=True, nogil=True)
def column_literals(x: Floats, bound: Ints, listed: Whole32, limit: Floats, perhaps: bool, bits: Words) -> None:
    """The literals on one column; `bound` are the ends of its kinds, `perhaps` counts a missing value as not false."""
    for i in range(bound[0], bound[1]):
        node, t = bits[listed[i]], limit[i]
        for w in range(WORDS):
            node[w] = perhaps_at_least(x, np.uintp(64 * w), t) if perhaps else at_least(x, np.uintp(64 * w), t)
    for i in range(bound[1], bound[2]):
        node, t = bits[listed[i]], limit[i]
        for w in range(WORDS):
            node[w] = perhaps_above(x, np.uintp(64 * w), t) if perhaps else above(x, np.uintp(64 * w), t)
    for i in range(bound[2], bound[3]):
        node, t = bits[listed[i]], limit[i]
        for w in range(WORDS):
            node[w] = perhaps_at_most(x, np.uintp(64 * w), t) if perhaps else at_most(x, np.uintp(64 * w), t)
    for i in range(bound[3], bound[4]):
        node, t = bits[listed[i]], limit[i]
        for w in range(WORDS):
            node[w] = perhaps_below(x, np.uintp(64 * w), t) if perhaps else below(x, np.uintp(64 * w), t)
    for i in range(bound[4], bound[6]):
        node, t = bits[listed[i]], np.float32(0.0)
        for w in range(WORDS):
            node[w] = missing(x, np.uintp(64 * w), t) if i < bound[5] else present(x, np.uintp(64 * w), t)


@njit(cache=True, nogil=True)
def gates(
    literals: int, gate_or: npt.NDArray[np.bool_], gate_arity: Ints, gate_count: Ints, inputs: Whole32, bits: Words
) -> None:
    """Every gate, from the nodes before it."""
    node, at = literals, 0
    for g in range(gate_or.shape[0]):
        arity, either = gate_arity[g], gate_or[g]
        for _ in range(gate_count[g]):
            out, a, b = bits[node], bits[inputs[at]], bits[inputs[at + 1]]
            if either:
                for w in range(WORDS):
                    out[w] = a[w] | b[w]
                for j in range(at + 2, at + arity):
                    a = bits[inputs[j]]
                    for w in range(WORDS):
                        out[w] |= a[w]
            else:
                for w in range(WORDS):
                    out[w] = a[w] & b[w]
                for j in range(at + 2, at + arity):
                    a = bits[inputs[j]]
                    for w in range(WORDS):
                        out[w] &= a[w]
            at += arity
            node += 1


@njit(cache=True, nogil=True)
def fire_tiles(
    values: Floats, columnar: bool, source: Ints, order: Ints, begin: int, end: int, perhaps: bool, literals: int,
    nodes: int, listed: Whole32, limit: Floats, bounds: Ints, step: Ints, first: Ints, second: Ints, pool: Floats,
    gate_or: npt.NDArray[np.bool_], gate_arity: Ints, gate_count: Ints, inputs: Whole32, roots: Whole32, out: Words,
) -> None:  # fmt: skip
    """out[strategy, row // 64] gets bit row % 64 where the strategy is true (or, `perhaps`, where it is not false).

    `values` is (rows, any), or (any, rows) where `columnar`; column c of the circuit is its `source[c]`-th, missing in every
    row below zero; `order` are the columns that carry literals, best in the order of `source`.  `begin` is a multiple of 64; bits beyond `end`
    stay zero.
    """
    own = source.shape[0]
    bits = np.empty((nodes + 2, WORDS), np.uint64)
    bits[nodes] = np.uint64(0xFFFFFFFFFFFFFFFF)
    bits[nodes + 1] = np.uint64(0)
    block = np.zeros((BLOCK, TILE), np.float32)
    helper = np.zeros((step.shape[0], TILE), np.float32)
    for tile in range(begin, end, TILE):
        rows = min(TILE, end - tile)
        for c in range(0, order.shape[0], BLOCK):
            width = min(BLOCK, order.shape[0] - c)
            turn(values, columnar, source, order[c : c + width], tile, rows, block)
            for j in range(width):
                column_literals(block[j], bounds[order[c + j]], listed, limit, perhaps, bits)
        if step.shape[0]:
            helper_rows(values, columnar, source, tile, rows, step, first, second, pool, helper)
            for h in range(step.shape[0]):
                if bounds[own + h, 6] > bounds[own + h, 0]:
                    column_literals(helper[h], bounds[own + h], listed, limit, perhaps, bits)
        gates(literals, gate_or, gate_arity, gate_count, inputs, bits)
        words = (rows + 63) // 64
        last = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 * words - rows)
        at = tile // 64
        for s in range(roots.shape[0]):
            root = bits[roots[s]]
            for w in range(words - 1):
                out[s, at + w] = root[w]
            out[s, at + words - 1] = root[words - 1] & last


@njit(cache=True, nogil=True)
def turn(
    values: Floats, columnar: bool, source: Ints, columns: Ints, begin: int, rows: int, block: Floats
) -> None:  # fmt: skip
    """block[j, place(r)] = the value of the j-th of `columns` in row begin + r."""
    width = columns.shape[0]
    at = source[columns[0]]
    if not columnar and width == BLOCK and at >= 0 and source[columns[width - 1]] == at + BLOCK - 1:
        whole = rows // 32 * 32
        across = np.uintp(values.shape[1])
        for r in range(0, whole, 32):
            for k in range(4):
                first = (begin + r + ROWS_ON * k) * values.shape[1] + at
                for j in range(0, BLOCK, 8):
                    turn_eight(
                        values, np.uintp(first + j), across, block, np.uintp(j * TILE + r + 8 * k), np.uintp(TILE)
                    )
        for r in range(whole, rows):
            for j in range(BLOCK):
                block[j, place(r)] = values[begin + r, at + j]
        return
    for j in range(width):
        at, out = source[columns[j]], block[j]
        if at < 0:
            out[:] = np.nan
        elif columnar:
            column = values[at, begin : begin + rows]
            for r in range(rows):
                out[place(r)] = column[r]
        else:
            for r in range(rows):
                out[place(r)] = values[begin + r, at]


@njit(cache=True, nogil=True)
def fire_one(row: Floats, sizes: Ints, wires: Whole32, plan: Ints, numbers: Floats) -> npt.NDArray[np.uint8]:
    """(strategies,) 3 where true, 2 where unknown, 0 where false: bit 0 is *true*, bit 1 *not false*.

    `sizes`: literals, the ends of the first three kinds, nodes, gate groups, helpers, roots.  `wires`: the literals' places,
    the gates' inputs, the roots.  `plan`: (or, arity, count) of each group, then (step, first, second) of each helper.
    `numbers`: the thresholds, `ROW_LANES` more, then the pool.  No branch depends on a value.
    """
    literals, equal, strict, gone = sizes[0], sizes[1], sizes[2], sizes[3]
    nodes, groups, helpers, roots = sizes[4], sizes[5], sizes[6], sizes[7]
    own = row.shape[0]
    width = own + helpers
    pool = numbers[literals + ROW_LANES :]
    x = np.empty(2 * width, np.float32)
    x[:own] = row
    for h in range(helpers):
        kind, a, b = plan[3 * (groups + h)], plan[3 * (groups + h) + 1], plan[3 * (groups + h) + 2]
        if kind == CONST:
            x[own + h] = pool[a]
        elif kind == LOAD:
            x[own + h] = row[a]
        elif kind == WITHIN:
            x[own + h] = stepped(kind, x[own + a], np.float32(0.0), pool, b)
        else:
            x[own + h] = stepped(kind, x[own + a], x[own + b], pool, 0)
    for c in range(width):
        x[width + c] = -x[c]
    value = np.empty(literals + ROW_LANES, np.float32)
    for i in range(literals):
        value[i] = x[wires[i]]
    truth = np.empty(nodes + 2 + ROW_LANES, np.uint8)
    for i in range(0, equal, ROW_LANES):
        each_at_least(value, numbers, truth, np.uintp(i))
    for i in range(equal, strict, ROW_LANES):
        each_above(value, numbers, truth, np.uintp(i))
    for i in range(strict, gone):
        truth[i] = np.uint8(3) * np.uint8(np.isnan(value[i]))
    for i in range(gone, literals):
        truth[i] = np.uint8(3) * np.uint8(not np.isnan(value[i]))
    truth[nodes], truth[nodes + 1] = 3, 0
    node, w = literals, wires[literals:]
    for g in range(groups):
        either, arity, count = plan[3 * g], plan[3 * g + 1], plan[3 * g + 2]
        if arity == 2:
            join2(truth, node, w, count, either)
        elif arity == 3:
            join3(truth, node, w, count, either)
        else:
            join4(truth, node, w, count, either)
        node += count
        w = w[arity * count :]
    out = np.empty(roots, np.uint8)
    for s in range(roots):
        out[s] = truth[w[s]]
    return out


@njit(cache=True, nogil=True)
def join2(truth: Codes, node: int, w: Whole32, count: int, either: int) -> None:
    if either:
        for r in range(count):
            truth[node + r] = truth[w[2 * r]] | truth[w[2 * r + 1]]
    else:
        for r in range(count):
            truth[node + r] = truth[w[2 * r]] & truth[w[2 * r + 1]]


@njit(cache=True, nogil=True)
def join3(truth: Codes, node: int, w: Whole32, count: int, either: int) -> None:
    if either:
        for r in range(count):
            truth[node + r] = truth[w[3 * r]] | truth[w[3 * r + 1]] | truth[w[3 * r + 2]]
    else:
        for r in range(count):
            truth[node + r] = truth[w[3 * r]] & truth[w[3 * r + 1]] & truth[w[3 * r + 2]]


@njit(cache=True, nogil=True)
def join4(truth: Codes, node: int, w: Whole32, count: int, either: int) -> None:
    if either:
        for r in range(count):
            truth[node + r] = truth[w[4 * r]] | truth[w[4 * r + 1]] | truth[w[4 * r + 2]] | truth[w[4 * r + 3]]
    else:
        for r in range(count):
            truth[node + r] = truth[w[4 * r]] & truth[w[4 * r + 1]] & truth[w[4 * r + 2]] & truth[w[4 * r + 3]]
