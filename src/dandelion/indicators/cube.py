"""`Cube`: stream x cells x windows x aggregates, many columns in one line.

>>> from dandelion.indicators.declare import Measure, Stream
>>> paid = Stream("payment.received", "payment", "payee", "收到的付款", "payments received", counterparty="payer",
...               measures=(Measure("amount", "amount_fen", "fen", "金额", "amount"),))
>>> [base.id for base in Cube(paid, windows=("30d",), aggregates=("count", "sum", "distinct")).bases()]
['payment.received/30d/count', 'payment.received/30d/amount_sum', 'payment.received/30d/distinct_payers']
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from dandelion.core import BadInput
from dandelion.indicators.declare import COLUMNS_MAX, ID_MAX, Base, Stream, ending, measures_for
from dandelion.indicators.wording import pairs, several

Filters = tuple[tuple[str, str], ...]  # (dimension, level), in the stream's order of dimensions


@dataclass(frozen=True)
class Cube:
    """`by` names dimensions: every combination of their levels is one cell; ``by=()`` is the cell of all events.  With
    `up_to` every combination of that many of them or fewer, so ``up_to=len(by)`` is SQL's GROUP BY CUBE.  `only` fixes
    levels first, e.g. ``only=(("status", "valid"),)``.  `measures` default to the stream's first.

    Nothing is expanded until somebody asks, whatever the size.
    """

    stream: Stream
    windows: tuple[str, ...]
    aggregates: tuple[str, ...]
    measures: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    only: Filters = ()
    money: bool = False  # deliver exact fen beside the float32 for money columns
    up_to: int | None = None

    def __post_init__(self) -> None:
        for what in ("windows", "aggregates", "measures", "by"):
            several(what, getattr(self, what))
        pairs("only", self.only)
        if not self.windows or not self.aggregates:
            raise self._bad("needs at least one window and one aggregate; name them", "windows")
        fixed = [name for name, _ in self.only]
        for name, level in self.only:
            self.stream.dimension(name).level(level)
        for name in self.by:
            self.stream.dimension(name)
        if len({*fixed, *self.by}) < len(fixed) + len(self.by):
            raise self._bad("names a dimension twice in `by` and `only`; name it once", "by")
        if self.up_to is not None and not 0 <= self.up_to <= len(self.by):
            raise self._bad(
                f"has up_to={self.up_to}; give 0 to {len(self.by)}, the number of dimensions in `by`", "up_to"
            )
        if len(self) > COLUMNS_MAX:
            raise self._bad(f"expands to {len(self):,} columns, above {COLUMNS_MAX:,}; "
                            "name fewer dimensions or windows", "by")  # fmt: skip
        for what, given in (("windows", self.windows), ("aggregates", self.aggregates), ("measures", self.measures)):
            if len(set(given)) < len(given):
                raise self._bad(f"names one of its {what} twice; name it once", what)
        for window in self.windows:
            Base(self.stream, (), window, "count")
        for aggregate, measure in self._aggregates():
            Base(self.stream, (), self.windows[0], aggregate, measure)
        tail = max(map(len, self.windows)) + max(map(len, self.endings))
        if (longest := len(self.stream.name) + self.longest_cell + tail + 2) > ID_MAX:
            raise self._bad(f"has ids of {longest} characters, above {ID_MAX}; use shorter names", "by")

    def __len__(self) -> int:
        """Number of columns, by arithmetic."""
        return self.cell_count * len(self.windows) * len(self._aggregates())

    def __bool__(self) -> bool:
        return True

    @cached_property
    def cell_count(self) -> int:
        return self.cells_from(0)

    def cells_from(self, least: int) -> int:
        """Number of cells with at least `least` levels fixed, those of `only` included."""
        sizes = [len(self.stream.dimension(name).levels) for name in self.by]
        fixed = len(self.only)
        if self.up_to is None:
            return math.prod(sizes) if fixed + len(sizes) >= least else 0
        ways = [1, *[0] * len(sizes)]  # ways[k]: cells with k levels of `by` fixed
        for size in sizes:
            for k in range(len(sizes), 0, -1):
                ways[k] += ways[k - 1] * size
        return sum(ways[max(0, least - fixed) : self.up_to + 1])

    @cached_property
    def endings(self) -> tuple[str, ...]:
        """Last parts of the ids, e.g. ("count", "amount_sum")."""
        return tuple(ending(self.stream, aggregate, measure) for aggregate, measure in self._aggregates())

    @cached_property
    def deepest_cell(self) -> Filters:
        """One of the cells with the most levels fixed."""
        names = self.by if self.up_to is None else self.by[: self.up_to]
        chosen = [(name, self.stream.dimension(name).levels[0].value) for name in names]
        return self._ordered((*self.only, *chosen))

    @cached_property
    def longest_cell(self) -> int:
        """Characters of the longest cell an id may have, slashes included."""
        parts = [f"/{name}={level}" for name, level in self.only]
        for name in self.by:
            parts.append(f"/{name}={max((lv.value for lv in self.stream.dimension(name).levels), key=len)}")
        return sum(map(len, parts))

    def cells(self) -> Iterator[Filters]:
        """The cells, those with fewer levels fixed first."""
        depths = [len(self.by)] if self.up_to is None else range(self.up_to + 1)
        for depth in depths:
            for names in itertools.combinations(self.by, depth):
                levels = [[(name, level.value) for level in self.stream.dimension(name).levels] for name in names]
                for chosen in itertools.product(*levels):
                    yield self._ordered((*self.only, *chosen))

    def bases(self) -> Iterator[Base]:
        """The columns, in order: cells, then windows, then aggregates."""
        for cell in self.cells():
            for window in self.windows:
                for aggregate, measure in self._aggregates():
                    yield Base(self.stream, cell, window, aggregate, measure)

    def _aggregates(self) -> list[tuple[str, str | None]]:
        first = tuple(m.name for m in self.stream.measures[:1]) or ("",)
        found: list[tuple[str, str | None]] = []
        for aggregate in self.aggregates:
            takes = measures_for(self.stream, aggregate, self.measures or first) or (None,)
            found += [(aggregate, measure) for measure in takes]
        return found

    def _ordered(self, filters: Filters) -> Filters:
        return tuple(sorted(filters, key=lambda pair: self._places[pair[0]]))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {dimension.name: place for place, dimension in enumerate(self.stream.dimensions)}

    def _bad(self, what: str, field: str) -> BadInput:
        return BadInput(f"a cube over {self.stream.name!r} {what}", field=field)
