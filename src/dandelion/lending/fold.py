"""``state = fold(steps)``: the one place where a line's state changes.  Pure; no clock, no database, no pack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dandelion.core import PPM, Conflict
from dandelion.lending.accrual import Carry, accrue
from dandelion.lending.state import (
    ACTIVE,
    CLOSED,
    FAILED,
    FROZEN,
    IN_FLIGHT,
    PAID,
    WRITTEN_OFF,
    Drawdown,
    Due,
    LineState,
)
from dandelion.lending.steps import (
    Accrued,
    Backdated,
    Changed,
    Classed,
    Drawn,
    Opened,
    PaidOut,
    PayoutFailed,
    Repaid,
    Step,
    WrittenOff,
)

DAYS_MAX = 40_000  # a line older than a century is a bug, and every loop has a bound


def fold(line_id: str, steps: Iterable[Step]) -> LineState:
    """The state after all steps.  Drawdowns that failed or are fully repaid are dropped from it."""
    state: LineState | None = None
    for step in steps:
        state = opened(line_id, step) if isinstance(step, Opened) else live_only(apply(_some(state), step))
    return _some(state)


def opened(line_id: str, step: Opened) -> LineState:
    return LineState(
        line_id=line_id, subject=step.subject, limit_fen=step.limit_fen, rate_ppm=step.rate_ppm, status=ACTIVE,
        year_days=step.year_days, rounding=step.rounding, shares=step.shares, bucket=step.bucket,
        class_name=step.class_name, seq=1,
    )  # fmt: skip


def apply(state: LineState, step: Step) -> LineState:
    """The state after one step, drawdowns that the step settled included.  AssertionError where a step contradicts the state: a bug, never the caller's input."""
    state = replace(state, seq=state.seq + 1)
    if isinstance(step, Accrued):
        return accrue_to(state, step.through_day)
    if isinstance(step, Repaid):
        return _repaid(state, step)
    if isinstance(step, Backdated):
        return _backdated(state, step)
    if isinstance(step, Classed):
        return replace(state, days_past_due=step.days_past_due, bucket=step.bucket, class_name=step.class_name)
    if isinstance(step, Drawn):
        drawdown = Drawdown(
            drawdown_id=step.drawdown_id, amount_fen=step.amount_fen, rate_ppm=step.rate_ppm,
            overdue_rate_ppm=step.overdue_rate_ppm, status=IN_FLIGHT, start_day=step.start_day,
            accrued_day=step.start_day, dues=_dues(step.dues), principal_fen=step.amount_fen, carry=Carry(0, 0),
            interest_paid_fen=0,
        )  # fmt: skip
        return replace(state, drawdowns=(*state.drawdowns, drawdown))
    if isinstance(step, PaidOut):
        drawdown = _in_flight(state, step.drawdown_id)
        return state.with_drawdown(
            replace(drawdown, status=PAID, start_day=step.start_day, accrued_day=step.start_day, dues=_dues(step.dues))
        )
    if isinstance(step, PayoutFailed):
        return state.with_drawdown(replace(_in_flight(state, step.drawdown_id), status=FAILED))
    if isinstance(step, Changed):
        status = {"frozen": FROZEN, "unfrozen": ACTIVE}.get(step.change, state.status)
        return replace(state, status=status, limit_fen=step.limit_fen)
    if isinstance(step, WrittenOff):
        return _written_off(state)
    raise AssertionError(f"{step!r} cannot follow an open line")


def accrue_to(state: LineState, day: int) -> LineState:
    """Interest of every day before `day` on every paid-out drawdown; due dates reached on the way fix their interest."""
    before = sum(state.charged_fen(d) for d in state.drawdowns if d.status == PAID)
    moved = tuple(_accrued(state, d, day) if d.status == PAID else d for d in state.drawdowns)
    state = replace(state, drawdowns=moved)
    after = sum(state.charged_fen(d) for d in moved if d.status == PAID)
    assert after >= before, "interest never shrinks"
    return replace(state, interest_total_fen=state.interest_total_fen + after - before)


def _accrued(state: LineState, drawdown: Drawdown, day: int) -> Drawdown:
    assert day - drawdown.start_day < DAYS_MAX, day
    while drawdown.accrued_day < day:
        turns = [turn for due in drawdown.dues for turn in (due.day, due.day + 1) if turn > drawdown.accrued_day]
        until = min([day, *turns])
        overdue = overdue_principal_fen(drawdown, drawdown.accrued_day)
        extra = overdue * (drawdown.overdue_rate_ppm - drawdown.rate_ppm)
        carry = accrue(
            drawdown.carry,
            weighted_fen_ppm=drawdown.principal_fen * drawdown.rate_ppm + extra,
            days=until - drawdown.accrued_day,
            year_days=state.year_days,
        )
        drawdown = replace(drawdown, carry=carry, accrued_day=until)
        charged = state.charged_fen(drawdown)
        dues = tuple(
            replace(due, interest_cum_fen=charged) if due.day == until and due.interest_cum_fen is None else due
            for due in drawdown.dues
        )
        drawdown = replace(drawdown, dues=dues)
    return drawdown


