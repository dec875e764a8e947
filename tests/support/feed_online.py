"""Feeds online state from a process of its own, to be killed at any moment: ``python feed_online.py FOLDER STORE``.

Prints the position after every batch it was told is safe.
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import DAY_US, ManualClock, arrow_schema
from dandelion.indicators import standard
from dandelion.indicators.online import Online, open_store

NOW = 1_750_000_000_000_000
ROWS = 2000
COLUMNS = ("payment.received/30d/count", "payment.received/180d/amount_sum", "payment.received/365d/amount_deviation",
           "payment.made/90d/distinct_payees", "payment.received/standing=trade/30d/amount_sum")  # fmt: skip


def batch(number: int) -> pa.Table:
    """Batch `number` of a fixed story, shuffled: a tenth of it repeats the batch before, some of it corrects."""
    first = number * ROWS - (ROWS // 10 if number else 0)
    ids = np.random.default_rng(number).permutation(np.arange(first, (number + 1) * ROWS))
    rows = len(ids)

    def told(salt: int, below: int) -> npt.NDArray[np.int64]:
        """A number for each event, the same wherever the event is repeated."""
        mixed = (ids.astype(np.uint64) + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15)
        return ((mixed ^ (mixed >> np.uint64(29))) % np.uint64(below)).astype(np.int64)

    at = NOW - told(1, 400 * DAY_US)
    instant = pa.timestamp("us", tz="UTC")
    of = ids - told(2, 3000) - 1
    corrects = (told(3, 20) == 0) & (of >= 0)
    return pa.table(
        {
            "event_id": [f"e{i}" for i in ids], "source": ["s"] * rows, "at": pa.array(at, instant),
            "arrived": pa.array(np.minimum(at + told(4, 3 * DAY_US), NOW), instant),
            "replaces": [f"e{i}" if yes else None for i, yes in zip(of, corrects, strict=True)],
            "payee": [f"m{i}" for i in told(5, 40)], "payer": [f"m{i}" for i in told(6, 90)],
            "amount_fen": told(7, 10**9) + 1, "channel": ["qr"] * rows,
            "device": pa.nulls(rows, pa.string()), "order_id": pa.nulls(rows, pa.string()),
        },
        schema=arrow_schema("payment"),
    )  # fmt: skip


def opened(folder: str, store: str) -> Online:
    return Online(standard(), f"{folder}/log", open_store(store, "demo"), columns=COLUMNS, clock=ManualClock(NOW + DAY_US),
                  flush_chunks=300)  # fmt: skip


def main(folder: str, store: str) -> None:
    online = opened(folder, store)
    print("open", online.position, flush=True)
    number = online.position  # a batch is one record of the log, and none is empty of news
    while True:
        online.apply("payment", batch(number))
        number += 1
        print("safe", number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
