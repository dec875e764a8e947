"""A bank statement that arrives days late: the payment counts from its own day, to the fen, and nothing is edited."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dandelion.core import DAY_US, BadInput, Conflict, ManualClock, day_of
from dandelion.lending import ledger as gl
from dandelion.vault import Vault
from support.lending_desk import Desk, T

ZONE = "Asia/Shanghai"
tenants = itertools.count()


def today(desk: Desk):
    return day_of(desk.clock.now(), ZONE)


def repay(desk: Desk, line: str, fen: int, ref: str, days_ago: int = 0, tenant: str | None = None):
    day = today(desk) - timedelta(days=days_ago)
    with desk.vault.unit_of_work(tenant or desk.tenant) as work:
        return desk.lending.repay(work, line, fen, ref, value_date=day if days_ago else None)


def eod(desk: Desk) -> None:
    desk.lending.eod(desk.vault, desk.tenant, today(desk) - timedelta(days=1))


def figures(desk: Desk, line: str) -> dict[str, object]:
    """Everything a line comes to, apart from ids and the number of steps: drawdowns, totals, ledger accounts."""
    with desk.vault.database.read() as connection:
        state = desk.lending.replayed(connection, desk.tenant, line)
        balances = gl.balances(connection, desk.tenant, line)
    view = desk.view(line)
    live = [
        (d.amount_fen, d.principal_fen, d.carry, d.interest_paid_fen, d.status, d.start_day, d.accrued_day, d.dues)
        for d in state.drawdowns
    ]
    totals = (state.interest_total_fen, state.interest_paid_total_fen, state.credit_fen, state.written_off_fen)
    seen = (view.payoff_fen, view.due_fen, view.overdue_fen, view.available_fen, view.days_past_due, view.bucket)
    return {"live": live, "totals": totals, "seen": seen, "ledger": balances}


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    data=st.data(), late=st.integers(1, 5), before=st.one_of(st.integers(26, 30), st.integers(0, 70)), after=st.integers(0, 40),
    closes=st.booleans(), product=st.sampled_from(["shop-line", "shop-line-joint"]),
)  # fmt: skip
def test_booked_late_ends_as_booked_in_time(
    vault: Vault, clock: ManualClock, tmp_path: Path, data: st.DataObject, late: int, before: int, after: int,
    closes: bool, product: str,
) -> None:  # fmt: skip
    number = next(tenants)
    folder = tmp_path / f"t{number}"
    folder.mkdir()
    desk = Desk(vault, clock, folder, tenant=f"backdating-{number}")
    amounts = data.draw(st.lists(st.integers(10_000, 900_000), min_size=1, max_size=3), label="draws")
    lines = [desk.ready(subject=f"m{n}", decision_id=f"d{n}", product=product) for n in range(2)]
    for n, fen in enumerate(amounts):
        for line in lines:
            desk.draw(line, fen, f"r{n}-{line}")
        desk.pay_out()
        desk.days(1)
    desk.days(before)
    early = data.draw(st.integers(0, 300_000), label="an earlier payment")
    for line in lines if early else []:
        repay(desk, line, early, f"early-{line}")
    fen = data.draw(st.integers(1, 3_000_000), label="the payment")
    in_time, told_late = lines
    repay(desk, in_time, fen, "in time")
    for _ in range(late):
        desk.days(1)
        if closes:
            eod(desk)
    receipt = repay(desk, told_late, fen, "told late", days_ago=late)
    assert receipt.value_date == str(today(desk) - timedelta(days=late))
    for then in (0, after):
        desk.days(then)
        eod(desk)
        first, second = (figures(desk, line) for line in lines)
        assert first == second
    assert desk.books().holds
    owed = desk.view(told_late).payoff_fen
    if owed:
        for line in lines:
            repay(desk, line, owed, f"rest-{line}")
    assert figures(desk, in_time) == figures(desk, told_late) and desk.view(told_late).payoff_fen == 0
    assert desk.books().holds


def drawn(desk: Desk, fen: int = 1_200_000) -> str:
    line = desk.ready()
    desk.draw(line, fen, "r1")
    desk.pay_out()
    return line


def test_a_due_date_between_the_payment_and_its_telling_asks_for_what_it_would_have_asked(desk: Desk) -> None:
    lines = [desk.ready(subject=f"m{n}", decision_id=f"d{n}") for n in range(2)]
    for line in lines:
        desk.draw(line, 1_200_000, f"r-{line}")
    desk.pay_out()
    desk.days(29)
    repay(desk, lines[0], 700_000, "in time")
    desk.days(4)  # the due date of 1 August has passed
    eod(desk)
    repay(desk, lines[1], 700_000, "told late", days_ago=4)
    assert figures(desk, lines[0]) == figures(desk, lines[1])
    assert desk.view(lines[1]).overdue_fen == 411  # interest of two nights on the 513,920 fen left


def test_interest_of_the_days_since_is_taken_back_by_entries_and_nothing_is_edited(desk: Desk) -> None:
    line = drawn(desk)
    desk.days(10)
    eod(desk)
    with desk.vault.database.read() as connection:
        before = desk.lending.statement(connection, T, line, desk.clock.now()).rows
        income = gl.balances(connection, T, line)[gl.INCOME, ""]
    assert income == -4800  # 1,200,000 fen at 14.4 % for ten nights
    repay(desk, line, 1_200_000 + 2_400, "b1", days_ago=5)
    with desk.vault.database.read() as connection:
        found = desk.lending.statement(connection, T, line, desk.clock.now())
        balances = gl.balances(connection, T, line)
    assert found.rows[: len(before)] == before and found.reconciles
    (posting,) = [row for row in found.rows if row.kind == "backdated"]
    assert {(e.code, e.amount_fen) for e in posting.entries} == {
        (gl.CASH, 1_202_400), (gl.PRINCIPAL, -1_200_000), (gl.INTEREST_DUE, -4_800), (gl.INCOME, 2_400),
    }  # fmt: skip
    assert balances[gl.INCOME, ""] == -2400 and desk.view(line).payoff_fen == 0
    assert desk.books().holds


def test_a_payment_made_on_the_due_date_is_not_late_however_late_the_bank_tells(desk: Desk) -> None:
    line = drawn(desk)
    desk.days(31)  # due on 1 August
    due = desk.view(line).due_fen
    desk.days(4)
    eod(desk)
    assert desk.view(line).days_past_due == 4 and desk.view(line).bucket != desk.view(drawn_free(desk)).bucket
    repay(desk, line, due, "b1", days_ago=4)
    view = desk.view(line)
    assert (view.days_past_due, view.overdue_fen, view.due_fen) == (0, 0, 0)
    assert view.interest_fen == 4 * (1_100_000 * 144_000 // 360_000_000), "no overdue rate for days that were not late"


def drawn_free(desk: Desk) -> str:
    return desk.open(subject="nobody", decision_id="d-free")


def test_how_far_back_and_what_is_closed(desk: Desk) -> None:
    line = drawn(desk)
    desk.days(10)
    with pytest.raises(BadInput, match="6 days ago; shop-line books back 5 days at most"):
        repay(desk, line, 1_000, "b1", days_ago=6)
    with pytest.raises(BadInput, match="lies ahead"):
        repay(desk, line, 1_000, "b1", days_ago=-1)
    repay(desk, line, 50_000, "b2", days_ago=3)
    repay(desk, line, 50_000, "b3", days_ago=2)  # a bank's file in the order of its value dates
    repay(desk, line, 50_000, "b4", days_ago=2)
    with pytest.raises(Conflict, match="another movement counts from 2025-07-09, after value_date 2025-07-08"):
        repay(desk, line, 50_000, "b5", days_ago=3)
    repay(desk, line, 50_000, "b5")
    with pytest.raises(Conflict, match="another movement counts from 2025-07-11"):
        repay(desk, line, 50_000, "b6", days_ago=1)
    assert desk.books().holds


def test_the_same_reference_is_booked_once_and_another_day_under_it_is_a_conflict(desk: Desk) -> None:
    line = drawn(desk)
    desk.days(10)
    first = repay(desk, line, 50_000, "b1", days_ago=3)
    again = repay(desk, line, 50_000, "b1", days_ago=3)
    assert first.is_new and not again.is_new and again.parts == first.parts and again.value_date == "2025-07-08"
    with pytest.raises(Conflict, match="booked as of 2025-07-08"):
        repay(desk, line, 50_000, "b1", days_ago=2)
    desk.clock.move_to(desk.clock.now() + DAY_US)
    with desk.vault.unit_of_work(T) as work:
        assert not desk.lending.repay(work, line, 50_000, "b1").is_new, "asked again without a day: still the receipt"


def test_money_told_late_repays_only_what_was_out_on_its_day(desk: Desk) -> None:
    line = drawn(desk, 100_000)
    desk.days(10)
    desk.draw(line, 300_000, "r2")
    desk.pay_out()
    desk.days(1)
    repay(desk, line, 150_000, "b1", days_ago=3)
    view = desk.view(line)
    assert (view.principal_fen, view.credit_fen) == (300_000, 150_000 - 100_000 - 320)  # eight nights of 40 fen
    assert desk.books().holds
