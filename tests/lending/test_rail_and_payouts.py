import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from dandelion.core import BadInput, Conflict, ManualClock
from dandelion.lending import AnswerLost, Faults, PayoutWorker, RailAnswer, SimulatedRail, TransferOrder
from dandelion.lending.tables import payouts
from dandelion.vault import Vault
from support.lending_desk import Desk, T


def rough(tmp_path: Path, clock: ManualClock, **more: int) -> SimulatedRail:
    return SimulatedRail(tmp_path / "rough.db", seed=7, faults=Faults(**more), clock=clock)


def test_a_rail_moves_money_once_a_reference_however_often_it_is_asked(tmp_path: Path, clock: ManualClock) -> None:
    rail = rough(tmp_path, clock, lost_after_ppm=600_000, lost_before_ppm=300_000)
    lost = 0
    for n in range(20):
        order = TransferOrder(f"p{n}", "acct", 100 + n)
        for _ in range(100):
            try:
                rail.pay(order)
                break
            except AnswerLost:
                lost += 1
    assert lost > 10
    assert rail.balance("acct") == sum(100 + n for n in range(20))
    assert len(rail.transfers()) == 20
    with pytest.raises(BadInput):
        SimulatedRail(tmp_path / "rough.db").pay(TransferOrder("p1", "acct", 5))


def test_lost_answers_never_pay_twice_and_never_lose_a_payout(vault: Vault, clock: ManualClock, tmp_path: Path) -> None:
    desk = Desk(vault, clock, tmp_path, Faults(lost_after_ppm=500_000, lost_before_ppm=300_000, refused_ppm=200_000))
    line_id = desk.ready(limit_fen=30_000_000)
    drawn = {desk.draw(line_id, 10_000 * (n + 1), f"r{n}"): 10_000 * (n + 1) for n in range(12)}
    desk.pay_out()
    view = desk.view(line_id)
    paid = {d.drawdown_id: d.amount_fen for d in view.drawdowns}
    assert paid.items() <= drawn.items(), "what was refused for good is gone, the rest is as drawn"
    assert desk.rail.balance(desk.account().token) == sum(paid.values()) == view.principal_fen
    assert view.hold_fen == 0
    assert desk.books().holds


def test_repeated_callbacks_change_nothing_and_a_contradiction_is_held(desk: Desk) -> None:
    line_id = desk.ready()
    desk.draw(line_id, 100_000, "r1")
    desk.pay_out()
    answer = desk.rail.callbacks()[0]
    before = desk.books()
    with desk.vault.unit_of_work(T) as work:
        assert desk.lending.payout_result(work, answer.reference, answer).is_new is False
    assert desk.books() == before
    lie = RailAnswer(answer.reference, "refused", answer.amount_fen, answer.at, "changed its mind")
    with pytest.raises(Conflict, match="settle by hand"), desk.vault.unit_of_work(T) as work:
        desk.lending.payout_result(work, answer.reference, lie)
    short = RailAnswer(answer.reference, "settled", answer.amount_fen - 1, answer.at)
    with pytest.raises(Conflict), desk.vault.unit_of_work(T) as work:
        desk.lending.payout_result(work, answer.reference, short)
    assert desk.books() == before


class DyingRail:
    """Lets the process die (an exception nobody expects) right after the bank has moved the money."""

    def __init__(self, rail: SimulatedRail) -> None:
        self.rail, self.deaths = rail, 0

    def pay(self, order: TransferOrder) -> RailAnswer:
        self.rail.pay(order)
        self.deaths += 1
        raise KeyboardInterrupt

    def look_up(self, reference: str) -> RailAnswer | None:
        return self.rail.look_up(reference)


def test_a_worker_that_dies_after_the_bank_paid_is_taken_over_without_a_second_transfer(desk: Desk) -> None:
    line_id = desk.ready()
    desk.draw(line_id, 100_000, "r1")
    dying = DyingRail(desk.rail)
    with pytest.raises(KeyboardInterrupt):
        PayoutWorker(desk.vault, desk.lending, dying).run_once()
    assert desk.view(line_id).hold_fen == 100_000
    desk.clock.move_to(desk.clock.now() + 61_000_000)  # the lease ends
    PayoutWorker(desk.vault, desk.lending, dying).run_once()
    assert dying.deaths == 1, "the second worker asked first and found the transfer"
    assert desk.rail.balance(desk.account().token) == desk.view(line_id).principal_fen == 100_000


