"""Bodies of ruling requests: JSON for one row, JSON or a binary frame for many.

The frame (``application/vnd.dandelion.rows``): ``DROW``, the length of the heading as uint32, the heading as JSON
(``product``, ``layout``, ``entities``) padded with spaces to a multiple of four, then float32 rows; lowest byte first.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from dandelion.app.policy_set import PolicySet
from dandelion.app.rulings.asking import checked_entities
from dandelion.core import BadInput, TooLarge
from dandelion.core.frame import Floats
from dandelion.policy import KINDS
from dandelion.policy.rulings import RowText, Ruler

FRAME_TYPE = "application/vnd.dandelion.rows"
MAGIC = b"DROW"
_HEAD = struct.Struct("<4sI")
Rows = tuple[Ruler, Floats, list[str]]


def one_row(policy: PolicySet, body: bytes, now: int) -> Rows:
    """``{"product", "entity", "columns": {...}, "keys": {...}}``; keys are what lists are asked about.  Errors: BadInput."""
    read = RowText.of(body)
    if read is not None:
        engine = policy.ruling_engine(read.product)
        if (row := engine.layout.row(read)) is not None:
            return engine, row, checked_entities([read.entity])
    plain = _object(body, {"product", "entity", "columns", "keys"})
    engine = policy.ruling_engine(_text(plain, "product"))
    given = plain.get("columns")
    if not isinstance(given, dict):
        raise BadInput("columns must be an object of numbers by column", field="columns")
    asked = _listed(policy, engine, plain.get("keys") or {}, now)
    both = set(asked) & set(given)
    if both:
        raise BadInput(f"{min(both)} is given as a column and asked with keys; give one of them", field="keys")
    return engine, engine.layout.rows([{**given, **asked}]), checked_entities([plain.get("entity")])


def many_rows(policy: PolicySet, body: bytes, rows_max: int) -> Rows:
    """``{"product", "entities": [...], "columns": [...], "rows": [[...], ...]}``; null is missing.  Errors: BadInput."""
    plain = _object(body, {"product", "entities", "columns", "rows"})
    engine = policy.ruling_engine(_text(plain, "product"))
    entities = _few_enough(checked_entities(plain.get("entities")), rows_max)
    columns, rows = plain.get("columns"), plain.get("rows")
    if not isinstance(columns, list) or len(set(map(str, columns))) != len(columns):
        raise BadInput("columns must be a list of column names, each once", field="columns")
    if not isinstance(rows, list) or len(rows) != len(entities):
        raise BadInput(f"rows must be a list of {len(entities)} rows, one for each entity", field="rows")
    place = engine.layout.place
    for column in columns:
        if column not in place:
            raise BadInput(f"no column is called {column!r}; GET /v1/rulings/columns lists them", field="columns")
    if any(not isinstance(row, list) or len(row) != len(columns) for row in rows):
        raise BadInput(f"every row must be a list of {len(columns)} numbers or nulls", field="rows")
    values = np.full((len(rows), len(place)), np.nan, np.float32)
    try:
        with np.errstate(over="raise"):
            values[:, [place[column] for column in columns]] = np.array(rows, np.float32).reshape(len(rows), -1)
    except (ValueError, TypeError, FloatingPointError, OverflowError):
        raise BadInput("rows must hold numbers that a float32 holds, or null", field="rows") from None
    return engine, values, entities


def frame(policy: PolicySet, body: bytes, rows_max: int) -> Rows:
    """The binary frame.  Errors: BadInput, also where its `layout` is not the one that rules now."""
    if len(body) < _HEAD.size or body[:4] != MAGIC:
        raise BadInput(
            f"a frame begins with {MAGIC.decode()} and the length of its heading; see docs/rulings.md", field="body"
        )
    length = _HEAD.unpack_from(body)[1]
    begin = _HEAD.size + length
    if begin % 4 or begin > len(body):
        raise BadInput("the heading's length must end at a multiple of four bytes inside the body", field="body")
    plain = _object(body[_HEAD.size : begin], {"product", "layout", "entities"})
    engine = policy.ruling_engine(_text(plain, "product"))
    if _text(plain, "layout") != engine.layout.hash:
        raise BadInput(
            "these rows are laid out for other columns than those that rule now; read GET /v1/rulings/columns again",
            field="layout",
        )
    entities = _few_enough(checked_entities(plain.get("entities")), rows_max)
    width = len(engine.columns)
    if len(body) - begin != 4 * width * len(entities):
        raise BadInput(
            f"{len(entities)} rows of {width} float32 take {4 * width * len(entities)} bytes, not {len(body) - begin}",
            field="body",
        )
    rows = np.frombuffer(body, "<f4", offset=begin).reshape(-1, width)
    return engine, rows.astype(np.float32), entities  # a copy: kernels are compiled for arrays that may be written


def frame_of(product: str, layout: str, entities: list[str], values: Floats) -> bytes:
    """A binary frame as `frame` reads it."""
    head = orjson.dumps({"product": product, "layout": layout, "entities": entities})
    head += b" " * (-(_HEAD.size + len(head)) % 4)
    return _HEAD.pack(MAGIC, len(head)) + head + values.astype("<f4").tobytes()


def _few_enough(entities: list[str], rows_max: int) -> list[str]:
    if len(entities) > rows_max:
        raise TooLarge(f"{len(entities)} rows; send at most {rows_max} at once", field="entities")
    return entities


def _listed(policy: PolicySet, engine: Ruler, keys: Any, now: int) -> dict[str, bool | None]:
    """Whether the keys stand in the lists that strategies ask about, by flag."""
    if not isinstance(keys, dict) or any(
        kind not in KINDS or not isinstance(values, list) or not all(isinstance(v, str) for v in values)
        for kind, values in keys.items()
    ):
        raise BadInput(f"keys must be lists of texts by kind; kinds are {', '.join(KINDS)}", field="keys")
    if not keys:
        return {}
    asked = [column for column in engine.columns if column.startswith("in_list(")]
    return {column: policy.lists.hit(column[8:-1], keys, now) for column in asked}


def _object(body: bytes, allowed: set[str]) -> Mapping[str, Any]:
    try:
        plain = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadInput("the body is not JSON", field="body") from None
    if not isinstance(plain, dict):
        raise BadInput("the body must be a JSON object", field="body")
    if more := sorted(set(plain) - allowed):
        raise BadInput(f"{more[0]} is not known here; known: {', '.join(sorted(allowed))}", field=more[0][:100])
    return plain


def _text(plain: Mapping[str, Any], name: str) -> str:
    value = plain.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"{name} must be text", field=name)
    return value
