"""Kept blocks are never stale: what is served equals the frame after any event, correction, flush and trim."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from online_histories import CLOCK, NOW, SUBJECTS, History, batch_of, histories

from dandelion.core import DAY_US, BadInput, Conflict
from dandelion.indicators import standard
from dandelion.indicators.online import Online, Reader, Served, open_store
from support.feed_online import batch
from support.redis import throwaway_redis, why_not

COLUMNS = (
    "payment.received/30d/count", "payment.received/180d/amount_deviation", "payment.made/90d/distinct_payees",
    "payment.received/standing=trade/180d/amount_sum", "turnover.verified/180d", "loan.outside/open=yes/365d/count",
    "invoice.sold/status=valid/90d/total_sum",
)  # fmt: skip
COUNT = COLUMNS[0]
WHO = [*SUBJECTS, "zoe"]


def opened(folder: str | Path, url: str = "memory:", **said: object) -> Online:
    store = open_store(url.replace("FOLDER", str(folder)), "demo")
    return Online(standard(), Path(folder) / "log", store, columns=COLUMNS, clock=CLOCK, **said)  # type: ignore[arg-type]


def assert_served(served: Served, reader: Reader, moments: list[tuple[int, int]]) -> None:
    for as_of, known_at in moments:
        frame = reader.frame(WHO, as_of, known_at, columns=served.columns)
        for row, name in enumerate(WHO):
            assert served.row(name, as_of, known_at).tobytes() == frame.values[row].tobytes(), (name, as_of, known_at)


@settings(max_examples=12, deadline=None)
@given(histories())
def test_what_is_served_is_the_frame_after_every_event(history: History) -> None:
    with tempfile.TemporaryDirectory() as folder:
        online = opened(folder, "lmdb:FOLDER/db", flush_chunks=9)
        served = online.serve()
        for kind, row in history:
            online.apply(kind, batch_of(kind, [row]))
            assert_served(served, online, [(NOW, NOW), (row["at"] + 1, row["arrived"] + 1)])
        online.trim(NOW)
        assert_served(served, online, [(NOW, NOW + DAY_US)])
        online.close()


def test_a_small_cache_gives_the_same_and_stays_small(tmp_path: Path) -> None:
    online = opened(tmp_path, cached_bytes=40_000)
    online.apply("payment", batch(0))
    served = online.serve()
    first = [served.row(f"m{i % 40}", NOW).tobytes() for i in range(120)]
    assert first[:40] == first[40:80] == first[80:]
    assert 0 < online._blocks.held <= 40_000
    online.close()


def test_consent_holds_for_what_is_served(tmp_path: Path) -> None:
    online = opened(tmp_path)
    online.apply("payment", batch(0))
    served = online.serve([COUNT, COLUMNS[-1]])
    place = {name: i for i, name in enumerate(served.columns)}
    for granted in ([], ["payments"], ["invoices"], ["payments", "invoices"]):
        values = served.row("m1", NOW, granted=granted)
        assert np.isnan(values[place[COUNT]]) == ("payments" not in granted)
        assert np.isnan(values[place[COLUMNS[-1]]]) == ("invoices" not in granted)
        assert values.tobytes() == online.row("m1", NOW, columns=served.columns, granted=granted).values[0].tobytes()
    online.close()


def test_serving_refuses_what_the_state_does_not_keep_and_what_was_trimmed(tmp_path: Path) -> None:
    online = opened(tmp_path)
    with pytest.raises(BadInput, match="rebuild"):
        online.serve(["login.made/30d/count"])
    online.apply("payment", batch(0))
    online.trim(NOW)
    with pytest.raises(BadInput, match="trimmed"):
        online.serve().row("m1", NOW - 1)
    online.close()


def test_reads_beside_a_writer_never_go_backwards(tmp_path: Path) -> None:
    online = Online(standard(), tmp_path, columns=["payment.received/365d/count"], clock=CLOCK)
    served = online.serve()
    plain = batch(0).drop_columns(["replaces"])
    wrong: list[tuple[float, float]] = []
    done = threading.Event()

    def read() -> None:
        last = 0.0
        while not done.is_set():
            now = float(served.row("m1", NOW, NOW + 1)[0])
            if now < last:
                wrong.append((last, now))
            last = now

    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in readers:
        thread.start()
    for start in range(0, plain.num_rows, 20):
        online.apply("payment", plain.slice(start, 20))
    done.set()
    for thread in readers:
        thread.join()
    assert not wrong
    assert served.row("m1", NOW, NOW + 1).tobytes() == online.row("m1", NOW, NOW + 1).values[0].tobytes()
    online.close()


def test_other_processes_read_what_was_flushed(tmp_path: Path) -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with throwaway_redis() as url:
        online = opened(tmp_path, url)
        online.apply("payment", batch(0))
        online.flush()
        reader = Reader(standard(), open_store(url, "demo"), columns=COLUMNS)
        served = reader.serve()
        assert reader.position == 1
        assert_served(served, online, [(NOW, NOW)])
        before = reader.frame(["m1"], NOW).values.tobytes()
        online.apply("payment", batch(1))
        assert reader.frame(["m1"], NOW).values.tobytes() == before
        online.flush()
        assert reader.refresh() == 2
        assert_served(served, online, [(NOW, NOW)])
        with pytest.raises(Conflict, match="other columns"):
            Reader(standard(), open_store(url, "demo"), columns=["login.made/30d/count"])
        reader.close()
        online.close()


def test_a_correction_by_another_subjects_event_reaches_a_kept_block(tmp_path: Path) -> None:
    def paid(id_: str, payee: str, arrived: int, replaces: str | None = None) -> object:
        return batch_of("payment", [{"event_id": id_, "source": "s", "at": NOW - DAY_US, "arrived": arrived, "payee": payee,
                                     "payer": "p", "amount_fen": 5, "channel": "qr", "replaces": replaces}])  # fmt: skip

    online = opened(tmp_path)
    served = online.serve([COUNT])
    online.apply("payment", paid("e1", "ann", NOW - 9))
    assert served.row("ann", NOW)[0] == 1
    online.apply("payment", paid("e2", "bob", NOW - 5, "e1"))
    assert served.row("ann", NOW)[0] == 0
    assert served.row("ann", NOW, NOW - 6)[0] == 1
    online.apply("payment", paid("e3", "bob", NOW - 7, "e1"))
    assert served.row("ann", NOW, NOW - 6)[0] == 0, "an earlier correction that came later counts too"
    online.close()
