"""`Live`: the panel that serves now.  A new one is built and tried first, then swapped in one step; on failure the old
one goes on serving as if nothing had been tried."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from dandelion.core import Conflict, Frame
from dandelion.models.model import Model
from dandelion.models.panel import Panel


class Live:
    """`current` is one attribute read: a request takes it once and is served by one panel from start to end.

    `probe` are rows on which a new panel must say what each of its models says alone before it may serve; running it
    also compiles whatever was not compiled yet, so that no request waits for it.
    """

    def __init__(self, models: Sequence[Model], probe: Callable[[Panel], Frame]) -> None:
        self._probe, self._lock = probe, threading.Lock()
        self._current = self._tried(models)
        self._previous: Panel | None = None

    @property
    def current(self) -> Panel:
        return self._current

    @property
    def previous(self) -> Panel | None:
        """What served before the last swap; None before the first."""
        return self._previous

    def swap(self, models: Sequence[Model]) -> Panel:
        """Serve these models from now on.  Raises what packing raises, or Conflict where a packed score differs; the
        panel that served goes on serving then."""
        with self._lock:
            panel = self._tried(models)
            self._current, self._previous = panel, self._current
            return panel

    def roll_back(self) -> Panel:
        """Serve what served before, at once.  Raises Conflict before the first swap."""
        with self._lock:
            if self._previous is None:
                raise Conflict("nothing served before these models; publish others instead", field="models")
            self._current, self._previous = self._previous, self._current
            return self._current

    def _tried(self, models: Sequence[Model]) -> Panel:
        panel = Panel.pack(models)
        frame = self._probe(panel)
        together = panel.raw(frame)
        alone = panel.raw(frame.take([0]))
        for k, model in enumerate(models):
            if (together[:, k] != model.raw(frame)).any() or alone[0, k] != together[0, k]:
                raise Conflict(
                    f"packed, model {model.hash[:12]} scores other than alone; the models that served go on serving",
                    field="models",
                )
        return panel
