"""`RulingDesk`: requests wait in one bounded line, are ruled on in small batches, kept together, and only then answered.

Rule threads take what waits, up to a batch, and run the engine, whose kernels leave the interpreter to others.  One keep
thread commits whatever is ruled in one transaction: the disk is waited for once a group, not once a ruling.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque

import numpy as np

from dandelion.app.answer import Answer
from dandelion.app.house import House
from dandelion.app.rulings.asking import Asked, DeadlinePassed
from dandelion.app.rulings.keeping import Ruled, keep
from dandelion.core import DandelionError, TooMany, Unavailable, new_id

log = logging.getLogger("dandelion.rulings")
RULED_MAX = 4  # batches that may wait for the disk; the next one waits before it is ruled on
LATE = "the deadline passed before the ruling was made; nothing was kept: send it again, with more time"


class RulingDesk:
    """Start it once; `ask` from any thread; `close` answers everybody who waits and lets nobody else in."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._settings = house.settings.rulings
        self._lock = threading.Lock()
        self._waiting: deque[Asked] = deque()
        self._rows_waiting = 0
        self._came = threading.Condition(self._lock)
        self._ruled: deque[list[Ruled]] = deque()
        self._ready = threading.Condition()
        self._closing = False
        self._threads = [
            *(
                threading.Thread(target=self._rule, name=f"rule-{k}", daemon=True)
                for k in range(self._settings.threads)
            ),
            threading.Thread(target=self._keep, name="keep-rulings", daemon=True),
        ]
        house.measures.rulings_waiting.set_function(lambda: self._rows_waiting)
        for thread in self._threads:
            thread.start()

    def ask(self, asked: Asked) -> None:
        """Put a request into the line; its `answer` comes later.  Errors: TooMany where the line is full, Unavailable."""
        with self._came:
            if self._closing:
                raise Unavailable("the house is closing; send the same request to another one, or again in a moment")
            most = self._settings.waiting_rows_max
            if self._waiting and self._rows_waiting + asked.rows > most:
                self._house.measures.rulings_refused.labels("full").inc()
                raise TooMany(f"{self._rows_waiting} rows wait already; try again in 1 s", retry_after_s=1)
            self._waiting.append(asked)
            self._rows_waiting += asked.rows
            self._came.notify()

    def close(self, patience_s: float = 30.0) -> None:
        """Let nobody else in, answer everybody who waits, end the threads."""
        with self._came:
            self._closing = True
            self._came.notify_all()
        until = time.monotonic() + patience_s
        for thread in self._threads[:-1]:
            thread.join(max(0.0, until - time.monotonic()))
        with self._ready:
            self._ready.notify_all()
        self._threads[-1].join(max(0.0, until - time.monotonic()))

    # ---- ruling ----
    def _rule(self) -> None:
        while batch := self._next_batch():
            done: list[Ruled] = []
            groups: dict[tuple[int, str], list[Asked]] = {}
            for asked in batch:
                if not self._is_late(asked):
                    groups.setdefault((id(asked.engine), asked.caller.tenant), []).append(asked)
            for group in groups.values():
                done += self._rule_group(group)
            with self._ready:
                while len(self._ruled) >= RULED_MAX and not self._closing:
                    self._ready.wait(0.1)
                self._ruled.append(done)
                self._ready.notify_all()

    def _next_batch(self) -> list[Asked]:
        """What waits, up to a batch; after the first has come, a moment more for others.  Empty once closed."""
        settings, rows = self._settings, 0
        batch: list[Asked] = []
        with self._came:
            while not self._waiting:
                if self._closing:
                    return []
                self._came.wait(0.2)
            until = time.monotonic() + settings.gather_us / 1e6
            while self._rows_waiting < settings.batch_rows and not self._closing:
                if (left := until - time.monotonic()) <= 0 or not self._waiting:
                    break
                self._came.wait(left)
            while self._waiting and (not batch or rows + self._waiting[0].rows <= settings.batch_rows):
                batch.append(self._waiting.popleft())
                rows += batch[-1].rows
            self._rows_waiting -= rows
        return batch if batch else self._next_batch()

    def _rule_group(self, group: list[Asked]) -> list[Ruled]:
        engine, as_of = group[0].engine, self._house.clock.now()
        values = group[0].values if len(group) == 1 else np.concatenate([asked.values for asked in group])
        entities = [entity for asked in group for entity in asked.entities]
        try:
            whole = engine.rule(values, entities, tenant=group[0].caller.tenant, as_of=as_of)
        except DandelionError as error:
            if len(group) == 1:
                group[0].refuse(error)
                return []
            return [ruled for asked in group for ruled in self._rule_group([asked])]  # the others are not to blame
        except Exception as error:
            log.exception("a batch of rulings failed")
            for asked in group:
                asked.refuse(error)
            return []
        self._house.measures.ruling_batch_rows.observe(len(entities))
        out, at = [], 0
        for asked in group:
            part = whole.part(at, at + asked.rows)
            out.append(Ruled(asked, part, [new_id() for _ in range(asked.rows)], as_of))
            at += asked.rows
        return out

    # ---- keeping ----
    def _keep(self) -> None:
        while True:
            with self._ready:
                while not self._ruled:
                    if self._closing and not any(thread.is_alive() for thread in self._threads[:-1]):
                        return
                    self._ready.wait(0.05)
                group: list[Ruled] = []
                while self._ruled:
                    group += self._ruled.popleft()
                self._ready.notify_all()
            if group:
                self._keep_group(group)

    def _keep_group(self, group: list[Ruled]) -> None:
        """One transaction for all; answers only after its commit.  Where it fails, nothing was kept and all are told so."""
        started = time.perf_counter()
        wanted = [ruled for ruled in group if not self._is_late(ruled.asked)]
        try:
            with self._house.vault.unit_of_work(self._house.tenant) as work:
                told_now = keep(self._house, work, [ruled for ruled in wanted if not self._is_late(ruled.asked)])
        except Exception as error:
            log.warning("a group of rulings was not kept: %s", type(error).__name__)
            excuse = (
                error if isinstance(error, DandelionError) else Unavailable("the record cannot be written; try again")
            )
            for ruled in wanted:
                ruled.asked.refuse(excuse)
            return
        measures = self._house.measures
        measures.ruling_commit_seconds.observe(time.perf_counter() - started)
        for ruled, answer in told_now:
            if isinstance(answer, Answer):
                measures.rulings.labels(ruled.asked.engine.product).inc(ruled.asked.rows)
                ruled.asked.tell(answer)
            else:
                ruled.asked.refuse(answer)

    def _is_late(self, asked: Asked) -> bool:
        if asked.is_late():
            self._late(asked)
            return True
        return False

    def _late(self, asked: Asked) -> None:
        self._house.measures.rulings_refused.labels("late").inc()
        asked.refuse(DeadlinePassed(LATE, field="Deadline-Ms"))
