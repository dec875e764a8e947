"""`dandelion assess payments FILE`: a payment file nobody prepared, turned into an indicative limit with reasons."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from dandelion.app.assess.payments_bill import Bill, read_bill
from dandelion.app.assess.payments_events import accounts
from dandelion.app.assess.payments_merchants import assess_merchants
from dandelion.app.assess.payments_notes import notes
from dandelion.app.assess.payments_relations import relations
from dandelion.app.assess.payments_result import PaymentsResult
from dandelion.app.assess.payments_values import zone
from dandelion.core import DAY_US, BadInput, Clock, SystemClock, day_of, start_of_day

Progress = Callable[[str, int], None]


def assess_file(
    file: Path, asked: Mapping[str, str] | None, unit: str | None, tz: str, as_of: str | date | None, clock: Clock | None,
    progress: Progress | None,
) -> tuple[PaymentsResult, Bill]:  # fmt: skip
    """Read, assess, answer with the bill behind it; nothing is written.  Errors: BadInput, TooLarge."""
    started = time.perf_counter()
    now_us = (clock or SystemClock()).now()
    asked_day = _day(as_of, tz, now_us)
    bill = read_bill(file, asked=asked, unit=unit, tz=tz, now_us=now_us, progress=progress)
    as_of_us = start_of_day(asked_day or day_of(int(bill.at_us.max()), tz) + timedelta(days=1), tz)
    if not (bill.at_us < as_of_us).any():
        first = day_of(int(bill.at_us.min()), tz)
        raise BadInput(f"{file.name} has no payment before {asked_day}; its first is of {first}", field="as_of")
    if progress is not None:
        progress("assess", len(bill.fen))
    who = accounts(bill)
    related = relations(bill, who)
    assessed = assess_merchants(bill, who, related, as_of_us)
    result = PaymentsResult(
        as_of=day_of(as_of_us, tz).isoformat(), read=bill.facts, merchants=assessed.merchants, others=assessed.others,
        others_verified_fen=assessed.others_verified_fen, notes=notes(bill, int(np.count_nonzero(bill.at_us >= as_of_us))),
        seconds=time.perf_counter() - started,
    )  # fmt: skip

    return result, bill


def _day(as_of: str | date | None, tz: str, now_us: int) -> date | None:
    zone(tz)
    if as_of is None:
        return None
    try:
        day = as_of if isinstance(as_of, date) else date.fromisoformat(as_of)
    except ValueError:
        raise BadInput(f"as_of is {as_of!r}; write a day like 2025-06-30", field="as_of") from None
    if start_of_day(day, tz) > now_us + DAY_US:
        raise BadInput(f"as_of is {day}, a day in the future; give today or an earlier day", field="as_of")
    return day
