"""Lays splits out for the kernels: tiles of many rows, one row alone, and walks for trees too large for bits.

Built once per set of models in whole-array steps; a hundred models of a hundred trees take about a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dandelion.models.forest import kernel
from dandelion.models.forest.nodes import Nodes
from dandelion.models.forest.plans import RowPlan, TilePlan, WalkPlan

Ints = npt.NDArray[np.int64]
CUTS_MAX = 254  # what an int8 tells apart beside the two ends
GROUP_COLUMNS_MAX = 1024


@dataclass(frozen=True)
class Placed:
    """Leaves in a row: per split its tree and the leaves [begin, begin + length) of its first side; per leaf its place.

    `trees` are the trees laid out, in order; `leaf_start` (trees + 1,) slices `leaf`.
    """

    nodes: npt.NDArray[np.int64]
    tree: Ints
    begin: Ints
    length: Ints
    left_first: npt.NDArray[np.bool_]
    leaves: Ints
    leaf_start: Ints
    leaf: Ints
    output: npt.NDArray[np.int32]


def leaves_of(nodes: Nodes) -> Ints:
    """Number of leaves of every tree."""
    return _place(nodes, nodes.roots, False)[1]


def _place(
    nodes: Nodes, roots: npt.NDArray[np.int32], rare_last: bool
) -> tuple[tuple[npt.NDArray[np.generic], ...], Ints]:
    count = len(nodes.left)
    begin, length, tree = (np.zeros(count, np.int32) for _ in range(3))
    tree -= 1
    left_first, leaf_at, leaves = (
        np.zeros(count, np.bool_),
        np.zeros(len(nodes.leaf), np.int64),
        np.zeros(len(roots), np.int64),
    )
    kernel.place(
        roots, nodes.left, nodes.right, nodes.leaf_rows, rare_last, begin, length, left_first, tree, leaf_at, leaves
    )
    return (begin, length, tree, left_first, leaf_at), leaves


def placed(nodes: Nodes, trees: Ints, rare_last: bool) -> Placed:
    """The given trees with their leaves in a row; see `kernel.place` for the order."""
    (begin, length, tree, left_first, leaf_at), leaves = _place(nodes, nodes.roots[trees], rare_last)
    mine = np.flatnonzero(tree.astype(np.int64) >= 0)
    start = np.concatenate([[0], np.cumsum(leaves)]).astype(np.int64)
    leaf = np.zeros(start[-1], np.int64)
    for side in (nodes.left, nodes.right):
        ends = mine[side[mine] < 0]
        number = ~side[ends].astype(np.int64)
        leaf[start[tree[ends].astype(np.int64)] + leaf_at[number].astype(np.int64)] = nodes.leaf[number]
    pick = mine[np.argsort(tree[mine].astype(np.int64), kind="stable")]
    return Placed(
        pick, tree[pick].astype(np.int64), begin[pick].astype(np.int64), length[pick].astype(np.int64),
        left_first[pick].astype(np.bool_), leaves, start, leaf, nodes.output[trees],
    )  # fmt: skip


def spans(p: Placed, bits: int) -> tuple[Ints, Ints, Ints]:
    """(row of `p`, word, mask) for every word of `bits` leaves that a split's first side touches."""
    low, high = p.begin // bits, (p.begin + p.length - 1) // bits
    row = np.repeat(np.arange(len(p.begin)), high - low + 1)
    first = np.concatenate([[0], np.cumsum(high - low + 1)])[:-1]
    word = low[row] + np.arange(len(row)) - first[row]
    a = np.maximum(p.begin[row] - word * bits, 0)
    b = np.minimum(p.begin[row] + p.length[row] - word * bits, bits)
    return row, word, (np.int64(1) << b) - (np.int64(1) << a)


