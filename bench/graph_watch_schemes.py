"""Device farms and circles of invoices, looked for at the end of every month with what had arrived by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.core import DAY_US
from dandelion.graph import device_farms, invoice_circles
from graph_watch_towns import Town, moments


@dataclass
class Found:
    flagged: int = 0
    hit: int = 0
    true: int = 0
    honest: int = 0
    honest_flagged: int = 0
    extra: str = ""


def judge_farms(one: Town, found: Found) -> None:
    """True: accounts of farms that logged in; farms' stores are true where flagged."""
    logged = set(one.logins["person"].to_pylist())
    true = {name for members in one.farms.values() for name in members if name in logged}
    stores = {b.store for ring in one.farms for b in one.bursts.get(ring, ())}
    flagged: set[str] = set()
    for as_of in _months(one):
        payments = one.known(0, as_of)
        table = device_farms(one.logins, as_of, payments=payments)
        flagged |= {r["account"] for r in table.to_pylist() if r["flagged"]}
    _add(found, flagged, true, stores, one.families - true)


def judge_circles(one: Town, found: Found) -> None:
    """True: firms of circles that turned at least once in the record."""
    sellers, buyers = (one.invoices[side].to_pylist() for side in ("seller", "buyer"))
    pairs = set(zip(sellers, buyers, strict=True))
    true = {
        name for members in one.circles.values() for name in members if any((name, other) in pairs for other in members)
    }
    flagged: set[str] = set()
    for as_of in _months(one):
        flagged |= {r["account"] for r in invoice_circles(one.invoices, as_of).to_pylist() if r["flagged"]}
    _add(found, flagged, true, set(), one.both_ways - true)


def _months(one: Town) -> list[int]:
    last = int(moments(one.invoices, "arrived").max()) + 1
    return [*np.arange(one.start_us + 90 * DAY_US, one.end_us, 30 * DAY_US).tolist(), max(last, one.end_us)]


def _add(found: Found, flagged: set[str], true: set[str], stores: set[str], honest: frozenset[str] | set[str]) -> None:
    found.flagged += len(flagged - stores)
    found.hit += len(flagged & true)
    found.true += len(true)
    found.honest += len(honest)
    found.honest_flagged += len(flagged & honest)
    found.extra = "looked for at the end of every month"
