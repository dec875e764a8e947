"""Figures in sentences are as fine as somebody would say them."""

import math

import pytest

from dandelion.policy.sentences import _told


@pytest.mark.parametrize(
    ("value", "to", "step", "said"),
    [
        (31.611382, 14, 1, 31.6),
        (30.0, 24, 1, 30),
        (22445.29, 23340, 10, 22445),
        (0.123456, 0.1, 0.01, 0.123),
        (4.37, 4.5, 0.1, 4.37),
        (14.01, 14, 1, 14.01),  # never "came down to 14 (now 14)"
    ],
)
def test_a_figure_is_told_to_a_tenth_of_its_step(value: float, to: float, step: float, said: float) -> None:
    assert _told(value, to, step) == said


def test_what_is_missing_stays_missing() -> None:
    assert math.isnan(_told(math.nan, 1, 1))
