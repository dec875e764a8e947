"""Columns told from a subject's events once more, after the kernel, in one pass over each table.

* New and returning counterparties, exactly: `payment.received/30d/distinct_payers.new.90d` counts the payers of the last 30 days
  who had not paid in the 60 days before; `.new.ever` those who never had.
* The latest days against the same weekdays: `payment.received/1d/amount_sum.same_weekdays.56d` is the change against the mean of the
  same span of the 8 weeks before.

Both by what had arrived and not been corrected by then, like every other number.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from dandelion.core.frame import Floats, Ints
from dandelion.indicators import retold_kernel as k
from dandelion.indicators.block import Block
from dandelion.indicators.compute import places_of, spans_of
from dandelion.indicators.declare import Base, Derive, window_us
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.layout import AT, Layout
from dandelion.indicators.needs import where_of
from dandelion.indicators.plan import Key
from dandelion.indicators.rows import Rows

NEW = {"new": 0, "returning": k.RETURNING, "new_share": k.SHARE, "returning_share": k.RETURNING | k.SHARE}
WEEKDAYS = "same_weekdays"
OPS = (*NEW, WEEKDAYS)
_NOWHERE = (0, 0, 0)  # of a table without a block


class Retold(NamedTuple):
    """`seen` is the column of the window; `longer` how far back is looked, in microseconds."""

    name: str
    op: str
    seen: Base
    longer: int


class Job(NamedTuple):
    """What one pass over a table tells: of one party, or with the sums of one measure (`line` is the field)."""

    key: Key
    what: int
    line: str | None
    columns: tuple[Retold, ...]


@dataclass(frozen=True)
class Retelling:
    """The events of the columns `inner` must be in the blocks."""

    jobs: tuple[Job, ...]
    inner: tuple[str, ...]
    _plans: list[tuple[list[Layout | None], _Plan]] = field(default_factory=list, compare=False, repr=False)  # the last

    @classmethod
    def of(cls, definitions: Definitions, names: Iterable[str]) -> Retelling:
        """`names` are such columns."""
        made: dict[tuple[Key, int, str | None], list[Retold]] = {}
        inner: dict[str, None] = {}
        for name in names:
            definition = definitions.definition(name)
            assert isinstance(definition, Derive) and definition.op in OPS, "only such columns come here"
            seen, furthest = definitions.definition(definition.of[0]), definitions.definition(definition.of[-1])
            assert isinstance(seen, Base) and isinstance(furthest, Base), "told of a column straight from events"
            key, what = (seen.stream.kind, seen.stream.role), k.NEW if definition.op in NEW else k.WEEKDAYS
            line = seen.stream.counterparty if what == k.NEW else _measure(seen)
            longer = window_us(furthest.window) if what == k.NEW else (len(definition.of) - 1) // 2 * k.WEEK_US
            made.setdefault((key, what, line), []).append(Retold(name, definition.op, seen, longer))
            inner |= dict.fromkeys((definition.of[0], definition.of[-1]))
        for key, what, line in [group for group in made if group[2] is None]:  # counts go where sums are taken anyway
            if other := next((one for one in made if one[:2] == (key, what) and one[2] is not None), None):
                made[other] += made.pop((key, what, line))
        return cls(tuple(Job(*group, tuple(columns)) for group, columns in made.items()), tuple(inner))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """In the order that they are told in."""
        return tuple(column.name for job in self.jobs for column in job.columns)

    def tell(self, blocks: Mapping[Key, Block], rows: Rows, alone: bool, out: Floats) -> None:
        """Fill `out` (rows, columns), in the order of `names`; where the one row is `alone`, the blocks hold its subject and
        nobody else."""
        keys = self._keys
        held = [blocks.get(key) for key in keys]
        plan = self._plan(keys, [None if block is None else block.layout for block in held])
        extents = np.array([_NOWHERE if block is None else block.extent for block in held], np.int64)
        if alone:
            low, high = self._low, extents[:, 2:].copy()
        else:
            low, high = np.zeros((2, len(keys), len(rows)), np.int64)
            for table, block in enumerate(held):
                if block is not None and len(block):
                    low[table], high[table] = spans_of(block, places_of({keys[table]: block}, rows.names)[keys[table]])
        parties = np.array([0 if party < 0 or (block := held[table]) is None else block.most_parties[party]
                            for table, party in plan.parties], np.int64)  # fmt: skip
        k.retold_rows(extents, low, high, rows.as_of, rows.known_at, parties, *plan.arrays, out)

    @cached_property
    def _low(self) -> Ints:
        """Of one subject's blocks, every table's events begin at its first."""
        return np.zeros((len(self._keys), 1), np.int64)

    @cached_property
    def _keys(self) -> tuple[Key, ...]:
        return tuple(dict.fromkeys(job.key for job in self.jobs))

    def _plan(self, keys: Sequence[Key], held: list[Layout | None]) -> _Plan:
        if self._plans:
            known, plan = self._plans[0]
            if known == held or all(one is other or other is None for one, other in zip(known, held, strict=True)):
                return plan
        plan = _planned(self.jobs, keys, held)
        self._plans[:] = [(held, plan)]
        return plan


def _measure(base: Base) -> str | None:
    return None if base.measure is None else base.stream.measure(base.measure).field


class _Plan(NamedTuple):
    parties: tuple[tuple[int, int], ...]  # (table, which party of its layout) of each job
    arrays: tuple[Ints, ...]  # as `retold_rows` takes them, from `jobs` on


def _planned(jobs: Sequence[Job], keys: Sequence[Key], held: Sequence[Layout | None]) -> _Plan:
    made, windows, told, parties = [], list[int](), list[tuple[int, int, int, int]](), list[tuple[int, int]]()
    cells = _Cells()
    for job in jobs:
        table = keys.index(job.key)
        layout = held[table]
        numbers = {filters: n for n, filters in enumerate(dict.fromkeys(column.seen.filters for column in job.columns))}
        new = job.what == k.NEW
        lengths = {window_us(column.seen.window) for column in job.columns}
        lengths |= {column.longer for column in job.columns} if new else set()
        own = sorted(lengths)
        first_told, first_kind = len(told), len(cells.kinds)
        for column in job.columns:
            at, cell = own.index(window_us(column.seen.window)), numbers[column.seen.filters]
            if new:
                told.append((cell, at, own.index(column.longer), NEW[column.op]))
            else:
                told.append((cell, at, column.longer // k.WEEK_US, k.SUM if column.seen.measure else k.COUNT))
        if layout is not None:
            cells.add(layout, [column.seen for column in {c.seen.filters: c for c in job.columns}.values()])
        party = layout.parties.index(str(job.line)) if new and layout is not None else -1
        line = AT if layout is None or job.line is None else (
            layout.party_line(job.line) if new else layout.measure_line(job.line))  # fmt: skip
        made.append([table, job.what, line, len(windows), len(windows) + len(own), first_kind, len(cells.kinds), len(numbers),
                     first_told, len(told)])  # fmt: skip
        windows += own
        parties.append((table, party))
    arrays = (np.array(made, np.int64).reshape(-1, k.JOB_FIELDS), np.array(windows, np.int64), *cells.arrays(),
              np.array(told, np.int64).reshape(-1, 4))  # fmt: skip
    return _Plan(tuple(parties), arrays)


class _Cells:
    """Kinds of cells (those that fix the same splits), their dimensions, and for every code of a kind the cells that have it."""

    def __init__(self) -> None:
        self.kinds: list[list[int]] = []
        self._dims: list[list[int]] = []
        self._of_code: list[list[int]] = []

    def add(self, layout: Layout, some: Iterable[Base]) -> None:
        """Cells of one job, numbered in this order."""
        alike: dict[tuple[int, ...], list[tuple[int, tuple[int, ...]]]] = {}
        for number, base in enumerate(some):
            where = where_of(base, layout)
            alike.setdefault(tuple(split for split, _ in where), []).append(
                (number, tuple(level for _, level in where))
            )
        for used, cells in alike.items():
            splits = [layout.splits[place] for place in used]
            first, stride = len(self._dims), 1
            for split in splits:
                self._dims.append([layout.word_line(split), split.shift, (1 << split.bits) - 1, stride])
                stride *= len(split.sets)
            self.kinds.append([first, len(self._dims), len(self._of_code)])
            for turned in itertools.product(*(split.sets for split in reversed(splits))):
                codes = turned[::-1]  # the first split's code changes fastest
                self._of_code.append(
                    [n for n, levels in cells if all(at in held for at, held in zip(levels, codes, strict=True))]
                )

    def arrays(self) -> tuple[Ints, Ints, Ints, Ints]:
        """(kinds, dims, ends, cells)."""
        ends = np.cumsum([0, *map(len, self._of_code)]).astype(np.int64)
        cells = np.array([number for some in self._of_code for number in some], np.int64)
        return np.array(self.kinds, np.int64).reshape(-1, 3), np.array(self._dims, np.int64).reshape(-1, 4), ends, cells
