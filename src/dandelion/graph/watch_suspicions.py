"""What a burst alone gives away while it goes on: odd sums, made-up sums, many accounts on one device.

A suspicion is a reason to look, below the flag.  Honest crowds look alike at first sight and are told apart by their sums:
cards and tickets are sold at a few round prices, a sale has one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dandelion.core.frame import Ints
from dandelion.graph.payments import NOBODY, distinct
from dandelion.graph.ring_signals import CASH_OUT, DEVICE_FARM, FAKE_ORDERS
from dandelion.graph.rules import RingRules
from dandelion.graph.watch_look import Seen
from dandelion.graph.watch_rules import WatchRules


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One burst; `store` and `buyers` are numbers of accounts."""

    store: int
    start: int
    kind: str
    buyers: Ints
    says: str


def suspicions(
    seen: Seen, stores: Collection[int], since: int, rules: RingRules, watch: WatchRules, private: Callable[[int], bool],
    of_stores: Callable[[], float],
) -> list[Suspicion]:  # fmt: skip
    """Of bursts at `stores` that went on after `since`.  `private`: whether a device is no public one; `of_stores`: how far the
    sums of a store usually lie apart."""
    found, out = seen.found, []
    asked = np.isin(seen.codes[found.store], np.fromiter(stores, np.int64)) if len(found) else np.zeros(0, np.bool_)
    for burst in np.flatnonzero(asked).tolist():
        rows = found.payment[found.burst == burst]
        if int(seen.payments.at[rows].max()) < since:
            continue
        for kind, some, says in (
            _one_device(rows, seen, watch, private), _odd_sums(burst, rows, seen, rules, watch),
            _made_up(burst, rows, seen, watch, of_stores),
        ):  # fmt: skip
            if len(some):
                buyers = seen.codes[np.unique(seen.payments.payer[some])]
                out.append(Suspicion(int(seen.codes[found.store[burst]]), int(found.start[burst]), kind, buyers,
                                     f"{len(buyers)} buyers at once, {says}"))  # fmt: skip
                break
    return out


def _one_device(
    rows: Ints, seen: Seen, watch: WatchRules, private: Callable[[int], bool]
) -> tuple[str, Ints, str]:  # fmt: skip
    """Rows paid from devices that many accounts of the burst paid from."""
    n = len(seen.codes)
    device = seen.payments.device[rows].astype(np.int64)
    pairs = distinct(device[device != NOBODY] * n + seen.payments.payer[rows[device != NOBODY]])
    phones, accounts = np.unique(pairs // n, return_counts=True)
    shared = [int(phone) for phone in phones[accounts >= watch.suspect_device_payers] if private(int(phone))]
    return DEVICE_FARM, rows[np.isin(device, shared)], f"on {len(shared)} device" + "s" * (len(shared) != 1)


def _odd_sums(burst: int, rows: Ints, seen: Seen, rules: RingRules, watch: WatchRules) -> tuple[str, Ints, str]:
    """Rows of sums far above the store's usual one, where most of the burst's are and they differ."""
    lift, fen = seen.shapes.lift[burst], seen.payments.fen[rows]
    if not lift >= rules.amount_lift:
        return CASH_OUT, rows[:0], ""
    odd = fen * lift >= rules.amount_lift * np.sort(fen)[(len(fen) - 1) // 2]
    enough = len(np.unique(seen.payments.payer[rows[odd]])) >= watch.suspect_payers
    fits = enough and len(np.unique(fen[odd])) >= watch.suspect_differ * odd.sum()
    return CASH_OUT, rows[odd] if fits else rows[:0], f"amounts {lift:.0f} times the store's usual"


def _made_up(
    burst: int, rows: Ints, seen: Seen, watch: WatchRules, of_stores: Callable[[], float]
) -> tuple[str, Ints, str]:
    """All rows, where the sums lie close together and are not the same; a store too young to say is taken for a usual one."""
    payers = len(np.unique(seen.payments.payer[rows]))
    if payers < watch.suspect_alike_payers or seen.shapes.differ[burst] < watch.suspect_alike_differ:
        return FAKE_ORDERS, rows[:0], ""
    alike, whose = seen.shapes.alike[burst], "as much as usual"
    if np.isnan(seen.shapes.lift[burst]):
        usual, whose = of_stores(), "as much as at other stores"
        alike = seen.shapes.spread[burst] / usual if usual > 0 else np.nan
    fits = alike <= alike_line(payers, watch)
    return FAKE_ORDERS, rows if fits else rows[:0], f"amounts spread {round(100 * alike) if fits else 0} % {whose}"


@lru_cache(maxsize=1024)
def alike_line(payers: int, watch: WatchRules) -> float:
    """Below this share of the usual spread the sums of a crowd of `payers` lie closer together than chance allows.

    The distances of n normal values from their middle, in usual distances, add up to nearly n - 1 gamma variables of mean 1 and
    the variance of such a distance, pi / 2 - 1.
    """
    from scipy.special import gammaincinv  # loaded when first asked

    variance = np.pi / 2.0 - 1.0
    total = variance * gammaincinv((payers - 1) / variance, watch.suspect_alike_ppm / 1e6)
    return float(watch.suspect_alike * total / payers)
