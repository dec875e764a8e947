"""Reads LightGBM's text form (`booster.model_to_string()`), without LightGBM.

What its predictor does, settled here: anything within 1e-35 of zero is zero; NaN is zero where training saw none (missing
type None), goes the learnt way (NaN), or zero and NaN both do (Zero); a category is the value cut to a whole number, NaN,
negatives and unseen categories go right.  Comparisons are in doubles, so thresholds are rounded down to float32.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dandelion.models.forest.grove import CannotPack, Grove, Ranges, Tree, below, floor32, planted

TINY = np.float32(1e-35)
NEXT_TINY = np.nextafter(TINY, np.float32(np.inf))
CATEGORY_MAX = 2**24  # above, float32 skips whole numbers


def from_lightgbm(text: str, columns: int | None = None) -> Grove:
    """Raw scores (`raw_score=True`; of a random forest the average, as `predict` gives).  Raises CannotPack for linear
    leaves."""
    head = _fields(text.split("\nTree=", 1)[0])
    blocks = [_fields(block.split("\n\n", 1)[0]) for block in text.split("\nTree=")[1:]]
    if any(b.get("is_linear", "0") != "0" for b in blocks):
        raise CannotPack("linear leaves cannot be packed; train with linear_tree=false", field="linear_tree")
    per_round = int(head.get("num_tree_per_iteration", "1"))
    share = 1.0
    if "average_output" in text.split("\nTree=", 1)[0].split():
        share = per_round / max(1, len(blocks))
    width = int(head["max_feature_idx"]) + 1
    trees = [_tree(block, k % per_round, share) for k, block in enumerate(blocks)]
    return planted(trees, max(width, columns or 0), np.zeros(per_round))


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _numbers(block: dict[str, str], name: str) -> npt.NDArray[np.float64]:
    return np.array(block.get(name, "").split(), np.float64)


def _tree(block: dict[str, str], output: int, share: float) -> Tree:
    leaf = _numbers(block, "leaf_value") * share
    rows = _numbers(block, "leaf_count").astype(np.int64)
    if len(rows) != len(leaf):  # a tree of one leaf has no counts
        rows = np.ones(len(leaf), np.int64)
    if len(leaf) == 1:
        none = np.empty(0, np.int64)
        return Tree(none, none.astype(np.float32), none.astype(np.bool_), none, none, leaf, rows, output, {})
    decision = _numbers(block, "decision_type").astype(np.int64)
    cut = _numbers(block, "threshold")
    categorical, default_left, missing = (decision & 1) > 0, (decision & 2) > 0, (decision >> 2) & 3
    threshold = _without_tiny(floor32(np.where(categorical, 0.0, cut)))
    nan_left = np.where(missing == 2, default_left, threshold >= 0) & ~categorical
    ranges = {int(k): _categories(block, int(cut[k])) for k in np.flatnonzero(categorical)}
    for k in np.flatnonzero((missing == 1) & ~categorical):
        nan_left[k] = default_left[k]
        inner = _zero_too(np.float32(floor32(cut[k : k + 1])[0]), bool(default_left[k]))
        if isinstance(inner, tuple):
            ranges[int(k)] = inner
        else:
            threshold[k] = inner
    return Tree(
        _numbers(block, "split_feature").astype(np.int64), threshold, nan_left,
        _numbers(block, "left_child").astype(np.int64), _numbers(block, "right_child").astype(np.int64), leaf, rows,
        output, ranges,
    )  # fmt: skip


def _without_tiny(threshold: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Values within 1e-35 of zero count as zero, so a threshold among them moves to the edge on zero's other side."""
    among = (threshold >= -TINY) & (threshold < TINY)
    return np.where(among, np.where(threshold >= 0, TINY, below(-TINY)), threshold).astype(np.float32)


def _zero_too(cut: np.float32, zero_left: bool) -> np.float32 | Ranges:
    """What goes left of `cut` when zero and NaN go the learnt way: a threshold, or ranges."""
    low = float(below(-TINY))
    if zero_left:
        if cut >= TINY:
            return cut
        if cut >= low:
            return TINY
        return ((-np.inf, float(cut)), (-float(TINY), float(TINY)))
    if cut < -TINY:
        return cut
    if cut <= TINY:
        return np.float32(low)
    return ((-np.inf, low), (float(NEXT_TINY), float(cut)))


def _categories(block: dict[str, str], index: int) -> Ranges:
    edges = _numbers(block, "cat_boundaries").astype(np.int64)
    words = _numbers(block, "cat_threshold").astype(np.int64)[edges[index] : edges[index + 1]]
    return whole_numbers([32 * w + bit for w, word in enumerate(words) for bit in range(32) if int(word) >> bit & 1])


def whole_numbers(categories: list[int], negative_zero: bool = True) -> Ranges:
    """Closed float32 ranges of the values that, cut to a whole number, are one of these.

    `negative_zero`: whether -0.9 is cut to 0 (C does) or refused before.
    """
    if any(c >= CATEGORY_MAX for c in categories):
        raise CannotPack(
            f"a category above {CATEGORY_MAX} is not exact in float32; number them anew", field="categories"
        )
    out: list[tuple[float, float]] = []
    for c in sorted(categories):
        low = float(np.nextafter(np.float32(-1), np.float32(0))) if c == 0 and negative_zero else float(c)
        high = float(below(np.float32(c + 1)))
        if out and out[-1][1] == float(below(np.float32(low))):
            out[-1] = (out[-1][0], high)
        else:
            out.append((low, high))
    return tuple(out)
