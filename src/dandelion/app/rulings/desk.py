"""`RulingDesk`: requests wait in one bounded line, are ruled on in small batches, kept together, and only then answered.

The first thread takes what waits, up to a batch, rules, keeps it in one transaction, and comes back for what came meanwhile:
so the disk is waited for once a group, the slower it is the larger the groups, and nobody waits for others to come.  Two
threads would mostly take the interpreter from each other, and their processors' caches.  Only where many rows are at hand
do the others help: kernels leave the interpreter to them, and whoever keeps at that moment keeps what they have ruled too.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import replace
from traceback import format_tb

import numpy as np

from dandelion.app.house import House
from dandelion.app.rulings.asking import Asked, DeadlinePassed, tell_all, too_late
from dandelion.app.rulings.keeping import Ruled, keep
from dandelion.app.rulings.watching import Watching
from dandelion.core import DandelionError, TooMany, Unavailable, new_id
from dandelion.policy.rulings import RulingPair

log = logging.getLogger("dandelion.rulings")
HELP_ROWS = 64  # waiting and being ruled on; from here on a second thread pays
RULED_MAX = 4  # batches that may wait for the disk; the next one waits before it is handed over


class RulingDesk:
    """Start it once; `ask` from any thread; `close` answers everybody who waits and lets nobody else in."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._settings = house.settings.rulings
        self._watching = Watching(house)
        self._waiting: deque[Asked] = deque()
        self._rows_waiting = 0
        self._rows_taken = 0  # by threads that have not come back for more
        lock = threading.Lock()
        self._came = threading.Condition(lock)  # the first thread waits for it,
        self._long = threading.Condition(lock)  # the others for this
        self._ruled: deque[list[Ruled]] = deque()
        self._room = threading.Condition()
        self._keeping = False  # whether a thread is at it; it takes what is ruled until nothing is left
        self._closing = False
        self._threads = [
            threading.Thread(target=self._work, args=(not k,), name=f"rule-{k}", daemon=True)
            for k in range(self._settings.threads)
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
            if self._is_long():
                self._long.notify()

    def close(self, patience_s: float = 30.0) -> None:
        """Let nobody else in, answer everybody who waits, end the threads."""
        with self._came:
            self._closing = True
            self._came.notify_all()
            self._long.notify_all()
        until = time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._watching.close()

    def _work(self, is_first: bool) -> None:
        while batch := self._next_batch(is_first):
            try:
                if self._hand_over(self._rule(batch)):
                    self._keep_on()
            finally:
                with self._came:
                    self._rows_taken -= sum(asked.rows for asked in batch)

    # ---- ruling ----
    def _is_long(self) -> bool:
        return self._rows_waiting + self._rows_taken >= HELP_ROWS

    def _next_batch(self, is_first: bool) -> list[Asked]:
        """What waits, up to a batch; empty once closed."""
        rows, batch = 0, list[Asked]()
        with self._came:
            while not (self._waiting and (is_first or self._is_long() or self._closing)):
                if self._closing:
                    return []
                (self._came if is_first else self._long).wait()
            while self._waiting and (not batch or rows + self._waiting[0].rows <= self._settings.batch_rows):
                batch.append(self._waiting.popleft())
                rows += batch[-1].rows
            self._rows_waiting -= rows
            self._rows_taken += rows
        return batch

    def _rule(self, batch: list[Asked]) -> list[Ruled]:
        done: list[Ruled] = []
        groups: dict[tuple[int, str], list[Asked]] = {}
        for asked in self._in_time(batch):
            groups.setdefault((id(asked.engine), asked.caller.tenant), []).append(asked)
        for group in groups.values():
            done += self._rule_group(group)
        return done

    def _rule_group(self, group: list[Asked]) -> list[Ruled]:
        engine, as_of = group[0].engine, self._house.clock.now()
        values = group[0].values if len(group) == 1 else np.concatenate([asked.values for asked in group])
        entities = [entity for asked in group for entity in asked.entities]
        try:
            whole = engine.rule(values, entities, tenant=group[0].caller.tenant, as_of=as_of)
        except DandelionError as error:
            if len(group) == 1:
                tell_all([(group[0], error)])
                return []
            return [ruled for asked in group for ruled in self._rule_group([asked])]  # the others are not to blame
        except Exception as error:
            if isinstance(engine, RulingPair):
                self._watching.failed(error)
                alone = engine.alone
                own = [np.ascontiguousarray(asked.values[:, : len(alone.columns)]) for asked in group]
                return self._rule_group(
                    [replace(asked, engine=alone, values=values) for asked, values in zip(group, own, strict=True)]
                )
            log.exception("a batch of rulings failed")
            tell_all((asked, error) for asked in group)
            return []
        self._house.measures.ruling_batch_rows.observe(len(entities))
        out, at = [], 0
        for asked in group:
            part = whole.part(at, at + asked.rows)
            out.append(Ruled(asked, part, [new_id() for _ in range(asked.rows)], as_of))
            at += asked.rows
        return out

    # ---- keeping ----
    def _hand_over(self, done: list[Ruled]) -> bool:
        """Put what is ruled where it is kept from; whether nobody is keeping, so that this thread has to."""
        with self._room:
            while self._keeping and len(self._ruled) >= RULED_MAX:
                self._room.wait()
            self._ruled.append(done)
            if self._keeping:
                return False
            self._keeping = True
            return True

    def _keep_on(self) -> None:
        """Keep until nothing is left."""
        while True:
            with self._room:
                group = [ruled for batch in self._ruled for ruled in batch]
                self._ruled.clear()
                self._keeping = bool(group)
                self._room.notify_all()
            if not group:
                return
            self._keep_group(group)

    def _keep_group(self, group: list[Ruled]) -> None:
        """One transaction for all; answers only after its commit.  Where it fails, nothing was kept and all are told so."""
        started = time.perf_counter()
        try:
            with self._house.vault.unit_of_work(self._house.tenant) as work:
                told = keep(self._house, work, group)
        except Exception as error:
            ours = isinstance(error, DandelionError)
            where = (
                "" if ours else "\n" + "".join(format_tb(error.__traceback__))
            )  # its words may hold what nobody may log
            log.warning("a group of rulings was not kept: %s%s", type(error).__name__, where)
            excuse = error if ours else Unavailable("the record cannot be written; try again")
            tell_all((ruled.asked, excuse) for ruled in group)
            return
        tell_all((one.ruled.asked, one.answer) for one in told)
        self._house.measures.ruling_commit_seconds.observe(time.perf_counter() - started)
        if late := sum(isinstance(one.answer, DeadlinePassed) for one in told):
            self._house.measures.rulings_refused.labels("late").inc(late)
        self._watching.note([one.ruled for one in told if one.is_new])

    def _in_time(self, group: list[Asked]) -> list[Asked]:
        """Those whose deadline has not passed; the others are told."""
        late = {id(asked) for asked in group if asked.is_late()}
        if late:
            self._house.measures.rulings_refused.labels("late").inc(len(late))
            tell_all((asked, too_late()) for asked in group if id(asked) in late)
        return [asked for asked in group if id(asked) not in late]
