"""`Each`: one derived column for every column of a cube that the family fits.

>>> from dandelion.indicators.declare import Stream
>>> login = Stream("login.made", "login", "person", "登录", "logins")
>>> cube = Cube(login, ("7d", "30d"), ("count",))
>>> [f"login.made/{leaf}" for leaf in Each(cube, "trend", to=("30d", "90d")).leaves_of(cube)]
['login.made/7d/count.trend.30d', 'login.made/7d/count.trend.90d', 'login.made/30d/count.trend.90d']
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

from dandelion.core import BadInput
from dandelion.indicators.cube import Cube
from dandelion.indicators.declare import COLUMNS_MAX, ID_MAX, Base, Stream
from dandelion.indicators.families import FAMILIES, Family, derived
from dandelion.indicators.wording import did_you_mean, several


@dataclass(frozen=True)
class Each:
    """`of` is a cube or several.  `to` is what follows the family's name in the ids (longer windows, spans, other
    figures), each in turn; `other` is the stream that `against` is against.  `windows` and `figures` (last parts of
    ids, like ``amount_sum``) narrow the cubes; a combination that the family does not fit, such as a trend towards a
    shorter window, is left out.
    """

    of: Cube | tuple[Cube, ...]
    family: str
    to: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    other: Stream | None = None

    def __post_init__(self) -> None:
        for what in ("to", "windows", "figures"):
            several(what, getattr(self, what))
        if self.family not in FAMILIES:
            raise BadInput(f"{self.family!r} is not a family; use one of {', '.join(FAMILIES)}"
                           f"{did_you_mean(self.family, FAMILIES)}", field="family")  # fmt: skip
        if not self.cubes:
            raise BadInput(f"{self.family} is of no cube; name at least one", field="of")
        wanted = self._family.after
        if bool(self.to or self.other) != bool(wanted):
            raise self._bad(f"needs {wanted} in `to`" if wanted else "takes nothing in `to`", "to")
        if (size := sum(self._tries(cube) * cube.cell_count for cube in self.cubes)) > COLUMNS_MAX:
            raise self._bad(f"expands to {size:,} columns, above {COLUMNS_MAX:,}; name fewer windows or figures", "of")
        for cube in self.cubes:
            self._check(cube)

    def __len__(self) -> int:
        """Number of columns, by arithmetic."""
        return sum(cube.cells_from(self.least_filters) * len(self.leaves_of(cube)) for cube in self.cubes)

    def __bool__(self) -> bool:
        return True

    @property
    def cubes(self) -> tuple[Cube, ...]:
        return (self.of,) if isinstance(self.of, Cube) else self.of

    @property
    def least_filters(self) -> int:
        return self._family.filters

    def leaves_of(self, cube: Cube) -> tuple[str, ...]:
        """What follows a cell of one of the cubes in the ids, e.g. "7d/count.trend.30d"."""
        return self._tried[self.cubes.index(cube)][0]

    @property
    def _family(self) -> Family:
        return FAMILIES[self.family]

    def _check(self, cube: Cube) -> None:
        for what, given, known in (("window", self.windows, cube.windows), ("figure", self.figures, cube.endings)):
            for one in given:
                if one not in known:
                    raise self._bad(
                        f"names {what} {one!r}, which its cube lacks; it has {', '.join(known)}", f"{what}s"
                    )
        leaves, refused = self._tried[self.cubes.index(cube)]
        if not leaves:
            raise self._bad(f"fits none of them: {refused}", "of")
        if self.other is not None:
            for name in (*cube.by, *(name for name, _ in cube.only)):
                if self.other.dimension(name) != cube.stream.dimension(name):
                    raise self._bad(f"needs dimension {name!r} to be the same in {self.other.name!r}", name)
        if (longest := len(cube.stream.name) + cube.longest_cell + 1 + max(map(len, leaves))) > ID_MAX:
            raise self._bad(f"has ids of {longest} characters, above {ID_MAX}; use shorter names", "of")

    def _tries(self, cube: Cube) -> int:
        return len(self.windows or cube.windows) * len(self.figures or cube.endings) * max(1, len(self.to))

    @cached_property
    def _tried(self) -> list[tuple[tuple[str, ...], str]]:
        """For each cube (leaves, why the last misfit was refused)."""
        return [self._try(cube) for cube in self.cubes]

    def _try(self, cube: Cube) -> tuple[tuple[str, ...], str]:
        """Every window, figure and `to`, on one cell in the name of all."""
        cell = cube.deepest_cell
        refused = f"it is of {', '.join(self._family.aggregates)}, and the cube has {', '.join(cube.endings)}; add one"
        if len(cell) < self.least_filters:
            return (), f"it needs cells with {self.least_filters} fixed levels"
        streams = {} if self.other is None else {self.other.name: self.other}
        after = self.to or ((self.other.name,) if self.other else ("",))
        endings = cube.stream.endings
        figures = [e for e in self.figures or cube.endings if e in endings and endings[e][0] in self._family.aggregates]
        found = []
        for window, figure, to in itertools.product(self.windows or cube.windows, figures, after):
            base = Base(cube.stream, cell, window, *endings[figure])
            try:
                made = derived(base, self.family, to, streams)
            except BadInput as error:
                refused = error.message
                continue
            found.append(made.id[len(base.id) - len(f"{window}/{figure}") :])
        return tuple(found), refused

    def _bad(self, what: str, field: str) -> BadInput:
        streams = ", ".join(repr(cube.stream.name) for cube in self.cubes)
        return BadInput(f"{self.family} for each column of a cube over {streams} {what}", field=field)
