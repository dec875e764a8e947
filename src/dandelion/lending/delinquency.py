"""Days past due in the pack's time zone, their bucket and five-class name, and what collection may do when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dandelion.core import SECOND_US
from dandelion.lending.packs import Band, Pack
from dandelion.lending.state import PAID, LineState
from dandelion.lending.waterfall import oldest_unpaid_day, owed


def days_past_due(state: LineState, day: int) -> int:
    """Days since the oldest unmet due date; 1 on the day after it.  The state must be accrued to `day`."""
    late = []
    for drawdown in state.drawdowns:
        if drawdown.status == PAID:
            debt = owed(state, drawdown, day)
            if debt.overdue_interest + debt.overdue_principal > 0:
                late.append(day - oldest_unpaid_day(state, drawdown))
    return max(late, default=0)


def band_of(bands: Sequence[Band], days: int) -> str:
    """The name of the last band that begins at or before `days`."""
    return [band.name for band in bands if band.from_days <= days][-1]


@dataclass(frozen=True, slots=True)
class ContactVerdict:
    allowed: bool
    reason: str


def may_contact(pack: Pack, at_us: int, contacts_today: int) -> ContactVerdict:
    """Whether collection may reach out now.  The mask is hard: nothing above it can widen it."""
    rule = pack.contact
    hour = datetime.fromtimestamp(at_us // SECOND_US, ZoneInfo(pack.time_zone)).hour
    if not rule.from_hour <= hour < rule.until_hour:
        return ContactVerdict(
            False, f"no contact outside {rule.from_hour:02d}:00 to {rule.until_hour:02d}:00 local time"
        )
    if contacts_today >= rule.per_day_max:
        return ContactVerdict(False, f"{rule.per_day_max} contacts today are the most allowed")
    return ContactVerdict(True, "inside the allowed hours and frequency")


def borrower_size(pack: Pack, industry: str, *, staff: int, revenue_wan: int, assets_wan: int) -> str:
    """Returns "large", "medium", "small" or "micro" by the pack's table; unknown industries are judged as `other`.

    A firm reaches a size only if it meets every test of that size; one missed test puts it into the class below.
    """
    rows = {row.industry: row for row in pack.sizes}
    row = rows.get(industry, rows["other"])
    given = (staff, revenue_wan, assets_wan)
    for name, bounds in (("large", row.large), ("medium", row.medium), ("small", row.small)):
        if all(bound is None or value >= bound for value, bound in zip(given, bounds, strict=True)):
            return name
    return "micro"
