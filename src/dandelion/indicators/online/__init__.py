"""online: the indicators of now.  Events are taken in as they come, durably; columns are computed when they are read.

In: batches of events of one kind, in any order, repeated, late or corrected.  Out: frames equal to the batch evaluation
byte for byte.  Kept: per subject the packed events that some window can still reach, in memory, LMDB or Redis.
"""

from dandelion.indicators.online.memory import MemoryStore
from dandelion.indicators.online.online import Applied, Online
from dandelion.indicators.online.reader import Reader
from dandelion.indicators.online.served import Served
from dandelion.indicators.online.store import Store
from dandelion.indicators.online.stores import open_store

__all__ = ["Applied", "MemoryStore", "Online", "Reader", "Served", "Store", "open_store"]
