"""Loops over packed trees.  Leaves are whole nano-log-odds, so their sum is the same in any order.

A child below zero is leaf number ~child.  A value goes left when `value <= threshold`; NaN goes where `nan_left` says.
The slow obvious versions live in tests/models/test_model_trees.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

DEPTH_MAX = 64


@njit(cache=True)
def sum_leaves(
    values: npt.NDArray[np.float32], roots: npt.NDArray[np.int32], feature: npt.NDArray[np.int32],
    threshold: npt.NDArray[np.float32], nan_left: npt.NDArray[np.bool_], left: npt.NDArray[np.int32],
    right: npt.NDArray[np.int32], leaf_nano: npt.NDArray[np.int64], out: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    """out[row] = sum over trees of the leaf that the row falls into."""
    for row in range(values.shape[0]):
        total = 0
        for tree in range(roots.shape[0]):
            node = roots[tree]
            while node >= 0:
                value = values[row, feature[node]]
                goes_left = nan_left[node] if np.isnan(value) else value <= threshold[node]
                node = left[node] if goes_left else right[node]
            total += leaf_nano[~node]
        out[row] = total


@njit(cache=True)
def shapley(
    values: npt.NDArray[np.float32], leaf_nano: npt.NDArray[np.int64], start: npt.NDArray[np.int64],
    feature: npt.NDArray[np.int32], low: npt.NDArray[np.float32], high: npt.NDArray[np.float32],
    nan_in: npt.NDArray[np.bool_], share: npt.NDArray[np.float64], weight: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> None:  # fmt: skip
    """out[row, column] += Shapley value in nano-log-odds, path-dependent as in Lundberg et al. 2018 (TreeSHAP).

    Leaf by leaf: its path holds each column once, as one range (low, high] with `share` of the training rows.  For a
    path of d columns, those in range (set A) carry the polynomial prod(share + t); `weight[s, d]` is
    s! (d - 1 - s)! / d!.  Columns out of range all get the same part, minus prod(share out of range) * sum c_s w_s.
    """
    inside = np.empty(DEPTH_MAX, np.bool_)
    c = np.empty(DEPTH_MAX + 1)
    for row in range(values.shape[0]):
        for leaf in range(leaf_nano.shape[0]):
            first, end = start[leaf], start[leaf + 1]
            for i in range(first, end):
                value = values[row, feature[i]]
                here = (low[i] == -np.inf or low[i] < value) and value <= high[i]
                inside[i - first] = nan_in[i] if np.isnan(value) else here
            share_out(leaf_nano[leaf], feature[first:end], share[first:end], inside, weight, c, out[row])


@njit(cache=True)
def share_out(
    nano: int, feature: npt.NDArray[np.int32], share: npt.NDArray[np.float64], inside: npt.NDArray[np.bool_],
    weight: npt.NDArray[np.float64], c: npt.NDArray[np.float64], out: npt.NDArray[np.float64],
) -> None:  # fmt: skip
    """Adds one leaf's part to out (columns,): its path holds d columns, each in range or not.  `c` is scratch."""
    d, degree, outside = len(feature), 0, 1.0
    c[0] = 1.0
    for i in range(d):
        z = share[i]
        if inside[i]:
            c[degree + 1] = c[degree]
            for k in range(degree, 0, -1):
                c[k] = c[k - 1] + z * c[k]
            c[0] = z * c[0]
            degree += 1
        else:
            outside *= z
    scale = nano * outside
    part = 0.0
    if degree < d:
        for s in range(degree + 1):
            part += c[s] * weight[s, d]
    for i in range(d):
        if not inside[i]:
            out[feature[i]] -= scale * part
            continue
        z = share[i]
        quotient = c[degree]
        total = quotient * weight[degree - 1, d]
        for k in range(degree - 1, 0, -1):
            quotient = c[k] - z * quotient
            total += quotient * weight[k - 1, d]
        out[feature[i]] += scale * (1.0 - z) * total
