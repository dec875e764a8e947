"""The columns of a set as mappings that make a value when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from dandelion.core import BadInput, Column
from dandelion.indicators.expansion import Expansion

V = TypeVar("V")


class Columns(Mapping[str, V]):
    """Every published id in order: the named ones, then those of wide declarations.  Values are made when asked for."""

    def __init__(self, named: Mapping[str, object], wide: Expansion, make: Callable[[str], V]) -> None:
        self._named, self._wide, self._make = named, wide, make

    def __getitem__(self, name: str) -> V:
        if name not in self:
            raise KeyError(name)
        return self._make(name)

    def __contains__(self, name: object) -> bool:
        return name in self._named or (isinstance(name, str) and self._wide.holds(name))

    def __iter__(self) -> Iterator[str]:
        yield from self._named
        if self._wide.parts:
            yield from (name for name in self._wide.ids() if name not in self._named)

    def __len__(self) -> int:
        if not self._wide.parts:
            return len(self._named)
        return len(self._named) + self._wide.size - sum(map(self._wide.holds, self._named))


class Nameable(Columns[Column]):
    """Every column that may be named: those listed, and beyond them any path that means something."""

    def __getitem__(self, name: str) -> Column:
        try:
            return self._make(name)
        except BadInput:
            raise KeyError(name) from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None
