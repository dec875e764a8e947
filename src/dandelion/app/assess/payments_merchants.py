"""From a bill to merchants: figures, shape, evidence, and for each the indicative limit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dandelion.app.assess.payments_bill import Bill
from dandelion.app.assess.payments_events import Accounts
from dandelion.app.assess.payments_figures import Figures, figures, heat, months
from dandelion.app.assess.payments_limit import Evidence, indicative_limit, rules
from dandelion.app.assess.payments_relations import Relations
from dandelion.app.assess.payments_result import Growth, Merchant, Payers, Rhythm, Shape, Turnover
from dandelion.core import DAY_US, PPM, day_of


@dataclass(frozen=True, slots=True)
class Assessed:
    """`rows[i]` is the row of `figures` behind `merchants[i]`; the merchants too small to say much about are counted."""

    merchants: tuple[Merchant, ...]
    rows: tuple[int, ...]
    figures: Figures
    others: int
    others_verified_fen: int


def assess_merchants(bill: Bill, who: Accounts, relations: Relations, as_of_us: int) -> Assessed:
    """Merchants by verified turnover, largest first (ties by name).  Those with fewer payments than the rules need are
    only counted, unless nobody has more: then the largest is shown with what it lacks."""
    found = figures(bill, who, relations.circular_fen, as_of_us, spans=rules()["prudent_month"]["windows"])
    count = len(found.account)
    verified = [found.verified_fen(365, row) for row in range(count)]
    order = sorted(range(count), key=lambda row: (-verified[row], str(_name(bill, who, found, row))))
    enough = [row for row in order if found.payments[row] >= rules()["needs"]["payments"]] or order[:1]
    shown = rules()["report"]["merchants_in_table"]
    merchants = tuple(
        _merchant(bill, who, relations, found, row, as_of_us, detail=place < shown) for place, row in enumerate(enough)
    )
    chosen = set(enough)
    rest = [row for row in order if row not in chosen]
    return Assessed(merchants, tuple(enough), found, len(rest), sum(verified[row] for row in rest))


def _name(bill: Bill, who: Accounts, found: Figures, row: int) -> str:
    return bill.names.get(int(who.names[found.account[row]]), "")


def _merchant(
    bill: Bill, who: Accounts, relations: Relations, found: Figures, row: int, as_of_us: int, *, detail: bool
) -> Merchant:
    span = slice(int(found.low[row]), int(found.high[row]))
    history = max(1, -(-(as_of_us - int(found.first_us[row])) // DAY_US))
    turnover, payers, shape = _turnover(found, row), _payers(found, row), relations.shape(int(found.account[row]))
    change_90 = _change(turnover.verified_90d_fen, int(found.before_90d_fen[row]), history, 90)
    evidence = _evidence(found, row, history, as_of_us, turnover, payers, shape, change_90)
    hours = bill.facts.without_hour == 0
    column = found.frame
    return Merchant(
        name=_name(bill, who, found, row),
        first_day=day_of(int(found.first_us[row]), bill.facts.tz).isoformat(),
        last_day=day_of(int(found.last_us[row]), bill.facts.tz).isoformat(),
        history_days=history,
        payments=int(found.payments[row]),
        turnover=turnover,
        payers=payers,
        rhythm=Rhythm(
            heat(bill, span, as_of_us) if hours and detail else None,
            _whole(column["payment.received/90d/active_days"][row]),
            _ratio(column["payment.received/hours=night/90d/count.share"][row]) if hours else None,
            _ratio(column["payment.received/days=weekend/90d/count.share"][row]),
        ),
        growth=Growth(
            months(bill, who, relations.circular_fen, span, as_of_us) if detail else (),
            _change(int(found.spans_fen[row, 0]), int(found.spans_fen[row, 1]), history, 30),
            change_90,
        ),
        shape=shape,
        limit=indicative_limit(evidence),
    )


def _turnover(found: Figures, row: int) -> Turnover:
    return Turnover(
        int(found.received_fen[row]), int(found.gift_fen[row]), int(found.self_fen[row]), int(found.circular_fen[row]),
        int(found.refunded_fen[row]), found.verified_fen(365, row), found.verified_fen(30, row),
        found.verified_fen(90, row), found.verified_fen(180, row),
    )  # fmt: skip


def _payers(found: Figures, row: int) -> Payers:
    column = found.frame
    people = _whole(column["payment.received/90d/distinct_payers"][row])
    told = people >= rules()["needs"]["payers"]
    return Payers(
        people, _whole(column["payment.received/365d/distinct_payers"][row]),
        _whole(column["payment.received/90d/count"][row]),
        _ratio(found.repeat_share[row]) if told else None,
        _ratio(column["payment.received/90d/top_payer_share"][row]) if told else None,
    )  # fmt: skip


def _evidence(
    found: Figures, row: int, history: int, as_of_us: int, turnover: Turnover, payers: Payers, shape: Shape,
    change_90: float | None,
) -> Evidence:  # fmt: skip
    terms = rules()["prudent_month"]
    spans = min(terms["windows"], history // 30)
    weakest = min((max(0, int(fen)) for fen in found.spans_fen[row, :spans]), default=0)
    if spans < terms["whole_spans_min"]:
        weakest = weakest * terms["short_ppm"] // PPM
    month = turnover.verified_90d_fen // 3 if history >= 90 else turnover.verified_90d_fen * 30 // history
    received = int(found.received_90d_fen[row])
    trade = turnover.received_fen - turnover.gift_fen - turnover.self_fen
    return Evidence(
        history_days=history,
        quiet_days=(as_of_us - int(found.last_us[row])) // DAY_US,
        payments_365d=_whole(found.frame["payment.received/365d/count"][row]),
        payers=payers,
        month_fen=month,
        prudent_fen=weakest,
        whole_spans=spans,
        change_90d=change_90,
        refund_share_90d=int(found.refunded_90d_fen[row]) / received if received else 0.0,
        circular_share=turnover.circular_fen / trade if trade else 0.0,
        shape=shape,
    )


def _change(now_fen: int, before_fen: int, history: int, days: int) -> float | None:
    """Relative change against the span before; None where the record does not reach back two spans."""
    return (now_fen - before_fen) / before_fen if before_fen > 0 and history >= 2 * days else None


def _whole(value: float) -> int:
    return 0 if math.isnan(value) else int(value)


def _ratio(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
