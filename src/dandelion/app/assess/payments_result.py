"""What `assess_payments` answers: one merchant after another, what was read, and what was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dandelion.app.assess.payments_bill import ReadFacts


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason in both languages, with the one thing that would change it.  Names no counterparty."""

    code: str
    zh: str
    en: str
    change_zh: str
    change_en: str


@dataclass(frozen=True, slots=True)
class IndicativeLimit:
    """What the product's caps allow on this file alone.  No probability of default enters it.

    `caps_fen`: what each cap alone would allow; `binding` names the one that holds; at most four `reasons`.
    """

    fen: int
    caps_fen: Mapping[str, int]
    binding: str
    month_fen: int
    prudent_month_fen: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """`kind` is dandelion, between, yarn_ball or cannot_see; `tie_share` the share of pairs of payers with a tie."""

    kind: str
    tie_share: float | None
    payers_seen: int
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Turnover:
    """Exact fen over the last 365 days: verified = received - gifts - own - circular - refunded."""

    received_fen: int
    gift_fen: int
    self_fen: int
    circular_fen: int
    refunded_fen: int
    verified_fen: int
    verified_30d_fen: int
    verified_90d_fen: int
    verified_180d_fen: int


@dataclass(frozen=True, slots=True)
class Payers:
    """Over the last 90 days.  Shares are None below five payers: nobody is singled out."""

    people_90d: int
    people_365d: int
    payments_90d: int
    repeat_share: float | None
    top_share: float | None


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`heat[weekday][hour]` counts payments of 365 days, Monday first; None where the file names no hour."""

    heat: tuple[tuple[int, ...], ...] | None
    active_days_90d: int
    night_share: float | None
    weekend_share: float | None


@dataclass(frozen=True, slots=True)
class Growth:
    """`months` are (YYYY-MM, verified fen); changes compare a span with the one before it, None where none was."""

    months: tuple[tuple[str, int], ...]
    change_30d: float | None
    change_90d: float | None


@dataclass(frozen=True, slots=True)
class Merchant:
    name: str
    first_day: str
    last_day: str
    history_days: int
    payments: int
    turnover: Turnover
    payers: Payers
    rhythm: Rhythm
    growth: Growth
    shape: Shape
    limit: IndicativeLimit
    pd_ppm: int | None = None


@dataclass(frozen=True, slots=True)
class OutcomeFacts:
    """The scorecard fitted on outcomes, or why there is none.  AUC is out of fold, with its 95 % interval."""

    merchants: int
    bads: int
    unmatched: int
    fitted: bool
    zh: str
    en: str
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    calibration_error: float | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentsResult:
    """`merchants` are those with enough to assess, the largest verified turnover first; `others` were too small."""

    as_of: str
    read: ReadFacts
    merchants: tuple[Merchant, ...]
    others: int
    others_verified_fen: int
    notes: tuple[tuple[str, str], ...]
    seconds: float
    outcomes: OutcomeFacts | None = None
    files: Mapping[str, Path] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values: money as whole fen, paths as text."""
        plain = asdict(self)
        plain["files"] = {name: str(path) for name, path in self.files.items()}
        return plain

    def summary(self) -> dict[str, Any]:
        """The few figures for one line of JSON."""
        limits = [one.limit.fen for one in self.merchants]
        return {
            "file": self.read.file, "as_of": self.as_of, "rows": self.read.rows, "rejected": self.read.rejected,
            "duplicates": self.read.duplicates, "merchants": len(self.merchants), "others": self.others,
            "verified_fen": sum(one.turnover.verified_fen for one in self.merchants),
            "indicative_limit_fen": sum(limits), "with_limit": sum(fen > 0 for fen in limits),
            "seconds": round(self.seconds, 3), "files": {name: str(path) for name, path in self.files.items()},
        }  # fmt: skip
