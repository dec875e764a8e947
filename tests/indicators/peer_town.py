"""A town of shops for tests of columns against peers: payments, orders and places, some of them told late."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dandelion.core import DAY_US, arrow_schema
from dandelion.indicators import PeerTables, peer_tables, standard

MONTH = 15_000 * DAY_US
NEXT = MONTH + 30 * DAY_US
SUM = "payment.received/30d/amount_sum"
MEAN = "payment.received/90d/amount_mean"
ASKED = (f"{SUM}.peers.area", f"{MEAN}.peers.area", SUM, f"{SUM}.peers.industry", f"{SUM}.peers.area.size",
         "payment.received/30d/count.trend.90d.peers.area", "turnover.verified/90d.peers.size")  # fmt: skip
DISTRICTS, TRADES = ("east", "west"), ("noodles", "shoes")


def town(shops: int, seed: int) -> dict[tuple[str, str], pa.Table]:
    """Payments, orders and placements of some shops over two hundred days around `MONTH`, some of them arriving late."""
    rng = np.random.default_rng(seed)
    paid, placed, sold = [], [], []
    for shop in range(shops):
        name = f"shop{shop:03d}"
        if shop % 7:  # some shops stand nowhere
            placed.append({**_head(f"p{shop}", rng, 100), "merchant": name, "street": "s", "lat_e6": 1, "lon_e6": 1,
                           "district": DISTRICTS[shop % 2], "station_m": 5})  # fmt: skip
        for k in range(int(rng.integers(0, 60))):
            paid.append({**_head(f"{name}-{k}", rng, 0), "payee": name, "payer": f"ann{rng.integers(9)}",
                         "amount_fen": int(rng.integers(1, 90_000)), "channel": "qr"})  # fmt: skip
        for k in range(int(rng.integers(0, 5))):
            sold.append({**_head(f"o{name}-{k}", rng, 0), "seller": name, "buyer": "ann", "order_id": f"{name}-{k}",
                         "amount_fen": 5, "deposit_fen": 0, "category": TRADES[int(rng.integers(2))],
                         "status": "completed"})  # fmt: skip
    return {
        ("payment", "payee"): _table("payment", paid, "payee"), ("order", "seller"): _table("order", sold, "seller"),
        ("placement", "merchant"): _table("placement", placed, "merchant"),
        **{key: arrow_schema(key[0]).empty_table() for key in (("role", "firm"), ("role", "person"), ("refund", "payee"),
           ("shareholding", "firm"), ("shareholding", "holder"))},
    }  # fmt: skip


def _head(event: str, rng: np.random.Generator, since: int) -> dict[str, object]:
    at = MONTH + int(rng.integers(-180 * DAY_US, 60 * DAY_US)) - since * DAY_US
    return {"event_id": event, "source": "t", "at": at, "arrived": at + int(rng.integers(0, 20 * DAY_US))}


def _table(kind: str, rows: list[dict[str, object]], role: str) -> pa.Table:
    table = pa.Table.from_pylist(rows, schema=arrow_schema(kind))
    return table.sort_by([(role, "ascending"), ("at", "ascending"), ("event_id", "ascending")])


def subjects_of(tables: dict[tuple[str, str], pa.Table]) -> list[str]:
    return sorted({name for (_, role), table in tables.items() for name in table.column(role).to_pylist()})


def tables_for(events: dict[tuple[str, str], pa.Table]) -> PeerTables:
    return peer_tables(standard(), events, subjects_of(events), (MONTH, NEXT), ASKED)
