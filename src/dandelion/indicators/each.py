"""`Each`: one derived column for every column of a cube that the family fits.

>>> from dandelion.indicators.cube import Cube
>>> from dandelion.indicators.declare import Stream
>>> login = Stream("login.made", "login", "person", "登录", "logins")
>>> weeks = Each(Cube(login, ("7d", "30d"), ("count",)), "trend", to=("30d", "90d"))
>>> [f"login.made/{leaf}" for leaf in weeks.leaves]
['login.made/7d/count.trend.30d', 'login.made/7d/count.trend.90d', 'login.made/30d/count.trend.90d']
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

from dandelion.core import BadInput
from dandelion.indicators.cube import Cube
from dandelion.indicators.declare import COLUMNS_MAX, ID_MAX, Base, Stream
from dandelion.indicators.families import FAMILIES, derived


@dataclass(frozen=True)
class Each:
    """`to` is what follows the family's name in the ids (longer windows, spans, other figures, another stream), each in
    turn.  `windows` and `figures` (last parts of ids, like ``amount_sum``) narrow the cube; a combination that the
    family does not fit, such as a trend towards a shorter window, is left out.
    """

    of: Cube
    family: str
    to: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    other: Stream | None = None  # for `against`

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise BadInput(f"{self.family!r} is not a family; use one of {', '.join(FAMILIES)}", field="family")
        for what, given, known in (
            ("window", self.windows, self.of.windows),
            ("figure", self.figures, self.of.endings),
        ):
            for one in given:
                if one not in known:
                    raise BadInput(f"{self._title} names {what} {one!r}, which its cube lacks; it has {', '.join(known)}",
                                   field=f"{what}s")  # fmt: skip
        wanted = FAMILIES[self.family].after
        if bool(self.to or self.other) != bool(wanted):
            raise BadInput(f"{self._title} " + (f"needs {wanted} in `to`" if wanted else "takes nothing in `to`"),
                           field="to")  # fmt: skip
        tries = len(self.windows or self.of.windows) * len(self.figures or self.of.endings) * max(1, len(self.to))
        if tries * self.of.cell_count > COLUMNS_MAX:
            raise BadInput(f"{self._title} expands to {tries * self.of.cell_count:,} columns, above {COLUMNS_MAX:,}; "
                           "name fewer windows or figures", field="of")  # fmt: skip
        if not self.leaves:
            raise BadInput(f"{self._title} fits none of them: {self._tried[1]}", field="of")
        longest = len(self.of.stream.name) + self.of.longest_cell + 1 + max(map(len, self.leaves))
        if longest > ID_MAX:
            raise BadInput(
                f"{self._title} has ids of {longest} characters, above {ID_MAX}; use shorter names", field="of"
            )

    def __len__(self) -> int:
        """Number of columns, by arithmetic."""
        return self.of.cells_from(self.least_filters) * len(self.leaves)

    def __bool__(self) -> bool:
        return True

    @property
    def least_filters(self) -> int:
        return FAMILIES[self.family].filters

    @property
    def leaves(self) -> tuple[str, ...]:
        """What follows the cell in the ids, e.g. "7d/count.trend.30d"."""
        return self._tried[0]

    @property
    def _title(self) -> str:
        return f"{self.family} for each column of a cube over {self.of.stream.name!r}"

    @cached_property
    def _tried(self) -> tuple[tuple[str, ...], str]:
        """(leaves, why the last misfit was refused): every window, figure and `to`, on one cell in the name of all."""
        cell, refused = self.of.deepest_cell, "no figure of the cube is of a kind that it takes"
        if len(cell) < self.least_filters:
            return (), f"it needs cells with {self.least_filters} fixed levels"
        streams = {} if self.other is None else {self.other.name: self.other}
        after = self.to or ((self.other.name,) if self.other else ("",))
        takes = FAMILIES[self.family].aggregates
        found = []
        figures = [e for e in self.figures or self.of.endings if self.of.stream.endings[e][0] in takes]
        for window, figure, to in itertools.product(self.windows or self.of.windows, figures, after):
            base = Base(self.of.stream, cell, window, *self.of.stream.endings[figure])
            try:
                made = derived(base, self.family, to, streams)
            except BadInput as error:
                refused = error.message
                continue
            found.append(made.id[len(base.id) - len(f"{window}/{figure}") :])
        return tuple(found), refused
