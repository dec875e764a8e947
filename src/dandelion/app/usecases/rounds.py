"""What the lender's own systems run: raise day, end of day, a rehearsal's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dandelion.app.access import Caller
from dandelion.app.clocks import MovedClock
from dandelion.app.house import House
from dandelion.app.usecases.guard import guard_at_night
from dandelion.app.usecases.warn import watch_standing
from dandelion.core import NotAllowed, day_of, instant, iso


def end_of_day(house: House, caller: Caller) -> dict[str, Any]:
    """Close yesterday (in the pack's time zone) for every line, then let the warning strategies look at each, and hold
    a challenger to its guardrails; twice is once.  One call looks at a bounded number of lines: `lines_left` above zero says that it wants to be called again.
    """
    caller.must_have_role("service", "operator")
    yesterday = day_of(house.clock.now(), house.pack.time_zone) - timedelta(days=1)
    report = house.lending.eod(house.vault, caller.tenant, yesterday)
    night = watch_standing(house, caller.tenant, yesterday)
    if not night.left:
        guard_at_night(house)
    return {
        "day": report.day, "lines": report.lines, "interest_fen": report.interest_fen, "moved": report.moved,
        "credit_used_fen": report.credit_used_fen, "lines_watched": night.watched, "lines_unread": night.unread,
        "lines_left": night.left, "warned": night.warned,
    }  # fmt: skip


def move_clock(house: House, caller: Caller, now: str) -> dict[str, Any]:
    """Move a rehearsal's clock forward.  Errors: NotAllowed where the clock is the system's; BadInput backwards."""
    caller.must_have_role("service")
    if not isinstance(house.clock, MovedClock):
        raise NotAllowed("this house keeps the system's time; only a rehearsal's clock can be moved", field="clock")
    house.clock.move_to(instant(now))
    return {"now": iso(house.clock.now())}
