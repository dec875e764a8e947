"""Collect more, lend more: refunds are as if never paid, order does not matter, circular money never counts."""

from __future__ import annotations

import dataclasses
import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_samples import AS_OF, book, line, lists, product, shop

from dandelion.core import BadInput
from dandelion.core.events import Payment, Refund
from dandelion.core.schema import arrow_schema, to_table
from dandelion.policy import Span, progress, propose_raise, watch

DAY = 86_400_000_000
RULE = product().collect_more
SPAN = Span(merchant="m1", since_us=AS_OF - 20 * DAY, raised_us=AS_OF - 20 * DAY, as_of_us=AS_OF)
NO_PAYMENTS = arrow_schema("payment").empty_table()
NO_REFUNDS = arrow_schema("refund").empty_table()


def pay(n, payer, fen=2_000, days_ago=10.0, device=None, payee="m1"):
    at = AS_OF - int(days_ago * DAY)
    return Payment(event_id=f"e{n:05d}", source="s", at=at, arrived=at, payee=payee, payer=payer, amount_fen=fen,
                   channel="qr", device=device)  # fmt: skip


def refund(n, payer, fen, days_ago=1.0, of=None):
    at = AS_OF - int(days_ago * DAY)
    return Refund(event_id=f"r{n:05d}", source="s", at=at, arrived=at, payee="m1", payer=payer, amount_fen=fen,
                  payment_id=of)  # fmt: skip


def table(events, empty=NO_PAYMENTS):
    return to_table(events) if events else empty


def earned(payments, refunds=(), span=SPAN, payers=frozenset(), devices=frozenset()):
    return progress(
        product(), span, table(list(payments)), table(list(refunds), NO_REFUNDS), excluded_payers=payers,
        excluded_devices=devices,
    )  # fmt: skip


payments = st.lists(
    st.tuples(
        st.sampled_from([f"c{i}" for i in range(12)]),
        st.integers(1, 5_000),
        st.floats(0.01, 25),
        st.sampled_from([None, "d1", "d2"]),
    ),
    max_size=120,
).map(lambda rows: [pay(n, *row) for n, row in enumerate(rows)])


@settings(max_examples=80, deadline=None)
@given(payments, st.data())
def test_a_payment_refunded_within_the_span_is_as_if_it_had_never_been_paid(paid, data):
    mine = [p for p in paid if p.at >= SPAN.since_us]
    back = data.draw(st.lists(st.sampled_from(mine), unique_by=lambda p: p.event_id, max_size=20)) if mine else []
    refunds = [refund(n, p.payer, p.amount_fen, 0.001, of=p.event_id) for n, p in enumerate(back)]
    gone = {p.event_id for p in back}
    assert earned(paid, refunds) == earned([p for p in paid if p.event_id not in gone])


@settings(max_examples=60, deadline=None)
@given(
    payments,
    st.lists(st.tuples(st.integers(0, 11), st.integers(1, 9_000), st.floats(0.01, 20)), max_size=15),
    st.integers(),
)
def test_the_order_of_rows_does_not_matter(paid, back, seed):
    refunds = [refund(n, f"c{who}", fen, days) for n, (who, fen, days) in enumerate(back)]
    before = earned(paid, refunds)
    random.Random(seed).shuffle(paid)
    random.Random(seed + 1).shuffle(refunds)
    assert earned(paid, refunds) == before


@settings(max_examples=60, deadline=None)
@given(payments, payments)
def test_self_related_and_circular_payments_never_count(paid, other):
    circular = [dataclasses.replace(p, event_id=f"x{n}", payer="cousin") for n, p in enumerate(other)]
    own = [dataclasses.replace(p, event_id=f"y{n}", payer="m1") for n, p in enumerate(other)]
    device = [dataclasses.replace(p, event_id=f"z{n}", payer="q", device="till") for n, p in enumerate(other)]
    elsewhere = [dataclasses.replace(p, event_id=f"w{n}", payee="m2") for n, p in enumerate(other)]
    back = [refund(n, p.payer, p.amount_fen, 0.01, of=p.event_id) for n, p in enumerate(circular)]
    with_them = earned([*paid, *circular, *own, *device, *elsewhere], back, payers={"cousin"}, devices={"till"})
    assert with_them == earned(paid, payers={"cousin"}, devices={"till"})


@settings(max_examples=60, deadline=None)
@given(payments, st.integers(0, 11), st.integers(1, 20_000), st.floats(0.01, 19))
def test_a_refund_never_adds_and_a_payment_never_takes_away(paid, who, fen, days):
    less = earned(paid, [refund(1, f"c{who}", fen, days)])
    full = earned(paid)
    assert less.steps <= full.steps and less.ripe_steps <= full.ripe_steps and less.payments_to_go >= 0
    more = earned([*paid, pay(99_999, "c0", 3_000, 0.005)])
    assert more.steps >= full.steps and more.payments >= full.payments


