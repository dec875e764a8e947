"""Where each column stands among the values: what follows each other in the state follows each other here."""

from __future__ import annotations

import bisect
import functools
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import DAY_US, BadInput
from dandelion.core.frame import Ints
from dandelion.indicators import finishing as f
from dandelion.indicators.declare import Base, window_us
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.kernel import VIEW_BITS
from dandelion.indicators.plan import Plan

_Made = tuple[str, list[int], list[int]]  # a derived column, the lines of its operands, their days
_OPS = {"ratio": f.RATIO, "share": f.SHARE, "difference": f.DIFFERENCE, "trend": f.TREND, "volatility": f.VOLATILITY,
        "own_past": f.OWN_PAST}  # fmt: skip


def table(rows: list[list[int]], width: int) -> Ints:
    return np.array(rows, np.int64).reshape(len(rows), width)


@dataclass(frozen=True, slots=True)
class _Line:
    """One column to finish from the state."""

    name: str
    formula: int
    slots: tuple[int, int, int, int]


class Lines:
    """Every column's place among the values.  What follows each other in the state follows each other here, so that a
    formula runs over spans of both; the columns that were asked for come first, hidden operands after them."""

    def __init__(self, definitions: Definitions, names: Sequence[str], plan: Plan) -> None:
        self.definitions, self.asked = definitions, frozenset(names)
        self.of: dict[str, int] = {}
        bases = []
        for base, recipe, source, where, window in plan.bases:
            slots = [plan.slot(source, part, where, window, array) for part, array in recipe.reads]
            slots += [-1] * (4 - len(slots))
            bases.append(_Line(base.id, recipe.formula, (slots[0], slots[1], slots[2], slots[3])))
        bases.sort(key=lambda line: (line.formula, line.slots))
        self._depths = _depths(definitions, names)
        self._starts = [min((step.out for step in view.steps), default=plan.state) for view in plan.views]
        self._views: dict[str, int] = {line.name: self._view(line.slots) for line in bases}
        hidden = [line for line in bases if line.name not in self.asked]
        shown = [line for line in bases if line.name in self.asked]
        self._place(line.name for line in shown)
        late = len(names)
        for place, line in enumerate(hidden):
            self.of[line.name] = late + place
        self.runs = [*_runs(shown, self.of, self._views), *_runs(hidden, self.of, self._views)]
        self._next = len(shown)
        self._next_hidden = late + len(hidden)
        self.groups: list[list[int]] = []
        self.pairs: list[list[int]] = []
        self.wides: list[list[int]] = []
        self.parts: list[int] = []
        for (_, op, width), group in sorted(self._depths.items()):
            self._group(op, width, group)
        self.names = tuple(sorted(self.asked, key=self.of.__getitem__))

    def _place(self, names: Iterable[str]) -> None:
        for place, name in enumerate(names):
            self.of[name] = place

    def _group(self, op: int, width: int, group: list[tuple[str, tuple[str, ...]]]) -> None:
        """Derived columns of one depth, operation and number of operands."""
        made = [(name, [self.of[inner] for inner in of], self._spans(op, of)) for name, of in group]
        made.sort(key=lambda one: (one[2], one[1]))
        for name, of in group:
            self._views[name] = self._of_all(of)
        first_pair, first_wide = len(self.pairs), len(self.wides)
        for asked in (True, False):
            mine = [one for one in made if (one[0] in self.asked) == asked]
            for chain, stride in _chains(op, mine, PAIR_MIN if width == 2 else 1, self._views):
                self._chain(op, width, chain, stride, asked)
        self.groups.append([first_pair, len(self.pairs), first_wide, len(self.wides)])

    def _chain(self, op: int, width: int, chain: list[_Made], stride: int, asked: bool) -> None:
        names = [name for name, _, _ in chain]
        line, views = self._lines(names, asked), self._of_all(names)
        _, operands, days = chain[0]
        if width > 2 or op in (f.VOLATILITY, f.OWN_PAST):
            self.wides.append([op, line, len(chain), len(self.parts), width, views])
            self.parts += operands
            return
        if stride == f.LISTED:
            operands = [len(self.parts), len(self.parts) + len(chain)]
            self.parts += [parts[which] for which in range(2) for _, parts, _ in chain]
        self.pairs.append([op, line, len(chain), *operands, stride, views, *_paces(days)])

    def _view(self, slots: Sequence[int]) -> int:
        """The bit of the view that a column reads; views beyond the last bit share one."""
        return 1 << min(bisect.bisect_right(self._starts, slots[0]) - 1, VIEW_BITS - 1)

    def _of_all(self, names: Iterable[str]) -> int:
        return functools.reduce(operator.or_, (self._views[name] for name in names), 0)

    def _lines(self, names: list[str], asked: bool) -> int:
        """The next lines for these columns; the first of them."""
        first = self._next if asked else self._next_hidden
        for place, name in enumerate(names):
            self.of[name] = first + place
        if asked:
            self._next += len(names)
        else:
            self._next_hidden += len(names)
        return first

    def _spans(self, op: int, of: tuple[str, ...]) -> list[int]:
        return [_days(self.definitions, inner) if op == f.TREND else 0 for inner in of]

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        return (
            table(self.runs, f.RUN_FIELDS), table(self.groups, f.GROUP_FIELDS), table(self.pairs, f.PAIR_FIELDS),
            table(self.wides, f.WIDE_FIELDS), np.array(self.parts, np.int64),
        )  # fmt: skip


