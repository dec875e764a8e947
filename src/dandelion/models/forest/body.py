"""`GroveBody`: a model read from another library, as the body of a registered `Model`: scored, explained, hashed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.models.forest.explain import Explainer
from dandelion.models.forest.forest import Forest
from dandelion.models.forest.grove import CannotPack, Grove
from dandelion.models.forest.nodes import joined

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class GroveBody:
    """One score.  Its bytes are whole numbers and text, so equal models have equal names."""

    trees: Grove = field(repr=False)

    def __post_init__(self) -> None:
        if self.trees.outputs != 1:
            raise CannotPack(
                f"a model with {self.trees.outputs} scores cannot be one PD; register one model a score",
                field="outputs",
            )

    def grove(self) -> Grove:
        return self.trees

    def raw(self, values: npt.NDArray[np.float32]) -> Ints:
        """Millionths of the library's raw score, int64 (n,), of float32 values (n, k)."""
        return self._forest.raw(values)[:, 0]

    def contributions(self, values: npt.NDArray[np.float32]) -> tuple[Ints, int]:
        """Shapley values in millionths, int64 (n, k), and the base they add up from."""
        return self._explainer.contributions(values)

    def as_json(self) -> dict[str, Any]:
        return self.trees.as_json()

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> GroveBody:
        return cls(Grove.from_json(plain))

    @cached_property
    def _forest(self) -> Forest:
        return Forest.pack([self.trees])

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer.of(joined([self.trees]))
