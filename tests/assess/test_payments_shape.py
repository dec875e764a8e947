"""Yarn ball or dandelion, circles, own payments: what the money's shape says, and that verified turnover adds up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.app.assess.payments_result import Merchant, PaymentsResult
from dandelion.app.usecases.assess_payments import assess_payments
from dandelion.core import ManualClock, instant

CLOCK = ManualClock(instant("2025-12-01T00:00:00", "Asia/Shanghai"))
HEAD = "order_id,paid_at,payer,payee,amount,status"
Line = tuple[int, str, str, int]  # seconds from the start of March 2025, payer, payee, fen


def written(lines: Sequence[Line], path: Path) -> Path:
    start = np.datetime64("2025-03-01T00:00:00")
    body = [
        f"T{i},{str(start + np.timedelta64(at, 's')).replace('T', ' ')},{payer},{payee},{fen // 100}.{fen % 100:02d},success"
        for i, (at, payer, payee, fen) in enumerate(sorted(lines))
    ]
    path.write_text("\n".join([HEAD, *body]) + "\n", "utf-8")
    return path


def assess(lines: Sequence[Line], tmp_path: Path) -> PaymentsResult:
    return assess_payments(written(lines, tmp_path / "pay.csv"), out=tmp_path / "out", clock=CLOCK)


def by_name(result: PaymentsResult) -> dict[str, Merchant]:
    return {one.name: one for one in result.merchants}


def town(seed: int = 5) -> list[Line]:
    """Ten shops whose customers are strangers to one another but pay friends; circles of friends who pay only each other."""
    rng, lines = np.random.default_rng(seed), list[Line]()
    span = 150 * 86_400
    for shop in range(10):
        for _ in range(500):
            lines.append(
                (int(rng.integers(span)), f"p{rng.integers(600)}", f"shop{shop}", int(rng.integers(500, 6_000)))
            )
    for circle in range(40):
        people = [f"p{circle * 15 + k}" for k in range(15)]
        for _ in range(450):
            a, b = rng.choice(15, 2, replace=False)
            lines.append((int(rng.integers(span)), people[a], people[b], int(rng.integers(1_000, 30_000))))
    return lines


def test_shops_are_dandelions_and_circles_of_friends_are_yarn_balls(tmp_path: Path) -> None:
    found = by_name(assess(town(), tmp_path))
    shops = [one for name, one in found.items() if name.startswith("shop")]
    people = [one for name, one in found.items() if name.startswith("p")]
    assert len(shops) == 10
    assert len(people) > 250
    assert {one.shape.kind for one in shops} == {"dandelion"}
    assert np.mean([one.shape.kind == "yarn_ball" for one in people]) > 0.95
    assert all(one.limit.fen == 0 for one in people)
    assert all(one.limit.fen > 0 for one in shops)


def test_receipts_of_shops_alone_show_no_ties_and_say_so(tmp_path: Path) -> None:
    """Without payments between customers the missing ties prove nothing."""
    found = by_name(assess([line for line in town() if line[2].startswith("shop")], tmp_path))
    assert {one.shape.kind for one in found.values()} == {"cannot_see"}
    assert {one.shape.tie_share for one in found.values()} == {None}


def test_money_that_comes_back_is_no_turnover(tmp_path: Path) -> None:
    trade = [
        (day * 86_400 + 40_000 + k, f"c{(day * 7 + k) % 60}", "stall", 2_000) for day in range(120) for k in range(4)
    ]
    lent = [(50 * 86_400 + 9, "friend", "stall", 5_000_000), (55 * 86_400, "stall", "friend", 5_000_000)]
    plain, with_loan = (by_name(assess(lines, tmp_path))["stall"] for lines in (trade, trade + lent))
    assert with_loan.turnover.circular_fen == 5_000_000
    assert with_loan.turnover.verified_fen == plain.turnover.verified_fen
    assert with_loan.limit.fen == 0
    assert with_loan.limit.reasons[0].code == "circular_stop"


def test_paying_oneself_is_no_turnover(tmp_path: Path) -> None:
    trade = [
        (day * 86_400 + 40_000 + k, f"c{(day * 7 + k) % 60}", "stall", 2_000) for day in range(120) for k in range(4)
    ]
    own = [(day * 86_400, "stall", "stall", 900_000) for day in range(100, 120)]
    plain, more = (by_name(assess(lines, tmp_path))["stall"] for lines in (trade, trade + own))
    assert more.turnover.self_fen == 20 * 900_000
    assert (more.turnover.verified_fen, more.limit) == (plain.turnover.verified_fen, plain.limit)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_verified_turnover_is_received_less_every_deduction(seed: int) -> None:
    """The indicators room says verified; our breakdown adds up to it to the fen, whatever the file holds."""
    import tempfile

    rng = np.random.default_rng(seed)
    names = [f"a{k}" for k in range(6)]
    lines = [
        (int(rng.integers(200 * 86_400)), str(rng.choice(names)), str(rng.choice(names)), int(rng.integers(1, 90_000)))
        for _ in range(120)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = written(lines, Path(folder) / "pay.csv")
        text = path.read_text().splitlines()
        flip = rng.random(len(text)) < 0.2
        path.write_text("\n".join(
            line.replace("success", "refund") if i and flip[i] else line for i, line in enumerate(text)
        ))  # fmt: skip
        result = assess_payments(path, out=Path(folder) / "out", clock=CLOCK)
    for one in result.merchants:
        t = one.turnover
        assert t.verified_fen == t.received_fen - t.gift_fen - t.self_fen - t.circular_fen - t.refunded_fen
        assert sum(fen for _, fen in one.growth.months) == t.verified_fen


def test_fewer_than_five_payers_leave_no_share_about_them(tmp_path: Path) -> None:
    lines = [(day * 86_400 + k, f"c{k}", "stall", 2_000) for day in range(100) for k in range(4)]
    payers = by_name(assess(lines, tmp_path))["stall"].payers
    assert (payers.people_90d, payers.repeat_share, payers.top_share) == (4, None, None)


def test_the_date_of_assessment_hides_what_came_later(tmp_path: Path) -> None:
    lines = town()
    path = written(lines, tmp_path / "pay.csv")
    early = [line for line in lines if line[0] < 100 * 86_400]
    asked = assess_payments(path, as_of="2025-06-09", out=tmp_path / "out", clock=CLOCK)
    cut = assess_payments(written(early, tmp_path / "early.csv"), as_of="2025-06-09", out=tmp_path / "out", clock=CLOCK)
    assert asked.merchants == cut.merchants
    assert any("on or after the date of assessment" in en for _, en in asked.notes)
