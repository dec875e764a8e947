"""What each column needs of the state: components of a cell over windows, and the formula that reads them."""

from __future__ import annotations

from dataclasses import dataclass

from dandelion.indicators import finishing as f
from dandelion.indicators import steps as s
from dandelion.indicators.declare import Base
from dandelion.indicators.layout import Layout

Part = tuple[int, str | None, str | None]  # (component, measure field, party field)


@dataclass(frozen=True, slots=True)
class Recipe:
    """`reads` are (part, which of the part's arrays, or -1 for none), in the order the formula takes them."""

    formula: int
    reads: tuple[tuple[Part, int], ...]


def recipe(aggregate: str, measure: str | None, party: str | None, people: bool) -> Recipe:
    """How one aggregate comes out of the state.  `measure` and `party` are fields of the event."""
    count: Part = (s.N, None, None)
    who: Part = (s.WHO, None, party)

    def of(component: int) -> Part:
        return component, measure, None

    def about(component: int) -> Part:
        return component, measure, party

    five = (who, 0) if people else (who, -1)
    plain = {"count": count, "sum": of(s.SUM), "distinct": who, "active_days": (s.DAYS, None, None)}
    if aggregate in plain:
        return Recipe(f.WHOLE, ((plain[aggregate], 0),))
    picked = {"min": s.MIN, "max": s.MAX, "last": s.LAST_VALUE}
    if aggregate in picked:
        return Recipe(f.PICKED, ((of(picked[aggregate]), 0),))
    since = {"days_since_first": s.FIRST, "days_since_last": s.LAST}
    if aggregate in since:
        return Recipe(f.SINCE, (((since[aggregate], None, None), 0),))
    rank = {"q10": 0, "q50": 1, "q90": 2}
    if aggregate in rank:
        return Recipe(f.RANK, ((of(s.RANKS), rank[aggregate]), (count, 0)))
    squares = of(s.SQUARES)
    spread = about(s.ENTROPY)
    return {
        "mean": Recipe(f.MEAN, ((of(s.SUM), 0), (count, 0))),
        "deviation": Recipe(f.DEVIATION, ((of(s.SUM), 0), (count, 0), (squares, 0), (squares, 1))),
        "longest_gap": Recipe(f.LONGEST, (((s.GAP, None, None), 0),)),
        "top_share": Recipe(f.TOP_SHARE, ((of(s.SUM), 0), (about(s.TOP), 0), five)),
        "entropy": Recipe(f.ENTROPY, ((spread, 0), (spread, 1), (spread, 2), five)),
    }[aggregate]


def recipe_of(base: Base) -> Recipe:
    stream = base.stream
    measure = None if base.measure is None else stream.measure(base.measure).field
    return recipe(base.aggregate, measure, stream.counterparty, stream.people)


Where = tuple[tuple[int, int], ...]  # (place of a split in the layout, place of a level), sorted


def where_of(base: Base, layout: Layout) -> Where:
    """The cell of a column: its levels as places."""
    out = []
    for name, value in base.filters:
        dimension = base.stream.dimension(name)
        split = layout.split(dimension, base.stream.counterparty)
        levels = [level.value for level in dimension.levels]
        out.append((layout.splits.index(split), levels.index(value)))
    return tuple(sorted(out))
