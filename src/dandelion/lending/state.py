"""The state of one line, as plain values.  Every number here follows from the line's steps alone (see `fold`)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dandelion.lending.accrual import Carry, charged_fen

IN_FLIGHT, PAID, FAILED, CLOSED, WRITTEN_OFF = "in_flight", "paid", "failed", "closed", "written_off"
ACTIVE, FROZEN = "active", "frozen"


@dataclass(frozen=True, slots=True)
class Due:
    """One due date.  Amounts are cumulative from the start; the interest is fixed when the day comes."""

    day: int
    principal_cum_fen: int
    interest_cum_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Drawdown:
    """Money drawn once.  `accrued_day` is exclusive: interest of days before it is in `carry`."""

    drawdown_id: str
    amount_fen: int
    rate_ppm: int
    overdue_rate_ppm: int
    status: str
    start_day: int
    accrued_day: int
    dues: tuple[Due, ...]
    principal_fen: int
    carry: Carry
    interest_paid_fen: int

    @property
    def principal_paid_fen(self) -> int:
        return self.amount_fen - self.principal_fen

    @property
    def final_day(self) -> int:
        return self.dues[-1].day


@dataclass(frozen=True, slots=True)
class LineState:
    """One revolving line with its live drawdowns (in flight, or paid out with something owed), oldest first."""

    line_id: str
    subject: str
    limit_fen: int
    rate_ppm: int
    status: str
    year_days: int
    rounding: str
    shares: tuple[tuple[str, int], ...]
    drawdowns: tuple[Drawdown, ...] = ()
    interest_total_fen: int = 0
    interest_paid_total_fen: int = 0
    credit_fen: int = 0
    written_off_fen: int = 0
    days_past_due: int = 0
    bucket: str = ""
    class_name: str = ""
    seq: int = 0

    @property
    def principal_fen(self) -> int:
        """What is owed of principal, paid-out drawdowns only."""
        return sum(d.principal_fen for d in self.drawdowns if d.status == PAID)

    @property
    def hold_fen(self) -> int:
        """What is on its way to the merchant."""
        return sum(d.amount_fen for d in self.drawdowns if d.status == IN_FLIGHT)

    @property
    def interest_owed_fen(self) -> int:
        """Interest charged up to the days accrued and not yet paid."""
        return self.interest_total_fen - self.interest_paid_total_fen

    @property
    def available_fen(self) -> int:
        """Limit less principal less holds, never below zero; zero while frozen."""
        if self.status != ACTIVE:
            return 0
        return max(0, self.limit_fen - self.principal_fen - self.hold_fen)

    def drawdown(self, drawdown_id: str) -> Drawdown | None:
        return next((d for d in self.drawdowns if d.drawdown_id == drawdown_id), None)

    def charged_fen(self, drawdown: Drawdown) -> int:
        return charged_fen(drawdown.carry, self.year_days, self.rounding)

    def with_drawdown(self, changed: Drawdown) -> LineState:
        kept = tuple(changed if d.drawdown_id == changed.drawdown_id else d for d in self.drawdowns)
        return replace(self, drawdowns=kept)
