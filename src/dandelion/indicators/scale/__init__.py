"""scale: the same columns on a cluster.  Spark moves packed events to where their subject is computed; the kernel is ours.

In: Spark DataFrames of events by (kind, role), rows of (subject, as_of, known_at).  Out: a Spark DataFrame, or a Frame,
with the bytes that `evaluate` gives on one machine.
"""

from dandelion.indicators.scale.session import session, using
from dandelion.indicators.scale.spark import Computed, compute_spark

__all__ = ["Computed", "compute_spark", "session", "using"]
