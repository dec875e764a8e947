"""What comes after the kernel, from its columns: against peers, new counterparties, the same weekdays of other weeks.

One stage for a training frame, one applicant and the monthly job, so that all give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dandelion.core import BadInput
from dandelion.core.frame import Floats, Ints
from dandelion.indicators.block import Block
from dandelion.indicators.declare import AFTER_KERNEL, Derive
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.newcomers import OPS as NEW
from dandelion.indicators.newcomers import NewStage
from dandelion.indicators.peer_stage import PeerStage
from dandelion.indicators.peer_tables import PeerHistory
from dandelion.indicators.peers import OP as PEERS
from dandelion.indicators.plan import Key
from dandelion.indicators.program import kept
from dandelion.indicators.rows import Rows
from dandelion.indicators.whose import OP as WHOSE


@dataclass(frozen=True)
class Late:
    """`inner` are the columns that the kernel must give beside those asked for."""

    peers: PeerStage | None
    new: NewStage
    weekdays: Mapping[str, tuple[str, ...]]  # column -> the growing windows it is made of
    whose: Mapping[str, str]  # column of counterparties -> its definition's hash
    history: PeerHistory | None
    inner: tuple[str, ...]

    @classmethod
    def of(cls, definitions: Definitions, names: Mapping[str, Derive], history: PeerHistory | None) -> Late:
        """`names` as `late_columns` finds them.  Errors (BadInput): a column against peers and no tables."""
        against = [name for name, definition in names.items() if definition.op == PEERS]
        others = {name: definitions.column(name).definition_hash for name in names if names[name].op == WHOSE}
        if (against or others) and history is None:
            told = [*against, *others][0]
            raise BadInput(f"{told} is told by what others do, in monthly tables; give peers=", field="peers")
        peers = None if history is None or not against else PeerStage.of(definitions, against, history)
        new = NewStage.of(definitions, [name for name, definition in names.items() if definition.op in NEW])
        weekdays = {name: definition.of for name, definition in names.items() if definition.op == "same_weekdays"}
        inner = dict.fromkeys([*new.inner, *(one for of in weekdays.values() for one in of)])
        inner |= dict.fromkeys(one for name in others for one in names[name].of)
        return cls(
            peers, new, weekdays, others, history, tuple(inner | dict.fromkeys(() if peers is None else peers.inner))
        )

    def fill(
        self, have: Sequence[str], values: Floats, blocks: Mapping[Key, Block], rows: Rows, names: Sequence[str],
        out: Floats, places: Mapping[Key, Ints] | None = None,
    ) -> None:  # fmt: skip
        """Put the columns where `names` has them in `out` (rows, columns); `values` (rows, columns) are those of `have`.

        `places` are the rows' subjects in each block (default: found by name).
        """
        if not len(rows):
            return
        at = {name: place for place, name in enumerate(have)}
        where: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            where.setdefault(name, []).append(place)
        if self.peers is not None:
            self.peers.fill(at, values, blocks, rows, where, out, places)
        self.new.fill(at, values, blocks, rows, where, out, places)
        if self.whose and self.history is not None:
            self._fill_whose(self.history, rows, where, out)
        for group in self._alike:
            told = _same_weekdays(values[:, [[at[one] for one in self.weekdays[name]] for name in group]])
            for line, name in enumerate(group):
                for place in where[name]:
                    out[:, place] = told[:, line]

    @cached_property
    def _alike(self) -> tuple[tuple[str, ...], ...]:
        """Columns against the same number of weeks, computed together."""
        groups: dict[int, list[str]] = {}
        for name, of in self.weekdays.items():
            groups.setdefault(len(of), []).append(name)
        return tuple(map(tuple, groups.values()))

    def _fill_whose(self, history: PeerHistory, rows: Rows, where: Mapping[str, Sequence[int]], out: Floats) -> None:
        """From the newest month not after each row."""
        held = np.array(history.boundaries(), np.int64)
        which = np.searchsorted(held, np.minimum(rows.as_of, rows.known_at), side="right") - 1
        for name in self.whose:
            out[:, where[name]] = np.nan
        for month in np.unique(which[which >= 0]).tolist():
            mine, told = np.flatnonzero(which == month), history.table(int(held[month])).whose
            if told is None:
                continue
            names = rows.names[mine].tolist()
            for name, definition in self.whose.items():
                found = told.of(names, name, definition)
                for place in where[name]:
                    out[mine, place] = found


def late_columns(definitions: Definitions, names: Iterable[str]) -> dict[str, Derive]:
    """Those that come after the kernel; looked for once, and kept with the definitions as programs are."""
    asked = tuple(names)
    found = kept(definitions, ("after the kernel", *asked), lambda: _late_among(definitions, asked))
    assert isinstance(found, dict)
    return found


def _late_among(definitions: Definitions, names: Iterable[str]) -> dict[str, Derive]:
    made = {name: definitions.definition(name) for name in names}
    return {name: found for name, found in made.items() if isinstance(found, Derive) and found.op in AFTER_KERNEL}


def _same_weekdays(windows: Floats) -> Floats:
    """Change of the newest span against the mean of the same span of the weeks before.

    `windows` (rows, columns, 1 + 2 weeks): the span, then for each week back the window that ends before it and the one that
    holds it.
    """
    exact = windows.astype(np.float64)
    usual = (exact[:, :, 2::2] - exact[:, :, 1::2]).mean(axis=2)
    told = np.divide(exact[:, :, 0], usual, out=np.full(usual.shape, np.nan), where=usual > 0) - 1.0
    return told.astype(np.float32)
