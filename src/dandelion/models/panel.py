"""`Panel`: many registered models scored together, their trees in one kernel, each answer as the model alone gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput, Frame, canonical, content_hash
from dandelion.models.curves import Curves
from dandelion.models.forest import Forest, Grove, GroveBody
from dandelion.models.model import Body, Inputs, Model
from dandelion.models.trees import Trees

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Panel:
    """Models that read one frame.  `inputs` are the columns that any of them reads, each once.

    Immutable.  Bodies that are no trees (scorecards, logits, ONNX) are scored beside the forest, one by one.
    """

    models: tuple[Model, ...]
    inputs: Inputs
    _forest: Forest | None = field(repr=False)
    _packed: npt.NDArray[np.int64] = field(repr=False)  # which models stand in the forest
    _columns: tuple[npt.NDArray[np.int64], ...] = field(repr=False)  # per model, where its columns stand in `inputs`

    @classmethod
    def pack(cls, models: Sequence[Model]) -> Panel:
        """Raises BadInput for no models, or where two of them learnt the same column by different definitions."""
        if not models:
            raise BadInput("a panel needs at least one model", field="models")
        definition: dict[str, str] = {}
        for model in models:
            for name, given in zip(model.inputs.columns, model.inputs.definitions, strict=True):
                known = definition.setdefault(name, given)
                if known and given and known != given:
                    raise BadInput(
                        f"two models read column {name!r} as different definitions, {known[:12]} and {given[:12]}; "
                        "retrain the older one",
                        field=name,
                    )
                definition[name] = known or given
        inputs = Inputs(tuple(definition), tuple(definition.values()))
        at = {name: j for j, name in enumerate(definition)}
        columns = tuple(np.array([at[name] for name in m.inputs.columns], np.int64) for m in models)
        packed = [k for k, m in enumerate(models) if isinstance(m.body, Trees | GroveBody)]
        groves = [_grove(models[k].body).over(columns[k], len(at)) for k in packed]
        forest = Forest.pack(groves, len(at)) if groves else None
        return cls(tuple(models), inputs, forest, np.array(packed, np.int64), columns)

    def raw(self, frame: Frame) -> Ints:
        """Uncalibrated log-odds of bad in millionths, int64 (rows, models): column m is `models[m].raw(frame)`."""
        return self.raw_of(self.inputs.values(frame))

    def score(self, frame: Frame) -> Ints:
        """PD in parts per million, int64 (rows, models): column m is `models[m].score(frame)`."""
        return self.score_of(self.inputs.values(frame))

    def raw_of(self, values: npt.NDArray[np.float32]) -> Ints:
        """`raw` of float32 values (rows, inputs) in the order of `inputs`."""
        if self._forest is not None and len(self._packed) == len(self.models):
            return self._forest.raw(values)
        out = np.empty((len(values), len(self.models)), np.int64)
        if self._forest is not None:
            out[:, self._packed] = self._forest.raw(values)
        for k in sorted(set(range(len(self.models))) - set(self._packed.tolist())):
            out[:, k] = self.models[k].body.raw(np.ascontiguousarray(values[:, self._columns[k]]))
        return out

    def score_of(self, values: npt.NDArray[np.float32]) -> Ints:
        """`score` of float32 values (rows, inputs) in the order of `inputs`."""
        return self._curves(self.raw_of(values))

    @cached_property
    def _curves(self) -> Curves:
        return Curves.of([model.calibration for model in self.models])

    @cached_property
    def hash(self) -> str:
        """Name of the set: SHA-256 over the models' own names, in order."""
        return content_hash(canonical([model.hash for model in self.models]))


def _grove(body: Body) -> Grove:
    assert isinstance(body, Trees | GroveBody)
    return body.grove()
