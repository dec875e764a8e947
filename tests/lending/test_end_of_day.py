from datetime import date

import pytest
import sqlalchemy as sa

from dandelion.core import BadInput, ConditionUnmet, Conflict
from dandelion.lending import endofday
from dandelion.lending import ledger as gl
from dandelion.lending.store import load
from dandelion.lending.tables import lines
from support.lending_desk import MERCHANT, Desk, T


def several(desk: Desk, n: int) -> list[str]:
    made = []
    for i in range(n):
        made.append(desk.ready(subject=f"s{i}", decision_id=f"d{i}"))
        desk.draw(made[-1], 100_000 * (i + 1), "r1")
    desk.pay_out()
    return made


def test_a_day_that_is_not_over_in_shanghai_is_not_closed(desk: Desk) -> None:
    several(desk, 1)
    with pytest.raises(BadInput, match="not over"):
        desk.lending.eod(desk.vault, T, date(2025, 7, 1))
    desk.clock.move_to(desk.clock.now() + 12 * 3_600_000_000)  # midnight in Shanghai is 16:00 UTC
    assert desk.lending.eod(desk.vault, T, date(2025, 7, 1)).interest_fen == 40


def test_closing_a_day_twice_or_in_shards_books_it_once(desk: Desk) -> None:
    several(desk, 5)
    desk.days(2)
    reports = [desk.lending.eod(desk.vault, T, date(2025, 7, 1), shard) for shard in range(16)]
    assert sum(report.lines for report in reports) == 5
    assert sum(report.interest_fen for report in reports) == sum(40 * (i + 1) for i in range(5))
    again = desk.lending.eod(desk.vault, T, date(2025, 7, 1))
    assert (again.lines, again.interest_fen) == (0, 0)
    assert -desk.books().total_fen(gl.INCOME) == 600


def test_a_run_that_dies_goes_on_where_it_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    several(desk, 6)
    desk.days(2)
    monkeypatch.setattr(endofday, "BATCH", 1)
    seen, real = [], endofday.close_day

    def dying(line, pack, through):
        seen.append(line.state.line_id)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return real(line, pack, through)

    monkeypatch.setattr(endofday, "close_day", dying)
    with pytest.raises(KeyboardInterrupt):
        desk.lending.eod(desk.vault, T, date(2025, 7, 1))
    assert desk.books().holds
    assert desk.lending.eod(desk.vault, T, date(2025, 7, 1)).lines == 3
    assert -desk.books().total_fen(gl.INCOME) == 40 * (1 + 2 + 3 + 4 + 5 + 6)


def test_days_left_out_are_caught_up_by_the_next_close(desk: Desk) -> None:
    line_id = several(desk, 1)[0]
    desk.days(11)
    assert desk.lending.eod(desk.vault, T, date(2025, 7, 11)).interest_fen == 440
    assert desk.view(line_id).interest_fen == 440


def test_lines_that_owe_nothing_only_move_their_watermark(desk: Desk) -> None:
    line_id = desk.ready()
    desk.days(2)
    assert desk.lending.eod(desk.vault, T, date(2025, 7, 2)).lines == 1
    with desk.vault.database.read() as connection:
        watermark = connection.execute(sa.select(lines.c.booked_day)).scalar_one()
        assert load(connection, T, line_id).state.seq == 1
    assert watermark == (date(2025, 7, 3) - date(1970, 1, 1)).days


def test_a_line_past_due_does_not_draw_until_it_has_paid(desk: Desk) -> None:
    line_id = desk.ready()
    desk.draw(line_id, 100_000, "r1")
    desk.pay_out()
    desk.days(33)
    with pytest.raises(Conflict, match="past due"):
        desk.draw(line_id, 100_000, "r2")
    desk.repay(line_id, desk.view(line_id).overdue_fen, "b1")
    desk.draw(line_id, 100_000, "r2")


def test_erasure_empties_proofs_freezes_the_line_and_keeps_the_ledger(desk: Desk) -> None:
    line_id = desk.ready()
    desk.draw(line_id, 100_000, "r1")
    desk.pay_out()
    books = desk.books()
    with desk.vault.unit_of_work(T) as work:
        report = desk.lending.erase(work, "m1", MERCHANT)
        assert (report.proofs_emptied, report.lines_kept) == (4, (line_id,))
        assert report.keep_until > "2029"
        assert desk.lending.erase(work, "m1", MERCHANT).proofs_emptied == 0
    assert desk.books() == books
    with desk.vault.unit_of_work(T) as work:
        desk.lending.unfreeze(work, line_id, "MISTAKE")
    with pytest.raises(ConditionUnmet):
        desk.draw(line_id, 100_000, "r2")


@pytest.mark.parametrize("bad", ["", "x" * 201, "a\x00b", "line\nbreak"])
def test_references_that_cannot_be_kept_are_refused(desk: Desk, bad: str) -> None:
    line_id = desk.ready()
    with pytest.raises(BadInput, match="request_ref"):
        desk.draw(line_id, 100_000, bad)
    with pytest.raises(BadInput, match="source_ref"):
        desk.repay(line_id, 100_000, bad)


@pytest.mark.parametrize("bad", [0, -1, 10**15, True, 1.5, "100"])
def test_amounts_that_are_not_whole_fen_are_refused(desk: Desk, bad: int) -> None:
    line_id = desk.ready()
    with pytest.raises((BadInput, Conflict)):
        desk.draw(line_id, bad, "r1")
    with pytest.raises(BadInput, match="amount_fen"):
        desk.repay(line_id, bad, "b1")


def test_rules_edited_in_place_stop_new_draws_under_the_old_contract(desk: Desk, tmp_path) -> None:
    from importlib import resources
    from pathlib import Path

    from dandelion.lending import Lending, Products

    line_id = desk.ready()
    folder = Path(str(resources.files("dandelion"))) / "defaults" / "products"
    text = (folder / "shop-line.lending.yaml").read_text("utf-8")
    (tmp_path / "shop-line.lending.yaml").write_text(text.replace("periods: 12", "periods: 3"), "utf-8")
    desk.lending = Lending(desk.lending.packs, Products.load(tmp_path))
    with pytest.raises(Conflict, match="edited in place"):
        desk.draw(line_id, 100_000, "r1")


def test_the_day_is_closed_while_merchants_pay_and_draw(desk: Desk) -> None:
    import threading

    made = several(desk, 4)
    desk.days(2)
    faults: list[BaseException] = []

    def busy(n: int) -> None:
        try:
            for turn in range(5):
                desk.repay(made[(n + turn) % 4], 1_000 + turn, f"b{n}-{turn}")
                desk.draw(made[(n + turn) % 4], 20_000, f"x{n}-{turn}")
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=busy, args=(n,)) for n in range(3)]
    threads += [threading.Thread(target=desk.lending.eod, args=(desk.vault, T, date(2025, 7, d))) for d in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    desk.lending.eod(desk.vault, T, date(2025, 7, 2))
    books = desk.books()
    assert books.holds
    assert books.total_fen(gl.PRINCIPAL) == sum(desk.view(one).principal_fen + desk.view(one).hold_fen for one in made)
    with desk.vault.database.read() as connection:
        for one in made:
            assert desk.lending.replayed(connection, T, one) == load(connection, T, one).state


def test_a_loan_without_interest_costs_nothing(desk: Desk) -> None:
    line_id = desk.ready(rate_ppm=0)
    desk.draw(line_id, 100_000, "r1")
    desk.pay_out()
    desk.days(100)
    assert desk.view(line_id).payoff_fen == 100_000
    assert desk.lending.eod(desk.vault, T, date(2025, 10, 1)).interest_fen == 0
