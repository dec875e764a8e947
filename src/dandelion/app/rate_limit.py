"""Token buckets per (tenant, subject, action): apply and draw cannot be hammered.  Memory is bounded."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from dandelion.core import TooMany

BUCKETS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """`burst` calls at once, refilled evenly at `per_minute`."""

    burst: int
    per_minute: int


class RateLimiter:
    """
    >>> limiter = RateLimiter({"apply": Allowance(burst=1, per_minute=6)}, seconds=lambda: 0.0)
    >>> limiter.take("apply", "t", "m1")
    >>> limiter.take("apply", "t", "m1")
    Traceback (most recent call last):
    ...
    dandelion.core.errors.TooMany: too many calls to apply; try again in 10 s
    """

    def __init__(self, allowances: dict[str, Allowance], seconds: Callable[[], float] = time.monotonic) -> None:
        self._allowances = allowances
        self._seconds = seconds
        self._lock = threading.Lock()
        self._buckets: OrderedDict[tuple[str, str, str], tuple[float, float]] = OrderedDict()

    def take(self, action: str, tenant: str, subject: str) -> None:
        """Take one call or raise TooMany with the seconds to wait."""
        allowance = self._allowances.get(action)
        if allowance is None:
            return
        now, key, rate = self._seconds(), (action, tenant, subject), allowance.per_minute / 60
        with self._lock:
            left, since = self._buckets.pop(key, (float(allowance.burst), now))
            left = min(float(allowance.burst), left + (now - since) * rate)
            granted = left >= 1.0
            self._buckets[key] = (left - 1.0 if granted else left, now)
            while len(self._buckets) > BUCKETS_MAX:
                self._buckets.popitem(last=False)
        if not granted:
            wait_s = max(1, round((1.0 - left) / rate))
            raise TooMany(f"too many calls to {action}; try again in {wait_s} s", retry_after_s=wait_s)
