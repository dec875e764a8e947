"""The business clock of a workspace: the system's time, or a moved one for demonstrations and rehearsals."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from dandelion.core import BadInput, Clock, SystemClock, instant, iso


class MovedClock:
    """The system's time plus an offset that is kept in a file, so that a restart does not turn time back.

    Only forward moves are allowed.  A house with this clock says so in `/health`; never use it for real lending.
    """

    def __init__(self, file: Path, start_us: int | None = None) -> None:
        self._file = file
        self._system = SystemClock()
        self._lock = threading.Lock()
        if file.exists():
            self._offset = int(json.loads(file.read_text())["offset_us"])
        else:
            self._offset = 0 if start_us is None else start_us - self._system.now()
            self._save()

    def now(self) -> int:
        return self._system.now() + self._offset

    def move_to(self, now_us: int) -> None:
        with self._lock:
            step = now_us - self.now()
            if step < 0:
                raise BadInput(f"it is {iso(self.now())} already; a clock cannot be moved backwards", field="now")
            self._offset += step
            self._save()

    def _save(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps({"offset_us": self._offset}))
        fresh.replace(self._file)


def open_clock(kind: str, file: Path, start: str | None) -> Clock:
    """`kind` is "system" or "moved"; `start` is where a moved clock begins."""
    if kind == "system":
        return SystemClock()
    if kind == "moved":
        return MovedClock(file, None if start is None else instant(start))
    raise BadInput(f"clock {kind!r} is unknown; choose system or moved", field="clock.kind")
