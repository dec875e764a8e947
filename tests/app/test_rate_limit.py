import pytest

from dandelion.app.rate_limit import Allowance, RateLimiter
from dandelion.core import TooMany


def test_a_burst_is_allowed_then_callers_wait_for_the_refill() -> None:
    now = [0.0]
    limiter = RateLimiter({"draw": Allowance(burst=2, per_minute=60)}, seconds=lambda: now[0])
    limiter.take("draw", "t", "m")
    limiter.take("draw", "t", "m")
    with pytest.raises(TooMany) as error:
        limiter.take("draw", "t", "m")
    assert error.value.retry_after_s == 1
    now[0] = 1.0
    limiter.take("draw", "t", "m")


def test_one_merchants_calls_do_not_use_up_anothers() -> None:
    limiter = RateLimiter({"draw": Allowance(burst=1, per_minute=1)}, seconds=lambda: 0.0)
    limiter.take("draw", "t", "m1")
    limiter.take("draw", "t", "m2")
    limiter.take("draw", "u", "m1")
    with pytest.raises(TooMany):
        limiter.take("draw", "t", "m1")


def test_an_action_without_an_allowance_is_not_limited() -> None:
    limiter = RateLimiter({}, seconds=lambda: 0.0)
    for _ in range(100):
        limiter.take("read", "t", "m")
