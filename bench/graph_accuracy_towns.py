"""Towns with their truth, in the one shape that judging needs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dandelion.world import build
from graph_elsewhere import elsewhere

UNCLEAR = ("cash_out_store", "synthetic_identity")
PLAIN = ("none", "store", "circular_firm", "fake_order_shop")  # no hard class of identification
UNREGISTERED = ("part_time", "family_business")


@dataclass(frozen=True)
class Burst:
    store: str
    start_us: int
    end_us: int


@dataclass(frozen=True)
class Town:
    """`business`, `case`, `unregistered` by account; `members` took part in rings, stores included; `bursts` of each ring."""

    payments: pa.Table
    business: dict[str, bool]
    case: dict[str, str]
    unregistered: frozenset[str]
    members: frozenset[str]
    honest: frozenset[str]  # stores with honest promotions and no part in a ring
    bursts: dict[int, list[Burst]]


def hard_town(seed: int, people: int) -> Town:
    with tempfile.TemporaryDirectory(prefix="town-") as folder:
        where = Path(folder) / "town"
        build(where, people=people, months=10, seed=seed, hard=True)
        payments = ds.dataset(where / "record" / "payment").to_table(columns=["payer", "payee", "at", "amount_fen"])
        truth = pq.read_table(where / "truth" / "accounts.parquet").to_pylist()
        crowds = pq.read_table(where / "truth" / "bursts.parquet").to_pylist()
        rings = pq.read_table(where / "truth" / "rings.parquet").to_pylist()
    listed: dict[int, set[str]] = {}
    for row in rings:
        listed.setdefault(row["ring"], set()).add(row["member"])
    bursts: dict[int, list[Burst]] = {}
    for row in crowds:
        if row["ring"] is not None:
            bursts.setdefault(row["ring"], []).append(Burst(row["store"], *(_us(row[k]) for k in ("start", "end"))))
    members = frozenset(_took_part(payments, listed, bursts))
    return Town(
        payments, {r["account"]: r["is_business"] for r in truth}, {r["account"]: r["case"] for r in truth},
        frozenset(r["account"] for r in truth if r["role"] in UNREGISTERED and r["is_business"]),
        members, frozenset(r["store"] for r in crowds if r["honest"]) - members, bursts,
    )  # fmt: skip


def elsewhere_town(seed: int, number: int) -> Town:
    """Five variants: flat hours, rush hours, money back, a month only, a small place over four months."""
    variant: dict[str, Any] = [
        {},
        {"rush": True},
        {"returns": True},
        {"days": 30},
        {"people": 6_000, "days": 120, "rush": True},
    ][number % 5]
    payments, truth = elsewhere(seed, **variant)
    rows = truth.to_pylist()
    members = frozenset(r["account"] for r in rows if r["ring"] >= 0)
    return Town(
        payments, {r["account"]: r["is_business"] for r in rows}, {r["account"]: r["case"] for r in rows},
        frozenset(r["account"] for r in rows if r["case"] in ("small_vendor", "part_time")), members,
        frozenset(r["account"] for r in rows if r["case"] == "promotion") - members, {},
    )  # fmt: skip


def _us(moment: Any) -> int:
    return round(moment.timestamp() * 1_000_000)


def _took_part(payments: pa.Table, listed: dict[int, set[str]], bursts: dict[int, list[Burst]]) -> Iterable[str]:
    """Stores and members that paid in at least one burst of their ring: nobody else can be found."""
    stores = pa.array(sorted({b.store for some in bursts.values() for b in some}), pa.string())
    import pyarrow.compute as pc

    to_stores = payments.filter(pc.is_in(payments["payee"].cast(pa.string()), value_set=stores))
    at = np.asarray(to_stores["at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()))
    payee, payer = (np.asarray(to_stores[side].cast(pa.string()).to_pylist(), object) for side in ("payee", "payer"))
    for ring, some in bursts.items():
        for burst in some:
            inside = (payee == burst.store) & (at >= burst.start_us) & (at <= burst.end_us)
            yield from set(payer[inside].tolist()) & listed[ring]
            yield burst.store
