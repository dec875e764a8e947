"""Steps: what happened to a line, in order, append-only.  They are the truth; the line's columns are their fold.

Every step carries what was decided when it happened (due dates, parts of a payment), so that folding needs no product
and no pack, and an old line folds the same after either has changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

from dandelion.core import canonical


@dataclass(frozen=True, slots=True)
class Opened:
    KIND: ClassVar[str] = "opened"
    subject: str
    limit_fen: int
    rate_ppm: int
    year_days: int
    rounding: str
    shares: tuple[tuple[str, int], ...]
    bucket: str
    class_name: str


@dataclass(frozen=True, slots=True)
class Changed:
    KIND: ClassVar[str] = "changed"
    change: str
    limit_fen: int
    reason_code: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """`dues` as (day, cumulative principal in fen), for money that arrives on `start_day`."""

    KIND: ClassVar[str] = "drawn"
    drawdown_id: str
    amount_fen: int
    rate_ppm: int
    overdue_rate_ppm: int
    start_day: int
    dues: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class PaidOut:
    """The rail's definite yes.  Interest and due dates count from `start_day`, the day the money arrived."""

    KIND: ClassVar[str] = "paid_out"
    drawdown_id: str
    start_day: int
    dues: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class PayoutFailed:
    KIND: ClassVar[str] = "payout_failed"
    drawdown_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Accrued:
    """Interest of every day before `through_day` is in."""

    KIND: ClassVar[str] = "accrued"
    through_day: int


@dataclass(frozen=True, slots=True)
class Repaid:
    """A payment, or credit put to use (`from_credit`).  `parts` are (drawdown, "interest" | "principal", fen)."""

    KIND: ClassVar[str] = "repaid"
    day: int
    amount_fen: int
    from_credit: bool
    parts: tuple[tuple[str, str, int], ...]
    recovered_fen: int
    credit_fen: int


@dataclass(frozen=True, slots=True)
class Backdated:
    """A payment that counts from `value_day` although it was booked later: interest since then is charged anew, on what
    it left owed, up to `through_day`."""

    KIND: ClassVar[str] = "backdated"
    value_day: int
    through_day: int
    amount_fen: int
    parts: tuple[tuple[str, str, int], ...]
    recovered_fen: int
    credit_fen: int


@dataclass(frozen=True, slots=True)
class Classed:
    KIND: ClassVar[str] = "classed"
    day: int
    days_past_due: int
    bucket: str
    class_name: str


@dataclass(frozen=True, slots=True)
class WrittenOff:
    """Everything owed leaves the books; the debt itself remains and recoveries count against it."""

    KIND: ClassVar[str] = "written_off"
    day: int
    reason_code: str


Step: TypeAlias = (
    Opened | Changed | Drawn | PaidOut | PayoutFailed | Accrued | Repaid | Backdated | Classed | WrittenOff
)
_KINDS: dict[str, type[Any]] = {
    kind.KIND: kind
    for kind in (Opened, Changed, Drawn, PaidOut, PayoutFailed, Accrued, Repaid, Backdated, Classed, WrittenOff)
}


def step_text(step: Step) -> str:
    """Canonical JSON of a step's fields (its kind is stored beside it)."""
    return canonical(asdict(step)).decode()


def step_from(kind: str, text: str) -> Step:
    fields: Mapping[str, Any] = json.loads(text)
    values = {name: _tuples(value) for name, value in fields.items()}
    step: Step = _KINDS[kind](**values)
    return step


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
