"""graph.flow: graphs of money as compact arrays, and what is counted on them.

`FlowStore(folder)` takes payments by the batch and folds them into a `CompactGraph` (20 bytes an edge) as of any time;
`fold` does so from arrays.  `Oriented.of(payer, payee, accounts)` takes edge arrays (account numbers below 2^30, any order,
repeats welcome); `triangles`, `triangles_by_kind` and `clustering` count on it exactly.  `LiveGraph` keeps the same counters
exact after every payment.  Everything runs on as many threads as asked for and gives the same integers.
"""

from dandelion.graph.flow.clustering import Kinds, clustering, over_pairs, triangles, triangles_by_kind
from dandelion.graph.flow.compact import CompactGraph
from dandelion.graph.flow.flow_store import Appended, FlowStore, load, save
from dandelion.graph.flow.folding import fold
from dandelion.graph.flow.live import AccountFlow, LiveGraph
from dandelion.graph.flow.names import Names
from dandelion.graph.flow.oriented import Oriented

__all__ = [
    "AccountFlow", "Appended", "CompactGraph", "FlowStore", "Kinds", "LiveGraph", "Names", "Oriented", "clustering", "fold",
    "load", "over_pairs", "save", "triangles", "triangles_by_kind",
]  # fmt: skip
