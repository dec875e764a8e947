"""Towns with schemes and their truth, payments in the order of arrival."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dandelion.world import build
from graph_accuracy_towns import Burst, _took_part, _us

MONTHS = 10


@dataclass(frozen=True)
class Town:
    payments: pa.Table
    arrived: npt.NDArray[np.int64]  # ascending
    logins: pa.Table
    invoices: pa.Table
    start_us: int
    end_us: int
    members: frozenset[str]  # took part in a burst of a ring, stores included
    honest: frozenset[str]  # stores with honest crowds and no part in a ring
    sort: dict[int, str]
    bursts: dict[int, list[Burst]]
    farms: dict[int, frozenset[str]]
    families: frozenset[str]  # families with one phone and staff with a tablet
    circles: dict[int, frozenset[str]]
    both_ways: frozenset[str]

    def known(self, since: int, until: int) -> pa.Table:
        low, high = np.searchsorted(self.arrived, [since, until])
        return self.payments.slice(int(low), int(high - low))


def town(seed: int, people: int) -> Town:
    with tempfile.TemporaryDirectory(prefix="town-") as folder:
        where = Path(folder) / "town"
        made = build(where, people=people, months=MONTHS, seed=seed, hard=True, schemes=True)
        payments = ds.dataset(where / "record" / "payment").to_table(
            columns=["payer", "payee", "at", "amount_fen", "arrived", "device"]
        )
        logins, invoices = (pq.read_table(where / "record" / f"{name}.parquet") for name in ("login", "invoice"))
        crowds, listed, schemes = (
            pq.read_table(where / "truth" / f"{name}.parquet").to_pylist() for name in ("bursts", "rings", "schemes")
        )
    arrived = np.asarray(payments["arrived"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()))
    order = np.argsort(arrived, kind="stable")
    members: dict[int, set[str]] = {}
    sort: dict[int, str] = {}
    farms: dict[int, set[str]] = {}
    circles: dict[int, set[str]] = {}
    near: dict[bool, set[str]] = {True: set(), False: set()}
    for row in listed:
        members.setdefault(row["ring"], set()).add(row["member"])
        sort[row["ring"]] = row["sort"]
        if row["sort"] == "circular_invoices":
            circles.setdefault(row["ring"], set()).add(row["member"])
    for row in schemes:
        sort[row["ring"]] = row["sort"]
        if row["sort"] in ("device_farm", "wary_circle"):
            (farms if row["sort"] == "device_farm" else circles).setdefault(row["ring"], set()).add(row["member"])
            members.setdefault(row["ring"], set()).add(row["member"])
        elif row["sort"] in ("family", "shop_tablet", "two_way"):
            near[row["sort"] == "two_way"].add(row["member"])
    bursts: dict[int, list[Burst]] = {}
    for row in crowds:
        if row["ring"] is not None:
            bursts.setdefault(row["ring"], []).append(Burst(row["store"], *(_us(row[k]) for k in ("start", "end"))))
    took_part = frozenset(_took_part(payments, members, bursts))
    wary = frozenset().union(*circles.values()) if circles else frozenset()
    return Town(
        payments.take(pa.array(order)), arrived[order], logins, invoices, made.start_us, made.end_us, took_part,
        frozenset(r["store"] for r in crowds if r["honest"]) - took_part, sort, bursts,
        {k: frozenset(v) for k, v in farms.items()}, frozenset(near[False]), {k: frozenset(v) for k, v in circles.items()},
        frozenset(near[True]) - wary,
    )  # fmt: skip


def moments(table: pa.Table, name: str = "at") -> npt.NDArray[np.int64]:
    return np.asarray(pc.cast(table[name], pa.timestamp("us", tz="UTC")).cast(pa.int64()))
