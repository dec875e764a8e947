"""Bad news from the lender's own book: lines that fell behind, dated, as risk may flow from them.

How bad a line is goes by the days it is past due; a line that was brought back counts for less from the day that is known.
Other lenders' reports are left out: they were opened to judge the person they are about, not the people around.
"""

from __future__ import annotations

from bisect import bisect_right

import pyarrow as pa

from dandelion.core import BadInput
from dandelion.graph.payments import instants, visible
from dandelion.graph.relation_rules import NewsRules, relation_rules
from dandelion.graph.risk import BadNews

NEEDED = ("merchant", "line", "days_past_due", "at")


def lending_news(
    moves: pa.Table, as_of: int, known_at: int | None = None, *, rules: NewsRules | None = None
) -> list[BadNews]:
    """From changes of delinquency (merchant, line, days_past_due, at; arrived where dated) told before the boundary.

    Each change at or above the first step is news of its merchant.  Errors (BadInput): a column missing.
    """
    rules = relation_rules().news if rules is None else rules
    for name in NEEDED:
        if name not in moves.column_names:
            raise BadInput(
                f"changes of delinquency lack column {name!r}; they have {', '.join(moves.column_names)}", field=name
            )
    seen = moves.filter(pa.array(visible(moves, as_of, as_of if known_at is None else known_at)))
    at = instants(seen.column("at")).tolist()
    arrived = instants(seen.column("arrived")).tolist() if "arrived" in seen.column_names else at
    late = seen.column("days_past_due").to_pylist()
    rows = sorted(
        zip(at, arrived, seen.column("line").to_pylist(), seen.column("merchant").to_pylist(), late, strict=True)
    )
    stands = {line: days for _, _, line, _, days in rows}  # the last word on each line
    found = []
    for moment, told, line, merchant, days in rows:
        step = bisect_right(rules.days_past_due, days) - 1
        if step >= 0:
            left = rules.cured_share if stands[line] < rules.days_past_due[0] else 1.0
            found.append(BadNews(merchant, rules.severity[step] * left, moment, told))
    return found
