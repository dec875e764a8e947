from datetime import date

import pytest
import sqlalchemy as sa

from dandelion.core import BadInput, ConditionUnmet, Conflict, NotFound
from dandelion.vault.tables import events
from support.lending_desk import MERCHANT, Desk, T


def kinds(desk: Desk) -> list[str]:
    with desk.vault.database.read() as connection:
        return [
            row.kind for row in connection.execute(sa.select(events.c.kind).order_by(events.c.at, events.c.event_id))
        ]


def test_a_merchant_draws_is_paid_and_repays_early_for_the_days_used(desk: Desk) -> None:
    line_id = desk.ready(limit_fen=5_000_000, rate_ppm=144_000)
    desk.draw(line_id, 1_000_000, "r1")
    flying = desk.view(line_id)
    assert (flying.available_fen, flying.hold_fen, flying.principal_fen) == (4_000_000, 1_000_000, 0)
    desk.pay_out()
    assert desk.rail.balance(desk.account().token) == 1_000_000
    paid = desk.view(line_id)
    assert (paid.available_fen, paid.hold_fen, paid.principal_fen) == (4_000_000, 0, 1_000_000)
    desk.days(20)
    owed = desk.view(line_id)
    assert owed.interest_fen == 1_000_000 * 144_000 * 20 // (360 * 1_000_000) == 8_000
    assert owed.payoff_fen == 1_008_000
    receipt = desk.repay(line_id, owed.payoff_fen, "bank-1")
    assert (receipt.principal_fen, receipt.interest_fen, receipt.credit_fen) == (1_000_000, 8_000, 0)
    done = desk.view(line_id)
    assert (done.payoff_fen, done.available_fen, done.drawdowns) == (0, 5_000_000, ())
    assert desk.books().holds
    assert sorted(kinds(desk)) == ["draw_paid", "line_opened", "repaid"]


def test_every_condition_is_named_until_it_is_met(desk: Desk) -> None:
    from dandelion.lending import IdentityClaim, SimulatedIdentity
    from support.lending_desk import ID_NUMBER

    desk.consent()
    line_id = desk.open()
    lending, vault = desk.lending, desk.vault

    def open_condition() -> str | None:
        with pytest.raises(ConditionUnmet) as unmet, vault.unit_of_work(T) as work:
            lending.draw(work, line_id, 100_000, "r1")
        return unmet.value.field

    assert open_condition() == "identity"
    wrong = SimulatedIdentity().check(IdentityClaim("m1", "王小明", "110105194912310021", "face"))
    with vault.unit_of_work(T) as work:
        lending.record_identity(work, "m1", wrong, MERCHANT)
    assert open_condition() == "identity"
    right = SimulatedIdentity().check(IdentityClaim("m1", "王小明", ID_NUMBER, "face"))
    with vault.unit_of_work(T) as work:
        lending.record_identity(work, "m1", right, MERCHANT)
    assert open_condition() == "payout_account"
    with vault.unit_of_work(T) as work:
        lending.record_payout_account(work, "m1", desk.account(), MERCHANT)
    assert open_condition() == "contract"
    with vault.unit_of_work(T) as work:
        shown = lending.contract(work, line_id)
    with pytest.raises(Conflict), vault.unit_of_work(T) as work:
        lending.accept_contract(work, line_id, "0" * 64, MERCHANT)
    with vault.unit_of_work(T) as work:
        lending.accept_contract(work, line_id, shown.sha256, MERCHANT)
    assert open_condition() == "use_of_money"
    with pytest.raises(BadInput), vault.unit_of_work(T) as work:
        lending.declare_use(work, line_id, "stocks and shares", MERCHANT)
    with vault.unit_of_work(T) as work:
        lending.declare_use(work, line_id, "stock", MERCHANT)
    desk.draw(line_id, 100_000, "r1")
    with vault.database.read() as connection:
        assert all(c.met for c in lending.conditions(connection, T, line_id))


def test_withdrawn_consent_and_a_freeze_refuse_draws_and_what_is_owed_stays(desk: Desk) -> None:
    line_id = desk.ready()
    desk.draw(line_id, 200_000, "r1")
    desk.pay_out()
    with desk.vault.unit_of_work(T) as work:
        desk.lending.freeze(work, line_id, "EW_RING")
    with pytest.raises(Conflict, match="frozen"):
        desk.draw(line_id, 100_000, "r2")
    assert desk.view(line_id).principal_fen == 200_000
    with desk.vault.unit_of_work(T) as work:
        desk.lending.unfreeze(work, line_id, "CLEARED")
    desk.withdraw()
    with pytest.raises(ConditionUnmet) as unmet:
        desk.draw(line_id, 100_000, "r3")
    assert unmet.value.field == "consent"
    assert desk.view(line_id).principal_fen == 200_000


def test_the_same_request_draws_once_and_another_amount_conflicts(desk: Desk) -> None:
    line_id = desk.ready()
    first = desk.draw(line_id, 100_000, "r1")
    assert desk.draw(line_id, 100_000, "r1") == first
    assert desk.view(line_id).hold_fen == 100_000
    with pytest.raises(Conflict):
        desk.draw(line_id, 100_001, "r1")


