"""`StagedServing`: one subject now, with columns that come after the kernel.  `Serving` does the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dandelion.core.frame import Floats
from dandelion.indicators.block import Block
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.late import Late, late_columns
from dandelion.indicators.layout import Layout
from dandelion.indicators.peer_tables import PeerHistory
from dandelion.indicators.plan import Key
from dandelion.indicators.program import Program
from dandelion.indicators.rows import Rows
from dandelion.indicators.serving import Serving


@dataclass(frozen=True)
class StagedServing:
    """As `Serving`; `columns` may be against peers, of new counterparties, against the same weekdays."""

    columns: tuple[str, ...]
    serving: Serving
    stage: Late
    _own: tuple[tuple[int, int], ...]  # (place asked for, place in `serving`)
    _kinds: tuple[frozenset[str], ...]

    @classmethod
    def of(
        cls, definitions: Definitions, columns: Sequence[str], held: Mapping[Key, Layout] | None = None, *,
        peers: PeerHistory | None = None,
    ) -> StagedServing:  # fmt: skip
        """Errors (BadInput): as `Serving.of`; a column against peers without `peers`."""
        names = tuple(columns)
        late = late_columns(definitions, names)
        stage = Late.of(definitions, late, peers)
        inner = tuple(dict.fromkeys((*(name for name in names if name not in late), *stage.inner)))
        serving = Serving.of(definitions, inner, held)
        own = tuple((place, inner.index(name)) for place, name in enumerate(names) if name not in late)
        return cls(names, serving, stage, own, tuple(frozenset(definitions.kinds_of(name)) for name in names))

    @property
    def program(self) -> Program:
        return self.serving.program

    @property
    def layouts(self) -> Mapping[Key, Layout]:
        """What blocks must be made with."""
        return self.serving.layouts

    def row(
        self, blocks: Mapping[Key, Block], as_of: int, known_at: int, *, related: Collection[str] = (),
        granted: Collection[str] | None = None, subject: str = "",
    ) -> Floats:  # fmt: skip
        """Values of the one subject of `blocks`, in the order of `columns`, the bytes of `evaluate`.

        Columns about the `subject`'s counterparties need its name.
        """
        values = self.serving.row(blocks, as_of, known_at, related=related)
        out = np.full((1, len(self.columns)), np.nan, np.float32)
        for place, inner in self._own:
            out[0, place] = values[inner]
        places = {key: np.array([0 if len(block) else -1], np.int64) for key, block in blocks.items()}
        rows = Rows.of([subject], as_of, known_at)  # a block holds its one subject, whatever it is called
        self.stage.fill(self.serving.columns, values[None, :], blocks, rows, self.columns, out, places)
        if granted is not None:
            covered = frozenset(granted)
            out[0, [not kinds <= covered for kinds in self._kinds]] = np.nan
        return out[0]
