"""`Forest`: many models' trees packed into one set of arrays, scored in whole billionths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.models.forest import kernel, layout
from dandelion.models.forest.grove import Grove, Ints
from dandelion.models.forest.nodes import joined
from dandelion.models.forest.plans import Cuts, RowPlan, TilePlan, WalkPlan

FEW = 14  # rows up to which reading only what they meet is quicker than a tile


class HasGrove(Protocol):
    """Anything that can be read as trees: a `Grove`, or the packed `Trees` of our own models."""

    def grove(self) -> Grove: ...


@dataclass(frozen=True)
class Forest:
    """Immutable and safe to share between threads; the kernels hold no lock on the interpreter.

    `columns`: width of the tables it scores.  `slices[m]`: the outputs of model m.
    """

    columns: int
    slices: tuple[slice, ...]
    trees: int
    leaves: int
    base_nano: Ints
    _cuts: Cuts = field(repr=False)
    _tile: TilePlan = field(repr=False)
    _row: RowPlan = field(repr=False)
    _walk: WalkPlan = field(repr=False)

    @classmethod
    def pack(cls, models: Sequence[HasGrove], columns: int | None = None) -> Forest:
        """Pack models that read the same table of `columns` columns (by default the widest model's).

        Raises BadInput for no models or a model wider than the table; CannotPack as the readers do.
        """
        groves = [model.grove() for model in models]
        if not groves:
            raise BadInput("a forest needs at least one model", field="models")
        width = max(g.columns for g in groves) if columns is None else columns
        wide = [m for m, g in enumerate(groves) if g.columns > width]
        if wide:
            raise BadInput(
                f"model {wide[0]} reads {groves[wide[0]].columns} columns, but the table has {width}", field="columns"
            )
        nodes = joined(groves)
        leaves = layout.leaves_of(nodes)
        base = nodes.base.copy()
        single = nodes.roots < 0
        np.add.at(base, nodes.output[single], nodes.leaf[~nodes.roots[single].astype(np.int64)])
        small = np.flatnonzero(~single & (leaves <= kernel.LEAVES_MAX))
        large = np.flatnonzero(leaves > kernel.LEAVES_MAX)
        ends = np.cumsum([g.outputs for g in groves]).tolist()
        slices = tuple(slice(end - g.outputs, end) for g, end in zip(groves, ends, strict=True))
        return cls(
            width, slices, len(nodes.roots), int(leaves.sum()), base, nodes.cuts, layout.tile_plan(nodes, small),
            layout.row_plan(nodes, small), layout.walk_plan(nodes, large),
        )  # fmt: skip

    @property
    def outputs(self) -> int:
        return len(self.base_nano)

    @property
    def bytes_held(self) -> int:
        """Memory of the packed arrays."""
        plans = (self._cuts, self._tile, self._row, self._walk)
        return sum(part.nbytes for plan in plans for part in plan)

    def nano(self, values: npt.NDArray[np.float32]) -> Ints:
        """Raw scores in billionths, int64 (n, outputs), of float32 values (n, columns).

        The same bytes for a row alone, in any batch, and on any processor.
        """
        if values.ndim != 2 or values.shape[1] != self.columns or values.dtype != np.float32:
            raise BadInput(
                f"values are {values.dtype} of shape {values.shape}; give float32 rows of {self.columns} columns",
                field="values",
            )
        values = np.ascontiguousarray(values)
        out = np.tile(self.base_nano, (len(values), 1))
        if len(values) <= FEW:
            kernel.few_rows(values, self._cuts, self._row, self._walk, out)
        else:
            kernel.many_rows(values, self._cuts, self._tile, self._walk, out)
        return out

    def raw(self, values: npt.NDArray[np.float32]) -> Ints:
        """Raw scores in millionths, int64 (n, outputs): rounded once, as our own models do."""
        return (self.nano(values) + 500) // 1000
