"""Against peers: what such a column is made of.  `<any column>.peers.<by>`, with `by` of industry, area and size.

The value is how far the merchant's own figure lies from the median of its group, in quartile ranges of the group, as of
the latest month's table that is not after the row.  A group is what the record itself shows at that moment, so that
training, serving and a new applicant are placed alike.

>>> settings().subjects_min, grouping("payment.received/30d/count", "area.size")
(5, ('area', 'size'))
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import resources

from dandelion.core import BadInput, canonical, content_hash, plain_yaml, shaped
from dandelion.indicators.declare import AFTER_KERNEL, Base, Derive

MARK = ".peers."
OP = "peers"
BY = ("industry", "area", "size")  # in this order in an id, so that one column has one id
LEAST = 5  # nothing is told of fewer
_WORDS = {
    "industry": ("同一行业", "trade"), "area": ("同一城区", "district"), "size": ("同等收款规模", "size of receipts"),
}  # fmt: skip
_PARTS = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class GroupedBy:
    """The column that shows the group: its events say which district or category."""

    column: str


@dataclass(frozen=True, slots=True)
class SizeBands:
    """A receipt total falls into band ``searchsorted(edges_fen, total, "right")``."""

    column: str
    edges_fen: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """`peers.yaml`.  `columns`, `by` and `whose` are what monthly tables hold in any case; a ``{a,b}`` stands for each in turn."""

    version: int
    subjects_min: int
    size: SizeBands
    area: GroupedBy
    industry: GroupedBy
    columns: tuple[str, ...]
    by: tuple[str, ...]
    whose: tuple[str, ...]

    def column_of(self, name: str) -> str:
        return {"industry": self.industry.column, "area": self.area.column, "size": self.size.column}[name]

    def ids(self) -> tuple[str, ...]:
        """The columns against peers, and of counterparties, that every workspace has."""
        each = [one for line in self.columns for one in _spread(line)]
        others = [one for line in self.whose for one in _spread(line)]
        return (*(f"{column}{MARK}{by}" for column in each for by in self.by), *others)

    @property
    def hash(self) -> str:
        """Of what gives the columns their meaning, not of which ones are listed."""
        said = {name: value for name, value in asdict(self).items() if name not in ("columns", "by", "whose")}
        return content_hash(canonical(said))


@lru_cache(maxsize=1)
def settings() -> PeerSettings:
    """The shipped settings."""
    return read_settings(
        resources.files("dandelion.indicators").joinpath("peers.yaml").read_text("utf-8"), "peers.yaml"
    )


def read_settings(text: str, where: str) -> PeerSettings:
    """Errors (BadInput): a field that is missing or odd, fewer than five subjects, edges that do not grow, odd groupings."""
    made = shaped(PeerSettings, plain_yaml(text), where)
    if made.subjects_min < LEAST:
        raise BadInput(f"{where}: subjects_min is {made.subjects_min}; a group needs at least {LEAST}",
                       field="subjects_min")  # fmt: skip
    edges = made.size.edges_fen
    if not edges or any(a >= b for a, b in itertools.pairwise(edges)):
        raise BadInput(f"{where}: size.edges_fen must grow from one to the next", field="size.edges_fen")
    for by in made.by:
        grouping("by", by)
    return made


def grouping(column: str, by: str) -> tuple[str, ...]:
    """The parts of a grouping as written in an id.  Errors (BadInput): unknown, twice, or in another order."""
    parts = tuple(by.split("."))
    if not by or any(part not in BY for part in parts) or list(parts) != sorted({*parts}, key=BY.index):
        raise BadInput(f"{column}{MARK}{by}: peers are by {', '.join(BY)}, each once, in this order, joined by dots; "
                       f"like {column}{MARK}area.size", field=f"{column}{MARK}{by}")  # fmt: skip
    return parts


def against(column: str, by: str, definition: Base | Derive, words: tuple[str, str]) -> Derive:
    """The column `column` against peers `by`.  `words` are the sentences of `column`.  Errors: BadInput."""
    if isinstance(definition, Derive) and definition.op in AFTER_KERNEL:
        said = "is against peers already" if definition.op == OP else f"comes last of all ({definition.op})"
        raise BadInput(f"{column} {said}; hold another column against peers", field=f"{column}{MARK}{by}")
    parts = grouping(column, by)
    zh, en = ("".join(_WORDS[part][0] for part in parts), _listed([_WORDS[part][1] for part in parts]))
    return Derive(
        f"{column}{MARK}{by}", OP, (column, *(settings().column_of(part) for part in parts)),
        f"{words[0]}，与{zh}的商户相比：距其中位数多少个四分位距",
        f"{words[1]}, against merchants of the same {en}: how many quartile ranges from their median", "quartile ranges",
    )  # fmt: skip


def parts_of(definition: Derive) -> tuple[str, ...]:
    """What a column against peers is grouped by.  Errors (BadInput): an operand that no grouping is told by."""
    known = {settings().column_of(part): part for part in BY}
    for name in definition.of[1:]:
        if name not in known:
            raise BadInput(
                f"{definition.id!r}: peers are told by {', '.join(known)}, not by {name}", field=definition.id
            )
    return tuple(known[name] for name in definition.of[1:])


def said_op(definition: Derive) -> str:
    """The operation as a definition's hash knows it: against peers, the settings belong to it."""
    return f"{OP} {settings().hash}" if definition.op == OP else definition.op


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _spread(line: str) -> list[str]:
    parts = _PARTS.split(line)
    choices = [part.split(",") if place % 2 else [part] for place, part in enumerate(parts)]
    return ["".join(one) for one in itertools.product(*choices)]
