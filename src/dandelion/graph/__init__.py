"""graph: who pays whom.  People's money makes a ball of yarn, a shop's makes a dandelion.

In: Arrow tables of payments (and logins, roles, shareholdings).  Out: a `FlowGraph` snapshot per boundary, columns per
merchant over its payers (aggregates over at least five people), rings, circular money in exact fen, household groups.
A snapshot holds only what had arrived before its boundary; `GraphStore` serves the latest one not after a row.
"""

from dandelion.graph.catalogue import catalogue
from dandelion.graph.circular import circular_fen, circular_receipts
from dandelion.graph.edges import Edges
from dandelion.graph.flowgraph import FlowGraph, rules_hash, snapshot
from dandelion.graph.households import Households, households
from dandelion.graph.identify import identify, shipped_model
from dandelion.graph.identify_training import Town, train_identification
from dandelion.graph.payments import Payments
from dandelion.graph.plain import PlainPayments, plain_payments
from dandelion.graph.reading import columns
from dandelion.graph.rings import rings
from dandelion.graph.rules import Rules, load_rules, standard_rules
from dandelion.graph.store import GraphStore

__all__ = [
    "Edges", "FlowGraph", "GraphStore", "Households", "Payments", "PlainPayments", "Rules", "Town",
    "catalogue", "circular_fen",
    "circular_receipts", "columns", "households", "identify", "load_rules", "plain_payments", "rings",
    "rules_hash", "shipped_model", "snapshot", "standard_rules", "train_identification",
]  # fmt: skip
