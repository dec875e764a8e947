"""A set of strategies compiled once, run over one row or over many; equal to the plain evaluators, bit for bit.

>>> from dandelion.policy.grammar import Names, parse
>>> engine = Engine.of([parse("payers >= 10 and share < 0.5", Names(columns={"payers", "share"}))])
>>> engine.columns, engine.one(np.array([12.0, np.nan], np.float32)).tolist()
(('payers', 'share'), [2])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.core.frame import Floats, Ints
from dandelion.policy.circuit import Circuit, compile_conditions
from dandelion.policy.expression import Truth
from dandelion.policy.kernel import TILE, fire_one, fire_tiles
from dandelion.policy.lanes import ROW_LANES
from dandelion.policy.product import Bools

Words = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.uint8]
TRUE, UNKNOWN, FALSE = 3, 2, 0  # what `one` says of a strategy


@dataclass(frozen=True, slots=True)
class Fired:
    """Bits of n rows: ``words[strategy, row // 64] >> row % 64 & 1``; bits beyond the last row are zero."""

    rows: int
    words: Words

    def mask(self) -> Bools:
        """(strategies, rows)"""
        bits = np.unpackbits(self.words.view(np.uint8), axis=1, bitorder="little", count=self.rows)
        return bits.view(np.bool_)

    def hits(self) -> Ints:
        """(strategies,) in how many rows each fired."""
        return np.bitwise_count(self.words).sum(axis=1, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """`columns` are the names a row is given by: aliases, then flag keys (1 yes, 0 no, missing for unknown)."""

    circuit: Circuit
    sizes: Ints  # the circuit once more, laid out for one row: see `kernel.fire_one`
    wires: npt.NDArray[np.uint32]
    plan: Ints
    numbers: Floats

    @classmethod
    def of(cls, conditions: Sequence[Truth]) -> Engine:
        c = compile_conditions(conditions)
        groups = np.stack([c.gate_or.astype(np.int64), c.gate_arity, c.gate_count], axis=1)
        helpers = np.stack([c.step, c.first, c.second], axis=1)
        return cls(
            circuit=c,
            sizes=np.array([c.literals, *c.kinds, c.nodes, len(groups), c.helpers, len(c.roots)], np.int64),
            wires=np.concatenate([c.literal_at, c.gate_inputs, c.roots]),
            plan=np.concatenate([groups, helpers]).ravel(),
            numbers=np.concatenate([c.threshold, np.zeros(ROW_LANES, np.float32), c.pool]),
        )

    @property
    def columns(self) -> tuple[str, ...]:
        return self.circuit.columns

    def row(self, numbers: Mapping[str, float], flags: Mapping[str, bool | None]) -> Floats:
        """(columns,) one row from values by alias and flags by key."""
        out = [numbers[name] if name in numbers else flags[name] for name in self.circuit.columns]
        return np.array(out, np.float32)  # None becomes missing

    def one(self, row: Floats) -> Codes:
        """(strategies,) TRUE, UNKNOWN or FALSE for one row of (columns,) float32."""
        if row.shape != (len(self.columns),) or row.dtype != np.float32:
            raise BadInput(f"a row must be {len(self.columns)} float32, not {row.shape} {row.dtype}", field="row")
        # side by side in memory, whoever asks: for other rows the kernel would be compiled again, while somebody waits
        return fire_one(np.ascontiguousarray(row), self.sizes, self.wires, self.plan, self.numbers)

    def fired(self, values: Floats, names: Sequence[str] | None = None, *, threads: int = 1) -> Fired:
        """Where each strategy is true in each row of `values` (rows, k) float32, whose columns are `names`.

        A column of the engine that `names` lacks is missing in every row; without `names` the columns are the engine's.
        Values that lie column by column in memory (Fortran order) are read as they lie.
        """
        return self._tiles(values, names, threads, perhaps=False)

    def not_false(self, values: Floats, names: Sequence[str] | None = None, *, threads: int = 1) -> Fired:
        """Where each strategy is true or unknown."""
        return self._tiles(values, names, threads, perhaps=True)

    def _tiles(self, values: Floats, names: Sequence[str] | None, threads: int, *, perhaps: bool) -> Fired:
        c = self.circuit
        if values.ndim != 2 or values.dtype != np.float32:
            raise BadInput(f"values must be (rows, columns) float32, not {values.shape} {values.dtype}", field="values")
        given = c.columns if names is None else tuple(names)
        if values.shape[1] != len(given):
            raise BadInput(f"values has {values.shape[1]} columns, but {len(given)} names", field="values")
        rows = len(values)
        columnar = bool(values.flags.f_contiguous and not values.flags.c_contiguous)
        values = values.T if columnar else np.ascontiguousarray(values)
        source = self._source(given)
        asked = c.bounds[: len(c.columns)]
        asked = np.flatnonzero(asked[:, 6] > asked[:, 0])
        order = asked[np.argsort(source[asked], kind="stable")]
        out = np.zeros((len(c.roots), -(-rows // 64)), np.uint64)

        def work(begin: int, end: int) -> None:
            fire_tiles(
                values, columnar, source, order, begin, end, perhaps, c.literals, c.nodes, c.listed, c.limit, c.bounds,
                c.step, c.first, c.second, c.pool, c.gate_or, c.gate_arity, c.gate_count, c.gate_inputs, c.roots, out,
            )  # fmt: skip

        share = max(-(-rows // (TILE * max(threads, 1))), 1) * TILE
        parts = [(begin, min(begin + share, rows)) for begin in range(0, rows, share)]
        if len(parts) < 2:
            for begin, end in parts:
                work(begin, end)
        else:
            with ThreadPoolExecutor(len(parts)) as pool:
                list(pool.map(lambda part: work(*part), parts))
        return Fired(rows, out)

    def _source(self, given: Sequence[str]) -> Ints:
        at = {name: j for j, name in enumerate(given)}
        return np.array([at.get(name, -1) for name in self.circuit.columns], np.int64)
