"""What the models of a product learn from: a declared list of columns, and the training settings that fit so many.

A line of the list stands for every combination of its ``{a,b}`` parts:

>>> spread("login.made/{7d,30d}/{count,active_days}")
['login.made/7d/count', 'login.made/7d/active_days', 'login.made/30d/count', 'login.made/30d/active_days']
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dandelion.core import BadInput, plain_yaml
from dandelion.models import Spec

COLUMNS_MAX = 5_000  # of one list: far above what a book of loans can teach
_KEYS = {"name", "training", "columns"}
_PARTS = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class LearningColumns:
    """Ids in the order of the list, each once; `training` is laid over the settings of the models' room."""

    columns: tuple[str, ...]
    training: Mapping[str, Any] = field(default_factory=dict)

    def spec(self, overrides: Mapping[str, Any]) -> Spec:
        """The settings to train with; `overrides` win.  Errors: BadInput naming the setting."""
        return Spec.load(overrides={**self.training, **overrides})


def load_learning_columns(file: Path, known: Container[str]) -> LearningColumns:
    """Read the list in `file`; every id must be in `known`.  Errors: BadInput naming the file, the line and the remedy."""
    try:
        raw: Any = plain_yaml(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(
            f"{file.name} is not there; write it, or take `learn` out of the sight plan", field="learn"
        ) from None
    except yaml.YAMLError as error:
        raise BadInput(f"{file.name} is not YAML: {error}", field=file.name) from None
    if not isinstance(raw, dict) or not {"name", "columns"} <= set(raw) <= _KEYS:
        raise BadInput(f"{file.name} must hold name and columns, and may hold training", field=file.name)
    lines, training = raw["columns"], raw.get("training") or {}
    if not isinstance(lines, list) or not lines or not all(isinstance(line, str) for line in lines):
        raise BadInput(f"{file.name}: columns must be a list of ids, one a line", field="columns")
    if not isinstance(training, dict):
        raise BadInput(f"{file.name}: training must be a group of settings", field="training")
    found: dict[str, None] = {}
    for line in lines:
        for name in spread(line):
            if name not in known:
                raise BadInput(
                    f"{file.name}: {line!r} stands for {name!r}, which is no column; see dandelion indicators list",
                    field=name,
                )
            found[name] = None
    learnt = LearningColumns(tuple(found), training)
    learnt.spec({})
    return learnt


def spread(line: str) -> list[str]:
    """Every id that a line stands for.  Errors: BadInput for braces that do not close, or more than `COLUMNS_MAX` ids."""
    parts = _PARTS.split(line)
    if any("{" in part or "}" in part for part in parts[::2]):
        raise BadInput(f"{line!r}: a brace is not closed, or stands inside another", field="columns")
    choices = [part.split(",") if k % 2 else [part] for k, part in enumerate(parts)]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > COLUMNS_MAX:
        raise BadInput(f"{line!r} stands for {count:,} columns; name at most {COLUMNS_MAX:,}", field="columns")
    return ["".join(one) for one in itertools.product(*choices)]
