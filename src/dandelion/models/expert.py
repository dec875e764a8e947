"""The expert scorecard: points written by a person, so that a lender without history can start.

A YAML file in the trade's scale (higher is better); it becomes a `Model` that scores like any trained one.

    name: shop-starter
    source: credit committee, 2026-01
    scale: {points: 600, good_per_bad: 30, points_to_double: 20}
    columns:
      - column: payment.received/30d/distinct_payers
        definition: ""            # definition hash, or empty for whatever the catalogue says
        edges: [20, 60, 150]      # bins are [low, high)
        points: [-30, -5, 10, 20] # one more than edges
        missing: -30
        usual: 0                  # what the usual merchant gets; reasons are counted from here
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from dandelion.core import BadInput, content_hash, plain_yaml
from dandelion.models.calibration import MICRO, uncalibrated
from dandelion.models.model import Inputs, Model
from dandelion.models.points import Points, PointsTable
from dandelion.models.spec import Spec

_SCALE = ("points", "good_per_bad", "points_to_double")
_COLUMN = ("column", "edges", "points", "missing", "usual")


@dataclass(frozen=True, slots=True)
class ExpertCard:
    """The card of a hand-written scorecard.  It has met no data, so it never counts as passed: promoting it takes a
    note by the person who answers for it."""

    model_hash: str
    name: str
    source: str
    columns: tuple[tuple[str, str], ...]
    passed: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "model": self.model_hash, "family": "expert", "passed": self.passed, "name": self.name,
            "source": self.source, "columns": [{"id": c, "definition": d} for c, d in self.columns], "gates": [],
        }  # fmt: skip

    def to_bytes(self) -> bytes:
        return (json.dumps(self.as_json(), sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()

    def to_markdown(self) -> str:
        names = "".join(f"* `{c}`\n" for c, _ in self.columns)
        return f"# expert {self.name} {self.model_hash[:12]}: judged by nobody's data yet\n\n{self.source}\n\n{names}"


@dataclass(frozen=True, slots=True)
class ExpertScorecard:
    """A parsed points file.  `base` is the score of a merchant with zero points from every column."""

    name: str
    source: str
    base: float
    points: float
    good_per_bad: float
    points_to_double: float
    inputs: Inputs
    tables: tuple[tuple[tuple[float, ...], tuple[float, ...], float, float], ...]
    content: str

    @classmethod
    def load(cls, path: Path | str) -> ExpertScorecard:
        return cls.parse(Path(path).read_text("utf-8"))

    @classmethod
    def parse(cls, text: str) -> ExpertScorecard:
        """Raises BadInput naming the key that is missing, unknown or not a number."""
        try:
            plain = plain_yaml(text)
        except yaml.YAMLError as problem:
            raise BadInput(f"the scorecard is not YAML: {str(problem).splitlines()[0]}", field="scorecard") from None
        top = _keys(plain, "scorecard", ("name", "source", "scale", "columns"), ("base",))
        scale = _keys(top["scale"], "scale", _SCALE, ())
        points, odds, double = (_number(scale[k], f"scale.{k}") for k in _SCALE)
        if odds <= 0 or double <= 0:
            raise BadInput("scale.good_per_bad and scale.points_to_double must be above zero", field="scale")
        if not isinstance(top["columns"], list) or not top["columns"]:
            raise BadInput("columns must list at least one column", field="columns")
        columns, definitions, tables = [], [], []
        for i, entry in enumerate(top["columns"]):
            where = f"columns[{i}]"
            one = _keys(entry, where, _COLUMN, ("definition",))
            columns.append(str(one["column"]))
            definitions.append(str(one.get("definition", "")))
            edges = tuple(_number(e, f"{where}.edges") for e in _listed(one["edges"], f"{where}.edges"))
            worth = tuple(_number(p, f"{where}.points") for p in _listed(one["points"], f"{where}.points"))
            tables.append(
                (edges, worth, _number(one["missing"], f"{where}.missing"), _number(one["usual"], f"{where}.usual"))
            )
        if len(set(columns)) != len(columns):
            raise BadInput("a column is scored twice; merge its bins", field="columns")
        return cls(
            str(top["name"]), str(top["source"]), _number(top.get("base", points), "base"), points, odds, double,
            Inputs(tuple(columns), tuple(definitions)), tuple(tables), content_hash(text.encode()),
        )  # fmt: skip

    def model(self, spec: Spec | None = None) -> Model:
        """The same scoring interface as a trained model; PDs follow from the declared odds, not from data."""
        spec = spec or Spec.load()
        micro_per_point = -math.log(2) / self.points_to_double * MICRO
        base = -math.log(self.good_per_bad) * MICRO + (self.base - self.points) * micro_per_point
        tables = tuple(
            PointsTable(
                np.array(edges, np.float64),
                np.rint(np.array(worth) * micro_per_point).astype(np.int64),
                round(missing * micro_per_point),
                round(usual * micro_per_point),
            )
            for edges, worth, missing, usual in self.tables
        )
        about: dict[str, str | int] = {"name": self.name, "source": self.source, "file": self.content}
        return Model("expert", self.inputs, Points(round(base), tables), uncalibrated(spec.calibration), "none", about)

    def card(self, spec: Spec | None = None) -> ExpertCard:
        columns = tuple(zip(self.inputs.columns, self.inputs.definitions, strict=True))
        return ExpertCard(self.model(spec).hash, self.name, self.source, columns)


def _keys(plain: Any, where: str, needed: tuple[str, ...], allowed: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(plain, Mapping):
        raise BadInput(f"{where} must hold {', '.join(needed)}", field=where)
    for key in needed:
        if key not in plain:
            raise BadInput(f"{where} lacks {key}", field=f"{where}.{key}")
    for key in plain:
        if key not in needed + allowed:
            raise BadInput(f"{where} has an unknown key {key!r}; known: {', '.join(needed + allowed)}", field=where)
    return plain


def _listed(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadInput(f"{where} must be a list of numbers", field=where)
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput(f"{where} is {value!r}; give a number", field=where)
    return float(value)
