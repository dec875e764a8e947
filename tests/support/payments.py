"""Honest little shops for tests: seeded payment histories as a record would hold them (simulated)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dandelion.core import DAY_US, HOUR_US


def shop_payments(merchants: list[str], *, until_us: int, days: int = 300, seed: int = 7) -> pa.Table:
    """Payments of `merchants` over the `days` days before that of `until_us`: about 14 a day each, 300 payers a shop, some regulars.

    Columns as the payment kind has them, with `source_id` instead of an event id.
    """
    random = np.random.default_rng(seed)
    parts = []
    for number, merchant in enumerate(merchants):
        count = int(random.integers(12, 17)) * days
        payer = random.zipf(1.4, count) % 300
        day = random.integers(1, days + 1, count)
        hour = random.choice([3, 4, 5, 10, 11, 12], count)  # UTC: lunch and evening in Shanghai
        at = until_us - until_us % DAY_US - day * DAY_US + hour * HOUR_US + random.integers(0, HOUR_US, count)
        parts.append(
            pa.table(
                {
                    "source_id": [f"{merchant}-{i}" for i in range(count)],
                    "at": pa.array(at, pa.timestamp("us", tz="UTC")),
                    "arrived": pa.array(at + 60_000_000, pa.timestamp("us", tz="UTC")),
                    "payee": [merchant] * count,
                    "payer": [f"p{number}_{p}" for p in payer],
                    "amount_fen": random.integers(1_000, 6_000, count),
                    "channel": ["qr"] * count,
                }
            )
        )
    return pa.concat_tables(parts)
