"""The ids that wide declarations stand for, without making any of them before somebody asks.

A part is kept as (cells, leaves): an id is the stream's name, a cell, and a leaf.  Which leaves a cell has is one whole
number with a bit for each, so that overlaps of parts count once and the number of ids is a count of bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dandelion.indicators.cube import Cube, Filters
from dandelion.indicators.declare import Stream
from dandelion.indicators.each import Each

Wide = Cube | Each


@dataclass
class Grid:
    """One stream: its leaves in order of declaration, and the bits of each cell."""

    stream: Stream
    leaves: dict[str, int] = field(default_factory=dict)  # leaf -> its bit
    cells: dict[Filters, int] = field(default_factory=dict)

    def add(self, cube: Cube, leaves: Sequence[str], least: int) -> None:
        """The cells of `cube` with at least `least` levels fixed have these leaves."""
        bits = 0
        for leaf in leaves:
            bits |= 1 << self.leaves.setdefault(leaf, len(self.leaves))
        known = self.cells
        for cell in cube.cells():
            if len(cell) >= least:
                known[cell] = known.get(cell, 0) | bits

    def __len__(self) -> int:
        return sum(bits.bit_count() for bits in self.cells.values())

    def ids(self) -> Iterator[str]:
        sets: dict[int, list[str]] = {}  # many cells have the same leaves
        for cell, bits in self.cells.items():
            if bits not in sets:
                sets[bits] = [leaf for leaf, bit in self.leaves.items() if bits >> bit & 1]
            head = "/".join([self.stream.name, *(f"{name}={level}" for name, level in cell), ""])
            for leaf in sets[bits]:
                yield head + leaf

    def holds(self, cell: Filters, leaf: str) -> bool:
        bit = self.leaves.get(leaf)
        return bit is not None and bool(self.cells.get(cell, 0) >> bit & 1)


@dataclass(frozen=True)
class Expansion:
    """All that the wide declarations of a set stand for."""

    parts: tuple[Wide, ...] = ()

    @cached_property
    def grids(self) -> dict[str, Grid]:
        """Stream name -> grid."""
        out: dict[str, Grid] = {}
        for part in self.parts:
            for cube, leaves in pieces(part):
                grid = out.setdefault(cube.stream.name, Grid(cube.stream))
                grid.add(cube, leaves, part.least_filters if isinstance(part, Each) else 0)
        return out

    @cached_property
    def size(self) -> int:
        return sum(len(grid) for grid in self.grids.values())

    def ids(self, streams: Sequence[str] = ()) -> Iterator[str]:
        for name, grid in self.grids.items():
            if not streams or name in streams:
                yield from grid.ids()

    def holds(self, name: str) -> bool:
        stream, *parts = name.split("/")
        grid = self.grids.get(stream) if len(parts) >= 2 else None
        if grid is None:
            return False
        pairs = [part.partition("=") for part in parts[:-2]]
        return grid.holds(tuple((dimension, level) for dimension, _, level in pairs), "/".join(parts[-2:]))

    def samples(self) -> Iterator[str]:
        """One id for every leaf of every part: together they reach every stream and window that any id reaches."""
        for cube, leaves in self._pieces():
            cell = "".join(f"/{name}={level}" for name, level in cube.deepest_cell)
            for leaf in leaves:
                yield f"{cube.stream.name}{cell}/{leaf}"

    def dimensions(self) -> Iterator[tuple[Stream, str]]:
        """Every dimension that some cell fixes."""
        for cube, _ in self._pieces():
            for name in (*cube.by, *(name for name, _ in cube.only)):
                yield cube.stream, name

    def _pieces(self) -> Iterator[tuple[Cube, Sequence[str]]]:
        for part in self.parts:
            yield from pieces(part)


def pieces(part: Wide) -> Iterator[tuple[Cube, Sequence[str]]]:
    """(cube, leaves of its cells) of a declaration."""
    if isinstance(part, Each):
        yield from ((cube, part.leaves_of(cube)) for cube in part.cubes)
    else:
        yield part, [f"{window}/{ending}" for window in part.windows for ending in part.endings]
