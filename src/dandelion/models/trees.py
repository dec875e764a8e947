"""Packed trees: a boosted model as plain arrays that need numpy and numba only, and never LightGBM, to score.

Thresholds become the largest float32 not above LightGBM's, which decides every float32 value alike.  A missing value in
a column that was never missing in training goes with the heavier child; LightGBM would read it as zero, and zero is a
statement while missing is not (docs/decisions/0051).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.models import kernel
from dandelion.models.forest.grove import Grove

Ints = npt.NDArray[np.int64]
NANO = 1_000_000_000


@dataclass(frozen=True)
class Paths:
    """One range per (leaf, column on its way); `start` (leaves + 1,) slices the rest."""

    start: Ints
    feature: npt.NDArray[np.int32]
    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]
    nan_in: npt.NDArray[np.bool_]
    share: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trees:
    """A sum of trees over k columns.  Node arrays (nodes,), leaf arrays (leaves,), `roots` (trees,)."""

    columns: int
    roots: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float32]
    nan_left: npt.NDArray[np.bool_]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    leaf_nano: Ints
    leaf_rows: Ints

    def raw(self, values: npt.NDArray[np.float32]) -> Ints:
        """Micro-log-odds, int64 (n,), of float32 values (n, k)."""
        return self._micro(self.nano(values))

    def nano(self, values: npt.NDArray[np.float32]) -> Ints:
        out = np.empty(len(values), np.int64)
        kernel.sum_leaves(
            np.ascontiguousarray(values), self.roots, self.feature, self.threshold, self.nan_left, self.left,
            self.right, self.leaf_nano, out,
        )  # fmt: skip
        return out

    def contributions(self, values: npt.NDArray[np.float32]) -> tuple[Ints, int]:
        """Shapley values in micro-log-odds, int64 (n, k), and the base they add up from."""
        p = self.paths
        out = np.zeros((len(values), self.columns))
        kernel.shapley(
            np.ascontiguousarray(values), self.leaf_nano, p.start, p.feature, p.low, p.high, p.nan_in, p.share,
            _shapley_weights(), out,
        )  # fmt: skip
        return np.rint(out / 1000).astype(np.int64), self.base_micro

    def grove(self) -> Grove:
        """The same trees in the form that `Forest.pack` takes."""
        none = np.full(len(self.feature), -1, np.int32)
        return Grove(
            self.columns, self.roots, np.zeros(len(self.roots), np.int32), self.feature, self.threshold, self.nan_left,
            none, self.left, self.right, self.leaf_nano, self.leaf_rows, np.zeros(1, np.int64),
        )  # fmt: skip

    @classmethod
    def mean(cls, bags: Sequence[Trees]) -> Trees:
        """The average of several sums of trees over the same columns, as one sum."""
        nodes = np.cumsum([0, *(len(bag.feature) for bag in bags)]).tolist()
        leaves = np.cumsum([0, *(len(bag.leaf_nano) for bag in bags)]).tolist()

        def moved(child: npt.NDArray[np.int32], k: int) -> npt.NDArray[np.int32]:
            return np.where(child < 0, child - leaves[k], child + nodes[k]).astype(np.int32)

        def joined(name: str) -> npt.NDArray[Any]:
            return np.concatenate([getattr(bag, name) for bag in bags])

        shared = [np.rint(bag.leaf_nano / len(bags)).astype(np.int64) for bag in bags]
        return cls(
            bags[0].columns, np.concatenate([moved(bag.roots, k) for k, bag in enumerate(bags)]), joined("feature"),
            joined("threshold"), joined("nan_left"), np.concatenate([moved(bag.left, k) for k, bag in enumerate(bags)]),
            np.concatenate([moved(bag.right, k) for k, bag in enumerate(bags)]), np.concatenate(shared),
            joined("leaf_rows"),
        )  # fmt: skip

    def used_columns(self) -> tuple[list[int], Trees]:
        """The columns that some tree looks at, and the same trees over those columns only."""
        used, feature = np.unique(self.feature, return_inverse=True)
        return used.tolist(), replace(self, columns=len(used), feature=feature.astype(np.int32))

    @cached_property
    def base_micro(self) -> int:
        """Mean of the trees over the training rows."""
        shares = np.array(
            [math.prod(self.paths.share[a:b]) for a, b in zip(self.paths.start, self.paths.start[1:], strict=False)]
        )
        return round(float(np.sum(self.leaf_nano * shares)) / 1000)

    @cached_property
    def paths(self) -> Paths:
        ranges: list[dict[int, tuple[float, float, bool, float]]] = [{} for _ in self.leaf_nano]
        for leaf, way in self._walk():
            ranges[leaf] = way
        flat = [(j, *r) for way in ranges for j, r in sorted(way.items())]
        start = np.concatenate([[0], np.cumsum([len(way) for way in ranges])]).astype(np.int64)
        parts = list(zip(*flat, strict=True)) or [()] * 5
        return Paths(
            start, np.array(parts[0], np.int32), np.array(parts[1], np.float32), np.array(parts[2], np.float32),
            np.array(parts[3], np.bool_), np.array(parts[4], np.float64),
        )  # fmt: skip

    @cached_property
    def node_rows(self) -> Ints:
        """Training rows that reached each node."""
        rows = np.zeros(len(self.feature), np.int64)
        for node in range(len(rows) - 1, -1, -1):  # children stand after their parent
            rows[node] = sum(self.leaf_rows[~c] if c < 0 else rows[c] for c in (self.left[node], self.right[node]))
        return rows

    def _walk(self) -> Iterator[tuple[int, dict[int, tuple[float, float, bool, float]]]]:
        infinite = (-math.inf, math.inf, True, 1.0)
        todo: list[tuple[int, dict[int, tuple[float, float, bool, float]]]] = [(int(r), {}) for r in self.roots]
        while todo:
            node, way = todo.pop()
            if node < 0:
                yield ~node, way
                continue
            j, cut, nan_left = int(self.feature[node]), float(self.threshold[node]), bool(self.nan_left[node])
            low, high, nan_in, share = way.get(j, infinite)
            for child, is_left in ((int(self.left[node]), True), (int(self.right[node]), False)):
                rows = self.leaf_rows[~child] if child < 0 else self.node_rows[child]
                lo, hi = (low, min(high, cut)) if is_left else (max(low, cut), high)
                part = share * float(rows) / float(self.node_rows[node])
                todo.append((child, {**way, j: (lo, hi, nan_in and nan_left == is_left, part)}))

    @staticmethod
    def _micro(nano: Ints) -> Ints:
        return (nano + 500) // 1000

    def as_json(self) -> dict[str, Any]:
        return {
            "columns": self.columns, "roots": self.roots.tolist(), "feature": self.feature.tolist(),
            "threshold": " ".join(str(t) for t in self.threshold), "nan_left": self.nan_left.astype(int).tolist(),
            "left": self.left.tolist(), "right": self.right.tolist(), "leaf_nano": self.leaf_nano.tolist(),
            "leaf_rows": self.leaf_rows.tolist(),
        }  # fmt: skip

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Trees:
        kinds: dict[str, type] = {
            "threshold": np.float32,
            "nan_left": np.bool_,
            "leaf_nano": np.int64,
            "leaf_rows": np.int64,
        }
        arrays: dict[str, npt.NDArray[Any]] = {
            f.name: np.array(plain[f.name].split() if f.name == "threshold" else plain[f.name]).astype(
                kinds.get(f.name, np.int32)
            )
            for f in fields(cls)
            if f.name != "columns"
        }
        return cls(columns=int(plain["columns"]), **arrays)

    @classmethod
    def from_lightgbm(cls, text: str, columns: int) -> Trees:
        """Pack LightGBM's text form.  Raises BadInput on categorical splits and linear leaves, which we do not train."""
        blocks = [_fields(block) for block in text.split("\nTree=")[1:]]
        if any(int(b.get("num_cat", "0")) or b.get("is_linear", "0") != "0" for b in blocks):
            raise BadInput("categorical splits and linear leaves cannot be packed; train without them", field="booster")
        packed = [_one_tree(block) for block in blocks]
        node_at = leaf_at = 0
        roots, parts = [], []
        for tree in packed:
            roots.append(node_at if len(tree["feature"]) else ~leaf_at)
            for side in ("left", "right"):
                child = tree[side]
                tree[side] = np.where(child < 0, child - leaf_at, child + node_at)
            parts.append(tree)
            node_at += len(tree["feature"])
            leaf_at += len(tree["leaf_nano"])
        whole = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
        ints = {name: whole[name].astype(np.int32) for name in ("feature", "left", "right")}
        return cls(
            columns=columns, roots=np.array(roots, np.int32), threshold=whole["threshold"].astype(np.float32),
            nan_left=whole["nan_left"].astype(np.bool_), leaf_nano=whole["leaf_nano"], leaf_rows=whole["leaf_rows"],
            **ints,
        )  # fmt: skip


