"""Canonical JSON: sorted keys, no spaces, no floats, UTF-8.  What is hashed is written this way and no other."""

from __future__ import annotations

import json
from typing import Any

from dandelion.core.errors import BadInput


def canonical(value: Any) -> bytes:
    """Bytes of `value`; floats are refused because their text differs between processors and libraries.

    >>> canonical({"b": 1, "a": "猫"})
    b'{"a":"\\xe7\\x8c\\xab","b":1}'
    """
    _refuse_floats(value, "$")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _refuse_floats(value: Any, path: str) -> None:
    if isinstance(value, float):
        raise BadInput(f"{path} is the float {value!r}; quantise it to a whole number first", field=path)
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_floats(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse_floats(item, f"{path}[{index}]")
