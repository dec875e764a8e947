"""Drawing: conditions, one balanced posting, one outbox row, all in the caller's transaction; then the rail's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dandelion.core import BadInput, ConditionUnmet, Conflict, NotFound, new_id
from dandelion.core.events import DrawPaid
from dandelion.lending import conditions, rail
from dandelion.lending.cost import check_cap, quote
from dandelion.lending.days import local_day
from dandelion.lending.delinquency import days_past_due
from dandelion.lending.fold import accrue_to
from dandelion.lending.packs import Pack
from dandelion.lending.products import Terms
from dandelion.lending.rail import RailAnswer
from dandelion.lending.schedule import plan
from dandelion.lending.state import ACTIVE
from dandelion.lending.steps import Drawn, PaidOut, PayoutFailed
from dandelion.lending.store import LineWork, add_drawdown, checked_reference
from dandelion.lending.tables import drawdowns, payouts
from dandelion.vault import Actor
from dandelion.vault.tables import grants

TOPIC = "lending.payout"
WAITING, PAID, FAILED = "waiting", "paid", "failed"


@dataclass(frozen=True, slots=True)
class Draw:
    """A drawdown accepted, and the payout that carries it.  `is_new` is False when the request was seen before."""

    line_id: str
    drawdown_id: str
    payout_id: str
    amount_fen: int
    payout_status: str
    is_new: bool = True


@dataclass(frozen=True, slots=True)
class PayoutOutcome:
    """Where a payout stands after an answer of the rail.  `is_new` is False for a repeated answer."""

    payout_id: str
    line_id: str
    drawdown_id: str
    amount_fen: int
    status: str
    is_new: bool


def draw(
    line: LineWork, terms: Terms, pack: Pack, amount_fen: int, request_ref: str, use_of_money: str | None, actor: Actor
) -> Draw:
    """Draw on a locked line.  The same `request_ref` again returns the first draw; with another amount, Conflict.

    Errors: BadInput (amount), ConditionUnmet (names which), Conflict (frozen, too little available).
    """
    seen = _drawn_before(line, request_ref, amount_fen)
    if seen is not None:
        return seen
    state = line.state
    _check_amount(amount_fen, terms)
    _require_consent(line)
    if state.status != ACTIVE:
        raise Conflict(f"line {state.line_id} is {state.status}; no new draws until it is unfrozen", field="line_id")
    _require_terms_and_standing(line, terms, pack)
    found = conditions.standing(line.work.connection, line.work.tenant, state.subject, state.line_id)
    use = _declared_use(found, use_of_money, pack)
    conditions.require(tuple(c for c in found if c.name != conditions.USE or not use))
    if amount_fen > state.available_fen:
        raise Conflict(
            f"amount_fen is {amount_fen}; {state.available_fen} fen are available (limit {state.limit_fen}, owed "
            f"{state.principal_fen}, on its way {state.hold_fen}): ask for less or repay first",
            field="amount_fen",
        )
    check_cap(quote(terms, pack, amount_fen, state.rate_ppm, line.today))
    account = str(next(c.proof["token"] for c in found if c.name == conditions.ACCOUNT))
    drawdown_id, payout_id = new_id(), new_id()
    overdue_rate_ppm = pack.overdue_rate_ppm(state.rate_ppm)
    dues = planned_dues(terms, amount_fen, line.today, state.rate_ppm, state.year_days)
    step = Drawn(drawdown_id, amount_fen, state.rate_ppm, overdue_rate_ppm, line.today, dues)
    line.take(step, f"draw:{drawdown_id}")
    add_drawdown(line, drawdown_id, request_ref, use)
    work = line.work
    work.connection.execute(
        sa.insert(payouts).values(
            tenant=work.tenant, payout_id=payout_id, line_id=state.line_id, drawdown_id=drawdown_id,
            amount_fen=amount_fen, account=account, status=WAITING, created=work.now, settled=None, reason="",
        )
    )  # fmt: skip
    work.emit(TOPIC, payout_id, {"payout": payout_id, "account": account, "amount_fen": amount_fen})
    work.audit(actor, "line.drawn", state.subject, {"line": state.line_id, "drawdown": drawdown_id, "fen": amount_fen})
    return Draw(state.line_id, drawdown_id, payout_id, amount_fen, WAITING)


def planned_dues(
    terms: Terms, amount_fen: int, start_day: int, rate_ppm: int, year_days: int
) -> tuple[tuple[int, int], ...]:
    """(due day, cumulative principal) by the product's way to repay."""
    dates = terms.due_days(start_day)
    rows = plan(terms.repayment, amount_fen, start_day, dates, rate_ppm, year_days)
    done, dues = 0, []
    for row in rows:
        done += row.principal_fen
        dues.append((row.day, done))
    assert done == amount_fen, rows
    return tuple(dues)


