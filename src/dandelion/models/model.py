"""`Model`: what is registered and served.  Raw score in micro-log-odds, then a calibrated PD in parts per million.

Its bytes are canonical JSON without floats; their SHA-256 is the model's name.  Scoring is integer arithmetic, so the
same frame gives the same parts per million on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput, Frame, canonical, content_hash
from dandelion.models.curve import Curve
from dandelion.models.forest import GroveBody, OnnxBody
from dandelion.models.points import Points
from dandelion.models.slopes import Slopes
from dandelion.models.trees import Trees

Ints = npt.NDArray[np.int64]
FORMAT = 1


class Body(Protocol):
    """The part that differs between families."""

    def raw(self, values: npt.NDArray[np.float32], /) -> Ints: ...

    def contributions(self, values: npt.NDArray[np.float32], /) -> tuple[Ints, int]: ...

    def as_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Contributions:
    """`micro` int64 (rows, k): how much each column moves the log-odds of bad, in millionths, from `base_micro`.

    Above zero raises the risk.  A row's parts and the base add up to its raw score, rounding apart.
    """

    columns: tuple[str, ...]
    micro: Ints
    base_micro: int

    def worst(self, row: int, most: int = 4) -> tuple[tuple[str, int], ...]:
        """The columns that raise this row's risk most, largest first; ties by column id."""
        order = sorted(range(len(self.columns)), key=lambda j: (-self.micro[row, j], self.columns[j]))
        return tuple((self.columns[j], int(self.micro[row, j])) for j in order[:most] if self.micro[row, j] > 0)


@dataclass(frozen=True)
class Inputs:
    """The columns a model reads, in order, and the definition hash each had when the model was trained."""

    columns: tuple[str, ...]
    definitions: tuple[str, ...]

    @classmethod
    def of(cls, frame: Frame, columns: Sequence[str]) -> Inputs:
        return cls(tuple(columns), tuple(frame.catalogue[name].definition_hash for name in columns))

    def values(self, frame: Frame) -> npt.NDArray[np.float32]:
        """float32 (n, k).  Raises BadInput for a missing column or one whose definition has changed.

        An empty definition hash means "whatever the catalogue says" (hand-written scorecards may use it).
        """
        at = {name: j for j, name in enumerate(frame.names)}
        catalogue = frame.catalogue
        index = [at[c] for c, d in self.expected if c in at and d in ("", catalogue[c].definition_hash)]
        if len(index) == len(self.columns):
            return frame.values[:, index]
        raise self._misfit(frame)

    @cached_property
    def expected(self) -> tuple[tuple[str, str], ...]:
        """(column, definition) in order."""
        return tuple(zip(self.columns, self.definitions, strict=True))

    def _misfit(self, frame: Frame) -> BadInput:
        for name, definition in self.expected:
            if name not in frame.names:
                return BadInput(f"the frame has no column {name!r}, which the model reads", field=name)
            given = frame.catalogue[name].definition_hash
            if definition and given != definition:
                return BadInput(
                    f"column {name!r} is defined as {given[:12]} but the model learnt it as {definition[:12]}; "
                    "retrain the model or restore the definition",
                    field=name,
                )
        raise AssertionError("every column fits")

    def as_json(self) -> list[dict[str, str]]:
        return [{"id": c, "definition": d} for c, d in zip(self.columns, self.definitions, strict=True)]

    @classmethod
    def from_json(cls, plain: Sequence[Mapping[str, str]]) -> Inputs:
        return cls(tuple(c["id"] for c in plain), tuple(c["definition"] for c in plain))


@dataclass(frozen=True)
class Model:
    """A calibrated scorer of the probability of default.

    `family` is prior, scorecard, booster, logit, expert or forest.  `provenance` holds whole numbers and text only: data hash,
    seed, label definition.
    """

    family: str
    inputs: Inputs
    body: Body = field(repr=False)
    calibration: Curve = field(repr=False)
    calibrated_by: str
    provenance: Mapping[str, str | int]

    @property
    def columns(self) -> tuple[str, ...]:
        return self.inputs.columns

    def score(self, frame: Frame) -> Ints:
        """PD in parts per million, int64 (n,).  NaN is missing and never fails."""
        return self.calibration(self.raw(frame))

    def score_values(self, values: npt.NDArray[np.float32]) -> Ints:
        """As `score`, of rows whose values are already those of `inputs`, in its order: float32 (n, k)."""
        return self.calibration(self.body.raw(values))

    def raw(self, frame: Frame) -> Ints:
        """Uncalibrated log-odds of bad in millionths, int64 (n,)."""
        return self.body.raw(self.inputs.values(frame))

    def contributions(self, frame: Frame, rows: npt.ArrayLike | None = None) -> Contributions:
        """How each column moved the given rows (all without `rows`)."""
        values = self.inputs.values(frame)
        micro, base = self.body.contributions(values if rows is None else values[np.asarray(rows)])
        return Contributions(self.columns, micro, base)

    @cached_property
    def hash(self) -> str:
        return content_hash(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Canonical bytes: the same model always gives the same ones."""
        return canonical(
            {
                "format": FORMAT, "kind": "pd", "family": self.family, "columns": self.inputs.as_json(),
                "body": self.body.as_json(), "calibration": {"by": self.calibrated_by, **self.calibration.as_json()},
                "provenance": dict(self.provenance),
            }
        )  # fmt: skip

    @classmethod
    def from_bytes(cls, data: bytes) -> Model:
        plain = json.loads(data)
        if plain.get("format") != FORMAT or plain.get("kind") != "pd":
            raise BadInput(f"not a PD model of format {FORMAT}; publish it again with this version", field="format")
        bodies: dict[str, Callable[[dict[str, Any]], Body]] = {
            "roots": Trees.from_json, "slopes": Slopes.from_json, "tables": Points.from_json,
            "grove": GroveBody.from_json, "onnx": OnnxBody.from_json,
        }  # fmt: skip
        body = next(read for key, read in bodies.items() if key in plain["body"])(plain["body"])
        return cls(
            plain["family"], Inputs.from_json(plain["columns"]), body, Curve.from_json(plain["calibration"]),
            plain["calibration"]["by"], plain["provenance"],
        )  # fmt: skip
