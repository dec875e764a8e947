"""graph.flow: graphs of money as compact arrays, and what is counted on them.

`Oriented.of(payer, payee, accounts)` takes edge arrays (account numbers below 2^30, any order, repeats welcome);
`triangles`, `triangles_by_kind` and `clustering` count on it exactly.  `LiveGraph` keeps the same counters exact after
every payment.  Everything runs on as many threads as asked for and gives the same integers.
"""

from dandelion.graph.flow.clustering import Kinds, clustering, over_pairs, triangles, triangles_by_kind
from dandelion.graph.flow.live import AccountFlow, LiveGraph
from dandelion.graph.flow.oriented import Oriented

__all__ = [
    "AccountFlow", "Kinds", "LiveGraph", "Oriented", "clustering", "over_pairs", "triangles", "triangles_by_kind",
]  # fmt: skip