def tile_plan(nodes: Nodes, trees: Ints) -> TilePlan:
    p = placed(nodes, trees, rare_last=False)
    group = _groups(nodes, p)
    small = _small_columns(nodes, p, group)
    row, plane, mask = spans(p, 8)
    after = ~p.left_first[row]
    order = np.lexsort((plane, after, p.tree[row]))
    row, plane, mask = row[order], plane[order], mask[order]
    count = np.bincount(p.tree[row], minlength=len(trees))
    start = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    turn = start[:-1] + np.bincount(p.tree[row], weights=p.left_first[row], minlength=len(trees)).astype(np.int64)
    groups = int(group[-1]) + 1 if len(group) else 0
    return TilePlan(
        small.group_column, np.searchsorted(group, np.arange(groups + 1)).astype(np.int64), small.feature, small.offset,
        small.table, start, turn, small.column[row], small.cut[row], plane.astype(np.uint8), mask.astype(np.uint8),
        ((p.leaves + 7) // 8).astype(np.uint8), p.leaf_start[:-1], p.output, p.leaf,
    )  # fmt: skip


def _groups(nodes: Nodes, p: Placed) -> Ints:
    """Group number of every tree: whole outputs in order, as many as keep the table of small ranks in cache."""
    place = nodes.cuts.start[nodes.feature[p.nodes]] + nodes.rank[p.nodes]
    choice, nan_left = nodes.choice[p.nodes], nodes.nan_left[p.nodes].astype(np.int64)
    owner = np.repeat(np.arange(len(nodes.cuts.column)), np.diff(nodes.cuts.start))
    seen = np.zeros((3, max(len(nodes.cuts.value), len(nodes.tables))), np.bool_)  # cuts by side of NaN, then sets
    number, out, of = 0, np.zeros(len(p.output), np.int64), p.output[p.tree]  # which rises
    for output in np.unique(p.output):
        own = slice(*np.searchsorted(of, [output, output + 1]))
        now = seen.copy()
        for kept in (now, np.zeros_like(seen)):
            plain = choice[own] < 0
            kept[nan_left[own][plain], place[own][plain]] = True
            kept[2, choice[own][~plain]] = True
            if not seen.any() or _width(kept, owner) <= GROUP_COLUMNS_MAX or kept is not now:
                break
            number += 1
        seen = kept
        out[p.output == output] = number
    return out


def _width(seen: npt.NDArray[np.bool_], owner: Ints) -> int:
    """How many columns of small ranks these cuts and sets need."""
    cuts = sum(int(-(-np.bincount(owner[side[: len(owner)]]) // CUTS_MAX).sum()) for side in seen[:2])
    return cuts + int(seen[2].sum())


@dataclass(frozen=True)
class Small:
    """Columns of int8 ranks and where each split of `Placed` reads: column inside its group, and cut."""

    group_column: Ints
    feature: npt.NDArray[np.int32]
    offset: Ints
    table: npt.NDArray[np.int8]
    column: npt.NDArray[np.int32]
    cut: npt.NDArray[np.int8]


def _small_columns(nodes: Nodes, p: Placed, group: Ints) -> Small:
    feature, rank, choice = nodes.feature[p.nodes], nodes.rank[p.nodes], nodes.choice[p.nodes]
    nan_left, mine = nodes.nan_left[p.nodes].astype(np.int64), group[p.tree]
    plain = choice < 0
    column, cut = np.zeros(len(feature), np.int32), np.zeros(len(feature), np.int8)
    features: list[int] = []
    starts, offsets, tables, offset = [0], [], [], 0
    for g in range(int(group[-1]) + 1 if len(group) else 0):
        base = len(features)
        rows = np.flatnonzero((mine == g) & plain)
        rows = rows[np.lexsort((rank[rows], nan_left[rows], feature[rows]))]
        key = feature[rows] * 2 + nan_left[rows]
        for part in np.split(rows, np.flatnonzero(np.diff(key)) + 1) if len(rows) else []:
            f = int(feature[part[0]])
            known, local = np.unique(rank[part], return_inverse=True)
            all_ranks = np.searchsorted(known, np.arange(nodes.cuts_of(f) + 1))  # how many of ours lie below
            for chunk in range(-(-len(known) // CUTS_MAX)):
                here = part[local // CUTS_MAX == chunk]
                column[here] = len(features) - base
                cut[here] = local[local // CUTS_MAX == chunk] % CUTS_MAX - 127
                table = np.empty(len(all_ranks) + 1, np.int8)
                table[:-1] = np.clip(all_ranks - CUTS_MAX * chunk, 0, CUTS_MAX) - 127
                table[-1] = -128 if nan_left[part[0]] else 127
                features.append(f)
                offsets.append(offset)
                tables.append(table)
                offset += len(table)
        for c in np.unique(choice[(mine == g) & ~plain]):
            here = np.flatnonzero((mine == g) & (choice == c))
            column[here], cut[here] = len(features) - base, 0
            features.append(int(feature[here[0]]))
            offsets.append(offset)
            tables.append(np.where(nodes.tables[c] > 0, 127, -127).astype(np.int8))
            offset += len(tables[-1])
        starts.append(len(features))
    return Small(
        np.array(starts, np.int64), np.array(features, np.int32), np.array(offsets, np.int64),
        np.concatenate(tables) if tables else np.zeros(0, np.int8), column, cut,
    )  # fmt: skip


def row_plan(nodes: Nodes, trees: Ints) -> RowPlan:
    p = placed(nodes, trees, rare_last=True)
    words = np.concatenate([[0], np.cumsum((p.leaves + 31) // 32)]).astype(np.int64)
    row, word, mask = spans(p, 32)
    word, node = word + words[p.tree[row]], p.nodes[row]
    plain = nodes.choice[node] < 0
    left_first = p.left_first[row]
    on_nan = left_first ^ nodes.nan_left[node]
    rank, feature = nodes.rank[node], nodes.feature[node]
    some = np.flatnonzero(
        plain
    )  # those that fire first stand first: the lowest cuts, or the highest where they fire below
    key = np.where(left_first, rank, -rank)[some]
    some = some[np.lexsort((word[some], key, on_nan[some], left_first[some], feature[some]))]
    kind = feature[some] * 4 + left_first[some] * 2 + on_nan[some]
    edge = np.append(np.flatnonzero(np.diff(kind, prepend=-1)), len(some))
    counts: list[npt.NDArray[np.int32]] = []
    count_at, total = [], 0
    for first, end in pairwise(edge):
        ranks = np.arange(nodes.cuts_of(int(feature[some[first]])) + 1)
        fired = np.searchsorted(np.sort(rank[some[first:end]]), ranks)
        fired = fired if left_first[some[first]] else end - first - fired
        counts.append(np.append(fired, end - first if on_nan[some[first]] else 0).astype(np.int32))
        count_at.append(total)
        total += len(counts[-1])
    special = np.flatnonzero(~plain)
    at = np.concatenate([[0], np.cumsum([len(t) for t in nodes.tables])]).astype(np.int64)
    return RowPlan(
        feature[some[edge[:-1]]].astype(np.int32), np.array(count_at, np.int64), edge.astype(np.int64),
        np.concatenate([*counts, np.zeros(0, np.int32)]).astype(np.int32),
        (word[some].astype(np.uint64) << np.uint64(32)) | mask[some].astype(np.uint64),
        feature[special].astype(np.int32), at[nodes.choice[node[special]]],
        left_first[special].astype(np.uint8), word[special].astype(np.int32), mask[special].astype(np.uint32),
        _choice_table(nodes), words, p.leaf_start[:-1], p.output, _narrow(p.leaf),
    )  # fmt: skip


def _narrow(leaf: Ints) -> Ints | npt.NDArray[np.int32]:
    small = leaf.astype(np.int32)
    return small if (small == leaf).all() else leaf


def walk_plan(nodes: Nodes, trees: Ints) -> WalkPlan:
    at = np.concatenate([[0], np.cumsum([len(t) for t in nodes.tables])]).astype(np.int64)
    return WalkPlan(
        nodes.roots[trees], nodes.output[trees], nodes.feature.astype(np.int32), nodes.rank.astype(np.int32),
        nodes.nan_left.astype(np.uint8), np.where(nodes.choice < 0, -1, at[nodes.choice]), nodes.left, nodes.right,
        nodes.leaf, _choice_table(nodes),
    )  # fmt: skip


def _choice_table(nodes: Nodes) -> npt.NDArray[np.uint8]:
    return np.concatenate(nodes.tables) if nodes.tables else np.zeros(1, np.uint8)
