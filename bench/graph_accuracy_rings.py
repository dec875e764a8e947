"""How well rings are found, how soon, and how many honest promotions are disturbed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dandelion.graph import rings, standard_rules
from dandelion.graph.bursts import find_bursts
from dandelion.graph.edges import Edges
from dandelion.graph.payments import read_payments
from graph_accuracy_towns import Town

FOREVER, HOUR_US = 2**62, 3_600_000_000
LOOKS = 6  # bursts after which a ring is looked for
WATCHED_MONTHS_US = 120 * 24 * HOUR_US


@dataclass(frozen=True)
class RingMarks:
    flagged: int
    true: int
    hit: int
    honest: int
    honest_flagged: int
    burst_flagged: int
    burst_hit: int
    delay_hours: list[float]
    delay_bursts: list[int]


def judge_rings(town: Town, delays: int) -> RingMarks:
    """`delays` rings are looked for again at the end of each of their first bursts."""
    table = rings(town.payments, FOREVER)
    rows = [row for row in table.to_pylist() if row["flagged"]]
    found = {row["account"] for row in rows}
    stores = {row["account"] for row in rows if row["role"] == "store"}
    crowd = _in_bursts(town.payments)
    hours, bursts = _delays(town, delays)
    return RingMarks(
        len(found), len(town.members), len(found & town.members), len(town.honest), len(stores & town.honest),
        len(crowd), len(crowd & town.members), hours, bursts,
    )  # fmt: skip


def _in_bursts(payments: pa.Table) -> set[str]:
    """The peer: whoever pays, or is paid, in a burst."""
    paid = Edges.of(read_payments(payments, FOREVER)).payments
    found = find_bursts(paid, standard_rules().bursts, "Asia/Shanghai")
    rows = np.unique(np.concatenate([paid.payer[found.payment], found.store]).astype(np.int64))
    return set(paid.accounts.take(pa.array(rows)).to_pylist())


def _delays(town: Town, most: int) -> tuple[list[float], list[int]]:
    """Hours and bursts from the first burst of a ring until its store is flagged, knowing only what had happened."""
    at = np.asarray(town.payments["at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()))
    hours: list[float] = []
    bursts: list[int] = []
    for ring in sorted(town.bursts)[:most]:
        seen = sorted(town.bursts[ring], key=lambda b: b.start_us)
        first = seen[0].end_us
        looks = sorted({*(b.end_us for b in seen[:LOOKS]), *(b.end_us + 6 * HOUR_US for b in seen[:2])})
        for moment in looks:
            rows = (at <= moment) & (at > moment - WATCHED_MONTHS_US)
            table = rings(town.payments.filter(pa.array(rows)), FOREVER)
            stores = {r["account"] for r in table.to_pylist() if r["flagged"] and r["role"] == "store"}
            if seen[0].store in stores:
                hours.append((moment - first) / HOUR_US)
                bursts.append(sum(b.end_us <= moment for b in seen))
                break
        else:
            hours.append(float("inf"))
            bursts.append(LOOKS + 1)
    return hours, bursts
