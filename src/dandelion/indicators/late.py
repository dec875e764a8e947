"""What comes after the kernel: against peers, of counterparties, new ones, the same weekdays of other weeks.

One stage for a training frame, one applicant and the monthly job, so that all give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dandelion.core import BadInput
from dandelion.core.frame import Floats, Ints
from dandelion.indicators.block import Block
from dandelion.indicators.declare import AFTER_KERNEL, Derive
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.peer_stage import PeerStage
from dandelion.indicators.peer_tables import PeerHistory
from dandelion.indicators.peers import OP as PEERS
from dandelion.indicators.plan import Key
from dandelion.indicators.program import kept
from dandelion.indicators.retold import OPS as RETOLD
from dandelion.indicators.retold import Retelling
from dandelion.indicators.rows import Rows
from dandelion.indicators.whose import OP as WHOSE


@dataclass(frozen=True)
class Late:
    """`inner` are the columns that the kernel must give beside those asked for; of those that are not among `read` only the
    events are wanted, so that it is enough if the blocks hold these."""

    peers: PeerStage | None
    retold: Retelling
    whose: Mapping[str, str]  # column of counterparties -> its definition's hash
    history: PeerHistory | None
    inner: tuple[str, ...]
    read: frozenset[str]
    _bound: list[_Bound] = field(default_factory=list, compare=False, repr=False)  # one, of the columns asked for last

    @classmethod
    def of(cls, definitions: Definitions, names: Mapping[str, Derive], history: PeerHistory | None) -> Late:
        """`names` as `late_columns` finds them.  Errors (BadInput): a column against peers and no tables."""
        against = [name for name, definition in names.items() if definition.op == PEERS]
        others = {name: definitions.column(name).definition_hash for name in names if names[name].op == WHOSE}
        if (against or others) and history is None:
            told = [*against, *others][0]
            raise BadInput(f"{told} is told by what others do, in monthly tables; give peers=", field="peers")
        peers = None if history is None or not against else PeerStage.of(definitions, against, history)
        retold = Retelling.of(definitions, [name for name, definition in names.items() if definition.op in RETOLD])
        read = () if peers is None else peers.inner
        inner = dict.fromkeys([*retold.inner, *read, *(one for name in others for one in names[name].of)])
        return cls(peers, retold, others, history, tuple(inner), frozenset(read))

    def fill(
        self, have: Sequence[str], values: Floats, blocks: Mapping[Key, Block], rows: Rows, names: Sequence[str],
        out: Floats, *, alone: bool = False,
    ) -> None:  # fmt: skip
        """Put the columns where `names` has them in `out` (rows, columns); `values` (rows, columns) are those of `have`.

        Where the one row is `alone`, the blocks hold its subject and nobody else, whatever it is called.
        """
        if not len(rows):
            return
        bound = self._bound[0] if self._bound else None
        if bound is None or bound.have is not have or bound.names is not names:
            bound = _Bound.of(self, have, names)
            self._bound[:] = [bound]
        if self.peers is not None:
            places = (
                {key: np.array([0 if len(one) else -1], np.int64) for key, one in blocks.items()} if alone else None
            )
            self.peers.fill(bound.at, values, blocks, rows, bound.where, out, places)
        if self.retold.jobs:
            count = len(self.retold.names)
            if alone and bound.first:
                self.retold.tell(blocks, rows, True, out[:, :count])
            else:
                told, (lines, found) = np.empty((len(rows), count), np.float32), bound.retold
                self.retold.tell(blocks, rows, alone, told)
                out[:, found] = told[:, lines]
        if self.whose and self.history is not None:
            self._fill_whose(self.history, rows, bound.where, out)

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


Places = tuple[Ints, Ints]  # (place among the columns told, place in what is asked for)


@dataclass(frozen=True)
class _Bound:
    """Where everything is, for the columns that there are (`have`) and those that are asked for (`names`)."""

    have: Sequence[str]
    names: Sequence[str]
    at: Mapping[str, int]
    where: Mapping[str, Sequence[int]]
    retold: Places
    first: bool  # what is told once more stands first, in its own order

    @classmethod
    def of(cls, late: Late, have: Sequence[str], names: Sequence[str]) -> _Bound:
        at = {name: place for place, name in enumerate(have) if name in late.read}
        mine = {*late.retold.names, *late.whose}
        mine |= set() if late.peers is None else {column.name for column in late.peers.columns}
        where: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            if name in mine:
                where.setdefault(name, []).append(place)
        told = late.retold.names
        first = tuple(names[: len(told)]) == told and all(len(where[name]) == 1 for name in told)
        return cls(have, names, at, where, _places(told, where), first)


def _places(told: Sequence[str], where: Mapping[str, Sequence[int]]) -> Places:
    pairs = [(line, place) for line, name in enumerate(told) for place in where[name]]
    lines, found = np.array(pairs, np.int64).reshape(-1, 2).T
    return np.ascontiguousarray(lines), np.ascontiguousarray(found)


def late_columns(definitions: Definitions, names: Iterable[str]) -> dict[str, Derive]:
    """Those that come after the kernel; looked for once, and kept with the definitions as programs are."""
    asked = tuple(names)
    found = kept(definitions, ("after the kernel", *asked), lambda: _late_among(definitions, asked))
    assert isinstance(found, dict)
    return found


def _late_among(definitions: Definitions, names: Iterable[str]) -> dict[str, Derive]:
    made = {name: definitions.definition(name) for name in names}
    return {name: found for name, found in made.items() if isinstance(found, Derive) and found.op in AFTER_KERNEL}
