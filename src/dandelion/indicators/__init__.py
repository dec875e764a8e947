"""indicators: named columns computed from events.

In: `Stream`, `Cube` and `Derive` declarations, Arrow tables of events by (kind, role), rows of (subject, as_of,
known_at).  Out: a `Frame` with exactly the columns asked for, and for any number the events behind it.
Integer state, finalised last; an event counts if ``at < as_of`` and ``arrived < known_at``.
"""

from dandelion.indicators.as_of_join import join_as_of
from dandelion.indicators.block import Block, layouts
from dandelion.indicators.cube import Cube
from dandelion.indicators.declare import Base, Derive, Dimension, Level, Measure, Stream
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.each import Each
from dandelion.indicators.evaluate import evaluate
from dandelion.indicators.everything import declarations, full
from dandelion.indicators.explain import Explanation, Term, explain
from dandelion.indicators.families import own_past, share, trend, volatility
from dandelion.indicators.growing import Growing
from dandelion.indicators.load import load
from dandelion.indicators.peer_build import peer_tables
from dandelion.indicators.peer_explain import PeerGroup
from dandelion.indicators.peer_tables import PeerHistory, PeerTable, PeerTables
from dandelion.indicators.read_cells import LongCube, read_cells
from dandelion.indicators.read_frame import read_frame
from dandelion.indicators.serving import Serving
from dandelion.indicators.staged_serving import StagedServing
from dandelion.indicators.standard import standard
from dandelion.indicators.whose import Whose
from dandelion.indicators.whose_build import whose_tables
from dandelion.indicators.write_frame import Written, write_frame

__all__ = [
    "Base", "Block", "Cube", "Definitions", "Derive", "Dimension", "Each", "Explanation", "Growing", "Level", "LongCube",
    "Measure", "PeerGroup", "PeerHistory", "PeerTable", "PeerTables", "Serving", "StagedServing", "Stream", "Term", "Whose", "Written", "declarations", "evaluate", "explain", "full", "join_as_of", "layouts",
    "load", "own_past", "peer_tables", "read_cells", "read_frame", "share", "standard", "trend", "volatility", "whose_tables", "write_frame",
]  # fmt: skip
