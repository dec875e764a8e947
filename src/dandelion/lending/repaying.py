"""Money back: interest to today, the pack's waterfall, over-payment to the customer's credit; write-off and recovery."""

from __future__ import annotations

from dataclasses import dataclass

from dandelion.core import BadInput, Conflict
from dandelion.core.events import DelinquencyMoved, LimitChanged
from dandelion.core.events import Repaid as RepaidEvent
from dandelion.lending import ledger
from dandelion.lending.backdating import backdated
from dandelion.lending.days import date_of, day_start_us
from dandelion.lending.delinquency import band_of, days_past_due
from dandelion.lending.packs import Pack
from dandelion.lending.products import Terms
from dandelion.lending.state import PAID
from dandelion.lending.steps import Accrued, Backdated, Classed, Repaid, WrittenOff
from dandelion.lending.store import LineWork, checked_reference, step_at
from dandelion.lending.waterfall import allocate, owed
from dandelion.vault import Actor

PAYMENT_FEN_MAX = 10**14  # a thousand billion yuan: anything above is a slip of the unit


@dataclass(frozen=True, slots=True)
class Repayment:
    """Receipt of one payment.  `parts` are (drawdown, "interest" | "principal", fen); all figures in fen."""

    line_id: str
    source_ref: str
    amount_fen: int
    interest_fen: int
    principal_fen: int
    credit_fen: int
    recovered_fen: int
    parts: tuple[tuple[str, str, int], ...]
    value_date: str
    is_new: bool = True


def repay(
    line: LineWork, terms: Terms, pack: Pack, amount_fen: int, source_ref: str, drawdown_id: str | None,
    value_day: int | None, actor: Actor,
) -> Repayment:  # fmt: skip
    """Book a payment that has arrived, today or as of a `value_day`.  The same `source_ref` again returns the first
    receipt.

    Errors: BadInput (amount, unknown drawdown, value day), Conflict (`source_ref` used for another line, amount or value
    day; see also `backdating`).
    """
    work, line_id = line.work, line.state.line_id
    checked_reference(source_ref, "source_ref")
    if not isinstance(amount_fen, int) or isinstance(amount_fen, bool) or not 0 < amount_fen <= PAYMENT_FEN_MAX:
        raise BadInput(
            f"amount_fen is {amount_fen!r}; give a whole number of fen from 1 to {PAYMENT_FEN_MAX}", field="amount_fen"
        )
    reference = f"repay:{source_ref}"
    work.lock(f"reference:{reference}")
    first = ledger.find(work.connection, work.tenant, reference)
    if first is not None:
        return _receipt_again(line, first, source_ref, amount_fen, value_day)
    if drawdown_id is not None:
        chosen = line.state.drawdown(drawdown_id)
        if chosen is None or chosen.status != PAID:
            raise BadInput(f"drawdown {drawdown_id!r} has nothing to repay on line {line_id}", field="drawdown_id")
    bring_to_today(line)
    step: Repaid | Backdated
    if value_day is None or value_day == line.today:
        parts, left = allocate(line.state, line.today, amount_fen, pack.waterfall, drawdown_id)
        recovered = min(left, line.state.written_off_fen)
        step = Repaid(line.today, amount_fen, False, tuple(parts), recovered, left - recovered)
    else:
        step = backdated(line, terms, pack, amount_fen, value_day, drawdown_id)
    line.take(step, reference)
    receipt = _receipt(line_id, source_ref, step, is_new=True)
    event_key = line.event_key()
    reclass(line, pack, line.today)
    work.append(
        [
            RepaidEvent(
                event_id=event_key, source="lending", at=_counted_at(line, step), arrived=work.now,
                merchant=line.state.subject, line=line_id, amount_fen=amount_fen,
                principal_fen=receipt.principal_fen, interest_fen=receipt.interest_fen,
            )
        ]
    )  # fmt: skip
    work.audit(actor, "line.repaid", line.state.subject, {"line": line_id, "fen": amount_fen})
    return receipt


def use_credit(line: LineWork, pack: Pack, day: int) -> int:
    """Put the customer's credit to what is due by `day`; the state is accrued to `day`.  Returns the fen used."""
    due = sum(owed(line.state, d, day).due_fen for d in line.state.drawdowns if d.status == PAID)
    fen = min(line.state.credit_fen, due)
    if fen == 0:
        return 0
    parts, left = allocate(line.state, day, fen, pack.waterfall)
    assert left == 0, (fen, parts)
    line.take(Repaid(day, fen, True, tuple(parts), 0, 0))
    return fen


