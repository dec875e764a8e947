"""Canonical JSON: sorted keys, no spaces, no floats, UTF-8.  What is hashed is written this way and no other."""

from __future__ import annotations

import json
from typing import Any

from dandelion.core.errors import BadInput

_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False
)  # made once: half of a small call
_PLAIN = {str, int, bool, type(None)}


def canonical(value: Any) -> bytes:
    """Bytes of `value`; floats are refused because their text differs between processors and libraries.

    >>> canonical({"b": 1, "a": "猫"})
    b'{"a":"\\xe7\\x8c\\xab","b":1}'
    """
    if _holds_float(value):
        _refuse_floats(value, "$")
    return _ENCODER.encode(value).encode()


def _holds_float(value: Any) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return isinstance(value, float)
    return any(type(item) not in _PLAIN and _holds_float(item) for item in value)


def _refuse_floats(value: Any, path: str) -> None:
    if isinstance(value, float):
        raise BadInput(f"{path} is the float {value!r}; quantise it to a whole number first", field=path)
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_floats(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse_floats(item, f"{path}[{index}]")
