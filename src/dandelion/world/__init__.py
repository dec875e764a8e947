"""world: a seeded economy of people, shops, firms and rings, with hidden truth and loan outcomes.

In: a seed and a size.  Out: a folder with `record/` (what a lender may see) and `truth/` (what no engine may open).
`build` makes it, `report` holds it against published facts, `Outcomes` tells what a line would have brought.
Only the command line, benches and tests import this room; it stands on core alone.
"""

from dandelion.world.building import WorldSummary, build
from dandelion.world.facts import Fact, report
from dandelion.world.outcomes import Outcomes, Realised

__all__ = ["Fact", "Outcomes", "Realised", "WorldSummary", "build", "report"]
