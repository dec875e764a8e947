"""The workload of `bench/decisions.py`: one set of strategies, written for every engine that is measured.

Strategies have 2 to 4 comparisons (mean 3); four in five join them by *and*, the others say ``c0 and (c1 or c2 ...)``.
Columns are standard normal float32, so that a strategy fires on about one row in seven: deliberately heavy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.policy.expression import And, Compare, Literal, Or, Ref, Truth, number_text, to_float32

Floats = npt.NDArray[np.float32]
_BLAZE = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


@dataclass(frozen=True, slots=True)
class Literals:
    """One strategy: `first` comparisons that must all hold, and `either` of which one must (none, if empty)."""

    first: tuple[tuple[str, str, float], ...]
    either: tuple[tuple[str, str, float], ...]

    def condition(self) -> Truth:
        def node(literal: tuple[str, str, float]) -> Compare:
            return Compare(literal[1], Ref(literal[0]), Literal(literal[2]))

        items: list[Truth] = [node(part) for part in self.first]
        return And((*items, Or(tuple(node(part) for part in self.either)))) if self.either else And(tuple(items))

    def text(self) -> str:
        """As zen's expression language and Python read it."""
        parts = [f"{name} {op} {value!r}" for name, op, value in self.first]
        if self.either:
            parts.append("(" + " or ".join(f"{name} {op} {value!r}" for name, op, value in self.either) + ")")
        return " and ".join(parts)

    def blaze(self) -> str:
        """As BlazeRules' YAML reads it."""

        def leaf(literal: tuple[str, str, float]) -> str:
            return f"{{field: {literal[0]}, op: {_BLAZE[literal[1]]}, value: {literal[2]!r}}}"

        parts = [leaf(part) for part in self.first]
        if self.either:
            parts.append("{or: [" + ", ".join(map(leaf, self.either)) + "]}")
        return "{and: [" + ", ".join(parts) + "]}"


def strategies(count: int, columns: int, seed: int) -> list[Literals]:
    rng = np.random.default_rng(seed)

    def literal() -> tuple[str, str, float]:
        name = f"c{rng.integers(columns):03d}"
        short = to_float32(float(number_text(to_float32(round(float(rng.standard_normal()), 3)))))
        return name, str(rng.choice(list(_BLAZE))), short

    out = []
    for _ in range(count):
        size = int(rng.integers(2, 5))
        parts = [literal() for _ in range(size)]
        split = 1 if size > 2 and rng.random() < 0.2 else size
        out.append(Literals(tuple(parts[:split]), tuple(parts[split:])))
    return out


def rows(count: int, columns: int, missing: float, seed: int) -> Floats:
    """(count, columns) float32 with a share of the values missing."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((count, columns)).astype(np.float32)
    values[rng.random(values.shape) < missing] = np.nan
    return values


def names(columns: int) -> list[str]:
    return [f"c{i:03d}" for i in range(columns)]


def blaze_yaml(book: Sequence[Literals]) -> str:
    head = "version: '1.0.0'\nruleset: {id: bench}\nrules:\n"
    return head + "".join(
        f"- {{id: r{i:04d}, action: flag, conditions: {one.blaze()}}}\n" for i, one in enumerate(book)
    )


def zen_table(book: Sequence[Literals]) -> dict[str, object]:
    """A decision table that collects every hit, with the whole condition in one expression column: zen's fastest form."""
    rules = [{"_id": f"r{i}", "when": one.text(), "hit": str(i)} for i, one in enumerate(book)]
    table = {
        "hitPolicy": "collect",
        "passThrough": False,
        "inputs": [{"id": "when", "name": "when"}],
        "outputs": [{"id": "hit", "name": "hit", "field": "hit"}],
        "rules": rules,
    }
    at = {"x": 0, "y": 0}
    return {
        "nodes": [
            {"id": "in", "name": "in", "type": "inputNode", "position": at},
            {"id": "table", "name": "table", "type": "decisionTableNode", "position": at, "content": table},
            {"id": "out", "name": "out", "type": "outputNode", "position": at},
        ],
        "edges": [
            {"id": "a", "sourceId": "in", "targetId": "table", "type": "edge"},
            {"id": "b", "sourceId": "table", "targetId": "out", "type": "edge"},
        ],
    }


def python_source(book: Sequence[Literals], given: Sequence[str]) -> str:
    """One generated function: columns as locals, one line a strategy; a missing value (NaN) compares as false."""
    lines = [f"def fire(row):\n    {', '.join(given)} = row\n    hits = []"]
    lines += [f"    if {one.text()}: hits.append({i})" for i, one in enumerate(book)]
    return "\n".join([*lines, "    return hits"])


def zen_contexts(values: Floats, given: Sequence[str]) -> list[dict[str, float]]:
    """What zen is given: plain dicts, missing values left out (it then takes the comparison for false)."""
    return [{name: value for name, value in zip(given, row, strict=True) if value == value} for row in values.tolist()]


def as_json(content: dict[str, object]) -> str:
    return json.dumps(content)