def test_the_same_payment_counts_once(desk: Desk) -> None:
    line_id = desk.ready()
    desk.draw(line_id, 100_000, "r1")
    desk.pay_out()
    first = desk.repay(line_id, 40_000, "bank-1")
    desk.days(3)
    again = desk.repay(line_id, 40_000, "bank-1")
    assert (first.is_new, again.is_new) == (True, False)
    assert again.parts == first.parts
    assert desk.view(line_id).principal_fen == 60_000
    with pytest.raises(Conflict):
        desk.repay(line_id, 40_001, "bank-1")


def test_more_than_is_owed_becomes_credit_and_pays_the_next_due(desk: Desk) -> None:
    line_id = desk.ready()
    desk.draw(line_id, 100_000, "r1")
    desk.pay_out()
    receipt = desk.repay(line_id, 150_000, "bank-1")
    assert (receipt.principal_fen, receipt.credit_fen) == (100_000, 50_000)
    assert desk.view(line_id).credit_fen == 50_000
    desk.draw(line_id, 60_000, "r2")
    desk.pay_out()
    desk.days(32)
    for day in (date(2025, 7, d) for d in range(1, 32)):
        desk.lending.eod(desk.vault, T, day)
    view = desk.view(line_id)
    assert view.days_past_due == 0
    assert view.credit_fen == 50_000 - 5_000 - round(60_000 * 144_000 * 31 / 360e6)
    assert desk.books().holds


def test_a_refused_payout_releases_the_hold(desk: Desk, tmp_path) -> None:
    from dandelion.lending import Faults, PayoutWorker, SimulatedRail

    line_id = desk.ready()
    desk.draw(line_id, 100_000, "r1")
    rail = SimulatedRail(tmp_path / "bad.db", faults=Faults(refused_ppm=1_000_000), clock=desk.clock)
    assert PayoutWorker(desk.vault, desk.lending, rail).run_once().settled == 1
    view = desk.view(line_id)
    assert (view.hold_fen, view.principal_fen, view.available_fen) == (0, 0, 5_000_000)
    assert desk.books().rows == ()
    assert "draw_paid" not in kinds(desk)


def test_lateness_moves_bucket_and_class_and_paying_heals_it(desk: Desk) -> None:
    line_id = desk.ready()
    desk.draw(line_id, 600_000, "r1")
    desk.pay_out()
    desk.days(31)  # 1 August is the first due date
    assert desk.view(line_id).days_past_due == 0
    desk.days(1)
    late = desk.view(line_id)
    assert (late.days_past_due, late.bucket, late.class_name) == (1, "M1", "special_mention")
    for day in [date(2025, 7, d) for d in range(1, 32)] + [date(2025, 8, 1)]:
        desk.lending.eod(desk.vault, T, day)
    assert kinds(desk).count("delinquency_moved") == 1
    desk.repay(line_id, late.overdue_fen, "bank-1")
    assert desk.view(line_id).bucket == "current"
    assert kinds(desk).count("delinquency_moved") == 2


def test_a_limit_is_raised_and_cut_with_a_reason_and_a_cut_never_makes_available_negative(desk: Desk) -> None:
    line_id = desk.ready(limit_fen=500_000)
    desk.draw(line_id, 400_000, "r1")
    with desk.vault.unit_of_work(T) as work:
        assert desk.lending.change_limit(work, line_id, "cut", "EW_SALES", limit_fen=100_000).available_fen == 0
    with pytest.raises(Conflict), desk.vault.unit_of_work(T) as work:
        desk.lending.change_limit(work, line_id, "raised", "MORE", limit_fen=50_000)
    with desk.vault.unit_of_work(T) as work:
        raised = desk.lending.change_limit(work, line_id, "raised", "COLLECT_MORE", limit_fen=900_000)
    assert raised.available_fen == 500_000


def test_a_statement_shows_every_posting_and_reconciles(desk: Desk) -> None:
    line_id = desk.ready()
    desk.draw(line_id, 300_000, "r1")
    desk.pay_out()
    desk.days(10)
    desk.repay(line_id, 100_000, "bank-1")
    with desk.vault.database.read() as connection:
        found = desk.lending.statement(connection, T, line_id, desk.clock.now())
    assert [row.kind for row in found.rows] == ["drawn", "paid_out", "accrued", "repaid"]
    assert found.reconciles
    assert found.rows[-1].owed_fen == desk.view(line_id).payoff_fen == 300_000 + 1_200 - 100_000


def test_one_decision_opens_one_line_and_a_rate_above_the_cap_is_refused(desk: Desk) -> None:
    assert desk.open() == desk.open()
    with pytest.raises(BadInput, match="caps the internal rate"):
        desk.open(rate_ppm=240_000, decision_id="d2")  # 24 % over 360 days is 24.3 % a year
    with pytest.raises(NotFound):
        desk.open(product="house-loan", decision_id="d3")
