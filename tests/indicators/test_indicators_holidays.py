"""Receipts on public holidays: the announced days, local time, and neither where nothing was announced."""

from __future__ import annotations

from datetime import date, timedelta

import chinese_calendar
import numpy as np
import pyarrow as pa

from dandelion.core import DAY_US, arrow_schema, instant
from dandelion.indicators import evaluate, standard
from dandelion.indicators.holidays import HOLIDAY, ORDINARY, UNKNOWN, day_codes

NAMES = tuple(f"payment.received/{cell}90d/count" for cell in ("", "holiday=yes/", "holiday=no/"))


def counts(moments: list[int], now: int) -> list[float]:
    head = [{"event_id": f"e{i}", "source": "s", "at": at, "arrived": at} for i, at in enumerate(moments)]
    rows = [{**one, "payee": "shop", "payer": "ann", "amount_fen": 100, "channel": "qr"} for one in head]
    events = {("payment", "payee"): pa.Table.from_pylist(rows, schema=arrow_schema("payment"))}
    return evaluate(standard(), events, ["shop"], now, now, columns=NAMES).values[0].tolist()


def test_a_day_is_a_holiday_where_the_notice_says_so() -> None:
    first = date(2023, 1, 1)
    days = [first + timedelta(days=step) for step in range((date(2026, 12, 31) - first).days + 1)]
    codes = day_codes(np.array([(day - date(1970, 1, 1)).days for day in days]))
    for day, code in zip(days, codes.tolist(), strict=True):
        off, name = chinese_calendar.get_holiday_detail(day)
        assert code == (HOLIDAY if off and name is not None else ORDINARY), day


def test_holidays_are_local_days() -> None:
    """The National Day holiday of 2025 began at midnight in China, 16:00 UTC the day before."""
    begins = instant("2025-10-01T00:00", "Asia/Shanghai")
    assert counts([begins - 1, begins, begins + DAY_US], begins + 5 * DAY_US) == [3.0, 2.0, 1.0]


def test_a_day_that_no_notice_covers_is_neither() -> None:
    late = instant("2031-10-01T12:00", "Asia/Shanghai")
    assert counts([late], late + DAY_US) == [1.0, 0.0, 0.0]
    assert day_codes(np.array([0])).tolist() == [UNKNOWN] and day_codes(np.array([20_020])).tolist() == [ORDINARY]


def test_the_share_says_what_it_is() -> None:
    entry = standard().column("payment.received/holiday=yes/90d/amount_sum.part")
    assert entry.en.endswith("the share on public holidays") and "法定节假日" in entry.zh and entry.unit == "share"
    told = standard().as_json("payment.received/holiday=yes/90d/amount_sum")
    assert told["where"][0]["column"] == "holiday.cn"
