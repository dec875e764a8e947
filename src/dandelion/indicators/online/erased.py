"""Whom this state forgot for good: their records are gone, and no replay of the log brings them back.

An event has two sides.  It leaves the log when all its subjects are erased; until then the other side keeps it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import event_class


class Erased:
    """Surrogate ids in a file beside the log, one a line; ``erased.todo`` while the work is under way."""

    def __init__(self, folder: Path | str) -> None:
        self._done, self._todo = Path(folder) / "erased", Path(folder) / "erased.todo"
        found = [path.read_text("utf-8").split("\n")[:-1] for path in (self._done, self._todo) if path.exists()]
        self.subjects = frozenset(name for names in found for name in names)
        self.unfinished = self._todo.exists()

    def begin(self, subjects: Iterable[str]) -> None:
        """On the disk when this returns: from now on these are gone, also after a crash."""
        self.subjects |= frozenset(subjects)
        part = self._todo.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            file.writelines(f"{name}\n" for name in sorted(self.subjects))
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._todo)
        self.unfinished = True

    def finish(self) -> None:
        """Store and log are done."""
        self._todo.replace(self._done)
        self.unfinished = False

    def living(self, kind: str, events: pa.Table) -> pa.Table:
        """The events that still have somebody."""
        if not self.subjects or not events.num_rows:
            return events
        gone = pa.array(sorted(self.subjects), pa.string())
        keep = pa.array([False] * events.num_rows)
        for role in event_class(kind).ROLES:
            keep = pc.or_(keep, pc.invert(pc.is_in(events.column(role), value_set=gone)))
        return events.filter(keep)
