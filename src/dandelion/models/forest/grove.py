"""`Grove`: one model's trees in a neutral form, as read from LightGBM, XGBoost, scikit-learn or our own `Trees`.

Everything a library does with missing values, zeros and categories is settled while reading: what remains of a split is
a float32 threshold (or a set of closed float32 ranges that go left) and the side on which NaN goes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput

Ints = npt.NDArray[np.int64]
Ranges = tuple[tuple[float, float], ...]
NANO = 1_000_000_000
TOTAL_MAX = 2**62


class CannotPack(BadInput):
    """The model has something that whole-number trees cannot express; the message names it and what to do."""


@dataclass(frozen=True)
class Grove:
    """A sum of trees over `columns` inputs, giving `len(base_nano)` outputs in billionths of the library's raw score.

    roots, output (trees,): first node of each tree (or ~leaf) and the output it adds to.  Node arrays (nodes,): a value
    goes left when `value <= threshold`, NaN when `nan_left`; where `ranges_at` is not -1 the value goes left when it lies
    in one of the closed ranges `sets[ranges_at]` instead.  A child below zero is leaf number ~child.  leaf_nano (leaves,);
    leaf_rows (leaves,) is the weight that training put there, used for speed only, never for a score.
    """

    columns: int
    roots: npt.NDArray[np.int32]
    output: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float32]
    nan_left: npt.NDArray[np.bool_]
    ranges_at: npt.NDArray[np.int32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    leaf_nano: Ints
    leaf_rows: Ints
    base_nano: Ints
    sets: tuple[Ranges, ...] = ()

    def __post_init__(self) -> None:
        nodes, leaves = len(self.feature), len(self.leaf_nano)
        assert len(self.left) == len(self.right) == len(self.threshold) == len(self.ranges_at) == nodes
        if len(self.roots) != len(self.output) or len(self.leaf_rows) != leaves:
            raise BadInput("a model's tree arrays differ in length; read it again from the library", field="roots")
        if nodes and not (self.feature.min() >= 0 and self.feature.max() < self.columns):
            raise BadInput(
                f"a split reads column {int(self.feature.max())}, but the model has {self.columns}", field="columns"
            )
        if np.isnan(self.threshold).any():
            raise CannotPack("a threshold is not a number; train the model again", field="threshold")
        _check_children(self)

    @property
    def outputs(self) -> int:
        return len(self.base_nano)

    @property
    def trees(self) -> int:
        return len(self.roots)

    def grove(self) -> Grove:
        return self

    def over(self, columns: npt.NDArray[np.int64], width: int) -> Grove:
        """The same trees where column j of this model is column `columns[j]` of a wider table."""
        return replace(self, columns=width, feature=columns[self.feature].astype(np.int32))

    def as_json(self) -> dict[str, Any]:
        """Whole numbers and text only, so that equal groves have equal canonical bytes."""
        plain: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in plain.items():
            if isinstance(value, np.ndarray):
                plain[name] = value.astype(int).tolist() if name != "threshold" else " ".join(str(t) for t in value)
        plain["sets"] = [[f"{np.float32(a)!s} {np.float32(b)!s}" for a, b in ranges] for ranges in self.sets]
        return {"grove": plain}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Grove:
        body = plain["grove"]
        kinds: dict[str, type] = {
            "nan_left": np.bool_, "leaf_nano": np.int64, "leaf_rows": np.int64, "base_nano": np.int64,
            "threshold": np.float32,
        }  # fmt: skip
        arrays: dict[str, Any] = {
            f.name: np.array(body[f.name].split() if f.name == "threshold" else body[f.name]).astype(
                kinds.get(f.name, np.int32)
            )
            for f in fields(cls)
            if f.name not in ("columns", "sets")
        }
        sets = tuple(tuple((float(a), float(b)) for a, b in (r.split() for r in ranges)) for ranges in body["sets"])
        return cls(columns=int(body["columns"]), sets=sets, **arrays)


def _check_children(grove: Grove) -> None:
    """Every node and leaf is reached exactly once, and sums stay inside int64."""
    ends = np.concatenate([grove.roots, grove.left, grove.right])
    nodes, leaves = np.sort(ends[ends >= 0]), np.sort(~ends[ends < 0])
    whole = np.array_equal(nodes, np.arange(len(grove.feature))) and np.array_equal(
        leaves, np.arange(len(grove.leaf_nano))
    )
    if not whole:
        raise BadInput("a tree has a node without a parent or with two; read the model again", field="roots")
    most = float(np.abs(grove.leaf_nano.astype(np.float64)).sum() + np.abs(grove.base_nano.astype(np.float64)).sum())
    if most >= TOTAL_MAX:
        raise CannotPack(
            "the leaves of this model are too large for billionths in int64; scale the target down", field="leaf_nano"
        )


@dataclass(slots=True)
class Tree:
    """One tree while it is being read: node arrays, and children where below zero means leaf ~child."""

    feature: npt.NDArray[Any]
    threshold: npt.NDArray[np.float32]
    nan_left: npt.NDArray[Any]
    left: npt.NDArray[Any]
    right: npt.NDArray[Any]
    leaf: npt.NDArray[np.float64]
    leaf_rows: npt.NDArray[Any]
    output: int
    ranges: dict[int, Ranges]  # node: the ranges that go left

    @classmethod
    def of_nodes(
        cls, feature: npt.NDArray[Any], threshold: npt.NDArray[np.float32], nan_left: npt.NDArray[Any],
        left: npt.NDArray[Any], right: npt.NDArray[Any], value: npt.NDArray[np.float64], rows: npt.NDArray[Any],
        output: int, ranges: dict[int, Ranges],
    ) -> Tree:  # fmt: skip
        """From libraries that number nodes and leaves together; a leaf is where `left` is below zero."""
        is_leaf = left < 0
        number = np.where(is_leaf, ~(np.cumsum(is_leaf) - 1), np.cumsum(~is_leaf) - 1)
        inner = ~is_leaf
        return cls(
            feature[inner], threshold[inner], nan_left[inner], number[left[inner]], number[right[inner]],
            value[is_leaf], rows[is_leaf], output, {int(number[k]): v for k, v in ranges.items()},
        )  # fmt: skip


def planted(trees: list[Tree], columns: int, base: npt.ArrayLike) -> Grove:
    """Many trees as one grove; leaves and base in the library's units become whole billionths."""
    node_at = leaf_at = 0
    roots: list[int] = []
    sets: dict[Ranges, int] = {}
    parts: list[dict[str, npt.NDArray[Any]]] = []
    for tree in trees:
        nodes = len(tree.feature)
        roots.append(node_at if nodes else ~leaf_at)
        at = np.full(nodes, -1)
        for node, ranges in tree.ranges.items():
            at[node] = sets.setdefault(ranges, len(sets))
        parts.append(
            {
                "feature": tree.feature, "threshold": tree.threshold, "nan_left": tree.nan_left, "ranges_at": at,
                "left": np.where(tree.left < 0, tree.left - leaf_at, tree.left + node_at),
                "right": np.where(tree.right < 0, tree.right - leaf_at, tree.right + node_at),
                "leaf_nano": nano(tree.leaf), "leaf_rows": np.maximum(tree.leaf_rows, 1),
            }
        )  # fmt: skip
        node_at, leaf_at = node_at + nodes, leaf_at + len(tree.leaf)
    kinds: dict[str, type] = {
        "threshold": np.float32, "nan_left": np.bool_, "leaf_nano": np.int64, "leaf_rows": np.int64,
    }  # fmt: skip
    names = ("feature", "threshold", "nan_left", "ranges_at", "left", "right", "leaf_nano", "leaf_rows")
    whole: dict[str, npt.NDArray[Any]] = {
        name: np.concatenate([np.asarray(p[name]) for p in parts] or [np.empty(0)]).astype(kinds.get(name, np.int32))
        for name in names
    }
    return Grove(
        columns=columns, roots=np.array(roots, np.int32), output=np.array([t.output for t in trees], np.int32),
        base_nano=nano(np.atleast_1d(np.asarray(base, np.float64))), sets=tuple(sets), **whole,
    )  # fmt: skip


