"""Neighbour-aggregated columns: what the accounts around a subject look like, for boosted trees.

One column per base column and side: the mean over the payers, the mean over those whom the subject pays, and the largest
over both.  Each needs five neighbours whose value is known; nobody is ever a column of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput, Column, Frame, canonical, content_hash
from dandelion.core.frame import Ints
from dandelion.graph.edges import Ties
from dandelion.graph.rules import PEOPLE_MIN

if TYPE_CHECKING:
    from dandelion.graph.flowgraph import FlowGraph

Doubles = npt.NDArray[np.float64]
VERSION = 1
BLOCK = 100_000  # accounts looked at at a time
PAID_IT, PAID_BY_IT = 2, 1  # bits of `Ties.paid`: the neighbour paid the row's account, the row's account paid it
SIDES = {
    "payers.mean": (PAID_IT, "mean over payers", "付款人的平均值"),
    "payees.mean": (PAID_BY_IT, "mean over those paid", "收款方的平均值"),
    "all.max": (PAID_IT | PAID_BY_IT, "largest around", "往来账户中的最大值"),
}
BASE = (
    "graph.ego/{w}d/degree", "graph.ego/{w}d/clustering", "graph.payers/{w}d/count", "graph.payers/{w}d/repeat_share",
    "graph.payers/{w}d/ties_without_shops", "graph.payers/{w}d/evenness", "graph.payers/{w}d/returned_share",
    "graph.payers/{w}d/day_spread", "graph.dandelion/{w}d/score", "graph.circular/{w}d/share", "graph.ring/score",
)  # fmt: skip


def base_columns(window_days: int) -> tuple[str, ...]:
    """What of the neighbours is looked at."""
    return tuple(name.format(w=window_days) for name in BASE)


def neighbour_columns(graph: FlowGraph, subjects: Sequence[str], base: Sequence[str] | None = None) -> Frame:
    """Rows of the subjects as of the snapshot's boundary; missing for strangers and below five known neighbours.

    Errors (BadInput): a base column that the snapshot does not have.
    """
    longest = max(
        (int(part[:-1]) for name in graph.frame.names for part in name.split("/") if part[:-1].isdigit()), default=0
    )
    base = base_columns(longest) if base is None else tuple(base)
    unknown = [name for name in base if name not in graph.frame.names]
    if unknown:
        raise BadInput(f"the graph has no column {unknown[0]!r}", field=unknown[0])
    moments = np.full(len(subjects), graph.as_of, np.int64)
    columns = around(graph.frame, graph.ties, graph.rows(subjects), base)
    return Frame.of(list(subjects), moments, moments, columns, neighbour_entries(base, graph.frame.catalogue))


def neighbour_entries(base: Sequence[str], catalogue: Mapping[str, Column]) -> dict[str, Column]:
    """Catalogue entries of the columns made of `base`, in their order."""
    said = {_named(side, name): (catalogue[name], en, zh) for side, (_, en, zh) in SIDES.items() for name in base}
    return {column: _entry(column, *parts) for column, parts in said.items()}


def around(frame: Frame, ties: Ties, row: Ints, base: Sequence[str]) -> dict[str, Doubles]:
    """Columns of the accounts in these rows of a snapshot (-1: a stranger), a block at a time so that memory stays bounded."""
    values = frame.select(list(base)).values.astype(np.float64)
    columns = {_named(side, name): np.full(len(row), np.nan) for side in SIDES for name in base}
    for start in range(0, len(row), BLOCK):
        some = row[start : start + BLOCK]
        of, at = _spread(ties.offsets, some)
        for side, (bits, _, _) in SIDES.items():
            kept = (ties.paid[at] & bits) != 0
            owner, near = of[kept], ties.neighbours[at[kept]]
            for j, name in enumerate(base):
                folded = _folded(owner, values[near, j], len(some), side.endswith("max"))
                columns[_named(side, name)][start : start + BLOCK] = folded
    return columns


def _named(side: str, base: str) -> str:
    return f"graph.near/{side}/{base.removeprefix('graph.')}"


def _spread(offsets: Ints, row: Ints) -> tuple[Ints, Ints]:
    """(subject's number, place in the tie arrays) of every neighbour of every subject."""
    known = row >= 0
    size = (
        np.where(known, offsets[np.maximum(row, 0) + 1] - offsets[np.maximum(row, 0)], 0)
        if len(offsets) > 1
        else row * 0
    )
    of = np.repeat(np.arange(len(row)), size)
    first = np.repeat(np.cumsum(size) - size, size)
    start = np.where(known, offsets[np.maximum(row, 0)], 0) if len(offsets) > 1 else row * 0
    return of, np.repeat(start, size) + np.arange(len(of)) - first


def _folded(owner: Ints, value: Doubles, rows: int, largest: bool) -> Doubles:
    """Mean or largest of the known values of each owner, NaN below five."""
    fine = np.isfinite(value)
    owner, value = owner[fine], value[fine]
    count = np.bincount(owner, minlength=rows)
    if largest:
        out = np.full(rows, -np.inf)
        np.maximum.at(out, owner, value)
    else:
        out = np.bincount(owner, value, rows) / np.maximum(count, 1)
    return np.where(count >= PEOPLE_MIN, out, np.nan)


def _entry(name: str, base: Column, en: str, zh: str) -> Column:
    digest = content_hash(canonical({"room": "graph", "near": VERSION, "id": name, "base": base.definition_hash}))
    return Column(name, base.unit, base.range, f"fewer_than_{PEOPLE_MIN}_neighbours", "graph", base.purpose, digest,
                  f"{base.zh}（{zh}）", f"{base.en} ({en})", base.data_kinds)  # fmt: skip
