"""What counts, when, for whom, and what is said when nothing may be read."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput, arrow_schema
from dandelion.indicators import evaluate, explain, localtime, standard, whole_math
from dandelion.indicators.evaluate import Tables

DAY = 86_400_000_000
NOW = 1_750_000_000_000_000
COUNT, SUM, TOP = (f"payment.received/30d/{what}" for what in ("count", "amount_sum", "top_payer_share"))
VERIFIED = "turnover.verified/30d"


def payment(number: int, days: int, fen: int = 1000, **said: object) -> dict[str, object]:
    at = NOW - days * DAY
    return {"event_id": f"e{number}", "source": "s", "at": at, "arrived": at, "replaces": None, "payee": "shop",
            "payer": f"p{number}", "amount_fen": fen, "channel": "qr", "device": None, "order_id": None} | said  # fmt: skip


def refund(number: int, days: int, fen: int, payer: str) -> dict[str, object]:
    row = payment(number, days, fen, payer=payer, payment_id=None)
    return {name: row[name] for name in arrow_schema("refund").names}


def events(payments: list[dict[str, object]], refunds: list[dict[str, object]] | None = None) -> Tables:
    out = {("payment", "payee"): pa.Table.from_pylist(payments, schema=arrow_schema("payment"))}
    out["refund", "payee"] = pa.Table.from_pylist(refunds or [], schema=arrow_schema("refund"))
    return out


def role(person: str, arrived: int = 0) -> pa.Table:
    row = {"event_id": "r", "source": "s", "at": NOW - 400 * DAY, "arrived": NOW - 400 * DAY + arrived, "replaces": None,
           "firm": "shop", "person": person, "role": "owner"}  # fmt: skip
    return pa.Table.from_pylist([row], schema=arrow_schema("role"))


def one(tables: Tables, name: str, as_of: int = NOW, known_at: int = NOW) -> float:
    return float(evaluate(standard(), tables, ["shop"], as_of, known_at, columns=[name])[name][0])


def test_windows_are_half_open_and_an_event_must_have_arrived() -> None:
    tables = events([payment(1, 30), payment(2, 1), payment(3, 0), payment(4, 5, arrived=NOW), payment(5, 31)])
    assert one(tables, COUNT) == 2, "30 days back counts; now, 31 days back and what arrives now do not"
    assert one(tables, COUNT, known_at=NOW + 1) == 3


def test_a_correction_takes_over_when_it_has_arrived_and_not_before() -> None:
    right = payment(2, 3, 700, replaces="e1", arrived=NOW - DAY)
    tables = events([payment(1, 3, 900), right])
    assert one(tables, SUM, known_at=NOW - DAY) == 900
    assert one(tables, SUM, known_at=NOW - DAY + 1) == 700


def test_verified_turnover_leaves_out_oneself_relatives_gifts_and_refunds_to_the_fen() -> None:
    paid = [payment(1, 3, 16_777_217_00), payment(2, 3, 55, payer="shop"), payment(3, 3, 66, payer="owner"),
            payment(4, 3, 77, channel="red_packet"), payment(5, 3, 88, payer="aunt")]  # fmt: skip
    tables = {**events(paid, [refund(9, 2, 17, "p1"), refund(8, 2, 5, "owner")]), ("role", "firm"): role("owner")}
    frame = evaluate(standard(), tables, ["shop"], NOW, NOW, columns=[VERIFIED], related={"shop": ["aunt"]})
    assert frame.fen(VERIFIED, 0) == 16_777_217_00 - 17


def test_a_role_counts_from_when_it_was_known() -> None:
    tables = {**events([payment(3, 3, 66, payer="owner")]), ("role", "firm"): role("owner", 399 * DAY)}
    assert one(tables, VERIFIED, known_at=NOW - DAY) == 66
    assert one(tables, VERIFIED, known_at=NOW) == 0


def test_of_each_loan_elsewhere_only_the_newest_known_state_counts() -> None:
    def state(number: int, days: int, loan: str, balance: int, **said: object) -> dict[str, object]:
        row = payment(number, days, balance, **said)
        return {"event_id": row["event_id"], "source": "s", "at": row["at"], "arrived": row["arrived"],
                "replaces": row["replaces"], "borrower": "shop", "lender": "bank", "loan": loan, "balance_fen": balance,
                "monthly_due_fen": balance // 10, "days_past_due": 0}  # fmt: skip

    rows = [state(1, 60, "a", 900), state(2, 60, "b", 70), state(3, 20, "a", 500),
            state(4, 20, "a", 0, replaces="e3", arrived=NOW - DAY)]  # fmt: skip
    tables = {("outside_loan", "borrower"): pa.Table.from_pylist(rows, schema=arrow_schema("outside_loan"))}
    owed, loans_open = "loan.outside/365d/balance_sum", "loan.outside/open=yes/365d/count"
    assert (one(tables, owed, NOW - 21 * DAY), one(tables, loans_open, NOW - 21 * DAY)) == (970, 2)
    assert (one(tables, owed, known_at=NOW - DAY), one(tables, loans_open, known_at=NOW - DAY)) == (570, 2)
    assert (one(tables, owed), one(tables, loans_open)) == (70, 1), "a loan paid off is not open, and not its old self"


def test_columns_about_single_payers_need_five_people() -> None:
    four = [payment(i, 1) for i in range(4)]
    assert math.isnan(one(events(four), TOP))
    assert one(events([*four, payment(4, 1)]), TOP) == np.float32(0.2)


def test_nothing_happened_is_zero_and_nothing_known_is_missing() -> None:
    tables = events([])
    assert one(tables, COUNT) == 0
    assert math.isnan(one(tables, "payment.received/30d/amount_mean"))
    frame = evaluate(standard(), tables, ["shop"], NOW, NOW, columns=["order.sold/30d/count"])
    assert math.isnan(frame["order.sold/30d/count"][0])
    assert frame.catalogue["order.sold/30d/count"].null_policy == "not_supplied"


def test_without_a_grant_for_the_data_a_column_is_missing_and_says_so() -> None:
    tables = events([payment(1, 3)])
    frame = evaluate(standard(), tables, ["shop"], NOW, NOW, columns=[COUNT, VERIFIED], granted=["invoices"])
    assert np.isnan(frame.values).all()
    assert frame.catalogue[COUNT].null_policy == "not_consented"
    assert frame.fen(VERIFIED, 0) is None
    assert explain(standard(), COUNT, tables, "shop", NOW, NOW, granted=["invoices"]).terms == ()
    assert evaluate(standard(), tables, ["shop"], NOW, NOW, columns=[COUNT], granted=["payments"])[COUNT][0] == 1


def test_an_explanation_lists_exactly_the_events_behind_the_number() -> None:
    tables = {**events([payment(1, 3, 500), payment(2, 3, 60, payer="owner"), payment(3, 40, 9)], [refund(4, 1, 20, "p1")]),
              ("role", "firm"): role("owner")}  # fmt: skip
    said = explain(standard(), VERIFIED, tables, "shop", NOW, NOW)
    assert said.value == 480
    assert [(term.value, term.events.column("event_id").to_pylist()) for term in said.terms] == [
        (500.0, ["e1"]), (20.0, ["e4"]),
    ]  # fmt: skip


def test_only_the_columns_asked_for_are_computed_and_only_their_tables_read() -> None:
    tables = {("payment", "payee"): events([payment(1, 3)])["payment", "payee"]}
    frame = evaluate(standard(), tables, ["shop"], NOW, NOW, columns=[SUM, COUNT])
    assert frame.names == (SUM, COUNT)
    assert set(frame.catalogue) == {SUM, COUNT}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda t: t.drop_columns(["arrived"]), "arrived"),
        (lambda t: t.drop_columns(["amount_fen"]), "amount_fen"),
        (lambda t: t.set_column(t.schema.get_field_index("amount_fen"), "amount_fen", pa.array([2**62 + 1], pa.int64())),
         "amount_fen"),
    ],
)  # fmt: skip
def test_unfit_events_are_refused_by_field(change: object, field: str) -> None:
    table = change(events([payment(1, 3)])["payment", "payee"])  # type: ignore[operator]
    with pytest.raises(BadInput) as refused:
        one({("payment", "payee"): table}, SUM)
    assert refused.value.field == field


@pytest.mark.parametrize("as_of", [1.5, [NOW, NOW], "2025-01-01"])
def test_moments_that_do_not_fit_the_subjects_are_refused(as_of: object) -> None:
    with pytest.raises(BadInput, match="as_of must be UTC microseconds"):
        evaluate(standard(), events([]), ["shop"], as_of, NOW, columns=[COUNT])  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.lists(st.integers(-(2**61), 2**61), min_size=1, max_size=9))
def test_squares_are_kept_whole_in_two_limbs(values: list[int]) -> None:
    high, low = np.uint64(0), np.uint64(0)
    for value in values:
        high, low = (np.uint64(limb) for limb in whole_math.add_square(high, low, np.int64(value)))
    assert (int(high) << 64) | int(low) == sum(value * value for value in values)


@settings(deadline=None)
@given(st.integers(0, 3_700_000_000), st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kathmandu",
                                                       "Pacific/Apia"]))  # fmt: skip
def test_local_days_and_hours_follow_the_time_zone_through_every_change(second: int, tz: str) -> None:
    at = np.array([second * 1_000_000 + 315_532_800_000_000], np.int64)
    moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(at[0]))).astimezone(ZoneInfo(tz))
    assert localtime.hours(at, tz)[0] == moment.hour
    assert localtime.weekdays(at, tz)[0] == moment.isoweekday()
    assert localtime.days(at, tz)[0] == (moment.date() - datetime(1970, 1, 1, tzinfo=UTC).date()).days