def nano(x: npt.NDArray[np.float64]) -> Ints:
    """Whole billionths.  Raises CannotPack where int64 would not hold them."""
    if not np.isfinite(x).all() or (np.abs(x) >= TOTAL_MAX / NANO).any():
        raise CannotPack("a leaf is not a finite number or too large for int64 billionths; scale the target down",
                         field="leaf_nano")  # fmt: skip
    return np.rint(x * NANO).astype(np.int64)


def floor32(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The largest float32 not above x: `value <= x` and `value <= floor32(x)` agree for every float32 value."""
    with np.errstate(over="ignore"):
        near = x.astype(np.float32)
    return np.where(near.astype(np.float64) > x, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def below(x: npt.NDArray[np.float32] | np.float32) -> Any:
    """The next float32 down."""
    return np.nextafter(x, np.float32(-np.inf), dtype=np.float32)


def outside(ranges: Ranges) -> Ranges:
    """The complement, over all float32 values, of closed ranges that do not overlap."""
    out, low = [], np.float32(-np.inf)
    for a, b in sorted(ranges):
        if low < a:
            out.append((float(low), float(below(np.float32(a)))))
        low = np.nextafter(np.float32(b), np.float32(np.inf))
        if np.isinf(b):
            return tuple(out)
    return (*out, (float(low), float(np.inf)))
