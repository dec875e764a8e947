"""How much each column moved a grove's score: Shapley values, path-dependent (TreeSHAP, Lundberg et al. 2018), for any
kind of split, sets included.  The sum over subsets is the one that our own trees use (`models.kernel.share_out`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from dandelion.models import kernel as shapley
from dandelion.models.forest.grove import CannotPack
from dandelion.models.forest.kernel import rank_of
from dandelion.models.forest.nodes import Nodes
from dandelion.models.forest.plans import Cuts

Ints = npt.NDArray[np.int64]
WEIGHT = np.zeros((shapley.DEPTH_MAX + 1, shapley.DEPTH_MAX + 1))
for _d in range(1, shapley.DEPTH_MAX + 1):
    for _s in range(_d):
        WEIGHT[_s, _d] = 1 / (_d * math.comb(_d - 1, _s))


class Ways(NamedTuple):
    """The way to every leaf, column by column: `part_start` (leaves + 1,) slices `column` and `share`, the share of the
    training rows that go the leaf's way there; `step_start` (parts + 1,) slices `node` and `right`, the splits on it."""

    part_start: Ints
    column: npt.NDArray[np.int32]
    share: npt.NDArray[np.float64]
    step_start: Ints
    node: npt.NDArray[np.int32]
    right: npt.NDArray[np.bool_]


class Splits(NamedTuple):
    """Every split over ranks; `choice_at` is -1 or an offset in `choice_table` (1 where a value goes right)."""

    feature: npt.NDArray[np.int32]
    rank: npt.NDArray[np.int32]
    nan_left: npt.NDArray[np.bool_]
    choice_at: Ints
    choice_table: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Explainer:
    """Built once per model; `base_nano` is the mean score over the training rows."""

    cuts: Cuts
    splits: Splits
    ways: Ways
    leaf_nano: Ints
    base_nano: float

    @classmethod
    def of(cls, nodes: Nodes) -> Explainer:
        """Raises CannotPack for a model with several outputs, or whose way to a leaf asks over 64 columns."""
        if len(nodes.base) != 1:
            raise CannotPack("a model with several scores has no single set of reasons", field="models")
        ways, mean = _ways(nodes)
        at = np.concatenate([[0], np.cumsum([len(t) for t in nodes.tables])]).astype(np.int64)
        splits = Splits(
            nodes.feature.astype(np.int32), nodes.rank.astype(np.int32), nodes.nan_left,
            np.where(nodes.choice < 0, -1, at[nodes.choice]),
            np.concatenate(nodes.tables) if nodes.tables else np.zeros(1, np.uint8),
        )  # fmt: skip
        return cls(nodes.cuts, splits, ways, nodes.leaf, mean + float(nodes.base[0]))

    def contributions(self, values: npt.NDArray[np.float32]) -> tuple[Ints, int]:
        """Millionths, int64 (n, columns), and the base they add up from."""
        out = np.zeros(values.shape)
        _explain(np.ascontiguousarray(values), self.cuts, self.splits, self.ways, self.leaf_nano, WEIGHT, out)
        return np.rint(out / 1000).astype(np.int64), round(self.base_nano / 1000)


Way = dict[int, tuple[float, list[tuple[int, bool]]]]


def _ways(nodes: Nodes) -> tuple[Ways, float]:
    """The ways, and the mean of all trees over the training rows."""
    left, right = nodes.left.tolist(), nodes.right.tolist()
    column = nodes.cuts.column[nodes.feature].tolist()
    rows = _rows(nodes)
    found: list[Way] = [{} for _ in nodes.leaf]
    todo: list[tuple[int, Way]] = [(int(r), {}) for r in nodes.roots]
    while todo:
        node, way = todo.pop()
        if node < 0:
            found[~node] = way
            continue
        share, steps = way.get(column[node], (1.0, []))
        for child, goes_right in ((left[node], False), (right[node], True)):
            part = float(nodes.leaf_rows[~child] if child < 0 else rows[child]) / float(rows[node])
            todo.append((child, {**way, column[node]: (share * part, [*steps, (node, goes_right)])}))
    if max((len(way) for way in found), default=0) > shapley.DEPTH_MAX:
        raise CannotPack(
            f"a leaf depends on more than {shapley.DEPTH_MAX} columns; train shallower trees", field="depth"
        )
    parts = [part for way in found for part in sorted(way.items())]
    steps = [step for _, (_, own) in parts for step in own]

    def starts(lengths: list[int]) -> Ints:
        return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    mean = sum(float(v) * math.prod(s for s, _ in way.values()) for v, way in zip(nodes.leaf, found, strict=True))
    ways = Ways(
        starts([len(way) for way in found]), np.array([j for j, _ in parts], np.int32),
        np.array([share for _, (share, _) in parts], np.float64), starts([len(own) for _, (_, own) in parts]),
        np.array([node for node, _ in steps], np.int32), np.array([r for _, r in steps], np.bool_),
    )  # fmt: skip
    return ways, mean


def _rows(nodes: Nodes) -> Ints:
    """Training weight that reached each split."""
    out = np.zeros(len(nodes.left), np.int64)
    order: list[int] = [int(r) for r in nodes.roots if r >= 0]
    for node in order:  # grows while it is read: parents before children
        order += [int(c) for c in (nodes.left[node], nodes.right[node]) if c >= 0]
    for node in reversed(order):
        out[node] = sum(
            int(nodes.leaf_rows[~c]) if c < 0 else int(out[c]) for c in (nodes.left[node], nodes.right[node])
        )
    return out


@njit(cache=True, nogil=True)
def _explain(values: Any, cuts: Any, splits: Any, ways: Any, leaf_nano: Any, weight: Any, out: Any) -> None:
    """out (rows, columns) += Shapley values in billionths."""
    inside, c = np.empty(shapley.DEPTH_MAX, np.bool_), np.empty(shapley.DEPTH_MAX + 1)
    rank, right = np.empty(len(cuts.column), np.int32), np.empty(len(splits.feature), np.bool_)
    for row in range(len(values)):
        for f in range(len(cuts.column)):
            rank[f] = rank_of(values[row, cuts.column[f]], cuts.value, cuts.start[f], cuts.start[f + 1])
        for node in range(len(splits.feature)):
            f = splits.feature[node]
            if splits.choice_at[node] >= 0:
                right[node] = splits.choice_table[splits.choice_at[node] + rank[f]] != 0
            elif rank[f] == cuts.start[f + 1] - cuts.start[f] + 1:
                right[node] = not splits.nan_left[node]
            else:
                right[node] = rank[f] > splits.rank[node]
        for leaf in range(len(leaf_nano)):
            first, end = ways.part_start[leaf], ways.part_start[leaf + 1]
            for part in range(first, end):
                here = True
                for step in range(ways.step_start[part], ways.step_start[part + 1]):
                    here = here and right[ways.node[step]] == ways.right[step]
                inside[part - first] = here
            shapley.share_out(
                leaf_nano[leaf], ways.column[first:end], ways.share[first:end], inside, weight, c, out[row]
            )
