"""Loops over packed forests: ranks, then bit masks (QuickScorer, Lucchese et al. 2015; byte planes as in RapidScorer,
Ye et al. 2018), all in whole numbers, so that any order of rows and trees gives the same bytes.

The leaves of a tree stand in a row.  A split whose value goes to its second side rules out the leaves of its first; the
first leaf that nobody ruled out is the answer.  The slow obvious version is tests/models/forest_oracle.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dandelion.models.forest import row_loops as loops
from dandelion.models.forest.bits import trailing_zeros
from dandelion.models.forest.plans import Cuts, RowPlan, TilePlan, WalkPlan

TILE = 512  # rows: the small ranks of 1,000 columns then fill a 512 KiB cache
LANES = 32  # bytes in a vector; a tile is as wide as its rows, rounded up to this
LINEAR_MAX = 32  # cut points up to which comparing with every one beats halving
LEAVES_MAX = 128  # larger trees are walked
SEGMENTS, TREES = 64, 256  # of a plan that few rows meet together: some tens of kilobytes


@njit(nogil=True)
def ranks_of(values: Any, cuts: Any, x: Any, at: Any, ranks: Any) -> None:
    """ranks (features, width) of values (rows, columns); x, at (width,) are scratch."""
    for f in range(len(cuts.column)):
        column, start, end = cuts.column[f], cuts.start[f], cuts.start[f + 1]
        for i in range(len(values)):
            x[i] = values[i, column]
        loops.clear(at)
        if end - start <= LINEAR_MAX:
            for k in range(start, end):
                loops.count_above(x, cuts.value[k], at)
        else:
            own, left = cuts.value[start:end], end - start
            while left > 0:
                loops.halve(x, own, np.int32(left - (left >> 1)), at)
                left >>= 1
        loops.ranks(x, at, np.int32(end - start + 1), ranks[f])


@njit(nogil=True)
def rule_out(small: Any, plan: Any, tree: int, dead: Any) -> None:
    """dead (bytes of leaves, width): a bit for every leaf that some split rules out."""
    width, turn = dead.shape[1], plan.entry_turn[tree]
    for p in range(plan.planes[tree]):
        out = dead[p]
        for i in range(width):
            out[i] = np.uint8(0)
    for e in range(plan.entry_start[tree], turn):
        x, out, cut, mask = (
            small[plan.entry_column[e]],
            dead[plan.entry_plane[e]],
            plan.entry_cut[e],
            plan.entry_mask[e],
        )
        for i in range(width):
            out[i] |= mask if x[i] > cut else np.uint8(0)
    for e in range(turn, plan.entry_start[tree + 1]):
        x, out, cut, mask = (
            small[plan.entry_column[e]],
            dead[plan.entry_plane[e]],
            plan.entry_cut[e],
            plan.entry_mask[e],
        )
        for i in range(width):
            out[i] |= np.uint8(0) if x[i] > cut else mask


@njit(nogil=True)
def first_alive(dead: Any, planes: int, byte: Any, leaf: Any) -> None:
    """leaf (width,): the first leaf that nobody ruled out; byte (width,) is scratch."""
    if planes <= 4:  # a byte beyond the last is never looked at, since some leaf before it is alive
        loops.first_of_four(dead[0], dead[1], dead[2], dead[3], leaf)
        return
    loops.last(dead[planes - 1], np.uint8(8 * (planes - 1)), byte, leaf)
    for p in range(planes - 2, -1, -1):
        loops.earlier(dead[p], np.uint8(8 * p), byte, leaf)
    loops.lowest(byte, leaf)


@njit(nogil=True)
def walk_tile(ranks: Any, rows: int, cuts: Any, plan: Any, out: Any) -> None:
    for t in range(len(plan.root)):
        for i in range(rows):
            node = plan.root[t]
            while node >= 0:
                node = _next(ranks[plan.feature[node], i], node, cuts, plan)
            out[i, plan.output[t]] += plan.leaf[~node]


@njit(nogil=True)
def _next(rank: Any, node: int, cuts: Any, plan: Any) -> int:
    f = plan.feature[node]
    if plan.choice_at[node] >= 0:
        right = plan.choice_table[plan.choice_at[node] + rank] != 0
    elif rank == cuts.start[f + 1] - cuts.start[f] + 1:
        right = not plan.nan_left[node]
    else:
        right = rank > plan.rank[node]
    return plan.right[node] if right else plan.left[node]


@njit(nogil=True)
def tile(values: Any, cuts: Any, plan: Any, walk: Any, ranks: Any, small: Any, out: Any) -> None:
    """Adds the leaves of values (rows, columns) to out (rows, outputs)."""
    rows, width = len(values), ranks.shape[1]
    planes = max(4, plan.planes.max()) if len(plan.planes) else 4
    dead = np.zeros((planes, width), np.uint8)
    found, byte = np.empty((4, width), np.uint8), np.empty(width, np.uint8)
    total = np.zeros(width, np.int64)
    ranks_of(values, cuts, np.zeros(width, np.float32), np.empty(width, np.int32), ranks)
    for g in range(len(plan.group_tree) - 1):
        base = plan.group_column[g]
        for c in range(base, plan.group_column[g + 1]):
            loops.look_up(ranks[plan.column_feature[c]], plan.table[plan.column_table[c] :], small[c - base])
        waiting = 0
        for t in range(plan.group_tree[g], plan.group_tree[g + 1]):
            rule_out(small, plan, t, dead)
            first_alive(dead, plan.planes[t], byte, found[waiting])
            waiting += 1
            last = t + 1 == plan.group_tree[g + 1] or plan.output[t + 1] != plan.output[t]
            if waiting == 4:
                s = plan.leaf_start
                a, b, c, d = plan.leaf[s[t - 3] :], plan.leaf[s[t - 2] :], plan.leaf[s[t - 1] :], plan.leaf[s[t] :]
                loops.add_four(a, b, c, d, found, total)
                waiting = 0
            elif last:
                for w in range(waiting):
                    loops.add_one(plan.leaf[plan.leaf_start[t - waiting + 1 + w] :], found[w], total)
                waiting = 0
            if last:
                for i in range(rows):
                    out[i, plan.output[t]] += total[i]
                loops.clear(total)
    walk_tile(ranks, rows, cuts, walk, out)


@njit(cache=True, nogil=True)
def many_rows(
    values: npt.NDArray[np.float32], cuts: Cuts, plan: TilePlan, walk: WalkPlan, out: npt.NDArray[np.int64]
) -> None:
    """out (rows, outputs) += the leaves that each row falls into."""
    columns = 1
    for g in range(len(plan.group_column) - 1):
        columns = max(columns, plan.group_column[g + 1] - plan.group_column[g])
    first = 0
    while first < len(values):
        rows = min(TILE, len(values) - first)
        width = (rows + LANES - 1) // LANES * LANES
        ranks = np.empty((len(cuts.column), width), np.int32)
        small = np.empty((columns, width), np.int8)
        tile(values[first : first + rows], cuts, plan, walk, ranks, small, out[first : first + rows])
        first += rows


@njit(nogil=True)
def rank_of(x: Any, cuts: Any, start: int, end: int) -> int:
    """How many of cuts[start:end] lie below x; NaN is one past all."""
    if x != x:
        return end - start + 1
    at, left = start, end - start
    while left > 0:
        half = left - (left >> 1)
        at += half * (cuts[at + half - 1] < x)  # no branch: nobody could foresee it
        left >>= 1
    return at - start


@njit(cache=True, nogil=True)
def few_rows(
    values: npt.NDArray[np.float32], cuts: Cuts, plan: RowPlan, walk: WalkPlan, out: npt.NDArray[np.int64]
) -> None:
    """out (rows, outputs) += the leaves that each row of values (rows, columns) falls into.

    Part after part of the plan meets all rows: two megabytes of it are then fetched once, not once a row.
    """
    rows, features, segments, trees = len(values), len(cuts.column), len(plan.segment_feature), len(plan.output)
    ranks = np.empty((rows, features), np.int32)
    for f in range(features):
        for i in range(rows):
            ranks[i, f] = rank_of(values[i, cuts.column[f]], cuts.value, cuts.start[f], cuts.start[f + 1])
    fired = np.empty((rows, segments), np.int64)
    for s in range(segments):  # all counts first: reads that do not wait for each other
        for i in range(rows):
            fired[i, s] = plan.fired[plan.segment_fired[s] + ranks[i, plan.segment_feature[s]]]
    dead = np.zeros((rows, plan.word_start[trees]), np.uint32)
    for begin in range(0, segments, SEGMENTS):
        for i in range(rows):
            for s in range(begin, min(begin + SEGMENTS, segments)):
                strike(plan.entry, plan.segment_start[s], fired[i, s], dead[i])
    for k in range(len(plan.choice_feature)):
        for i in range(rows):
            if plan.choice_table[plan.choice_at[k] + ranks[i, plan.choice_feature[k]]] == plan.choice_fires[k]:
                dead[i, plan.choice_word[k]] |= plan.choice_mask[k]
    for begin in range(0, trees, TREES):
        for i in range(rows):
            add_leaves(dead[i], plan, begin, min(begin + TREES, trees), out[i])
    for t in range(len(walk.root)):
        for i in range(rows):
            node = walk.root[t]
            while node >= 0:
                node = _next(ranks[i, walk.feature[node]], node, cuts, walk)
            out[i, walk.output[t]] += walk.leaf[~node]


@njit(nogil=True)
def strike(entries: Any, first: int, count: int, dead: Any) -> None:
    """Mark in dead (words,) the leaves that `count` entries from the first rule out."""
    for e in range(first, first + count):
        entry = entries[e]
        dead[entry >> np.uint64(32)] |= np.uint32(entry)


@njit(nogil=True)
def add_leaves(dead: Any, plan: Any, begin: int, end: int, out: Any) -> None:
    """out (outputs,) += of each of these trees the first leaf that nobody ruled out."""
    for t in range(begin, end):
        w = plan.word_start[t]
        while dead[w] == np.uint32(0xFFFFFFFF):
            w += 1
        at = 32 * (w - plan.word_start[t]) + trailing_zeros(np.uint32(~dead[w]))
        out[plan.output[t]] += plan.leaf[plan.leaf_start[t] + at]


@njit(cache=True)
def place(
    roots: npt.NDArray[np.int32], left: npt.NDArray[np.int32], right: npt.NDArray[np.int32],
    leaf_rows: npt.NDArray[np.int64], rare_last: bool, begin: npt.NDArray[np.int32], length: npt.NDArray[np.int32],
    left_first: npt.NDArray[np.bool_], tree_of: npt.NDArray[np.int32], leaf_at: npt.NDArray[np.int64],
    leaves: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    """Put the leaves of every tree in a row.  Fills per node: first leaf and number of leaves of its first side.

    `rare_last`: the side with more training rows first, so that splits seldom rule out; otherwise the side with fewer
    leaves first, so that ruling out touches few bytes.  leaf_at (leaves,): place in its tree; leaves (trees,): how many.
    """
    size = np.ones(len(left), np.int64)
    rows = np.ones(len(left), np.int64)
    start = np.zeros(len(left), np.int64)
    order = np.empty(len(left) + 1, np.int64)
    for t in range(len(roots)):
        if roots[t] < 0:
            leaf_at[~roots[t]] = 0
            leaves[t] = 1
            continue
        n, done = 1, 0
        order[0] = roots[t]
        while done < n:  # parents before children
            for child in (left[order[done]], right[order[done]]):
                if child >= 0:
                    order[n] = child
                    n += 1
            done += 1
        for k in range(n - 1, -1, -1):
            node = order[k]
            size[node] = rows[node] = 0
            for child in (left[node], right[node]):
                size[node] += size[child] if child >= 0 else 1
                rows[node] += rows[child] if child >= 0 else leaf_rows[~child]
        leaves[t] = size[roots[t]]
        start[roots[t]] = 0
        for k in range(n):
            node = order[k]
            a, b = left[node], right[node]
            size_a, size_b = size[a] if a >= 0 else 1, size[b] if b >= 0 else 1
            if rare_last:
                rows_a = rows[a] if a >= 0 else leaf_rows[~a]
                rows_b = rows[b] if b >= 0 else leaf_rows[~b]
                first = rows_a >= rows_b
            else:
                first = size_a <= size_b
            left_first[node], tree_of[node] = first, t
            begin[node], length[node] = start[node], size_a if first else size_b
            at_a = start[node] + (0 if first else size_b)
            at_b = start[node] + (size_a if first else 0)
            if a >= 0:
                start[a] = at_a
            else:
                leaf_at[~a] = at_a
            if b >= 0:
                start[b] = at_b
            else:
                leaf_at[~b] = at_b
