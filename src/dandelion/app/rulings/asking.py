"""What a caller asks of the ruling desk: rows of one product, who they are about, and until when the answer is wanted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from dandelion.app.access import Caller
from dandelion.app.answer import Answer
from dandelion.app.command import Command
from dandelion.app.rulings.bell import Bell
from dandelion.core import BadInput, DandelionError
from dandelion.core.frame import Floats
from dandelion.policy.rulings import Ruler

ENTITY_CHARS_MAX = 256
DEADLINE_MS_MAX = 60_000


class DeadlinePassed(DandelionError):  # noqa: N818 - reads as the sentence it is
    """The caller's deadline came before the ruling did; nothing was kept."""

    code, status = "deadline_passed", 504


def too_late() -> DeadlinePassed:
    return DeadlinePassed(
        "the deadline passed before the ruling was made; nothing was kept: send it again, with more time",
        field="Deadline-Ms",
    )


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """`values` (rows, columns) in the order of `engine`, which is kept to the end whatever is swapped meanwhile.

    `until` is on the monotonic clock; `answer` gets the stored bytes, or the error, and then `bell` is rung.  `alone` says
    that one ruling is told as itself rather than as a list of one.
    """

    engine: Ruler
    values: Floats
    entities: Sequence[str]
    caller: Caller
    command: Command
    until: float
    alone: bool
    bell: Bell | None = None
    answer: Future[Answer] = field(default_factory=Future)

    @property
    def rows(self) -> int:
        return len(self.entities)

    def is_late(self) -> bool:
        return time.monotonic() > self.until

    def tell(self, answer: Answer | Exception) -> None:
        """Whoever tells rings the bell, once for all that were told."""
        if self.answer.done():
            return
        if isinstance(answer, Answer):
            self.answer.set_result(answer)
        else:
            self.answer.set_exception(answer)


def tell_all(told: Iterable[tuple[Asked, Answer | Exception]]) -> None:
    """Tell each its answer or error, and ring each bell once."""
    bells = set()
    for asked, answer in told:
        asked.tell(answer)
        bells.add(asked.bell)
    for bell in bells:
        if bell is not None:
            bell.ring()


def checked_entities(entities: object) -> list[str]:
    """Ids that can be stored.  Errors: BadInput."""
    if not isinstance(entities, list) or not entities:
        raise BadInput("entities must be a list of ids, one for each row", field="entities")
    for row, entity in enumerate(entities):
        if not isinstance(entity, str) or not 1 <= len(entity) <= ENTITY_CHARS_MAX or not entity.isprintable():
            raise BadInput(
                f"entities: row {row} is no id; give 1 to {ENTITY_CHARS_MAX} printable characters", field="entities"
            )
    return entities


def deadline(text: str | None, usual_ms: int) -> float:
    """When an answer is no longer wanted, on the monotonic clock.  Errors: BadInput."""
    if text is None:
        return time.monotonic() + usual_ms / 1000
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= DEADLINE_MS_MAX):
        raise BadInput(
            f"the header Deadline-Ms must be whole milliseconds from 1 to {DEADLINE_MS_MAX}", field="Deadline-Ms"
        )
    return time.monotonic() + int(text) / 1000
