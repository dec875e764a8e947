"""graph: who pays whom.  People's money makes a ball of yarn, a shop's makes a dandelion.

In: Arrow tables of payments (and logins, roles, shareholdings).  Out: a `FlowGraph` snapshot per boundary, columns per
merchant over its payers (aggregates over at least five people), rings, circular money in exact fen, household groups.
Who stands behind a firm is `ownership`; relations of every sort carry risk, show upstream and downstream, and are what an
analyst looks around in.  A snapshot holds only what had arrived before its boundary; `GraphStore` serves the latest one not
after a row.
"""

from dandelion.graph import ownership
from dandelion.graph.anomaly import Anomalies, AnomalyModel
from dandelion.graph.catalogue import catalogue
from dandelion.graph.circular import circular_fen, circular_receipts
from dandelion.graph.edges import Edges
from dandelion.graph.explore import Edge as RelationEdge
from dandelion.graph.explore import Ego, Path, RingShown, ego, path, ring_of, shortest
from dandelion.graph.flowgraph import FlowGraph, rules_hash, snapshot
from dandelion.graph.households import Households, households
from dandelion.graph.identify import identify, shipped_model, unpaid_share_ppm
from dandelion.graph.identify_training import Town, train_identification
from dandelion.graph.identity import Identities, identities
from dandelion.graph.neighbours import neighbour_columns
from dandelion.graph.news import lending_news
from dandelion.graph.payments import Payments
from dandelion.graph.plain import ASKED, PlainPayments, plain_payments, too_many
from dandelion.graph.reading import columns
from dandelion.graph.relations import Relations, relations
from dandelion.graph.ring_circles import invoice_circles
from dandelion.graph.ring_farms import device_farms
from dandelion.graph.ring_watch import RingAlert, RingWatch
from dandelion.graph.rings import rings
from dandelion.graph.risk import BadNews, RiskMap, risk_map
from dandelion.graph.rules import Rules, load_rules, standard_rules
from dandelion.graph.store import GraphStore
from dandelion.graph.supply import Supply, supply, supply_columns
from dandelion.graph.watch_rules import WatchRules, watch_rules

__all__ = [
    "ASKED",
    "Anomalies",
    "AnomalyModel",
    "BadNews",
    "Edges",
    "Ego",
    "FlowGraph",
    "GraphStore",
    "Households",
    "Identities",
    "Path",
    "Payments",
    "PlainPayments",
    "RelationEdge",
    "Relations",
    "RingAlert",
    "RingShown",
    "RingWatch",
    "RiskMap",
    "Rules",
    "Supply",
    "Town",
    "WatchRules",
    "catalogue",
    "circular_fen",
    "circular_receipts",
    "columns",
    "device_farms",
    "ego",
    "households",
    "identify",
    "identities",
    "invoice_circles",
    "lending_news",
    "load_rules",
    "neighbour_columns",
    "ownership",
    "path",
    "plain_payments",
    "relations",
    "ring_of",
    "rings",
    "risk_map",
    "rules_hash",
    "shipped_model",
    "shortest",
    "snapshot",
    "standard_rules",
    "supply",
    "supply_columns",
    "too_many",
    "train_identification",
    "unpaid_share_ppm",
    "watch_rules",
]  # fmt: skip