def _fields(block: str) -> dict[str, str]:
    lines = block.split("\n\n", 1)[0].splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _one_tree(block: dict[str, str]) -> dict[str, npt.NDArray[Any]]:
    def numbers(name: str, kind: type) -> npt.NDArray[Any]:
        return np.array(block.get(name, "").split(), dtype=np.float64).astype(kind)

    left, right = numbers("left_child", np.int64), numbers("right_child", np.int64)
    rows, leaf_rows = numbers("internal_count", np.int64), numbers("leaf_count", np.int64)
    leaf_value = numbers("leaf_value", np.float64)
    if len(leaf_rows) != len(leaf_value):  # a tree of one leaf has no counts
        leaf_rows = np.ones(len(leaf_value), np.int64)
    decision = numbers("decision_type", np.int64)
    missing_seen = (decision >> 2) & 3 == 2

    def heavy(child: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.array([leaf_rows[~c] if c < 0 else rows[c] for c in child], np.int64)

    nan_left = np.where(missing_seen, (decision & 2) > 0, heavy(left) >= heavy(right))
    return {
        "feature": numbers("split_feature", np.int64), "threshold": _floor32(numbers("threshold", np.float64)),
        "nan_left": nan_left, "left": left, "right": right,
        "leaf_nano": np.rint(leaf_value * NANO).astype(np.int64), "leaf_rows": np.maximum(leaf_rows, 1),
    }  # fmt: skip


def _floor32(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    near = x.astype(np.float32)
    return np.where(near.astype(np.float64) > x, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def _shapley_weights() -> npt.NDArray[np.float64]:
    return _WEIGHTS


_WEIGHTS = np.zeros((kernel.DEPTH_MAX + 1, kernel.DEPTH_MAX + 1))
for _d in range(1, kernel.DEPTH_MAX + 1):
    for _s in range(_d):
        _WEIGHTS[_s, _d] = 1 / (_d * math.comb(_d - 1, _s))
