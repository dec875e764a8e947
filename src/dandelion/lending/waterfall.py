"""Where a payment goes: the pack's order of components, oldest due date first within each.

Components: what was due before today (`overdue_*`), what falls due today (`due_*`), and what is not yet due
(`interest`, `principal`).  A payment equal to what is shown as due today therefore clears exactly that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dandelion.lending.state import PAID, Drawdown, LineState

COMPONENTS = ("overdue_interest", "overdue_principal", "due_interest", "due_principal", "interest", "principal")


@dataclass(frozen=True, slots=True)
class Owed:
    """What one drawdown owes on a day, in fen, split by component (parts add up to what pays it off)."""

    drawdown_id: str
    overdue_interest: int
    overdue_principal: int
    due_interest: int
    due_principal: int
    interest: int
    principal: int

    @property
    def total_fen(self) -> int:
        return sum(int(getattr(self, name)) for name in COMPONENTS)

    @property
    def due_fen(self) -> int:
        """What must be paid by the end of the day to be in good standing."""
        return self.overdue_interest + self.overdue_principal + self.due_interest + self.due_principal


def owed(state: LineState, drawdown: Drawdown, day: int) -> Owed:
    """What `drawdown` owes on `day`; the state must have been accrued to `day`."""
    assert drawdown.accrued_day >= day, (drawdown.accrued_day, day)
    charged = state.charged_fen(drawdown)
    late_principal, late_interest = _cumulative(drawdown, day - 1, charged)
    due_principal, due_interest = _cumulative(drawdown, day, charged)
    paid_principal, paid_interest = drawdown.principal_paid_fen, drawdown.interest_paid_fen
    overdue = max(0, late_principal - paid_principal), max(0, late_interest - paid_interest)
    due = max(0, due_principal - paid_principal), max(0, due_interest - paid_interest)
    return Owed(
        drawdown_id=drawdown.drawdown_id,
        overdue_interest=overdue[1],
        overdue_principal=overdue[0],
        due_interest=due[1] - overdue[1],
        due_principal=due[0] - overdue[0],
        interest=charged - paid_interest - due[1],
        principal=drawdown.principal_fen - due[0],
    )


def _cumulative(drawdown: Drawdown, day: int, charged: int) -> tuple[int, int]:
    """(principal, interest) that has fallen due up to and including `day`; after the final day, all of it."""
    if drawdown.final_day < day:
        return drawdown.amount_fen, charged
    reached = [due for due in drawdown.dues if due.day <= day]
    if not reached:
        return 0, 0
    last = reached[-1]
    assert last.interest_cum_fen is not None, last
    return last.principal_cum_fen, last.interest_cum_fen


def allocate(
    state: LineState, day: int, amount_fen: int, order: Sequence[str], chosen: str | None = None
) -> tuple[list[tuple[str, str, int]], int]:
    """(parts as (drawdown, "interest" | "principal", fen), what is left over).

    What is due goes first, over all drawdowns.  Of the rest the `chosen` drawdown, if any, takes its share before the
    others, which follow in the order of their next due date.
    """
    assert amount_fen >= 0, amount_fen
    live = {d.drawdown_id: d for d in state.drawdowns if d.status == PAID}
    debts = {key: owed(state, d, day) for key, d in live.items()}
    by_due = sorted(live.values(), key=lambda d: (oldest_unpaid_day(state, d), d.start_day, d.drawdown_id))
    queue = [d.drawdown_id for d in by_due]
    if chosen in debts:
        queue = [chosen, *(key for key in queue if key != chosen)]
    must = [(name, d.drawdown_id) for name in order if "due_" in name for d in by_due]
    rest = [(name, key) for name in order if "due_" not in name for key in queue]
    if chosen in debts:
        rest.sort(key=lambda pair: pair[1] != chosen)
    parts: dict[tuple[str, str], int] = {}
    left = amount_fen
    for name, key in must + rest:
        fen = min(left, int(getattr(debts[key], name)))
        if fen:
            kind = "interest" if name.endswith("interest") else "principal"
            parts[key, kind] = parts.get((key, kind), 0) + fen
            left -= fen
    return [(key, kind, fen) for (key, kind), fen in parts.items()], left


def oldest_unpaid_day(state: LineState, drawdown: Drawdown) -> int:
    """The earliest due date with anything unpaid; the final day once all dates are met and interest remains."""
    for due in drawdown.dues:
        short = due.principal_cum_fen > drawdown.principal_paid_fen
        if short or (due.interest_cum_fen or 0) > drawdown.interest_paid_fen:
            return due.day
    return drawdown.final_day
