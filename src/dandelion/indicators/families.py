"""Shorthands that write a `Derive` from a path, with its id and both sentences.

>>> share("payment.received/hours=night/30d/count", "payment.received/30d/count", "夜间收款笔数占比",
...       "share of receipts at night").id
'payment.received/hours=night/30d/count.share'
"""

from __future__ import annotations

from dandelion.core import DAY_US, BadInput
from dandelion.indicators.declare import EVER, Derive, window_us


def share(part: str, whole: str, zh: str, en: str) -> Derive:
    return Derive(f"{part}.share", "share", (part, whole), zh, en, unit="share", range=(0.0, 1.0))


def trend(path: str, recent: str, longer: str, zh: str, en: str) -> Derive:
    """`path` has ``{window}`` where the window goes; both windows end now, the longer one holds the recent one."""
    if window_us(recent) >= window_us(longer):
        raise BadInput(f"a trend needs a longer window than {recent}", field="longer")
    of = (path.format(window=recent), path.format(window=longer))
    return Derive(f"{of[0]}.trend.{longer}", "trend", of, zh, en, range=(-1.0, None))


def volatility(path: str, bucket: str, buckets: int, zh: str, en: str) -> Derive:
    of = _growing(path, bucket, buckets)
    return Derive(f"{of[-1]}.volatility.{bucket}", "volatility", of, zh, en, range=(0.0, None))


def own_past(path: str, bucket: str, buckets: int, zh: str, en: str) -> Derive:
    of = _growing(path, bucket, buckets)
    return Derive(f"{of[-1]}.own_past.{bucket}", "own_past", of, zh, en, unit="deviations")


def _growing(path: str, bucket: str, buckets: int) -> tuple[str, ...]:
    if bucket == EVER or window_us(bucket) % DAY_US:
        raise BadInput("a bucket is a number of whole days, like 30d", field="bucket")
    days = window_us(bucket) // DAY_US
    return tuple(path.format(window=f"{days * n}d") for n in range(1, buckets + 1))