def overdue_principal_fen(drawdown: Drawdown, day: int) -> int:
    """Principal that was due before `day` and is not paid; a due date is kept until its day is over."""
    due = max((due.principal_cum_fen for due in drawdown.dues if due.day < day), default=0)
    return max(0, due - drawdown.principal_paid_fen)


def rewound(state: LineState, day: int) -> LineState:
    """`state` as it stood on `day`, if nothing but interest has been added since: the exact inverse of `accrue_to`.

    Drawdowns that were paid out after `day` stay as they are.
    """
    before = sum(state.charged_fen(d) for d in state.drawdowns if d.status == PAID)
    moved = tuple(_rewound(state, d, day) if _ran_on(d, day) else d for d in state.drawdowns)
    after = sum(state.charged_fen(d) for d in moved if d.status == PAID)
    return replace(state, drawdowns=moved, interest_total_fen=state.interest_total_fen + after - before)


def _ran_on(drawdown: Drawdown, day: int) -> bool:
    return drawdown.status == PAID and drawdown.start_day <= day < drawdown.accrued_day


def _rewound(state: LineState, drawdown: Drawdown, day: int) -> Drawdown:
    dues = tuple(replace(due, interest_cum_fen=None) if due.day > day else due for due in drawdown.dues)
    then = replace(drawdown, carry=Carry(0, 0), accrued_day=day, dues=dues)
    since, unit = _accrued(state, then, drawdown.accrued_day).carry, PPM * state.year_days
    left = (drawdown.carry.whole_fen - since.whole_fen) * unit + drawdown.carry.rest - since.rest
    assert left >= 0, (drawdown, day)
    return replace(then, carry=Carry(*divmod(left, unit)))


def _backdated(state: LineState, step: Backdated) -> LineState:
    paid = Repaid(step.value_day, step.amount_fen, False, step.parts, step.recovered_fen, step.credit_fen)
    return accrue_to(_repaid(rewound(state, step.value_day), paid), step.through_day)


def _repaid(state: LineState, step: Repaid) -> LineState:
    interest = 0
    for drawdown_id, kind, fen in step.parts:
        drawdown = state.drawdown(drawdown_id)
        assert drawdown is not None, drawdown_id
        assert drawdown.status == PAID, drawdown
        assert fen > 0, step
        if kind == "interest":
            assert drawdown.interest_paid_fen + fen <= state.charged_fen(drawdown), step
            interest += fen
            drawdown = replace(drawdown, interest_paid_fen=drawdown.interest_paid_fen + fen)
        else:
            assert fen <= drawdown.principal_fen, step
            drawdown = replace(drawdown, principal_fen=drawdown.principal_fen - fen)
        state = state.with_drawdown(drawdown)
    credit = state.credit_fen + step.credit_fen - (step.amount_fen if step.from_credit else 0)
    assert credit >= 0, step
    assert sum(fen for _, _, fen in step.parts) + step.recovered_fen + step.credit_fen == step.amount_fen, step
    state = replace(
        state,
        interest_paid_total_fen=state.interest_paid_total_fen + interest,
        credit_fen=credit,
        written_off_fen=state.written_off_fen - step.recovered_fen,
    )
    settled = tuple(replace(d, status=CLOSED) if _is_settled(state, d) else d for d in state.drawdowns)
    return replace(state, drawdowns=settled)


def _is_settled(state: LineState, drawdown: Drawdown) -> bool:
    paid_all = drawdown.principal_fen == 0 and drawdown.interest_paid_fen == state.charged_fen(drawdown)
    return drawdown.status == PAID and paid_all


def _written_off(state: LineState) -> LineState:
    owed = state.principal_fen + state.interest_owed_fen
    return replace(
        state,
        status=FROZEN,
        drawdowns=tuple(replace(d, status=WRITTEN_OFF) if d.status == PAID else d for d in state.drawdowns),
        interest_paid_total_fen=state.interest_total_fen,
        written_off_fen=state.written_off_fen + owed,
    )


def live_only(state: LineState) -> LineState:
    """`state` without the drawdowns that are over (failed, closed, written off)."""
    return replace(state, drawdowns=tuple(d for d in state.drawdowns if d.status in (IN_FLIGHT, PAID)))


def _in_flight(state: LineState, drawdown_id: str) -> Drawdown:
    drawdown = state.drawdown(drawdown_id)
    if drawdown is None or drawdown.status != IN_FLIGHT:
        raise Conflict(f"drawdown {drawdown_id} is not on its way; its payout has been settled", field="drawdown_id")
    return drawdown


def _dues(pairs: tuple[tuple[int, int], ...]) -> tuple[Due, ...]:
    return tuple(Due(day, principal) for day, principal in pairs)


def _some(state: LineState | None) -> LineState:
    assert state is not None, "the first step of a line opens it"
    return state
