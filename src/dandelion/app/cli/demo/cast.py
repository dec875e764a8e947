"""The cast: who among the simulated merchants walks through the demo.  Chosen by what the house itself can see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dandelion.app.cohort import offers
from dandelion.app.house import House
from dandelion.app.learning import PointInTime
from dandelion.core import DAY_US, BadInput
from dandelion.policy import LineState

PRODUCT = "shop-line"
LIMIT_MIN_FEN, LIMIT_MAX_FEN = 200_000, 1_500_000
FEED_PAYMENTS_MIN = 120


@dataclass(frozen=True, slots=True)
class Cast:
    """Accounts: one approved whose customers keep paying, one declined on risk, one in a detected ring."""

    hero: str
    declined: str
    ring: str


def choose(house: House, world: Path, live_us: int, end_us: int) -> Cast:
    """Errors: BadInput where the world holds nobody fit for a part."""
    feed = feed_of(world, "payment", live_us, end_us)
    counted = pc.value_counts(feed.column("payee").combine_chunks())
    busy = {row["values"]: row["counts"] for row in counted.to_pylist()}
    past = PointInTime(house, "credit")
    latest = house.graph.latest(live_us)
    homes = latest.households if latest else None
    subjects = [s for s in sorted(past.subjects) if busy.get(s, 0) >= FEED_PAYMENTS_MIN][:600]
    subjects = [s for s in subjects if homes is None or len(homes.members(s)) <= 3]
    names = np.array(subjects, object)
    found = offers(house, past, PRODUCT, names, np.full(len(names), live_us, np.int64))
    fit = (found.outcome == "approved") & (found.limit_fen >= LIMIT_MIN_FEN) & (found.limit_fen <= LIMIT_MAX_FEN)
    young = LineState(line="pretended", limit_fen=LIMIT_MIN_FEN, principal_fen=LIMIT_MIN_FEN // 2, age_days=9, draws=1)
    later = offers(house, past, PRODUCT, names, np.full(len(names), live_us, np.int64), young)
    heroes = np.flatnonzero(fit & (later.limit_fen > found.limit_fen)).tolist()  # with room to rise by collecting
    if not heroes:
        raise BadInput("nobody in this world is approved with room to rise; try another seed", field="seed")
    hero = max(heroes, key=lambda i: (busy[subjects[i]], subjects[i]))
    risky = [i for i in np.flatnonzero(found.outcome == "declined").tolist() if found.stages[i] == {"credit"}]
    declined = max(risky, key=lambda i: (int(found.pd_ppm[i]), subjects[i])) if risky else -1
    ring = _ring(house, past, live_us)
    if declined < 0 or ring is None:
        raise BadInput("this world has no declined or no ring member at this date; try another seed", field="seed")
    return Cast(subjects[hero], subjects[declined], ring)


def _ring(house: House, past: PointInTime, live_us: int) -> str | None:
    """The consented account with the strongest evidence of a ring in the latest fund-flow snapshot."""
    graph = house.graph.latest(live_us)
    if graph is None:
        return None
    score = graph.frame["graph.ring/store_score"]
    for row in np.argsort(-score, kind="stable").tolist():
        name = str(graph.frame.entity[row])
        if score[row] > 0 and name in past.subjects:
            return name
    return None


def feed_of(world: Path, kind: str, from_us: int, until_us: int) -> pa.Table:
    """The world's events of a kind that happen in [from, until): what the house has not seen yet."""
    folder, file = world / "record" / kind, world / "record" / f"{kind}.parquet"
    stamp = pa.timestamp("us", tz="UTC")
    low, high = (pa.scalar(us, pa.int64()).cast(stamp) for us in (from_us, until_us))
    within = (pc.field("at") >= low) & (pc.field("at") < high)
    return pq.read_table(folder if folder.is_dir() else file, filters=within)


def days_of(table: pa.Table, subject: str, role: str, from_us: int) -> dict[int, pa.Table]:
    """A subject's events by day number since `from_us`."""
    mine = table.filter(pc.equal(table.column(role), subject)).sort_by(
        [("at", "ascending"), ("source_id", "ascending")]
    )
    day = (mine.column("at").cast(pa.int64()).to_numpy() - from_us) // DAY_US
    return {int(d): mine.filter(pa.array(day == d)) for d in np.unique(day)}
