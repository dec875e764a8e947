"""Which entries a step makes.  A function of the state before, the step, and the state after; nothing else.

Funders share each posting by cumulative largest remainder: a funder's balance is always its share of the whole, rounded,
so that shares neither drift nor leave a fen behind when the loan is repaid.
"""

from __future__ import annotations

from dandelion.core import split_fen
from dandelion.lending import ledger as gl
from dandelion.lending.ledger import Entry
from dandelion.lending.products import HOUSE
from dandelion.lending.state import LineState
from dandelion.lending.steps import Accrued, Backdated, Drawn, PaidOut, PayoutFailed, Repaid, Step, WrittenOff


def entries_of(before: LineState, step: Step, after: LineState) -> tuple[Entry, ...]:
    """The entries of one step, zero amounts left out; empty for a step that moves no money."""
    if isinstance(step, Drawn):
        return _drawn(before, after, step.amount_fen)
    if isinstance(step, PayoutFailed):
        drawdown = before.drawdown(step.drawdown_id)
        assert drawdown is not None, step
        return _drawn(before, after, -drawdown.amount_fen)
    if isinstance(step, PaidOut):
        drawdown = before.drawdown(step.drawdown_id)
        assert drawdown is not None, step
        return _only((gl.IN_FLIGHT, "", drawdown.amount_fen), (gl.CASH, "", -drawdown.amount_fen))
    if isinstance(step, Accrued):
        return _accrued(before, after)
    if isinstance(step, Repaid):
        return _repaid(before, step, after)
    if isinstance(step, Backdated):
        return _backdated(before, step, after)
    if isinstance(step, WrittenOff):
        return _written_off(before, after)
    return ()


def gross_fen(state: LineState) -> int:
    """Principal on the books: paid out and on its way."""
    return state.principal_fen + state.hold_fen


def _drawn(before: LineState, after: LineState, fen: int) -> tuple[Entry, ...]:
    moved = _moved(before, gross_fen(before), gross_fen(after))
    partners = [row for f, part in moved for row in ((gl.SETTLEMENT, f, part), (gl.PARTICIPATION, f, -part))]
    return _only((gl.PRINCIPAL, "", fen), (gl.IN_FLIGHT, "", -fen), *partners)


def _accrued(before: LineState, after: LineState) -> tuple[Entry, ...]:
    more = after.interest_total_fen - before.interest_total_fen
    moved = _moved(before, before.interest_total_fen, after.interest_total_fen)
    house = more - sum(part for _, part in moved)
    partners = [(gl.FUNDER_INTEREST, f, -part) for f, part in moved]
    return _only((gl.INTEREST_DUE, "", more), (gl.INCOME, "", -house), *partners)


def _backdated(before: LineState, step: Backdated, after: LineState) -> tuple[Entry, ...]:
    """Interest charged since the value day is taken back as far as it was too much, and the payment booked."""
    as_paid = Repaid(step.value_day, step.amount_fen, False, step.parts, step.recovered_fen, step.credit_fen)
    rows = (*_accrued(before, after), *_repaid(before, as_paid, after))
    return _only(*((row.code, row.party, row.amount_fen) for row in rows))


def _repaid(before: LineState, step: Repaid, after: LineState) -> tuple[Entry, ...]:
    source = gl.CREDIT if step.from_credit else gl.CASH
    principal = sum(fen for _, kind, fen in step.parts if kind == "principal")
    interest = sum(fen for _, kind, fen in step.parts if kind == "interest")
    rows = [
        (source, "", step.amount_fen),
        (gl.PRINCIPAL, "", -principal),
        (gl.INTEREST_DUE, "", -interest),
        (gl.CREDIT, "", -step.credit_fen),
    ]
    for f, part in _moved(before, gross_fen(before), gross_fen(after)):
        rows += [(gl.PARTICIPATION, f, -part), (gl.SETTLEMENT, f, part)]
    for f, part in _moved(before, before.interest_paid_total_fen, after.interest_paid_total_fen):
        rows += [(gl.FUNDER_INTEREST, f, part), (gl.SETTLEMENT, f, -part)]
    recovered = [(f, -part) for f, part in _moved(before, before.written_off_fen, after.written_off_fen)]
    rows += [(gl.SETTLEMENT, f, -part) for f, part in recovered]
    rows.append((gl.RECOVERY, "", -(step.recovered_fen - sum(part for _, part in recovered))))
    return _only(*rows)


def _written_off(before: LineState, after: LineState) -> tuple[Entry, ...]:
    principal, interest = before.principal_fen, before.interest_owed_fen
    shared = _moved(before, gross_fen(before), gross_fen(after))
    earned = _moved(before, before.interest_paid_total_fen, after.interest_paid_total_fen)
    lost = sum(-part for _, part in shared) + sum(part for _, part in earned)
    rows = [
        (gl.PRINCIPAL, "", -principal),
        (gl.INTEREST_DUE, "", -interest),
        (gl.WRITE_OFF, "", principal + interest - lost),
    ]
    rows += [(gl.PARTICIPATION, f, -part) for f, part in shared]
    rows += [(gl.FUNDER_INTEREST, f, part) for f, part in earned]
    return _only(*rows)


def _moved(state: LineState, from_fen: int, to_fen: int) -> list[tuple[str, int]]:
    """How much each partner's share of a total changes when the total does; the house takes the rest."""
    weights = [share for _, share in state.shares]
    old, new = split_fen(from_fen, weights), split_fen(to_fen, weights)
    return [
        (funder, after - before)
        for (funder, _), before, after in zip(state.shares, old, new, strict=True)
        if funder != HOUSE and after != before
    ]


def _only(*rows: tuple[str, str, int]) -> tuple[Entry, ...]:
    merged: dict[tuple[str, str], int] = {}
    for code, party, fen in rows:
        merged[code, party] = merged.get((code, party), 0) + fen
    return tuple(Entry(code, party, fen) for (code, party), fen in merged.items() if fen)
