"""The workspace of the walk-through in docs/strategies.md: sixty made-up shops, half of them after their season, consenting.

PYTHONPATH=tests .venv/bin/python tests/policy/walk_workspace.py FOLDER    # FOLDER/lender and FOLDER/loans.parquet
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dandelion.core import DAY_US, HOUR_US
from support.shop import KINDS, Town, lay_out

SEED, SHOPS, DAYS, LOANS = 20_260_401, 60, 420, 4


def payments(random: np.random.Generator, shop: str, number: int, now: int) -> pa.Table:
    """Some eight to twenty a day, swinging from week to week; of half the shops fewer by a third in the last month."""
    base, swing, ends = random.integers(8, 20), random.uniform(0.1, 1.0), random.random() < 0.5
    days = np.arange(1, DAYS)
    level = base * np.exp(swing * random.normal(size=DAYS // 7 + 1))[days // 7]
    if ends:
        level = level * np.where(days <= 30, random.uniform(0.45, 0.8), 1.0)
    day = np.repeat(days, random.poisson(level))
    count = len(day)
    hour = random.choice([3, 4, 5, 10, 11, 12], count)  # UTC: lunch and evening in Shanghai
    at = now - now % DAY_US - day * DAY_US + hour * HOUR_US + random.integers(0, HOUR_US, count)
    payer = random.zipf(1.4, count) % 300
    return pa.table(
        {
            "source_id": [f"{shop}-{i}" for i in range(count)], "at": pa.array(at, pa.timestamp("us", tz="UTC")),
            "arrived": pa.array(at + 60_000_000, pa.timestamp("us", tz="UTC")), "payee": [shop] * count,
            "payer": [f"p{number}_{p}" for p in payer], "amount_fen": random.integers(1000, 6000, count),
            "channel": ["qr"] * count,
        }
    )  # fmt: skip


def main(folder: Path) -> None:
    root = lay_out(folder / "lender", "sqlite:///state/record.sqlite")
    settings = root / "dandelion.toml"
    settings.write_text(settings.read_text() + "\n[publication]\ndecisions_min = 40\n")
    town, random = Town(root), np.random.default_rng(SEED)
    house, shops = town.house, [f"shop-{i:02d}" for i in range(SHOPS)]
    now = house.clock.now()
    told = [payments(random, shop, number, now) for number, shop in enumerate(shops)]
    house.vault.ingest(house.tenant, "payment", pa.concat_tables(told), source="made-up")
    for shop in shops:
        town.consent(shop)
        wish = {"purpose": "training", "data_kinds": KINDS, "days": 365}
        town.call(shop).post("/v1/consents", wish)
    merchant = [shop for shop in shops for _ in range(LOANS)]
    count = len(merchant)
    loans = {
        "merchant": merchant, "product": ["shop-line"] * count,
        "drawn_at": now - random.integers(1, 190, count) * DAY_US, "limit_fen": [400_000] * count,
        "rate_ppm": [150_000] * count, "amount_fen": [200_000] * count, "bad": random.random(count) < 0.06,
    }  # fmt: skip
    pq.write_table(pa.table(loans), folder / "loans.parquet")
    town.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