def settle(line: LineWork, terms: Terms, payout_id: str, answer: RailAnswer, actor: Actor) -> PayoutOutcome:
    """Book the rail's definite answer once; the same answer again changes nothing.

    Errors: NotFound; Conflict where the amount differs or a settled payout is contradicted (never booked: a person looks).
    """
    work = line.work
    row = _payout(work.connection, work.tenant, payout_id)
    if answer.reference != payout_id or answer.amount_fen != row.amount_fen:
        raise Conflict(
            f"payout {payout_id} is over {row.amount_fen} fen; the answer speaks of {answer.reference} and "
            f"{answer.amount_fen}",
            field="answer",
        )
    wanted = {rail.SETTLED: PAID, rail.REFUSED: FAILED}.get(answer.outcome)
    if wanted is None:
        raise BadInput(f"outcome {answer.outcome!r} is not definite; ask the rail again later", field="outcome")
    outcome = PayoutOutcome(payout_id, row.line_id, row.drawdown_id, int(row.amount_fen), wanted, row.status == WAITING)
    if row.status == wanted:
        return outcome
    if row.status != WAITING:
        raise Conflict(
            f"payout {payout_id} is {row.status} and the rail now says {wanted}; settle by hand", field="answer"
        )
    if wanted == PAID:
        _paid(line, terms, row.drawdown_id, int(row.amount_fen), payout_id, min(answer.at, work.now))
    else:
        line.take(PayoutFailed(row.drawdown_id, answer.reason), f"payout:{payout_id}")
    work.connection.execute(
        sa.update(payouts)
        .where(payouts.c.tenant == work.tenant, payouts.c.payout_id == payout_id)
        .values(status=wanted, settled=work.now, reason=answer.reason)
    )
    work.audit(actor, f"payout.{wanted}", line.state.subject, {"line": row.line_id, "payout": payout_id})
    return outcome


def payout(connection: sa.Connection, tenant: str, payout_id: str) -> PayoutOutcome:
    """Where a payout stands: waiting, paid or failed.  NotFound for an unknown one."""
    row = _payout(connection, tenant, payout_id)
    return PayoutOutcome(payout_id, row.line_id, row.drawdown_id, int(row.amount_fen), row.status, is_new=False)


def _paid(line: LineWork, terms: Terms, drawdown_id: str, amount_fen: int, payout_id: str, paid_us: int) -> None:
    drawdown = line.state.drawdown(drawdown_id)
    assert drawdown is not None, drawdown_id
    arrived = max(drawdown.start_day, local_day(paid_us, line.record.time_zone))
    rows = planned_dues(terms, amount_fen, arrived, drawdown.rate_ppm, line.state.year_days)
    line.take(PaidOut(drawdown_id, arrived, rows), f"payout:{payout_id}")
    now = line.work.now
    line.work.append(
        [
            DrawPaid(
                event_id=line.event_key(), source="lending", at=now, arrived=now, merchant=line.state.subject,
                line=line.state.line_id, drawdown=drawdown_id, amount_fen=amount_fen,
            )
        ]
    )  # fmt: skip


def _drawn_before(line: LineWork, request_ref: str, amount_fen: int) -> Draw | None:
    checked_reference(request_ref, "request_ref")
    work, line_id = line.work, line.state.line_id
    row = work.connection.execute(
        sa.select(drawdowns.c.drawdown_id, drawdowns.c.amount_fen, payouts.c.payout_id, payouts.c.status)
        .join(
            payouts, sa.and_(payouts.c.tenant == drawdowns.c.tenant, payouts.c.drawdown_id == drawdowns.c.drawdown_id)
        )
        .where(
            drawdowns.c.tenant == work.tenant, drawdowns.c.line_id == line_id, drawdowns.c.request_ref == request_ref
        )
    ).first()
    if row is None:
        return None
    if row.amount_fen != amount_fen:
        raise Conflict(f"request_ref was used for {row.amount_fen} fen; send a fresh one", field="request_ref")
    return Draw(line_id, row.drawdown_id, row.payout_id, int(row.amount_fen), row.status, is_new=False)


def _check_amount(amount_fen: int, terms: Terms) -> None:
    if not isinstance(amount_fen, int) or isinstance(amount_fen, bool) or amount_fen < terms.draw_min_fen:
        raise BadInput(
            f"amount_fen is {amount_fen!r}; draw a whole number of at least {terms.draw_min_fen} fen",
            field="amount_fen",
        )


def _declared_use(found: tuple[conditions.Condition, ...], use_of_money: str | None, pack: Pack) -> str:
    standing = next(c for c in found if c.name == conditions.USE)
    use = use_of_money if use_of_money is not None else str(standing.proof.get("use", ""))
    if use and use not in pack.uses_allowed:
        raise BadInput(f"use {use!r} is not one of {', '.join(pack.uses_allowed)}", field="use_of_money")
    return use


def _require_terms_and_standing(line: LineWork, terms: Terms, pack: Pack) -> None:
    record = line.record
    if (terms.hash, pack.hash) != (record.product_hash, record.pack_hash):
        raise Conflict(
            f"the terms of {terms.product} or the rules of {pack.id} were edited in place after line "
            f"{line.state.line_id} was opened under them; put the old file back or decide the line anew",
            field="product",
        )
    late = days_past_due(accrue_to(line.state, line.today), line.today)
    if late > terms.draw_late_days_max:
        raise Conflict(f"line {line.state.line_id} is {late} days past due; pay what is overdue first", field="line_id")


def _require_consent(line: LineWork) -> None:
    work = line.work
    live = work.connection.execute(
        sa.select(grants.c.grant_id).where(
            grants.c.tenant == work.tenant, grants.c.subject == line.state.subject, grants.c.purpose == "credit",
            grants.c.from_us <= work.now, grants.c.until_us > work.now,
            sa.or_(grants.c.withdrawn_us.is_(None), grants.c.withdrawn_us > work.now),
        ).limit(1)
    ).first()  # fmt: skip
    if live is None:
        raise ConditionUnmet(
            "consent for credit is missing, ended or withdrawn: give it again to draw; what is owed stays as it is",
            field="consent",
        )


def _payout(connection: sa.Connection, tenant: str, payout_id: str) -> Any:
    row = connection.execute(
        sa.select(payouts.c.line_id, payouts.c.drawdown_id, payouts.c.amount_fen, payouts.c.status).where(
            payouts.c.tenant == tenant, payouts.c.payout_id == payout_id
        )
    ).first()
    if row is None:
        raise NotFound(f"no payout {payout_id!r}", field="payout_id")
    return row
