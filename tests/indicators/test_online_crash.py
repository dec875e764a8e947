"""A real process is killed in the middle of taking in events, again and again; nothing it acknowledged is lost."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from online_histories import assert_same_bytes

from dandelion.core import arrow_schema
from dandelion.indicators import evaluate, standard
from support import feed_online
from support.feed_online import COLUMNS, NOW, ROWS, batch, opened

KILLS = 2
WHO = [f"m{i}" for i in range(90)]


def fed_until_killed(folder: Path, store: str, pause_s: float) -> int:
    """Start a feeder, let it acknowledge something, kill it `pause_s` later; the last position it called safe."""
    feeder = subprocess.Popen(
        [sys.executable, feed_online.__file__, str(folder), store], stdout=subprocess.PIPE, text=True
    )
    assert feeder.stdout is not None
    safe = int(feeder.stdout.readline().split()[1])
    safe = int(feeder.stdout.readline().split()[1])
    time.sleep(pause_s)
    feeder.send_signal(signal.SIGKILL)
    for line in feeder.stdout:
        if line.startswith("safe") and line.endswith("\n"):
            safe = int(line.split()[1])
    feeder.wait()
    return safe


@pytest.mark.parametrize("store", ["memory:", "lmdb:{}/db"])
def test_a_feeder_killed_at_any_moment_loses_nothing_it_acknowledged(store: str, tmp_path: Path) -> None:
    moments = random.Random(store)
    url = store.format(tmp_path)
    for _ in range(KILLS):
        safe = fed_until_killed(tmp_path, url, moments.random() * 0.3)
        online = opened(str(tmp_path), url)
        position = online.position
        assert position >= safe
        sent = pa.concat_tables([batch(i) for i in range(position)])
        ids = [int(id_[1:]) for id_ in sent.column("event_id").to_pylist()]
        once = sent.take(pa.array(np.unique(ids, return_index=True)[1]))
        assert once.num_rows == position * ROWS
        tables = {
            key: once if key[0] == "payment" else arrow_schema(key[0]).empty_table() for key in online.layout.tables
        }
        wanted = evaluate(standard(), tables, WHO, NOW, NOW, columns=COLUMNS)
        assert_same_bytes(online.frame(WHO, NOW), wanted)
        online.close()
