"""Figures of every merchant at once: exact sums by merchant, and the columns of the indicators room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.app.assess.payments_bill import Bill
from dandelion.app.assess.payments_events import Accounts, event_tables
from dandelion.app.assess.payments_meaning import CHANNELS, PAY, REFUND
from dandelion.app.assess.payments_values import local_seconds
from dandelion.core import DAY_US, Frame
from dandelion.indicators import evaluate, standard

YEAR_US = 365 * DAY_US
SPAN_US = 30 * DAY_US
GIFT = CHANNELS.index("red_packet")
VERIFIED = tuple(f"turnover.verified/{days}d" for days in (30, 90, 180, 365))
_ASKED = (
    *VERIFIED,
    "payment.received/90d/distinct_payers", "payment.received/365d/distinct_payers", "payment.received/90d/count",
    "payment.received/90d/top_payer_share", "payment.received/90d/active_days", "payment.received/365d/count",
    "payment.received/hours=night/90d/count.share", "payment.received/days=weekend/90d/count.share",
)  # fmt: skip

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figures:
    """One row per merchant (payee with at least one payment before `as_of`), in the order of `account`.

    The *_fen sums run over the last 365 days; `spans_fen[:, k]` is verified turnover of the k-th span of 30 days back;
    `repeat_share` is NaN without payers.  `low:high` is the merchant's slice of the bill.
    """

    account: Ints
    low: Ints
    high: Ints
    first_us: Ints
    last_us: Ints
    payments: Ints
    received_fen: Ints
    gift_fen: Ints
    self_fen: Ints
    circular_fen: Ints
    refunded_fen: Ints
    spans_fen: Ints
    before_90d_fen: Ints
    refunded_90d_fen: Ints
    received_90d_fen: Ints
    repeat_share: npt.NDArray[np.float64]
    frame: Frame

    def verified_fen(self, days: int, row: int) -> int:
        return self.frame.fen(f"turnover.verified/{days}d", row) or 0


def figures(bill: Bill, who: Accounts, circular_fen: Ints, as_of_us: int, *, spans: int) -> Figures:
    """Everything that is counted or summed.  `circular_fen` is what of each row came back and is no turnover."""
    before = bill.at_us < as_of_us
    pay = before & (bill.what == PAY)
    counted = np.flatnonzero(pay)
    account, first = np.unique(who.payee[counted], return_index=True)
    starts = np.searchsorted(who.payee, account, side="left")
    ends = np.searchsorted(who.payee, account, side="right")
    year = before & (bill.at_us >= as_of_us - YEAR_US)
    quarter = before & (bill.at_us >= as_of_us - 3 * SPAN_US)
    own, gift = who.payer == who.payee, bill.channel == GIFT
    refund = bill.what == REFUND
    trade = is_trade(bill, who)

    net = bill.fen - circular_fen

    def total(mask: Mask, fen: Ints = bill.fen) -> Ints:
        return _sums(np.where(mask, fen, 0), starts, ends)

    last = bill.at_us[counted[first]].copy()
    of_trade = np.flatnonzero(pay & trade)
    last[np.searchsorted(account, who.payee[of_trade])] = bill.at_us[of_trade]  # in time order, so the last one stays
    table = event_tables(bill, who, np.where(before & trade, net, 0))  # gifts and own payments are nobody's custom
    names = [str(one) for one in account.tolist()]
    definitions = standard(bill.facts.tz)
    frame = evaluate(definitions, table, names, as_of_us, as_of_us, columns=_ASKED)
    back = as_of_us - np.arange(spans) * SPAN_US
    rows = [name for name in names for _ in range(spans)]
    moments = np.tile(back, len(names))
    monthly = evaluate(definitions, table, rows, moments, moments, columns=VERIFIED[:1])
    earlier = evaluate(definitions, table, names, as_of_us - 3 * SPAN_US, as_of_us - 3 * SPAN_US, columns=VERIFIED[1:2])
    return Figures(
        account, starts, ends, bill.at_us[counted[first]], last, _sums(pay.astype(np.int64), starts, ends),
        total(pay & year), total(pay & year & gift & ~own), total(pay & year & own), total(pay & year & trade, circular_fen),
        total(refund & year & trade), monthly.money[VERIFIED[0]].fen.reshape(len(names), spans),
        earlier.money[VERIFIED[1]].fen, total(refund & quarter & trade), total(pay & quarter & trade),
        _repeat_share(who, pay & quarter & trade & (net > 0), account), frame,
    )  # fmt: skip


def is_trade(bill: Bill, who: Accounts) -> Mask:
    """Rows between two accounts that are no gift, as the indicators room understands trade."""
    return np.asarray((who.payer != who.payee) & (bill.channel != GIFT))


def _sums(values: Ints, starts: Ints, ends: Ints) -> Ints:
    """Exact sums of slices that do not overlap."""
    running = np.concatenate([[0], np.cumsum(values)])
    return running[ends] - running[starts]


def _repeat_share(who: Accounts, mask: Mask, account: Ints) -> npt.NDArray[np.float64]:
    """Of the people who paid a merchant, the share who paid more than once."""
    rows = np.flatnonzero(mask)
    pairs, times = np.unique(who.payee[rows] * len(who.names) + who.payer[rows], return_counts=True)
    merchant = np.searchsorted(account, pairs // len(who.names))
    people = np.bincount(merchant, minlength=len(account))
    repeat = np.bincount(merchant, weights=times > 1, minlength=len(account))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(people > 0, repeat / people, np.nan)


def heat(bill: Bill, rows: slice, as_of_us: int) -> tuple[tuple[int, ...], ...]:
    """(7, 24) counts of one merchant's payments in the last 365 days by local weekday (Monday first) and hour."""
    at = bill.at_us[rows]
    chosen = at[(bill.what[rows] == PAY) & (at < as_of_us) & (at >= as_of_us - YEAR_US)]
    local = local_seconds(chosen, bill.facts.tz)
    slot = (local // 86_400 + 3) % 7 * 24 + local // 3_600 % 24
    return tuple(tuple(row) for row in np.bincount(slot, minlength=168).reshape(7, 24).tolist())


def months(bill: Bill, who: Accounts, circular_fen: Ints, rows: slice, as_of_us: int) -> tuple[tuple[str, int], ...]:
    """Verified fen of each calendar month of the last 365 days: trade less refunds, without what came back."""
    at = bill.at_us[rows]
    trade = (who.payer[rows] != who.payee[rows]) & (bill.channel[rows] != GIFT)
    use = trade & np.isin(bill.what[rows], (PAY, REFUND)) & (at < as_of_us) & (at >= as_of_us - YEAR_US)
    if not use.any():
        return ()
    local = local_seconds(at[use], bill.facts.tz)
    month = local.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    fen = (bill.fen[rows] - circular_fen[rows])[use]
    signed = np.where(bill.what[rows][use] == PAY, fen, -fen)
    sums = np.zeros(int(month.max() - month.min()) + 1, np.int64)
    np.add.at(sums, month - month.min(), signed)
    first = np.datetime64(int(month.min()), "M")
    return tuple((str(first + k), int(fen)) for k, fen in enumerate(sums.tolist()))
