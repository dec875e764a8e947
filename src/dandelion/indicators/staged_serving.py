"""`StagedServing`: one subject now, with columns that come after the kernel.  `Serving` does the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dandelion.core.frame import Floats, Ints
from dandelion.indicators.block import Block
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.late import Late, late_columns
from dandelion.indicators.layout import Layout, layouts
from dandelion.indicators.peer_tables import PeerHistory
from dandelion.indicators.plan import Key
from dandelion.indicators.program import Program
from dandelion.indicators.rows import Rows
from dandelion.indicators.serving import Serving


@dataclass(frozen=True)
class StagedServing:
    """As `Serving`; `columns` may be against peers, of new counterparties, against the same weekdays.

    A row is made in one room: the values of `serving`, the columns of `late`, and those values of `beside` that only the
    stage reads.
    """

    columns: tuple[str, ...]
    serving: Serving
    stage: Late
    late: tuple[str, ...]
    beside: Serving | None
    layouts: Mapping[Key, Layout]  # what blocks must be made with
    _have: tuple[str, ...]  # what is where in the room
    _order: Ints | None  # place in the room of each column; None: the first ones are the columns
    _kinds: tuple[frozenset[str], ...]  # data kinds of the late ones

    @classmethod
    def of(
        cls, definitions: Definitions, columns: Sequence[str], held: Mapping[Key, Layout] | None = None, *,
        peers: PeerHistory | None = None, own_order: bool = False,
    ) -> StagedServing:  # fmt: skip
        """`held` and `own_order` as of `Serving.of`; with the latter, what comes after the kernel stands last.

        Errors (BadInput): as `Serving.of`; a column against peers without `peers`.
        """
        names = tuple(columns)
        found = late_columns(definitions, names)
        stage = Late.of(definitions, found, peers)
        late = tuple(dict.fromkeys((*stage.retold.names, *found)))
        own, beside = tuple(dict.fromkeys(name for name in names if name not in found)), None
        needed = layouts(definitions, (*own, *stage.inner))
        laid = {key: (held or needed).get(key, layout) for key, layout in needed.items()}
        if own_order and own:
            serving = Serving.of(definitions, own, laid, own_order=True)
            extra = tuple(sorted(stage.read.difference(own)))
            beside = Serving.of(definitions, extra, laid) if extra else None
        else:
            serving = Serving.of(definitions, tuple(dict.fromkeys((*own, *stage.inner))), laid)
        have = (*serving.columns, *late, *(beside.columns if beside is not None else ()))
        at = {name: place for place, name in enumerate(have)} if not own_order or not own else {}
        order = np.array([at[name] for name in names], np.int64) if at else None
        kinds = tuple(frozenset(definitions.kinds_of(name)) for name in late)
        shown = names if at else (*serving.columns, *late)
        return cls(shown, serving, stage, late, beside, laid, have, order, kinds)

    @property
    def program(self) -> Program:
        return self.serving.program

    def row(
        self, blocks: Mapping[Key, Block], as_of: int, known_at: int, *, related: Collection[str] = (),
        granted: Collection[str] | None = None, subject: str = "",
    ) -> Floats:  # fmt: skip
        """Values of the one subject of `blocks`, in the order of `columns`, the bytes of `evaluate`.

        Columns about the `subject`'s counterparties need its name.
        """
        room = np.empty((1, len(self._have)), np.float32)
        first = len(self.serving.columns)
        last = first + len(self.late)
        self.serving.row(blocks, as_of, known_at, related=related, granted=granted, into=room[0, :first])
        if self.beside is not None:
            self.beside.row(blocks, as_of, known_at, related=related, into=room[0, last:])
        told = room[:, first:last]
        told[:] = np.nan
        row = Rows(np.array([subject], object), np.array([as_of], np.int64), np.array([known_at], np.int64))
        self.stage.fill(self._have, room, blocks, row, self.late, told, alone=True)
        if granted is not None:
            covered = frozenset(granted)
            told[0, [not kinds <= covered for kinds in self._kinds]] = np.nan
        return room[0, :last] if self._order is None else room[0, self._order]
