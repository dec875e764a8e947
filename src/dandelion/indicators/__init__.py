"""indicators: named columns computed from events.

In: `Stream`, `Cube` and `Derive` declarations, Arrow tables of events by (kind, role), rows of (subject, as_of,
known_at).  Out: a `Frame` with exactly the columns asked for, and for any number the events behind it.
Integer state, finalised last; an event counts if ``at < as_of`` and ``arrived < known_at``.
"""

from dandelion.indicators.cube import Cube
from dandelion.indicators.declare import Base, Derive, Dimension, Level, Measure, Stream
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.each import Each
from dandelion.indicators.evaluate import evaluate
from dandelion.indicators.everything import declarations, full
from dandelion.indicators.explain import Explanation, Term, explain
from dandelion.indicators.families import own_past, share, trend, volatility
from dandelion.indicators.load import load
from dandelion.indicators.standard import standard

__all__ = [
    "Base", "Cube", "Definitions", "Derive", "Dimension", "Each", "Explanation", "Level", "Measure", "Stream", "Term",
    "declarations", "evaluate", "explain", "full", "load", "own_past", "share", "standard", "trend", "volatility",
]  # fmt: skip
