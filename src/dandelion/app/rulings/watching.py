"""What the rulings of this process say of the books that rule: counted by book, and held to the guard while two stand.

Both books ruled on every row, so they are compared on the same ones.  A ruling offers no limit; the guard compares by how
much each book would change the usual one, nothing where it lets nothing pass.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace

from dandelion.app.house import House
from dandelion.app.rulings.keeping import Ruled
from dandelion.app.usecases import publish
from dandelion.core import Conflict
from dandelion.policy import Guard, Watched
from dandelion.policy.rulings import OUTCOMES, Beside
from dandelion.vault import SYSTEM

log = logging.getLogger("dandelion.rulings")
PASSED = OUTCOMES.index("passed")


class Watching:
    """`note` is called by one thread at a time; a challenger that passes a bound is stopped beside, by the system."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._salt, self._found = "", Watched()
        self._stopping: threading.Thread | None = None

    def note(self, kept: Sequence[Ruled]) -> None:
        """Count rulings that were kept."""
        counted: Counter[tuple[str, str, int]] = Counter()
        for ruled in kept:
            two = ruled.records.beside
            by = ["champion"] * len(ruled.records) if two is None else two.by
            for whom, outcome in zip(by, ruled.records.outcome.tolist(), strict=True):
                counted[ruled.asked.engine.product, whom, outcome] += 1
            if two is not None:
                self._compare(two)
        for (product, whom, outcome), count in counted.items():
            self._house.measures.rulings.labels(product, whom, OUTCOMES[outcome]).inc(count)

    def close(self) -> None:
        if self._stopping is not None:
            self._stopping.join(30)

    def _compare(self, two: Beside) -> None:
        rollout = self._house.policy.rollout
        if rollout is None or rollout.salt != two.salt:  # ruled by a pair that stands no more
            return
        if two.salt != self._salt:
            self._salt, self._found = two.salt, Watched()
        passed, limits = (two.outcomes == PASSED).sum(axis=0).tolist(), two.limits_ppm.sum(axis=0).tolist()
        was = self._found
        self._found = replace(
            was, decisions=was.decisions + len(two.challenged), champion_approved=was.champion_approved + passed[0],
            challenger_approved=was.challenger_approved + passed[1],
            champion_limit_fen=was.champion_limit_fen + limits[0],
            challenger_limit_fen=was.challenger_limit_fen + limits[1],
        )  # fmt: skip
        told = self._house.settings.publication
        guard = Guard(**{bound.name: getattr(told, bound.name) for bound in fields(Guard)})
        if why := self._found.held_to(guard).why:
            self._stop_soon(f"{why}, on rulings")

    def failed(self, error: Exception) -> None:
        """The challenger raised where the champion rules.  What it said stays in the log, only its kind on record."""
        log.error("the challenger failed where the champion rules; it is stopped", exc_info=error)
        self._stop_soon(f"failed with {type(error).__name__}")

    def _stop_soon(self, why: str) -> None:
        if self._stopping is None:
            self._stopping = threading.Thread(target=self._stop, args=(why,), name="guard", daemon=True)
            self._stopping.start()

    def _stop(self, why: str) -> None:
        """Stop the challenger, unless somebody did meanwhile; it takes a reading of the book, and nobody waits for it."""
        try:
            publish.stop(self._house, SYSTEM, f"guardrail: the challenger {why}")
        except Conflict:
            log.info("the challenger was stopped already")
        except Exception:
            log.exception("the challenger passed a bound but could not be stopped; trying again")
        finally:
            self._stopping = None
