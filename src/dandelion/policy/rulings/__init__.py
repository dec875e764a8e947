"""policy.rulings: the whole engine on given columns: every model, every strategy, one record a row.

In: rows of float32 columns and who they are about.  Out: `Records`, canonical bytes that are hashed and can be made again
from themselves.  A ruling says what models and strategies say; it makes no offer and opens no line: `decide` does.
"""

from dandelion.policy.rulings.engine import RulingEngine
from dandelion.policy.rulings.layout import Layout
from dandelion.policy.rulings.pair import RulingPair
from dandelion.policy.rulings.reading import Told, columns_in, is_ruling, read_ruling
from dandelion.policy.rulings.records import OUTCOMES, SCHEMA, Beside, Records
from dandelion.policy.rulings.row_text import RowText

Ruler = RulingEngine | RulingPair

__all__ = [
    "OUTCOMES", "SCHEMA", "Beside", "Layout", "Records", "RowText", "Ruler", "RulingEngine", "RulingPair", "Told",
    "columns_in", "is_ruling", "read_ruling",
]  # fmt: skip
