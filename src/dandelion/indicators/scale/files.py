"""Plain Parquet files of events as Spark DataFrames in the contract's types."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dandelion.core import BadInput, NotFound, fields_of

COMMON = ("event_id", "at", "arrived", "replaces")
_TYPES = {"instant": "timestamp", "fen": "bigint", "count": "bigint", "flag": "boolean"}


def read(spark: Any, path: Path | str, kind: str, columns: Iterable[str]) -> Any:
    """The events of a file (or a folder, or a URL Spark can read) with `columns` and what every event has.

    Without ``arrived`` an event counts as known when it happened; without ``event_id`` ties in time are in the order of
    the file.  Errors: NotFound without a file; BadInput naming a column that is missing or cannot be cast safely.
    """
    functions: Any = importlib.import_module("pyspark.sql.functions")
    if "://" not in str(path) and not Path(path).exists():
        raise NotFound(f"there is no file {path}; give Parquet files of {kind} events", field="--events")
    try:
        events = spark.read.parquet(str(path))
    except Exception as error:  # the JVM's errors have many classes
        raise BadInput(f"Spark does not read {path} as Parquet: {str(error).splitlines()[0][:200]}",
                       field="--events") from error  # fmt: skip
    has = dict(events.dtypes)
    for name in columns:
        if name not in has:
            raise BadInput(f"{path} lacks column {name!r}; it has {', '.join(has)}", field=name)
    kinds = {field.name: field.kind.name for field in fields_of(kind)}
    chosen = []
    for name in [n for n in kinds if n in {*columns, *COMMON, "channel"}]:
        if name in has:
            chosen.append(_cast(functions, path, name, has[name], _TYPES.get(kinds[name], "string")))
        elif name == "arrived":
            chosen.append(_cast(functions, path, "at", has["at"], "timestamp").alias("arrived"))
        elif name == "event_id":
            place = functions.monotonically_increasing_id().cast("string")
            chosen.append(functions.lpad(place, 20, "0").alias("event_id"))
    return events.select(*chosen)


def subjects(events: dict[tuple[str, str], Any]) -> list[str]:
    """Everybody in the role columns, in byte order."""
    found: set[str] = set()
    for (_, role), frame in events.items():
        found.update(frame.select(role).distinct().toArrow().column(role).to_pylist())
    return sorted(found)


def _cast(functions: Any, path: Path | str, name: str, given: str, wanted: str) -> Any:
    column = functions.col(name)
    whole = ("tinyint", "smallint", "int", "bigint")
    if given == wanted or (wanted == "bigint" and given in whole):
        return column.cast(wanted).alias(name)
    if wanted == "timestamp" and given == "bigint":
        return functions.timestamp_micros(column).alias(name)
    if wanted == "timestamp" and given == "timestamp_ntz":
        return column.cast("timestamp").alias(name)
    if wanted == "string" and given in whole:
        return column.cast("string").alias(name)
    raise BadInput(f"{path}: {name} is {given}; write it as {wanted}", field=name)