PAIR_MIN = 24  # columns from which on following each other is quicker than being listed


def _runs(lines: Sequence[_Line], of: Mapping[str, int], views: Mapping[str, int]) -> list[list[int]]:
    """(formula, first line, count, slots of the first, view): as long as every slot goes on by one in the same view."""
    out: list[list[int]] = []
    for line in lines:
        view = views[line.name]
        if out and out[-1][f.RUN_FORMULA] == line.formula and out[-1][f.RUN_VIEWS] == view:
            count, slots = out[-1][f.RUN_COUNT], out[-1][f.RUN_SLOTS : f.RUN_VIEWS]
            if all(
                slot == start + count if start >= 0 else slot < 0 for slot, start in zip(line.slots, slots, strict=True)
            ):
                out[-1][f.RUN_COUNT] += 1
                continue
        out.append([line.formula, of[line.name], 1, *line.slots, view])
    return out


def _chains(op: int, made: list[_Made], least: int, views: Mapping[str, int]) -> list[tuple[list[_Made], int]]:
    """Columns that can follow each other.  In a chain first operands do too, and second ones do (stride 1) or stay the
    same (stride 0); a column that could be in several is in the longest, and one that is in none of at least so many is
    listed with those of the same views and days."""
    if not made:
        return []
    first, second, *more = np.array([parts for _, parts, _ in made], np.int64).T
    days = np.array([days for _, _, days in made], np.int64).T
    found: list[tuple[int, int, npt.NDArray[np.intp]]] = []
    for stride in (1, 0) if op in (f.RATIO, f.SHARE) else (1,):
        keys = [other - first * stride for other in (second, *more)]
        order = np.lexsort((first, *keys, *days))
        goes_on = np.diff(first[order]) == 1
        for same in (*keys, *days):
            goes_on &= np.diff(same[order]) == 0
        found += [
            (-len(run), stride, run) for run in np.split(order, np.flatnonzero(~goes_on) + 1) if len(run) >= least
        ]
    free = np.ones(len(made), np.bool_)
    chains: list[tuple[list[_Made], int]] = []
    for _, stride, run in sorted(found, key=lambda one: one[:2]):
        left = free[run]
        for part in np.split(run, np.flatnonzero(np.diff(left)) + 1):
            if len(part) >= least and free[part[0]]:
                free[part] = False
                chains.append(([made[place] for place in part], stride))
    chains.sort(key=lambda chain: (chain[0][0][1], chain[1]))
    listed: dict[tuple[int, ...], list[_Made]] = {}
    for place in np.flatnonzero(free):
        one = made[place]
        listed.setdefault((views[one[0]], *one[2]), []).append(one)
    return [*chains, *((mine, f.LISTED) for mine in listed.values())]


def _depths(
    definitions: Definitions, names: Sequence[str]
) -> dict[tuple[int, int, int], list[tuple[str, tuple[str, ...]]]]:
    """Derived columns, hidden ones too, by (depth, operation, number of operands)."""
    depth: dict[str, int] = {}
    groups: dict[tuple[int, int, int], list[tuple[str, tuple[str, ...]]]] = {}

    def place(name: str) -> int:
        if name in depth:
            return depth[name]
        definition = definitions.definition(name)
        if isinstance(definition, Base):
            depth[name] = 0
            return 0
        if definition.op not in _OPS:
            raise BadInput(f"{name} ({definition.op}) comes after the kernel; compute it with evaluate, read_frame, write_frame "
                           "or StagedServing", field=name)  # fmt: skip
        depth[name] = 1 + max(place(inner) for inner in definition.of)
        group = (depth[name], _OPS[definition.op], len(definition.of))
        groups.setdefault(group, []).append((name, definition.of))
        return depth[name]

    for name in names:
        place(name)
    return groups


def _paces(days: list[int]) -> list[int]:
    """Days of the first window and of the rest of the second, each with the bits of one divided by it; or nothing."""
    parts = [days[0], days[1] - days[0]] if days[0] else [1, 1]
    return [number for part in parts for number in (part, int(np.float64(1.0 / part).view(np.int64)))]


def _days(definitions: Definitions, name: str) -> int:
    definition = definitions.definition(name)
    return window_us(definition.window) // DAY_US if isinstance(definition, Base) else 0
