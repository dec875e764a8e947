"""A Spark session set up for us: Arrow only, UTC, and this very Python on both sides."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dandelion.core import BadInput, Unavailable

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
    "spark.sql.execution.pyspark.udf.faulthandler.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.python.worker.reuse": "true",  # a worker loads the compiled kernel once
}


def session(master: str, settings: Mapping[str, str] | None = None) -> Any:
    """The session at `master` (``local[2]``, ``spark://host:7077``, ``yarn``); `settings` are Spark's own.

    Without ``PYSPARK_PYTHON`` in the environment the workers run this interpreter.  Errors: BadInput without PySpark;
    Unavailable without Java or where the master does not answer.
    """
    try:
        sql: Any = importlib.import_module("pyspark.sql")
    except ImportError:
        raise BadInput("the Spark engine needs PySpark; install it with: pip install 'dandelion-credit[spark]'",
                       field="engine") from None  # fmt: skip
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        raise Unavailable("Spark needs Java 17; install a JRE or set JAVA_HOME", field="engine")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    if master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = sql.SparkSession.builder.master(master).appName("dandelion indicators")
    for name, value in {**SETTINGS, **(settings or {})}.items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except Exception as error:  # py4j and the JVM raise many kinds
        raise Unavailable(
            f"Spark at {master} does not start: {str(error).splitlines()[0][:200]}", field="master"
        ) from error


@contextmanager
def using(master: str, settings: Mapping[str, str] | None = None) -> Iterator[Any]:
    """A session for a while; one that was there before stays."""
    sql = importlib.import_module("pyspark.sql") if importlib.util.find_spec("pyspark") else None
    before = None if sql is None else sql.SparkSession.getActiveSession()
    made = session(master, settings)
    try:
        yield made
    finally:
        if before is None:
            made.stop()
