"""A payment that the bank tells of days late: it counts from its value date, as if it had been booked then.

Nothing is edited.  One step takes the interest since that day back, books the payment, and charges interest again on what
it left owed; its posting holds the differences.  The days since are open for this as long as no other payment and no
write-off counts from one of them: what was told of those would have to be told anew.
"""

from __future__ import annotations

from dandelion.core import BadInput, Conflict
from dandelion.lending.days import date_of
from dandelion.lending.fold import rewound
from dandelion.lending.packs import Pack
from dandelion.lending.products import Terms
from dandelion.lending.state import PAID, LineState
from dandelion.lending.steps import Backdated, Repaid, Step, WrittenOff
from dandelion.lending.store import LineWork, steps_of
from dandelion.lending.waterfall import allocate


def backdated(
    line: LineWork, terms: Terms, pack: Pack, amount_fen: int, value_day: int, drawdown_id: str | None
) -> Backdated:
    """The step that books `amount_fen` as of `value_day` on a line that is accrued to today.

    Errors: BadInput (in the future, too long ago), Conflict (another payment or a write-off counts from a later day).
    """
    late = line.today - value_day
    if late < 0:
        raise BadInput(
            f"value_date {date_of(value_day)} lies ahead; leave it out or give a past day", field="value_date"
        )
    if late > terms.backdate_days_max:
        raise BadInput(
            f"value_date {date_of(value_day)} is {late} days ago; {terms.product} books back {terms.backdate_days_max} "
            "days at most: leave it out to book the money today",
            field="value_date",
        )
    for step in steps_of(line.work.connection, line.work.tenant, line.state.line_id):
        if _counts_from(step) > value_day:
            raise Conflict(
                f"another movement counts from {date_of(_counts_from(step))}, after value_date {date_of(value_day)}; "
                "book this one as of that day or today",
                field="value_date",
            )
    then = _standing_on(rewound(line.state, value_day), value_day)
    parts, left = allocate(then, value_day, amount_fen, pack.waterfall, drawdown_id)
    recovered = min(left, then.written_off_fen)
    return Backdated(value_day, line.today, amount_fen, tuple(parts), recovered, left - recovered)


def _counts_from(step: Step) -> int:
    if isinstance(step, Repaid | WrittenOff):
        return step.day
    return step.value_day if isinstance(step, Backdated) else 0


def _standing_on(state: LineState, day: int) -> LineState:
    """Only the drawdowns that were out on `day`: nobody repays money that had not arrived."""
    drawdowns = tuple(d for d in state.drawdowns if d.status == PAID and d.start_day <= day)
    return LineState(**{name: getattr(state, name) for name in state.__dataclass_fields__} | {"drawdowns": drawdowns})