def shops_day(count, payers=10, fen=2_000, days_ago=10.0):
    """`count` payments by `payers` people, each at most three a day."""
    return [pay(n, f"c{n % payers}", fen, days_ago + (n // (payers * 3)) + n / 1e6) for n in range(count)]


def test_thirty_payments_of_five_people_make_one_step_and_it_says_what_is_left():
    found = earned(shops_day(45))
    assert (found.payments, found.steps, found.ripe_steps, found.payments_to_go) == (45, 1, 1, 15)
    assert found.next_step_fen == RULE.step_fen
    assert earned(shops_day(29)).payments_to_go == 1
    assert earned(shops_day(60, payers=4)).steps == 0
    assert earned(shops_day(60, payers=4)).payers_to_go == 1


def test_small_change_and_many_payments_of_one_person_a_day_do_not_count():
    assert earned([pay(n, f"c{n}", RULE.payment_min_fen - 1) for n in range(90)]).payments == 0
    assert earned([pay(n, "c1", 2_000, 10 + n / 1e6) for n in range(90)]).payments == RULE.payments_per_payer_day_max


def test_young_receipts_show_as_progress_but_do_not_ripen_into_a_raise():
    found = earned(shops_day(60, payers=20, days_ago=2.0))
    assert (found.steps, found.ripe_steps) == (2, 0)


def test_a_late_refund_of_a_receipt_that_an_earlier_raise_was_paid_for_takes_progress_back():
    old = pay(9_000, "c1", 50_000, 22)
    before = earned([old, *shops_day(60, payers=20)])
    after = earned([old, *shops_day(60, payers=20)], [refund(1, "c1", 50_000, 1, of=old.event_id)])
    assert before.steps == 2 and after.steps == 1
    assert after.taken_back.payments == 1 and after.taken_back.fen == 50_000
    assert earned(shops_day(60, payers=20), [refund(1, "c1", 50_000, 1, of="unknown")]).steps == 1


def test_what_is_left_over_after_a_raise_counts_toward_the_next():
    paid = shops_day(45)
    first = earned(paid)
    later = dataclasses.replace(SPAN, since_us=first.settled_until_us, raised_us=AS_OF)
    second = earned(paid, span=later)
    assert second.steps == 0 and 0 < second.payments <= 15
    assert first.ripe_steps == 1


def ready(**given):
    return dataclasses.replace(earned(shops_day(90)), **given)


def test_a_raise_adds_ripe_steps_on_its_day_and_never_above_todays_decision():
    request = shop(turnover_fen=2_000_000, line=line(limit_fen=800_000))
    found = propose_raise(book(), product(), lists(), request, ready())
    assert (found.blocked_by, found.limit_fen, found.steps) == ("", 800_000 + 3 * RULE.step_fen, 3)
    poor = shop(turnover_fen=800_000, line=line(limit_fen=800_000))
    assert propose_raise(book(), product(), lists(), poor, ready()).blocked_by == "at_limit"
    weak = shop(turnover_fen=2_000_000, money={"forecast_q10_fen": 200_000}, line=line())
    assert propose_raise(book(), product(), lists(), weak, ready()).blocked_by in ("declined", "at_limit")


@pytest.mark.parametrize(
    ("columns", "line_given", "progress_given", "why"),
    [
        ({}, {}, {"next_raise_us": AS_OF + 1}, "not_due"), ({}, {"frozen": True}, {}, "frozen"),
        ({}, {"days_past_due": 1}, {}, "frozen"), ({}, {}, {"ripe_steps": 0}, "no_progress"),
        ({"quiet_days": 11}, {}, {}, "warned"), ({"circular_share_90d": 0.5}, {}, {}, "flagged"),
        ({"ring_score": 0.9}, {}, {}, "warned"), ({"payers_90d": 3}, {}, {}, "declined"),
    ],
)  # fmt: skip
def test_nothing_rises_before_its_day_on_a_late_line_or_inside_a_flag(columns, line_given, progress_given, why):
    request = shop(turnover_fen=2_000_000, columns=columns, line=line(**line_given))
    found = propose_raise(book(), product(), lists(), request, ready(**progress_given))
    assert (found.blocked_by, found.limit_fen) == (why, 800_000)


def test_a_product_without_the_rule_says_so():
    with pytest.raises(BadInput, match="no collect_more rule"):
        progress(product("invoice-line"), SPAN, NO_PAYMENTS, NO_REFUNDS)


def test_a_falling_shop_is_cut_to_the_grid_and_never_below_what_is_owed():
    falling = {"trend_7_30": -0.6, "trend_30_90": -0.3}
    (action,) = watch(book(), product(), lists(), shop(columns=falling, line=line()))
    assert (action.kind, action.limit_fen, action.reason_code) == ("cut", 400_000, "WARN_DROP")
    (action,) = watch(book(), product(), lists(), shop(columns=falling, line=line(principal_fen=650_000)))
    assert action.limit_fen == 650_000
    assert watch(book(), product(), lists(), shop(columns=falling, line=line(principal_fen=800_000))) == []


def test_a_late_line_is_frozen_once_and_a_healthy_one_left_alone():
    assert watch(book(), product(), lists(), shop(line=line())) == []
    (action,) = watch(book(), product(), lists(), shop(line=line(days_past_due=4)))
    assert (action.kind, action.limit_fen, action.reason_code) == ("freeze", 800_000, "WARN_LATE")
    assert watch(book(), product(), lists(), shop(line=line(days_past_due=4, frozen=True))) == []
    with pytest.raises(BadInput, match="names no line"):
        watch(book(), product(), lists(), shop())


def test_an_empty_record_is_no_progress():
    found = progress(product(), SPAN, NO_PAYMENTS, NO_REFUNDS)
    assert (found.payments, found.steps, found.payments_to_go) == (0, 0, RULE.payments_per_step)
    assert isinstance(NO_PAYMENTS, pa.Table)
