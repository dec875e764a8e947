"""Settings from a file into frozen dataclasses: every name known, every value of its sort, or a refusal that says where.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class Oven:
...     degrees: int
...     shelves: tuple[str, ...]
>>> shaped(Oven, {"degrees": 180, "shelves": ["low", "high"]}, "oven.yaml")
Oven(degrees=180, shelves=('low', 'high'))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from dandelion.core.errors import BadInput

Made = TypeVar("Made")


def shaped(cls: type[Made], said: Any, where: str) -> Made:
    """`said` (plain YAML or JSON values) as a `cls`, whose fields are int, float, bool, str, tuples of one of them,
    mappings from text to one of them, or dataclasses of such fields.  A whole number will do for a float, never the
    other way round; every field must be there.  `where` names the file.

    Errors: BadInput whose `field` is the dotted path to the value.
    """
    made: Made = _value(cls, said, where, "")
    return made


def _value(hint: Any, said: Any, where: str, path: str) -> Any:
    if is_dataclass(hint):
        return _group(hint, said, where, path)
    outer, inner = get_origin(hint), get_args(hint)
    if outer is tuple:
        if not isinstance(said, list | tuple):
            raise BadInput(f"{where}: {path} is {said!r}; give a list", field=path)
        return tuple(_value(inner[0], one, where, path) for one in said)
    if outer is not None and issubclass(outer, Mapping):
        if not isinstance(said, Mapping):
            raise BadInput(f"{where}: {path} is {said!r}; give names with values", field=path)
        return {str(name): _value(inner[1], one, where, f"{path}.{name}") for name, one in said.items()}
    if hint is float and type(said) is int:
        return float(said)
    if type(said) is not hint:
        raise BadInput(f"{where}: {path} is {said!r}; give {_SORTS[hint]}", field=path)
    return said


_SORTS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def _group(cls: Any, said: Any, where: str, path: str) -> Any:
    names = [f.name for f in fields(cls)]
    if not isinstance(said, Mapping):
        raise BadInput(f"{where}: {path or 'the file'} is {said!r}; give {', '.join(names)}", field=path or names[0])
    prefix = f"{path}." if path else ""
    for name in [*said, *names]:
        if name not in names or name not in said:
            problem = "is missing" if name in names else "is not known"
            raise BadInput(f"{where}: {prefix}{name} {problem}; here stand {', '.join(names)}", field=f"{prefix}{name}")
    hints = get_type_hints(cls)
    return cls(**{name: _value(hints[name], said[name], where, f"{prefix}{name}") for name in names})
