"""Feast's side: its offline point-in-time join over its DuckDB store, two ready columns.  Runs under the Python of a
virtual environment of its own, since Feast caps pandas; it imports nothing of ours but the stopwatch."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Int64
from feast.value_type import ValueType

from indicators_runs import THREADS, Clock, answer


def store(folder: str, file: str) -> FeatureStore:
    merchant = Entity(name="merchant", join_keys=["taxpayer"], value_type=ValueType.STRING)
    source = FileSource(name="ready", path=str(Path(file).resolve()), timestamp_field="at")
    view = FeatureView(
        name="ready", entities=[merchant], ttl=timedelta(days=3_650), source=source,
        schema=[Field(name="revenue_fen", dtype=Int64), Field(name="tax_fen", dtype=Int64)],
    )  # fmt: skip
    made = FeatureStore(config=RepoConfig(
        project="bench", registry=f"{folder}/registry.db", provider="local", offline_store={"type": "duckdb"},
        online_store={"type": "sqlite", "path": f"{folder}/online.db"}, entity_key_serialization_version=3,
    ))  # fmt: skip
    made.apply([merchant, view])
    return made


def join(job: dict[str, Any]) -> dict[str, Any]:
    duckdb.execute(f"SET threads = {THREADS}")
    with tempfile.TemporaryDirectory() as folder:
        feast = store(folder, job["file"])
        clock = Clock()
        labels = (
            pq.read_table(job["labels"]).to_pandas().rename(columns={"subject": "taxpayer", "as_of": "event_timestamp"})
        )
        labels["row"] = np.arange(len(labels))
        asked = feast.get_historical_features(entity_df=labels, features=["ready:revenue_fen", "ready:tax_fen"])
        table = asked.to_arrow()
        facts = clock.stop()
    frame: pd.DataFrame = table.select(["row", "revenue_fen", "tax_fen"]).to_pandas().sort_values("row")
    np.save(job["out"] + ".npy", frame[["revenue_fen", "tax_fen"]].to_numpy(np.float32))
    return {**facts, "rows": len(frame)}


if __name__ == "__main__":
    answer({"join": join})
