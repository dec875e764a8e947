import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from dandelion.lending import ledger as gl
from dandelion.lending.ledger import Entry, Posting
from dandelion.lending.tables import APPEND_ONLY, accounts
from support.lending_desk import Desk, T


def posting(reference: str, *fen: int) -> Posting:
    codes = [gl.CASH, gl.CREDIT, gl.INCOME]
    return Posting(reference, "test", "l1", 0, 0, 1, tuple(Entry(c, "", f) for c, f in zip(codes, fen, strict=False)))


@given(st.lists(st.integers(-(10**12), 10**12).filter(bool), min_size=2, max_size=3))
def test_a_posting_that_does_not_sum_to_zero_cannot_be_made(fen: list[int]) -> None:
    if sum(fen) == 0:
        assert posting("r", *fen)
    else:
        with pytest.raises(AssertionError, match="sum to zero"):
            posting("r", *fen)


def test_the_same_reference_posts_once_and_returns_the_first(desk: Desk) -> None:
    with desk.vault.unit_of_work(T) as work:
        first = gl.post(work.connection, T, posting("r1", 5, -5))
        again = gl.post(work.connection, T, posting("r1", 5, -5))
        assert gl.balances(work.connection, T, "l1") == {(gl.CASH, ""): 5, (gl.CREDIT, ""): -5}
    assert (first.is_new, again.is_new) == (True, False)
    assert first.posting_id == again.posting_id


@pytest.mark.parametrize("table", APPEND_ONLY, ids=lambda t: t.name)
@pytest.mark.parametrize("verb", ["update", "delete"])
def test_the_database_itself_refuses_to_change_history(desk: Desk, table: sa.Table, verb: str) -> None:
    line_id = desk.ready()
    desk.draw(line_id, 100_000, "r1")
    change = sa.delete(table) if verb == "delete" else sa.update(table).values(tenant="other")
    with pytest.raises(sa.exc.DatabaseError, match="append-only"), desk.vault.database.write() as connection:
        connection.execute(change)


def test_the_trial_balance_notices_a_balance_that_was_tampered_with(desk: Desk) -> None:
    line_id = desk.ready()
    desk.draw(line_id, 100_000, "r1")
    assert desk.books().holds
    with desk.vault.database.write() as connection:
        connection.execute(
            sa.update(accounts).where(accounts.c.code == gl.PRINCIPAL).values(balance_fen=accounts.c.balance_fen + 1)
        )
    found = desk.books()
    assert not found.holds
    assert found.difference_fen == 1
    assert "loan_principal" in found.faults[0]


def test_funders_share_every_posting_and_end_at_zero(desk: Desk) -> None:
    line_id = desk.ready(rate_ppm=133_700, product="shop-line-joint")
    desk.draw(line_id, 1_000_001, "r1")
    desk.pay_out()
    partner = "partner_bank"
    assert ("funder_participation", partner, -700_001) in desk.books().rows
    for n, fen in enumerate([33_333, 1, 77_777, 5]):
        desk.days(7)
        desk.repay(line_id, fen, f"bank-{n}")
        rows = {(code, party): amount for code, party, amount in desk.books().rows}
        principal = rows[gl.PRINCIPAL, ""]
        assert abs(-rows[gl.PARTICIPATION, partner] * 10 - principal * 7) <= 10
    desk.days(5)
    desk.repay(line_id, desk.view(line_id).payoff_fen, "bank-last")
    rows = {(code, party): amount for code, party, amount in desk.books().rows}
    assert (gl.PARTICIPATION, partner) not in rows
    assert (gl.FUNDER_INTEREST, partner) not in rows
    earned = rows[gl.CASH, ""]
    assert abs(-rows[gl.SETTLEMENT, partner] * 10 - earned * 7) <= 10
    assert rows[gl.INCOME, ""] + rows[gl.SETTLEMENT, partner] + earned == 0


def test_a_loss_is_written_off_after_the_packs_day_shared_and_recovered(desk: Desk) -> None:
    from dandelion.core import Conflict
    from support.lending_desk import MERCHANT

    line_id = desk.ready(product="shop-line-joint")
    desk.draw(line_id, 1_000_000, "r1")
    desk.pay_out()
    desk.days(200)
    with pytest.raises(Conflict, match="days past due"), desk.vault.unit_of_work(T) as work:
        desk.lending.write_off(work, line_id, "LOSS", actor=MERCHANT)
    desk.days(200)
    owed = desk.view(line_id).payoff_fen
    with desk.vault.unit_of_work(T) as work:
        assert desk.lending.write_off(work, line_id, "LOSS", actor=MERCHANT) == owed
    view = desk.view(line_id)
    assert (view.payoff_fen, view.written_off_fen, view.status) == (0, owed, "frozen")
    receipt = desk.repay(line_id, 100_000, "late-1")
    assert (receipt.recovered_fen, desk.view(line_id).written_off_fen) == (100_000, owed - 100_000)
    rows = {(code, party): amount for code, party, amount in desk.books().rows}
    assert desk.books().holds
    assert (gl.PRINCIPAL, "") not in rows
    assert (gl.INTEREST_DUE, "") not in rows
    assert abs(rows[gl.RECOVERY, ""] + 30_000) <= 1
