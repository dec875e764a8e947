"""A hypothesis machine throws everything at one line, in any order, and holds it to slow, obvious oracles."""

from __future__ import annotations

import itertools
from calendar import monthrange
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dandelion.core import ManualClock, day_of, instant
from dandelion.core.errors import ConditionUnmet, Conflict
from dandelion.lending import Faults
from dandelion.lending import ledger as gl
from dandelion.lending.store import load
from dandelion.vault import Vault
from support.lending_desk import Desk

ZONE = "Asia/Shanghai"
RATE, CAP, YEAR = 144_000, 240_000, 360
LATE_RATE = min(RATE * 3 // 2, CAP)
tenants = itertools.count()
START = instant("2025-07-01T04:00:00Z")


def month_later(start: date, months: int) -> date:
    year, month = start.year + (start.month - 1 + months) // 12, (start.month - 1 + months) % 12 + 1
    return date(year, month, min(start.day, monthrange(year, month)[1]))


class SlowLoan:
    """One drawdown, a night at a time in fractions: the oracle of interest."""

    def __init__(self, amount: int, start: date) -> None:
        self.amount, self.start = amount, start
        part, more = divmod(amount, 12)
        due, self.dues = 0, []
        for i in range(12):
            due += part + (1 if i < more else 0)
            self.dues.append((month_later(start, i + 1), due))
        self.paid: list[tuple[date, int]] = []

    def interest(self, until: date) -> int:
        total, night = Fraction(0), self.start
        while night < until:
            paid = sum(fen for day, fen in self.paid if day <= night)
            late = max([0] + [cum - paid for day, cum in self.dues if day < night])
            total += Fraction((self.amount - paid - late) * RATE + late * LATE_RATE, YEAR * 1_000_000)
            night += timedelta(days=1)
        return (2 * total.numerator + total.denominator) // (2 * total.denominator)


class LineMachine(RuleBasedStateMachine):
    vault: Vault
    clock: ManualClock
    folder: Path

    @initialize(product=st.just("shop-line"), limit=st.integers(100_000, 30_000_000))
    def open(self, product: str, limit: int) -> None:
        number = next(tenants)
        self.clock._now = START  # every example begins on the same noon, or failures would not shrink
        folder = self.folder / str(number)
        folder.mkdir()
        self.desk = Desk(self.vault, self.clock, folder, Faults.rough(), tenant=f"t{number}")
        self.line_id = self.desk.ready(limit, RATE, product=product)
        self.loans: dict[str, SlowLoan] = {}
        self.flying: dict[str, int] = {}
        self.refs = itertools.count()
        self.received = 0
        self.limit = limit

    def today(self) -> date:
        return day_of(self.clock.now(), ZONE)

    @rule(fen=st.integers(10_000, 12_000_000))
    def draw(self, fen: int) -> None:
        before = self.desk.view(self.line_id)
        try:
            drawdown = self.desk.draw(self.line_id, fen, f"r{next(self.refs)}")
        except Conflict as refused:
            late, frozen = before.days_past_due > 0, before.status != "active"
            assert fen > before.available_fen or late or frozen, refused.message
            return
        except ConditionUnmet as unmet:
            raise AssertionError(unmet.message) from unmet
        assert fen <= before.available_fen
        self.flying[drawdown] = fen

    @precondition(lambda self: self.flying)
    @rule()
    def pay_out(self) -> None:
        self.desk.pay_out()
        live = {d.drawdown_id: d for d in self.desk.view(self.line_id).drawdowns}
        for drawdown, fen in self.flying.items():
            if drawdown in live:
                self.loans[drawdown] = SlowLoan(fen, date.fromisoformat(live[drawdown].started))
        self.flying = {}

    @rule(fen=st.integers(1, 3_000_000))
    def repay(self, fen: int) -> None:
        self._repay(fen)

    @rule()
    def pay_what_is_due(self) -> None:
        view = self.desk.view(self.line_id)
        if view.due_fen:
            self._repay(view.due_fen)
            assert self.desk.view(self.line_id).due_fen == 0
            assert self.desk.view(self.line_id).days_past_due == 0

    @rule()
    def pay_off(self) -> None:
        view = self.desk.view(self.line_id)
        if view.payoff_fen:
            receipt = self._repay(view.payoff_fen)
            assert receipt.credit_fen == 0
            assert self.desk.view(self.line_id).payoff_fen == 0

    def _repay(self, fen: int):
        receipt = self.desk.repay(self.line_id, fen, f"bank-{next(self.refs)}")
        self.received += fen
        assert sum(part for _, _, part in receipt.parts) + receipt.credit_fen == fen
        self._note(receipt.parts)
        return receipt

    def _note(self, parts: tuple[tuple[str, str, int], ...], day: date | None = None) -> None:
        for drawdown, kind, part in parts:
            if kind == "principal":
                self.loans[drawdown].paid.append((day or self.today(), part))

    @rule(days=st.integers(1, 45))
    def time_passes(self, days: int) -> None:
        self.desk.days(days)

    @rule()
    def close_days(self) -> None:
        """End of day for yesterday; credit put to use there is told to the oracle."""
        from dandelion.lending.store import steps_of

        with self.vault.database.read() as connection:
            before = len(steps_of(connection, self.desk.tenant, self.line_id))
        yesterday = self.today() - timedelta(days=1)
        self.desk.lending.eod(self.vault, self.desk.tenant, yesterday)
        assert self.desk.lending.eod(self.vault, self.desk.tenant, yesterday).lines == 0
        with self.vault.database.read() as connection:
            for step in steps_of(connection, self.desk.tenant, self.line_id)[before:]:
                if step.KIND == "repaid":
                    self._note(step.parts)

    @rule(limit=st.integers(0, 40_000_000))
    def change_limit(self, limit: int) -> None:
        change = "raised" if limit > self.limit else "cut"
        with self.vault.unit_of_work(self.desk.tenant) as work:
            self.desk.lending.change_limit(work, self.line_id, change, "TEST", limit_fen=limit)
        self.limit = limit

    @rule(change=st.sampled_from(["frozen", "unfrozen"]))
    def freeze(self, change: str) -> None:
        with self.vault.unit_of_work(self.desk.tenant) as work:
            self.desk.lending.change_limit(work, self.line_id, change, "TEST")

    @invariant()
    def books_balance_and_replay_equals_state(self) -> None:
        if not hasattr(self, "desk"):
            return
        books = self.desk.books()
        assert books.holds, books
        view = self.desk.view(self.line_id)
        assert view.available_fen >= 0
        assert view.principal_fen + view.hold_fen == books.total_fen(gl.PRINCIPAL)
        assert view.hold_fen == -books.total_fen(gl.IN_FLIGHT)
        assert view.credit_fen == -books.total_fen(gl.CREDIT)
        paid_out = self.desk.rail.balance(self.desk.account().token)
        assert books.total_fen(gl.CASH) >= self.received - paid_out  # the rest of what left the bank is in flight
        if not self.flying:
            assert books.total_fen(gl.CASH) == self.received - paid_out
        with self.vault.database.read() as connection:
            stored = load(connection, self.desk.tenant, self.line_id).state
            assert self.desk.lending.replayed(connection, self.desk.tenant, self.line_id) == stored
            found = self.desk.lending.statement(connection, self.desk.tenant, self.line_id, self.clock.now())
        assert found.reconciles

    @invariant()
    def interest_equals_the_slow_oracle_to_the_fen(self) -> None:
        if not hasattr(self, "desk"):
            return
        with self.vault.database.read() as connection:
            stored = load(connection, self.desk.tenant, self.line_id).state
        for row in self.desk.view(self.line_id).drawdowns:
            if row.status == "paid":
                drawdown = stored.drawdown(row.drawdown_id)
                assert drawdown is not None
                slow = self.loans[row.drawdown_id].interest(self.today())
                assert row.interest_fen == slow - drawdown.interest_paid_fen


@pytest.mark.parametrize("seed", [0])
def test_no_order_of_events_breaks_a_line(
    vault: Vault, clock: ManualClock, tmp_path: Path, seed: int, database_url: str
) -> None:
    LineMachine.vault, LineMachine.clock, LineMachine.folder = vault, clock, tmp_path
    examples = 10 if database_url.startswith("sqlite") else 4
    run_state_machine_as_test(
        LineMachine,
        settings=settings(
            max_examples=examples, stateful_step_count=25, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