def bring_to_today(line: LineWork) -> None:
    """Book interest of every day before today, so that what follows stands on whole days."""
    behind = [d for d in line.state.drawdowns if d.status == PAID and d.accrued_day < line.today]
    if behind:
        line.take(Accrued(line.today))


def reclass(line: LineWork, pack: Pack, day: int) -> bool:
    """Move bucket and class to where the days past due of `day` put them.  True if either moved."""
    late = days_past_due(line.state, day)
    bucket, class_name = band_of(pack.buckets, late), band_of(pack.classes, late)
    if (bucket, class_name) == (line.state.bucket, line.state.class_name):
        return False
    line.take(Classed(day, late, bucket, class_name))
    now = line.work.now
    line.work.append(
        [
            DelinquencyMoved(
                event_id=line.event_key(), source="lending", at=now, arrived=now, merchant=line.state.subject,
                line=line.state.line_id, days_past_due=late, bucket=bucket,
            )
        ]
    )  # fmt: skip
    return True


def write_off(line: LineWork, pack: Pack, reason_code: str, actor: Actor) -> int:
    """Take everything owed off the books; the debt remains and later payments count as recoveries.  Returns the fen.

    Errors: Conflict while the line is not late enough by the pack, or owes nothing.
    """
    bring_to_today(line)
    state = line.state
    owed_fen = state.principal_fen + state.interest_owed_fen
    if owed_fen == 0:
        raise Conflict(f"line {state.line_id} owes nothing; there is nothing to write off", field="line_id")
    late = days_past_due(state, line.today)
    if late < pack.write_off_from_days:
        raise Conflict(
            f"line {state.line_id} is {late} days past due; pack {pack.id} writes off from {pack.write_off_from_days}",
            field="line_id",
        )
    line.take(WrittenOff(line.today, reason_code))
    now = line.work.now
    event = LimitChanged(
        event_id=line.event_key(), source="lending", at=now, arrived=now, merchant=state.subject, line=state.line_id,
        change="frozen", limit_fen=state.limit_fen, reason_code=reason_code,
    )  # fmt: skip
    line.work.append([event])
    line.work.audit(actor, "line.written_off", state.subject, {"line": state.line_id, "fen": owed_fen})
    return owed_fen


def _counted_at(line: LineWork, step: Repaid | Backdated) -> int:
    """Now, or the beginning of the value day: the bank tells no hour."""
    return day_start_us(step.value_day, line.record.time_zone) if isinstance(step, Backdated) else line.work.now


def _receipt_again(
    line: LineWork, first: ledger.Posted, source_ref: str, amount_fen: int, value_day: int | None
) -> Repayment:
    if first.line_id != line.state.line_id:
        raise Conflict("source_ref was booked on another line; check the incoming transfer", field="source_ref")
    step = step_at(line.work.connection, line.work.tenant, first.line_id, first.seq)
    assert isinstance(step, Repaid | Backdated), step
    if step.amount_fen != amount_fen:
        raise Conflict(f"source_ref was booked with {step.amount_fen} fen; send a fresh one", field="source_ref")
    counted = step.value_day if isinstance(step, Backdated) else step.day
    if value_day is not None and value_day != counted:
        raise Conflict(f"source_ref was booked as of {date_of(counted)}; send a fresh one", field="value_date")
    return _receipt(first.line_id, source_ref, step, is_new=False)


def _receipt(line_id: str, source_ref: str, step: Repaid | Backdated, *, is_new: bool) -> Repayment:
    return Repayment(
        line_id=line_id,
        source_ref=source_ref,
        amount_fen=step.amount_fen,
        interest_fen=sum(fen for _, kind, fen in step.parts if kind == "interest"),
        principal_fen=sum(fen for _, kind, fen in step.parts if kind == "principal"),
        credit_fen=step.credit_fen,
        recovered_fen=step.recovered_fen,
        parts=step.parts,
        value_date=str(date_of(step.value_day if isinstance(step, Backdated) else step.day)),
        is_new=is_new,
    )
