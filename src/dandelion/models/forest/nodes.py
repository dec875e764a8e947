"""Many groves as one list of splits over ranks: the step between reading models and laying out kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.models.forest.grove import TOTAL_MAX, CannotPack, Grove, Ranges, below
from dandelion.models.forest.plans import Cuts

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Nodes:
    """Splits of all trees over ranks (see `Cuts`).  A value goes left when its rank is at most `rank`; where `choice` is
    not -1, when its rank's byte in `tables[choice]` is 0 (the table also answers for NaN)."""

    cuts: Cuts
    feature: Ints
    rank: Ints
    nan_left: npt.NDArray[np.bool_]
    choice: Ints
    tables: tuple[npt.NDArray[np.uint8], ...]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    roots: npt.NDArray[np.int32]
    output: npt.NDArray[np.int32]
    leaf: Ints
    leaf_rows: Ints
    base: Ints

    def cuts_of(self, feature: int) -> int:
        return int(self.cuts.start[feature + 1] - self.cuts.start[feature])


def joined(groves: Sequence[Grove]) -> Nodes:
    """Trees in the order of their outputs; trees of one leaf go into the base."""
    node_at = leaf_at = out_at = 0
    parts: list[dict[str, npt.NDArray[np.generic]]] = []
    sets: list[tuple[Ranges, ...]] = []
    for g in groves:
        order = np.argsort(g.output, kind="stable")
        roots = g.roots[order].astype(np.int64)
        parts.append(
            {
                "feature": g.feature.astype(np.int64), "threshold": g.threshold, "nan_left": g.nan_left,
                "ranges_at": np.where(g.ranges_at < 0, -1, g.ranges_at + sum(len(s) for s in sets)).astype(np.int64),
                "left": np.where(g.left < 0, g.left - leaf_at, g.left + node_at).astype(np.int32),
                "right": np.where(g.right < 0, g.right - leaf_at, g.right + node_at).astype(np.int32),
                "roots": np.where(roots < 0, roots - leaf_at, roots + node_at).astype(np.int32),
                "output": (g.output[order] + out_at).astype(np.int32), "leaf": g.leaf_nano, "leaf_rows": g.leaf_rows,
                "base": g.base_nano,
            }
        )  # fmt: skip
        sets.append(g.sets)
        node_at, leaf_at, out_at = node_at + len(g.feature), leaf_at + len(g.leaf_nano), out_at + g.outputs
    whole = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    if node_at + leaf_at >= 2**31:
        raise CannotPack("more than 2,147,483,647 splits and leaves; pack fewer models together", field="models")
    assert float(np.abs(whole["leaf"].astype(np.float64)).max(initial=0)) < TOTAL_MAX
    return _ranked(whole, [ranges for s in sets for ranges in s])


def _ranked(whole: dict[str, npt.NDArray[np.generic]], sets: list[Ranges]) -> Nodes:
    """Cut points of every column, each once, and every split as a rank among them."""
    threshold, at = whole["threshold"].astype(np.float32), whole["ranges_at"].astype(np.int64)
    used, feature = np.unique(whole["feature"].astype(np.int64), return_inverse=True)
    plain = at < 0
    choices = sorted({(int(f), int(s)) for f, s in zip(feature[~plain], at[~plain], strict=True)})
    edges = [_edges(sets[s]) for _, s in choices]
    owner = np.concatenate([feature[plain], *(np.full(len(e), f) for (f, _), e in zip(choices, edges, strict=True))])
    value = np.concatenate([threshold[plain], *edges]) + np.float32(0)  # -0 and 0 are one cut
    order = np.lexsort((value, owner))
    new = np.ones(len(value), np.bool_)
    new[1:] = (np.diff(owner[order]) != 0) | (value[order][1:] != value[order][:-1])
    place = np.empty(len(value), np.int64)
    place[order] = np.cumsum(new) - 1
    owner, value = owner[order][new], value[order][new]
    start = np.searchsorted(owner, np.arange(len(used) + 1)).astype(np.int64)
    cuts = Cuts(used.astype(np.int32), start, value)
    rank = np.zeros(len(feature), np.int64)
    rank[plain] = place[: plain.sum()] - start[feature[plain]]

    nan_left = whole["nan_left"].astype(np.bool_)
    choice, known = np.full(len(feature), -1, np.int64), {}
    tables: list[npt.NDArray[np.uint8]] = []
    for node in np.flatnonzero(~plain):
        f = int(feature[node])
        table = _table(value[start[f] : start[f + 1]], sets[int(at[node])], bool(nan_left[node]))
        key = (f, table.tobytes())
        if key not in known:
            known[key] = len(tables)
            tables.append(table)
        choice[node] = known[key]
    return Nodes(
        cuts, feature, rank, nan_left, choice, tuple(tables), whole["left"].astype(np.int32),
        whole["right"].astype(np.int32), whole["roots"].astype(np.int32), whole["output"].astype(np.int32),
        whole["leaf"].astype(np.int64), whole["leaf_rows"].astype(np.int64), whole["base"].astype(np.int64),
    )  # fmt: skip


def _edges(ranges: Ranges) -> npt.NDArray[np.float32]:
    """The cut points that tell these ranges from what lies around them."""
    lows = [below(np.float32(a)) for a, _ in ranges if a > -np.inf]
    return np.array(lows + [b for _, b in ranges if b < np.inf], np.float32)


def _table(cuts: npt.NDArray[np.float32], ranges: Ranges, nan_left: bool) -> npt.NDArray[np.uint8]:
    """A byte for every rank and one for NaN: 1 where the value goes right."""
    table = np.ones(len(cuts) + 2, np.uint8)
    for a, b in ranges:
        low = int(np.searchsorted(cuts, below(np.float32(a)))) + 1 if a > -np.inf else 0
        high = int(np.searchsorted(cuts, np.float32(b))) if b < np.inf else len(cuts)
        table[low : high + 1] = 0
    table[-1] = 0 if nan_left else 1
    return table
