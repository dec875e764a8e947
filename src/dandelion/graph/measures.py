"""What a snapshot says about every account that is paid: its payers, their ties, rhythm, circles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core.frame import Ints
from dandelion.graph import clock
from dandelion.graph.devices import SharedDevices
from dandelion.graph.edges import Edges, Ties
from dandelion.graph.payments import Bools, distinct
from dandelion.graph.rules import DandelionRules, Rules

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measures:
    """One value per account; NaN where the account has too few payers.  Fen are exact."""

    payers: Doubles
    degree: Doubles
    repeat_share: Doubles
    ties: Doubles
    ties_without_shops: Doubles
    clustering: Doubles
    entropy: Doubles
    returned_share: Doubles
    device_share: Doubles
    hour_spread: Doubles
    day_spread: Doubles
    payments_per_payer: Doubles
    top_share: Doubles
    circular_share: Doubles
    score: Doubles
    received_fen: Ints
    circular_fen: Ints
    set_aside_fen: Ints


@dataclass(frozen=True, slots=True)
class Flags:
    """What is known of each payment of the edges: fen gone in a circle, payer and payee of one household, and whether
    indicators already leave it out (oneself, gift, role or shareholding)."""

    circular: Ints
    household: Bools
    left_out: Bools


def measure(edges: Edges, flags: Flags, shared: SharedDevices, rules: Rules, tz: str, days: int) -> Measures:
    """`edges` hold the payments of one window of `days`."""
    paid, n = edges.payments, len(edges.payments.accounts)
    count, fen, degree_in = edges.count(), edges.fen(), np.diff(edges.in_offsets)
    payee = edges.payee.astype(np.int64)

    def total(values: Ints) -> Ints:
        """Exact sum per payee over its edges."""
        running = np.concatenate([[0], np.cumsum(values[edges.in_edges])])
        return np.asarray(running[edges.in_offsets[1:]] - running[edges.in_offsets[:-1]], np.int64)

    received, payers = total(fen), degree_in.astype(np.float64)
    enough = degree_in >= rules.people_min
    day = clock.days(paid.at, tz)
    per_payment = paid.payee.astype(np.int64)
    last = edges.first[1:] - 1
    again = total((day[edges.first[:-1]] != day[last]).astype(np.int64))
    share = fen / np.maximum(received[payee], 1)
    entropy = np.bincount(payee, weights=-share * np.log(np.maximum(share, 1e-300)), minlength=n)
    reverse = edges.reverse()
    returned = total(np.where(reverse >= 0, np.minimum(fen, fen[np.maximum(reverse, 0)]), 0) if len(fen) else fen)
    with_device = total(np.where(shared.holds(payee, edges.payer.astype(np.int64)), fen, 0))
    top = np.zeros(n)
    np.maximum.at(top, payee, share)
    ties = Ties.of(edges)
    no_shop = ties.triangles(np.zeros(n, np.bool_))
    active = _active_days(per_payment, day, n) / (days + 1)  # a span of 24 h days touches one local day more
    first_pass = _score(payers, no_shop[:, 2] / _pairs(payers), returned / np.maximum(received, 1),
                        entropy / np.log(np.maximum(payers, 2)), active, rules.dandelion)  # fmt: skip
    shop = enough & (first_pass >= rules.dandelion.shop_score_min)
    without = ties.triangles(shop)
    shop_payers = total(shop[edges.payer].astype(np.int64))
    shop_neighbours = np.bincount(np.repeat(np.arange(n), ties.degree()), weights=shop[ties.neighbours], minlength=n)
    circular = _exact(per_payment, flags.circular, n)
    aside = np.where(flags.left_out, 0, np.where(flags.household, paid.fen, flags.circular))
    tied = _over(without[:, 2], _pairs(payers - shop_payers), enough)
    evenness = _over(entropy, np.log(np.maximum(payers, 2)), enough)
    back = _over(returned, received, enough)
    return Measures(
        payers=payers,
        degree=ties.degree().astype(np.float64),
        repeat_share=_over(again, payers, enough),
        ties=_over(no_shop[:, 2], _pairs(payers), enough),
        ties_without_shops=tied,
        clustering=_over(without[:, 1], _pairs(ties.degree() - shop_neighbours), enough),
        entropy=evenness,
        returned_share=back,
        device_share=_over(with_device, received, enough),
        hour_spread=np.where(enough, _hour_spread(per_payment, clock.hours(paid.at, tz), n), np.nan),
        day_spread=np.where(enough, active, np.nan),
        payments_per_payer=_over(total(count), payers, enough),
        top_share=np.where(enough, top, np.nan),
        circular_share=_over(circular, received, enough),
        score=np.where(enough, _score(payers, tied, back, evenness, active, rules.dandelion), np.nan),
        received_fen=received,
        circular_fen=circular,
        set_aside_fen=_exact(per_payment, aside, n),
    )


def _score(payers: Doubles, ties: Doubles, returned: Doubles, evenness: Doubles, active: Doubles,
           rules: DandelionRules) -> Doubles:  # fmt: skip
    """How much an ego network looks like a dandelion, 0 to 1: a crowd (payers / (payers + half)) whose members do not
    deal with each other, that gets no money back, among whom nobody carries the whole, and that comes on many days."""
    crowd = payers / (payers + rules.payers_half)
    openness = 1.0 - np.minimum(1.0, ties / rules.ties_yarn)
    one_way = 1.0 - np.minimum(1.0, returned)
    return np.asarray(crowd * openness * one_way * np.sqrt(np.clip(evenness, 0.0, 1.0) * np.clip(active, 0.0, 1.0)))


def _pairs(people: Doubles | Ints) -> Doubles:
    size = np.asarray(people, np.float64)
    return np.maximum(size * (size - 1) / 2, 1.0)


def _over(top: Doubles | Ints, bottom: Doubles | Ints, enough: Bools) -> Doubles:
    fine = enough & (np.asarray(bottom) > 0)
    return np.where(fine, top / np.where(fine, bottom, 1), np.nan)


def _exact(group: Ints, values: Ints, n: int) -> Ints:
    out = np.zeros(n, np.int64)
    np.add.at(out, group, values)
    return out


def _active_days(payee: Ints, day: Ints, n: int) -> Ints:
    """Local days with a payment."""
    if not len(day):
        return np.zeros(n, np.int64)
    span = int(day.max() - day.min()) + 1
    return np.bincount(distinct(payee * span + (day - day.min())) // span, minlength=n)


def _hour_spread(payee: Ints, hour: Ints, n: int) -> Doubles:
    """Evenness of payments over the 24 local hours: entropy over its maximum."""
    table = np.bincount(payee * 24 + hour, minlength=n * 24).reshape(n, 24).astype(np.float64)
    part = table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)
    return np.asarray(-(part * np.log(np.maximum(part, 1e-300))).sum(axis=1) / np.log(24.0))
