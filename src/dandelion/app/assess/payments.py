"""`dandelion assess payments FILE`: a payment file nobody prepared, turned into an indicative limit with reasons."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from dandelion.app.assess.payments_bill import Bill, read_bill
from dandelion.app.assess.payments_events import Accounts, accounts, event_tables
from dandelion.app.assess.payments_figures import is_trade
from dandelion.app.assess.payments_merchants import Assessed, assess_merchants
from dandelion.app.assess.payments_notes import notes
from dandelion.app.assess.payments_outcomes import Outcomes, read_outcomes
from dandelion.app.assess.payments_relations import Relations, relations
from dandelion.app.assess.payments_result import PaymentsResult
from dandelion.app.assess.payments_values import zone
from dandelion.core import DAY_US, BadInput, Rejection, day_of, start_of_day

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: see `assess_payments` for the meaning of each option."""

    file: Path
    map: Mapping[str, str] | None
    unit: str | None
    tz: str
    as_of: str | date | None
    outcomes: Path | None
    now_us: int
    progress: Progress | None

    def tell(self, stage: str, rows: int) -> None:
        if self.progress is not None:
            self.progress(stage, rows)


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer, and the rows that were set aside from each file."""

    result: PaymentsResult
    rejections: tuple[Rejection, ...]
    outcome_rejections: tuple[Rejection, ...]


def assess_file(request: Request) -> Finding:
    """Read, assess, answer; nothing is written.  Errors: BadInput, TooLarge."""
    started = time.perf_counter()
    day = _day(request.as_of, request.tz, request.now_us)
    outcomes = read_outcomes(request.outcomes, request.tz, request.now_us) if request.outcomes else None
    bill = read_bill(
        request.file, asked=request.map, unit=request.unit, tz=request.tz, now_us=request.now_us,
        progress=request.progress,
    )  # fmt: skip
    as_of_us = _as_of_us(bill, day)
    request.tell("assess", len(bill.fen))
    who = accounts(bill)
    related = relations(bill, who, as_of_us)
    assessed = assess_merchants(bill, who, related, as_of_us)
    result = PaymentsResult(
        as_of=day_of(as_of_us, request.tz).isoformat(), read=bill.facts, merchants=assessed.merchants,
        others=assessed.others, others_verified_fen=assessed.others_verified_fen,
        notes=notes(bill, int(np.count_nonzero(bill.at_us >= as_of_us)), with_pd=outcomes is not None), seconds=0.0,
    )  # fmt: skip
    aside: tuple[Rejection, ...] = ()
    if outcomes is not None:
        request.tell("outcomes", len(outcomes.row))
        result, aside = _with_pd(result, outcomes, bill, who, related, assessed, as_of_us, request.now_us)
    return Finding(replace(result, seconds=time.perf_counter() - started), bill.rejections, aside)


def _with_pd(
    result: PaymentsResult, outcomes: Outcomes, bill: Bill, who: Accounts, related: Relations, assessed: Assessed,
    as_of_us: int, now_us: int,
) -> tuple[PaymentsResult, tuple[Rejection, ...]]:  # fmt: skip
    from dandelion.app.assess.payments_scoring import score_outcomes  # training libraries, only when asked for

    table = event_tables(bill, who, np.where(is_trade(bill, who), bill.fen - related.circular_fen, 0))
    payees = {int(who.names[a]): str(a) for a in assessed.figures.account.tolist()}
    subjects = [str(assessed.figures.account[row]) for row in assessed.rows]
    scored = score_outcomes(outcomes, table, payees, subjects, as_of_us, bill.facts.tz, now_us)
    merchants = result.merchants
    if scored.pd_ppm is not None:
        merchants = tuple(replace(one, pd_ppm=pd) for one, pd in zip(merchants, scored.pd_ppm, strict=True))
    return replace(result, merchants=merchants, outcomes=scored.facts), scored.rejections


def _as_of_us(bill: Bill, day: date | None) -> int:
    """Local midnight at the start of `day`, or of the day after the last payment."""
    tz = bill.facts.tz
    as_of_us = start_of_day(day or day_of(int(bill.at_us.max()), tz) + timedelta(days=1), tz)
    if not (bill.at_us < as_of_us).any():
        first = day_of(int(bill.at_us.min()), tz)
        raise BadInput(f"{bill.facts.file} has no payment before {day}; its first is of {first}", field="as_of")
    return as_of_us


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
