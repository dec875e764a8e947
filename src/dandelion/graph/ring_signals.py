"""What tells one sort of ring from another: who gives the money back, and what the amounts look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core import HOUR_US
from dandelion.core.frame import Ints
from dandelion.graph import kernel
from dandelion.graph.bursts import Bursts
from dandelion.graph.edges import Edges
from dandelion.graph.payments import Payments
from dandelion.graph.rules import RingRules

CASH_OUT, FAKE_ORDERS, COMPANY, DEVICE_FARM = "cash_out", "fake_orders", "company", "device_farm"
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Returns:
    """Edges (buyer -> store) along which money came back at once: how often, how much, and of which price."""

    edge: Ints
    times: Ints
    fen: Ints
    price: Ints


@dataclass(frozen=True, slots=True)
class Hires:
    """Buyers of a burst whom one third account paid the price again, as it paid others of that burst; once a burst."""

    burst: Ints
    buyer: Ints
    fen: Ints


@dataclass(frozen=True, slots=True)
class Shapes:
    """Amounts of every burst against the store's own payments outside bursts; NaN where there are too few of those."""

    lift: Doubles  # middle amount of the burst, in usual middle amounts
    alike: Doubles  # spread of the burst's amounts, in usual spreads (mean distance of logarithms from their middle)
    spread: Doubles  # that of the burst's amounts by itself; always known
    differ: Doubles  # different amounts of the burst, as a share of its payments; always known

    def odd(self, rules: RingRules) -> npt.NDArray[np.bool_]:
        return np.asarray(self.lift >= rules.amount_lift)


def quick_returns(edges: Edges, rules: RingRules) -> Returns:
    """Payments of the store to the buyer within hours of the buyer's payment and of nearly its amount."""
    times, fen, price = (np.zeros(len(edges), np.int64) for _ in range(3))
    kernel.match_quick(edges.reverse(), edges.first, edges.payments.at, edges.payments.fen, rules.return_hours * HOUR_US,
                       rules.return_share_min, rules.return_share_max, times, fen, price)  # fmt: skip
    edge = np.flatnonzero(times > 0)
    return Returns(edge, times[edge], fen[edge], price[edge])


def hires(found: Bursts, edges: Edges, rules: RingRules) -> Hires:
    """Whoever orders for hire is paid back by the one who hired, not by the store's till."""
    paid, n = edges.payments, max(len(edges.payments.accounts), 1)
    room = 2 * len(found.payment) + 16
    while True:
        place, who, fen = np.zeros(room, np.int64), np.zeros(room, np.int64), np.zeros(room, np.int64)
        filled = kernel.match_hired(
            found.payment, paid.payer, paid.payee, paid.at, paid.fen, edges.in_offsets, edges.in_edges, edges.payer,
            edges.first, rules.return_hours * HOUR_US, rules.hire_share_min, rules.hire_share_max, rules.hire_wage_fen,
            place, who, fen,
        )  # fmt: skip
        if filled <= room:
            break
        room = filled
    burst, buyer = found.burst[place[:filled]], paid.payer[found.payment[place[:filled]]].astype(np.int64)
    hand = burst * n + who[:filled]
    keys, once = np.unique(np.stack([hand, buyer]), axis=1, return_index=True)
    hands, of, people = np.unique(keys[0], return_inverse=True, return_counts=True)
    kept = once[people[of] >= rules.hire_buyers_min] if len(hands) else once
    kept = kept[np.unique(burst[kept] * n + buyer[kept], return_index=True)[1]]
    return Hires(burst[kept], buyer[kept], fen[kept])


def amount_shapes(found: Bursts, paid: Payments, rules: RingRules, hot: Ints | None = None) -> Shapes:
    """`hot`: payments in bursts, where `found` holds only some of them."""
    calm = np.isin(paid.payee, found.store) & (paid.payer != paid.payee)
    calm[found.payment if hot is None else hot] = False
    calm_rows = np.flatnonzero(calm)
    n = max(len(paid.accounts), 1)
    usual, usual_spread, count = middles(paid.payee[calm_rows].astype(np.int64), paid.fen[calm_rows], n)
    sums = paid.fen[found.payment]
    middle, spread, many = middles(found.burst, sums, max(len(found), 1))
    order = np.lexsort((sums, found.burst))
    other = np.ones(len(order), np.bool_)
    other[1:] = (np.diff(sums[order]) != 0) | (np.diff(found.burst[order]) != 0)
    differ = np.bincount(found.burst[order][other], minlength=max(len(found), 1)) / np.maximum(many, 1)
    known = np.where(count[found.store] >= rules.amount_calm_min, 1.0, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        lift, alike = middle[: len(found)] / usual[found.store], spread[: len(found)] / usual_spread[found.store]
    return Shapes(lift * known, alike * known, spread[: len(found)], differ[: len(found)])


def middles(group: Ints, fen: Ints, groups: int) -> tuple[Doubles, Doubles, Ints]:
    """(median, mean distance of logarithms from that of the median, members) of every group; NaN without members."""
    order = kernel.order_by(group, np.argsort(fen, kind="stable"), groups)
    sizes = np.bincount(group, minlength=groups)
    start = np.cumsum(sizes) - sizes
    some = sizes > 0
    middle, spread = np.full(groups, np.nan), np.full(groups, np.nan)
    middle[some] = fen[order].astype(np.float64)[(start + (sizes - 1) // 2)[some]]
    away = np.abs(np.log(fen[order]) - np.log(middle[group[order]]))
    spread[some] = np.add.reduceat(away, start[some]) / sizes[some] if some.any() else np.zeros(0)
    return middle, spread, sizes
