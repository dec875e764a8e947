"""`Bell`: answers of the desk's threads reach an event loop, however many come together with one ring.

Waking a loop from another thread costs a system call and a turn of the loop; a group of rulings needs it once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future

from dandelion.app.answer import Answer


class Bell:
    """One for each event loop; `heard` is made in the loop, `ring` called by whoever has answered."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._answered: deque[tuple[asyncio.Future[Answer], Future[Answer]]] = deque()

    def heard(self, answer: Future[Answer]) -> asyncio.Future[Answer]:
        """What to await for `answer`, which is done before the bell is rung."""
        waiting = self._loop.create_future()
        answer.add_done_callback(lambda done: self._answered.append((waiting, done)))
        return waiting

    def ring(self) -> None:
        """Tell the loop.  A loop that is closed has nobody waiting."""
        if self._answered and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        while self._answered:
            waiting, done = self._answered.popleft()
            if waiting.done():  # the caller hung up
                continue
            error = done.exception()
            if error is None:
                waiting.set_result(done.result())
            else:
                waiting.set_exception(error)
