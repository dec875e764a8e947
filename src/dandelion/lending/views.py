"""What a line looks like to its reader: figures accrued to now, without writing anything."""

from __future__ import annotations

from dataclasses import dataclass

from dandelion.lending.days import date_of, local_day
from dandelion.lending.delinquency import band_of, days_past_due
from dandelion.lending.fold import accrue_to
from dandelion.lending.packs import Pack
from dandelion.lending.state import PAID, LineState
from dandelion.lending.store import LineRecord
from dandelion.lending.waterfall import owed


@dataclass(frozen=True, slots=True)
class DrawdownView:
    """One live drawdown.  `payoff_fen` settles it today; `due_fen` keeps it in good standing today."""

    drawdown_id: str
    status: str
    amount_fen: int
    principal_fen: int
    interest_fen: int
    overdue_fen: int
    due_fen: int
    payoff_fen: int
    started: str
    next_due: str
    final_due: str


@dataclass(frozen=True, slots=True)
class LineView:
    """A line as of a day, interest included up to it (head counted, tail not).  Money in fen, dates ISO."""

    line_id: str
    subject: str
    product: str
    pack: str
    decision_id: str
    as_of: str
    status: str
    limit_fen: int
    available_fen: int
    principal_fen: int
    hold_fen: int
    interest_fen: int
    overdue_fen: int
    due_fen: int
    payoff_fen: int
    credit_fen: int
    written_off_fen: int
    rate_ppm: int
    next_due: str
    days_past_due: int
    bucket: str
    class_name: str
    drawdowns: tuple[DrawdownView, ...]


def view(record: LineRecord, pack: Pack, at_us: int) -> LineView:
    """The line at an instant not before its last step."""
    today = local_day(at_us, record.time_zone)
    state = accrue_to(record.state, today)
    rows = tuple(_drawdown(state, index, today) for index in range(len(state.drawdowns)))
    late = days_past_due(state, today)
    return LineView(
        line_id=state.line_id,
        subject=state.subject,
        product=record.product,
        pack=record.pack_id,
        decision_id=record.decision_id,
        as_of=str(date_of(today)),
        status=state.status,
        limit_fen=state.limit_fen,
        available_fen=state.available_fen,
        principal_fen=state.principal_fen,
        hold_fen=state.hold_fen,
        interest_fen=state.interest_owed_fen,
        overdue_fen=sum(row.overdue_fen for row in rows),
        due_fen=sum(row.due_fen for row in rows),
        payoff_fen=sum(row.payoff_fen for row in rows),
        credit_fen=state.credit_fen,
        written_off_fen=state.written_off_fen,
        rate_ppm=state.rate_ppm,
        next_due=min((row.next_due for row in rows if row.next_due), default=""),
        days_past_due=late,
        bucket=band_of(pack.buckets, late),
        class_name=band_of(pack.classes, late),
        drawdowns=rows,
    )


def _drawdown(state: LineState, index: int, today: int) -> DrawdownView:
    drawdown = state.drawdowns[index]
    if drawdown.status != PAID:
        return DrawdownView(
            drawdown.drawdown_id, drawdown.status, drawdown.amount_fen, 0, 0, 0, 0, 0, str(date_of(drawdown.start_day)),
            "", str(date_of(drawdown.final_day)),
        )  # fmt: skip
    debt = owed(state, drawdown, today)
    coming = [
        due.day for due in drawdown.dues if due.principal_cum_fen > drawdown.principal_paid_fen or due.day > today
    ]
    return DrawdownView(
        drawdown_id=drawdown.drawdown_id,
        status=drawdown.status,
        amount_fen=drawdown.amount_fen,
        principal_fen=drawdown.principal_fen,
        interest_fen=state.charged_fen(drawdown) - drawdown.interest_paid_fen,
        overdue_fen=debt.overdue_interest + debt.overdue_principal,
        due_fen=debt.due_fen,
        payoff_fen=debt.total_fen,
        started=str(date_of(drawdown.start_day)),
        next_due=str(date_of(coming[0])) if coming else str(date_of(drawdown.final_day)),
        final_due=str(date_of(drawdown.final_day)),
    )
