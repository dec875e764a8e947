"""What a decision is given: exact money beside the frame, scores in parts per million, consents, keys, hashes.

`GIVEN` are the aliases every book may use without declaring them; they are filled here from the request.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dandelion.core import PPM, BadInput, Frame
from dandelion.policy.expression import to_float32
from dandelion.policy.lists import KINDS

# alias -> unit.  Money here is yuan as float32, for conditions only; offers use the exact fen.
GIVEN: Mapping[str, str] = {
    "pd_ppm": "ppm",
    "turnover_month_yuan": "yuan",
    "forecast_q10_month_yuan": "yuan",
    "forecast_q50_month_yuan": "yuan",
    "forecast_q90_month_yuan": "yuan",
    "outside_due_month_yuan": "yuan",
    "outside_balance_yuan": "yuan",
    "household_exposure_yuan": "yuan",
    "outside_due_share": "ratio",  # outside_due_month / turnover_month
    "outside_debt_months": "ratio",  # outside_balance / turnover_month
    "forecast_drop": "ratio",  # 1 - forecast_q50_month / turnover_month; negative where growth is expected
    "forecast_spread": "ratio",  # (q90 - q10) / q50
    "line_limit_yuan": "yuan",
    "line_use": "ratio",  # principal / limit of the existing line
    "line_days_past_due": "days",
    "line_age_days": "days",
    "line_draws": "count",
    "industry": "industry",  # the code of a group of trades that the book declares; 0 where none was told
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyFacts:
    """Exact fen; None is missing (no data or no consent), never zero.

    `turnover_month_fen`: verified turnover per 30 days, net of refunds and of circular, self and related payments.
    `forecast_q*_fen`: quantiles of turnover over the next six months.
    """

    turnover_month_fen: int | None = None
    forecast_q10_fen: int | None = None
    forecast_q50_fen: int | None = None
    forecast_q90_fen: int | None = None
    outside_due_month_fen: int | None = None
    outside_balance_fen: int | None = None
    household_exposure_fen: int = 0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**15):
                raise BadInput(f"{name} is {value!r}; give whole fen from 0 to 10^15", field=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """The merchant's existing line, where there is one."""

    line: str
    limit_fen: int
    principal_fen: int
    days_past_due: int = 0
    age_days: int = 0
    draws: int = 0
    frozen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Hashes of what the decision was made from; kept in its body so that a replay can say what differs."""

    models: Mapping[str, str] = field(default_factory=dict)
    pack: str = ""
    consents: str = ""
    snapshot: str = ""
    graph: str = ""
    peers: str = ""
    sight: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionInput:
    """One request.  `frame` row `row` holds the columns; `scores` are ppm by score name; a score left out is missing.

    `keys` are the subject's own list keys by kind; `granted` the consented data kinds; `vouchers` the evidence filed;
    `industry` is the group of trades the merchant declared, by its name in the book (none: undeclared);
    `rate_cap_ppm` the pack's legal ceiling where it is lower than the product's.
    """

    tenant: str
    entity: str
    as_of: int
    frame: Frame
    row: int = 0
    scores: Mapping[str, int] = field(default_factory=dict)
    money: MoneyFacts = field(default_factory=MoneyFacts)
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    granted: frozenset[str] = frozenset()
    vouchers: frozenset[str] = frozenset()
    licence_type: str = "bank"
    rate_cap_ppm: int | None = None
    line: LineState | None = None
    names: Names = field(default_factory=Names)
    industry: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.row < len(self.frame):
            raise BadInput(f"row {self.row} is outside the frame of {len(self.frame)} rows", field="row")
        for kind in self.keys:
            if kind not in KINDS:
                raise BadInput(f"list keys of kind {kind!r} are not known; use {', '.join(KINDS)}", field="keys")
        for name, score in self.scores.items():
            if isinstance(score, bool) or not isinstance(score, int) or not 0 <= score <= PPM:
                raise BadInput(f"score {name} is {score!r}; give whole parts per million", field=name)


def given_numbers(
    pd_ppm: int | None, money: MoneyFacts, line: LineState | None, industry: float = 0.0
) -> dict[str, float]:
    """The `GIVEN` aliases of one request as float32 values; missing inputs give NaN."""
    turnover, q50 = money.turnover_month_fen, money.forecast_q50_fen
    spread = None
    if money.forecast_q90_fen is not None and money.forecast_q10_fen is not None:
        spread = money.forecast_q90_fen - money.forecast_q10_fen
    drop = None if turnover is None or q50 is None else 6 * turnover - q50
    values = {
        "pd_ppm": _over(pd_ppm, 1),
        "turnover_month_yuan": _over(turnover, 100),
        "forecast_q10_month_yuan": _over(money.forecast_q10_fen, 600),
        "forecast_q50_month_yuan": _over(q50, 600),
        "forecast_q90_month_yuan": _over(money.forecast_q90_fen, 600),
        "outside_due_month_yuan": _over(money.outside_due_month_fen, 100),
        "outside_balance_yuan": _over(money.outside_balance_fen, 100),
        "household_exposure_yuan": _over(money.household_exposure_fen, 100),
        "outside_due_share": _over(money.outside_due_month_fen, turnover),
        "outside_debt_months": _over(money.outside_balance_fen, turnover),
        "forecast_drop": _over(drop, None if turnover is None else 6 * turnover),
        "forecast_spread": _over(spread, q50),
        "line_limit_yuan": _over(None if line is None else line.limit_fen, 100),
        "line_use": _over(None if line is None else line.principal_fen, None if line is None else line.limit_fen),
        "line_days_past_due": _over(None if line is None else line.days_past_due, 1),
        "line_age_days": _over(None if line is None else line.age_days, 1),
        "line_draws": _over(None if line is None else line.draws, 1),
        "industry": industry,
    }
    assert values.keys() == GIVEN.keys()
    return values


def _over(part: int | None, whole: int | None) -> float:
    """part / whole correctly rounded to float64, then to float32; missing where either is, or whole is zero."""
    return math.nan if part is None or not whole else to_float32(part / whole)
