"""The slow obvious evaluator of a `Grove`, and rows that try every tie: what the forest tests share."""

from __future__ import annotations

import numpy as np

from dandelion.models.forest import Forest, Grove

INF = np.float32(np.inf)


def leaf_of(grove: Grove, tree: int, row: np.ndarray) -> int:
    node = int(grove.roots[tree])
    while node >= 0:
        x = row[grove.feature[node]]
        if np.isnan(x):
            left = bool(grove.nan_left[node])
        elif grove.ranges_at[node] >= 0:
            left = any(a <= x <= b for a, b in grove.sets[grove.ranges_at[node]])
        else:
            left = bool(x <= grove.threshold[node])
        node = int(grove.left[node] if left else grove.right[node])
    return ~node


def slow_nano(grove: Grove, values: np.ndarray) -> np.ndarray:
    out = np.tile(grove.base_nano, (len(values), 1))
    for i, row in enumerate(values):
        for t in range(grove.trees):
            out[i, grove.output[t]] += grove.leaf_nano[leaf_of(grove, t, row)]
    return out


def ties(grove: Grove, rows: int, seed: int, finite: bool = False) -> np.ndarray:
    """Rows drawn from every threshold and set edge, the float32 numbers beside them, zeros, denormals, infinities, NaN."""
    random = np.random.default_rng(seed)
    out = np.empty((rows, grove.columns), np.float32)
    tiny = np.float32([0, -0.0, 1e-45, -1e-45, 1e-35, -1e-35, 9e-36, -9e-36, 1.1e-35, -1.1e-35, 0.5, -0.5, -1, 1, 3e9])
    for j in range(grove.columns):
        mine = grove.feature == j
        cuts = [grove.threshold[mine]]
        cuts += [np.float32(grove.sets[s]).ravel() for s in np.unique(grove.ranges_at[mine]) if s >= 0]
        cuts = np.concatenate([*cuts, tiny]).astype(np.float32)
        near = np.concatenate([cuts, np.nextafter(cuts, INF), np.nextafter(cuts, -INF), [np.nan, INF, -INF]])
        if finite:
            near = near[~np.isinf(near) & (np.abs(near) < 3e38)]
        out[:, j] = random.choice(near, rows)
    return out


def agree_everywhere(grove: Grove, values: np.ndarray) -> np.ndarray:
    """Billionths of the packed forest, after checking that it says the same alone, in small and in large tiles."""
    forest = Forest.pack([grove])
    nano = forest.nano(values)
    assert (np.concatenate([forest.nano(values[i : i + 1]) for i in range(len(values))]) == nano).all()
    assert (np.concatenate([forest.nano(values[i : i + 41]) for i in range(0, len(values), 41)]) == nano).all()
    assert (slow_nano(grove, values[:40]) == nano[:40]).all()
    return nano