def test_interest_runs_from_the_day_the_money_arrived_not_from_the_day_we_heard(desk: Desk) -> None:
    line_id = desk.ready()
    desk.draw(line_id, 1_000_000, "r1")
    with pytest.raises(KeyboardInterrupt):
        PayoutWorker(desk.vault, desk.lending, DyingRail(desk.rail)).run_once()
    desk.days(3)
    desk.worker.run_once()
    assert desk.view(line_id).interest_fen == 1_000_000 * 144_000 * 3 // 360_000_000


def test_concurrent_draws_never_exceed_the_limit(desk: Desk) -> None:
    line_id = desk.ready(limit_fen=1_000_000)
    outcomes: list[str] = []

    def draw(n: int) -> None:
        try:
            desk.draw(line_id, 300_000, f"r{n}")
            outcomes.append("drawn")
        except Conflict:
            outcomes.append("refused")

    threads = [threading.Thread(target=draw, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["drawn"] * 3 + ["refused"] * 5
    assert desk.view(line_id).available_fen == 100_000


def test_concurrent_workers_and_repeated_requests_pay_each_draw_once(desk: Desk) -> None:
    line_id = desk.ready()
    threads = [threading.Thread(target=desk.draw, args=(line_id, 50_000, f"r{n % 3}")) for n in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    workers = [threading.Thread(target=desk.worker.run_once) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert desk.rail.balance(desk.account().token) == desk.view(line_id).principal_fen == 150_000


def test_a_draw_that_fails_half_way_leaves_no_posting_no_hold_and_no_payout(desk: Desk) -> None:
    line_id = desk.ready()
    with pytest.raises(ZeroDivisionError), desk.vault.unit_of_work(T) as work:
        desk.lending.draw(work, line_id, 100_000, "r1")
        _ = 1 // 0
    assert desk.view(line_id).hold_fen == 0
    assert desk.books().rows == ()
    with desk.vault.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(payouts)).scalar_one() == 0
    assert desk.vault.outbox.waiting("lending.payout") == 0


class MoodyRail:
    """Fails in an unheard-of way on one amount, works on others."""

    def __init__(self, rail: SimulatedRail, bad_fen: int) -> None:
        self.rail, self.bad_fen = rail, bad_fen

    def pay(self, order: TransferOrder) -> RailAnswer:
        if order.amount_fen == self.bad_fen:
            raise ValueError("the adapter has a bug")
        return self.rail.pay(order)

    def look_up(self, reference: str) -> RailAnswer | None:
        return self.rail.look_up(reference)


def test_one_payout_that_cannot_be_sent_does_not_hold_up_the_others(desk: Desk) -> None:
    line_id = desk.ready()
    for n, fen in enumerate((50_000, 60_000, 70_000)):
        desk.draw(line_id, fen, f"r{n}")
    run = PayoutWorker(desk.vault, desk.lending, MoodyRail(desk.rail, 50_000)).run_once()
    assert (run.settled, run.again, run.held) == (2, 1, 0)
    assert (desk.view(line_id).hold_fen, desk.view(line_id).principal_fen) == (50_000, 130_000)
    desk.pay_out()
    assert desk.view(line_id).principal_fen == 180_000


def test_a_payout_that_cannot_be_booked_is_held_for_a_person_and_the_money_is_not_sent_again(desk: Desk) -> None:
    from dandelion.lending import Lending, Products

    line_id = desk.ready()
    desk.draw(line_id, 50_000, "r1")
    lost = Lending(desk.lending.packs, Products([]))
    run = PayoutWorker(desk.vault, lost, desk.rail).run_once()
    assert (run.settled, run.held) == (0, 1)
    desk.clock.move_to(desk.clock.now() + 3_601_000_000)
    desk.pay_out()
    assert desk.rail.balance(desk.account().token) == desk.view(line_id).principal_fen == 50_000
