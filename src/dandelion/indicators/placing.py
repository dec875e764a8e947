"""Where each column stands among the values: what follows each other in the state follows each other here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import DAY_US
from dandelion.core.frame import Ints
from dandelion.indicators import finishing as f
from dandelion.indicators.declare import Base, window_us
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.plan import Plan

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
        hidden = [line for line in bases if line.name not in self.asked]
        shown = [line for line in bases if line.name in self.asked]
        self._place(line.name for line in shown)
        late = len(names)
        for place, line in enumerate(hidden):
            self.of[line.name] = late + place
        self.runs = [*_runs(shown, self.of), *_runs(hidden, self.of)]
        self._next = len(shown)
        self._next_hidden = late + len(hidden)
        self.groups: list[list[int]] = []
        self.pairs: list[list[int]] = []
        self.parts: list[int] = []
        self.spans: list[int] = []
        self.derived: list[int] = []
        for (_, op, width), group in sorted(self._depths.items()):
            self._group(op, width, group)
        self.names = tuple(sorted(self.asked, key=self.of.__getitem__))

    def _place(self, names: Iterable[str]) -> None:
        for place, name in enumerate(names):
            self.of[name] = place

    def _group(self, op: int, width: int, group: list[tuple[str, tuple[str, ...]]]) -> None:
        """Derived columns of one depth, operation and number of operands."""
        made = [(name, [self.of[inner] for inner in of], self._spans(op, of)) for name, of in group]
        made.sort(key=lambda one: (one[0] not in self.asked, one[2], one[1]))
        for name, _, _ in made:
            if name in self.asked:
                self.of[name], self._next = self._next, self._next + 1
            else:
                self.of[name], self._next_hidden = self._next_hidden, self._next_hidden + 1
        first_pair = len(self.pairs)
        listed = made
        if width == 2:
            spans = list(_pair_spans(op, [(self.of[name], parts, days) for name, parts, days in made]))
            self.pairs += [row for row in spans if row[f.PAIR_COUNT] >= PAIR_MIN]
            taken = {row[f.PAIR_LINE] + k for row in self.pairs[first_pair:] for k in range(row[f.PAIR_COUNT])}
            listed = [one for one in made if self.of[one[0]] not in taken]
        self.groups.append(
            [op, width, len(listed), len(self.parts), len(self.derived), first_pair, len(self.pairs)]
        )  # fmt: skip
        for name, parts, days in listed:
            self.derived.append(self.of[name])
            self.parts += parts
            self.spans += days

    def _spans(self, op: int, of: tuple[str, ...]) -> list[int]:
        return [_days(self.definitions, inner) if op == f.TREND else 0 for inner in of]

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        flat = [np.array(numbers, np.int64) for numbers in (self.parts, self.spans, self.derived)]
        return (table(self.runs, f.RUN_FIELDS), table(self.groups, 7), table(self.pairs, f.PAIR_FIELDS), *flat)


PAIR_MIN = 4


def _runs(lines: Sequence[_Line], of: Mapping[str, int]) -> list[list[int]]:
    """(formula, first line, count, slots of the first): as long as every slot goes on by one."""
    out: list[list[int]] = []
    for line in lines:
        if out and out[-1][f.RUN_FORMULA] == line.formula:
            count, slots = out[-1][f.RUN_COUNT], out[-1][f.RUN_SLOTS :]
            if all(
                slot == start + count if start >= 0 else slot < 0 for slot, start in zip(line.slots, slots, strict=True)
            ):
                out[-1][f.RUN_COUNT] += 1
                continue
        out.append([line.formula, of[line.name], 1, *line.slots])
    return out


def _pair_spans(op: int, made: Sequence[tuple[int, list[int], list[int]]]) -> Iterator[list[int]]:
    """Columns that follow each other whose first operands do, and whose second ones do or stay the same."""
    row: list[int] = []
    for line, (first, second), days in made:
        if row:
            count, stride = row[f.PAIR_COUNT], row[f.PAIR_STRIDE]
            step = second - row[f.PAIR_SECOND]
            fits = (
                line == row[f.PAIR_LINE] + count and first == row[f.PAIR_FIRST] + count and days == row[f.PAIR_DAYS :]
            )
            same = op in (f.RATIO, f.SHARE) and step == 0
            if fits and ((count == 1 and (step == 1 or same)) or (count > 1 and step == stride * count)):
                row[f.PAIR_STRIDE] = step if count == 1 else stride
                row[f.PAIR_COUNT] += 1
                continue
            yield row
        row = [op, line, 1, first, second, 1, *days]
    if row:
        yield row


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
        depth[name] = 1 + max(place(inner) for inner in definition.of)
        group = (depth[name], _OPS[definition.op], len(definition.of))
        groups.setdefault(group, []).append((name, definition.of))
        return depth[name]

    for name in names:
        place(name)
    return groups


def _days(definitions: Definitions, name: str) -> int:
    definition = definitions.definition(name)
    return window_us(definition.window) // DAY_US if isinstance(definition, Base) else 0
