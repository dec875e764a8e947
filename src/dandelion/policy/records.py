"""YAML files read with the line of every key, so that a load error can say file and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dandelion.core import BadInput

FILE_BYTES_MAX = 8_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Record(dict[str, Any]):
    """A YAML mapping that knows its place and that of its keys."""

    place: Place
    places: dict[str, Place]


@dataclass(slots=True)
class Reader:
    """Takes typed fields out of a record and refuses what is left over."""

    record: Record
    taken: set[str] = field(default_factory=set)

    def refuse(self, key: str, message: str) -> BadInput:
        place = self.record.places.get(key, self.record.place)
        return BadInput(f"{place}: {key} {message}", field=key)

    def has(self, key: str) -> bool:
        return self.record.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        value = self._take(key, default)
        if not isinstance(value, str):
            quotes = ", in quotes" if isinstance(value, int | float) else ""
            raise self.refuse(key, f"is {value!r}; give text{quotes}")
        return value.strip()

    def whole(self, key: str, default: int | None = None, *, low: int | None = None, high: int | None = None) -> int:
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(key, f"is {value!r}; give a whole number")
        if (low is not None and value < low) or (high is not None and value > high):
            raise self.refuse(key, f"is {value}; it must lie between {low} and {high}")
        return value

    def wholes(self, key: str) -> tuple[int, ...]:
        value = self._take(key, None)
        if not isinstance(value, list) or not value:
            raise self.refuse(key, "must be a list of whole numbers")
        if any(isinstance(item, bool) or not isinstance(item, int) for item in value):
            raise self.refuse(key, f"is {value!r}; give whole numbers only")
        return tuple(value)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._take(key, [])
        if not isinstance(value, list) or any(not isinstance(item, str) for item in value):
            raise self.refuse(key, f"is {value!r}; give a list of texts")
        return tuple(value)

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in allowed:
            raise self.refuse(key, f"is {value!r}; it must be one of {', '.join(allowed)}")
        return value

    def mapping(self, key: str) -> Record:
        value = self._take(key, None)
        if not isinstance(value, Record):
            raise self.refuse(key, "must be a mapping")
        return value

    def maybe_mapping(self, key: str) -> Record:
        if self.has(key):
            return self.mapping(key)
        self.taken.add(key)
        return empty(self.record.place)

    def records(self, key: str) -> list[Record]:
        value = self._take(key, [])
        if not isinstance(value, list) or any(not isinstance(item, Record) for item in value):
            raise self.refuse(key, "must be a list of mappings")
        return value

    def raw(self, key: str) -> Any:
        return self._take(key, None)

    def done(self) -> None:
        for key in self.record:
            if key not in self.taken:
                raise self.refuse(key, f"is not known here; known: {', '.join(sorted(self.taken))}")

    def _take(self, key: str, default: Any) -> Any:
        self.taken.add(key)
        value = self.record.get(key, default)
        if value is None:
            raise self.refuse(key, "is missing")
        return value


def empty(place: Place) -> Record:
    record = Record()
    record.place, record.places = place, {}
    return record


def read_yaml(path: Path) -> Record:
    """The mapping in a YAML file.  Errors: BadInput with file and line for bad YAML or a key written twice."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})", field=str(path)) from None
    if len(data) > FILE_BYTES_MAX:
        raise BadInput(f"{path}: larger than {FILE_BYTES_MAX:,} bytes; split it", field=str(path))
    try:
        node = yaml.compose(data.decode("utf-8"), Loader=yaml.CSafeLoader)
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not UTF-8 text", field=str(path)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        problem = getattr(error, "problem", None) or "not YAML"
        raise BadInput(f"{path}:{line}: {problem}", field=str(path)) from None
    if not isinstance(node, yaml.MappingNode):
        raise BadInput(f"{path}:1: the file must hold a mapping", field=str(path))
    built = _build(node, str(path), 0)
    assert isinstance(built, Record)
    return built


def _build(node: yaml.Node, file: str, depth: int) -> Any:
    place = Place(file, node.start_mark.line + 1)
    if depth > 20:
        raise BadInput(f"{place}: nested too deep", field=file)
    if isinstance(node, yaml.MappingNode):
        record = empty(place)
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in record:
                raise BadInput(f"{file}:{key_node.start_mark.line + 1}: {key} is written twice", field=key)
            record.places[key] = Place(file, key_node.start_mark.line + 1)
            record[key] = _build(value_node, file, depth + 1)
        return record
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, file, depth + 1) for item in node.value]
    return _scalar(node, place)


def _scalar(node: yaml.Node, place: Place) -> Any:
    tag, text = node.tag, node.value
    if tag == "tag:yaml.org,2002:int":
        try:
            return int(text.replace("_", ""), 10)
        except ValueError:
            raise BadInput(f"{place}: {text!r} is not a decimal whole number", field=str(place)) from None
    if tag == "tag:yaml.org,2002:float":
        try:
            return float(text.replace("_", ""))
        except ValueError:
            raise BadInput(f"{place}: {text!r} is not a number", field=str(place)) from None
    if tag == "tag:yaml.org,2002:bool":
        return text.lower() in ("true", "yes", "on")
    if tag == "tag:yaml.org,2002:null":
        return None
    if tag in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp"):
        return str(text)
    raise BadInput(f"{place}: the tag {tag} is not allowed", field=str(place))


def plain(value: Any) -> Any:
    """A record as plain dicts and lists fit for canonical JSON: floats become their text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return repr(value)
    return value
