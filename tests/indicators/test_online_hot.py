"""Subjects with very many events are served from files and what came since: the bytes of the frame after whatever comes, in
whatever order, after a restart, a crash, a correction; and no file is trusted that does not fit."""

from __future__ import annotations

import math
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from online_histories import CLOCK, NOW, SUBJECTS, History, Row, batch_of, histories

from dandelion.core import DAY_US
from dandelion.indicators import standard
from dandelion.indicators.online import Online, Served, open_store
from dandelion.indicators.online.array_file import ArrayFile, write_arrays
from support.feed_online import batch

FEW = (
    "payment.received/30d/count", "payment.received/180d/amount_deviation", "payment.received/90d/distinct_payers",
    "payment.received/365d/longest_gap_days", "payment.received/90d/amount_q50", "payment.received/180d/payer_entropy",
    "payment.received/30d/active_days", "payment.received/90d/amount_last",
)  # fmt: skip
COLUMNS = (
    *FEW, "payment.received/365d/top_payer_share", "payment.made/90d/distinct_payees", "turnover.verified/180d",
    "payment.received/standing=trade/180d/amount_sum", "loan.outside/open=yes/365d/count",
    "invoice.sold/status=valid/90d/total_sum",
)  # fmt: skip


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """Everything that matters only for many events begins at a handful."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dandelion.indicators.growing.YOUNG_MIN", 2)
        patch.setattr("dandelion.indicators.growing.YOUNG_MAX", 5)
        patch.setattr("dandelion.indicators.tiles.TILE_MIN", 2)
        yield


def opened(folder: str | Path, url: str = "memory:", **said: object) -> Online:
    given = {"hot_bytes": 200, "tended_share": math.inf, "columns": COLUMNS} | said
    store = open_store(url.replace("FOLDER", str(folder)), "demo")
    return Online(standard(), Path(folder) / "log", store, clock=CLOCK, **given)  # type: ignore[arg-type]


def assert_served(served: Served, online: Online, *moments: tuple[int, int]) -> None:
    for as_of, known_at in moments:
        frame = online.frame(SUBJECTS, as_of, known_at, columns=served.columns)
        for row, name in enumerate(SUBJECTS):
            assert served.row(name, as_of, known_at).tobytes() == frame.values[row].tobytes(), (name, as_of, known_at)


def paid(number: int, days: float = 0.0, **said: object) -> Row:
    at = NOW - int(days * DAY_US) + number
    return {"event_id": f"e{number}", "source": "s", "at": at, "arrived": at, "replaces": None, "payee": "ann",
            "payer": f"p{number % 7}", "amount_fen": 100 + number % 13, "channel": "qr", "device": None,
            "order_id": None, **said}  # fmt: skip


def fed(online: Online, first: int, count: int) -> None:
    online.apply("payment", batch_of("payment", [paid(n, 40) for n in range(first, first + count)]))


def files(folder: Path, kind: str = "*") -> list[Path]:
    return sorted((folder / "log" / "hot").glob(f"*.{kind}"))


def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Subjects whose files are made from the state, as they are."""
    seen: list[str] = []
    make = Online(standard(), tempfile.mkdtemp(), columns=FEW)._hots.__class__._made

    def told(self: object, entry: object, key: object, subject: str, *rest: object) -> object:
        seen.append(subject)
        return make(self, entry, key, subject, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("dandelion.indicators.online.hot.HotSubjects._made", told)
    return seen


@settings(max_examples=8, deadline=None)
@given(histories(), st.sampled_from(["memory:", "lmdb:FOLDER/db"]), st.data())
def test_what_is_served_is_the_frame_after_every_event_and_restart(
    history: History, url: str, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        online = opened(folder, url, flush_chunks=9, remembered=3)
        all_of, few = online.serve(), online.serve(FEW)
        for n, (kind, row) in enumerate(history):
            online.apply(kind, batch_of(kind, [row]))
            if data.draw(st.integers(0, 3)) == 0:
                assert_served(all_of, online, (NOW, NOW), (row["at"] + 1, row["arrived"] + 1))
            if n % 3 == 0:
                assert_served(few, online, (NOW + DAY_US, NOW + DAY_US))
            match data.draw(st.integers(0, 9)):
                case 0:
                    online.close()
                    online = opened(folder, url, flush_chunks=9)
                    all_of, few = online.serve(), online.serve(FEW)
                case 1:  # a crash: nothing is flushed
                    online.log.close()
                    online.store.close()
                    online = opened(folder, url, flush_chunks=9)
                    all_of, few = online.serve(), online.serve(FEW)
        assert_served(all_of, online, (NOW, NOW), (NOW + 20 * DAY_US, NOW + 20 * DAY_US))
        online.trim(NOW)
        assert_served(few, online, (NOW, NOW + DAY_US))
        online.close()


@pytest.mark.parametrize("url", ["memory:", "lmdb:FOLDER/db"])
def test_after_a_start_files_serve_and_nothing_is_made_anew(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = opened(tmp_path, url)
    fed(online, 0, 40)
    before = online.serve(FEW).row("ann", NOW).tobytes()
    fed(online, 40, 3)
    if url == "memory:":
        online.close()
    else:
        online.log.close()
        online.store.close()
    assert len(files(tmp_path, "older")) == len(files(tmp_path, "tiles")) == 1
    seen = made(monkeypatch)
    tiles = []
    of = "dandelion.indicators.tiles.Tiles.of"
    monkeypatch.setattr(of, lambda *_, **__: tiles.append(1))
    online = opened(tmp_path, url)
    served = online.serve(FEW)
    assert served.row("ann", NOW).tobytes() == online.row("ann", NOW, columns=FEW).values[0].tobytes() != before
    fed(online, 43, 2)
    assert served.row("ann", NOW).tobytes() == online.row("ann", NOW, columns=FEW).values[0].tobytes()
    assert not seen
    assert not tiles
    online.close()


def test_a_late_event_and_a_correction_are_taken_in_by_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = opened(tmp_path)
    served = online.serve(FEW)
    fed(online, 0, 40)
    served.row("ann", NOW)
    seen = made(monkeypatch)
    rows = (
        paid(100, 45),
        paid(101, 40, replaces="e3", payee="bob"),
        paid(102, 40),
        paid(103, 40, replaces="e102", payee="bob"),
    )
    for row in rows:
        before = served.row("ann", NOW).tobytes()
        online.apply("payment", batch_of("payment", [row]))
        asked = len(seen)
        assert served.row("ann", NOW).tobytes() != before
        assert served.row("ann", NOW).tobytes() == online.row("ann", NOW, columns=FEW).values[0].tobytes()
        assert len(seen) == asked, "no request makes anything anew"
    assert seen == ["ann", "ann"]
    online.close()


def test_newer_events_go_into_the_file_when_they_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    online = opened(tmp_path)
    served = online.serve(FEW)
    fed(online, 0, 40)
    served.row("ann", NOW)
    seen, first = made(monkeypatch), files(tmp_path)
    for n in range(40, 60):
        fed(online, n, 1)
        assert served.row("ann", NOW).tobytes() == online.row("ann", NOW, columns=FEW).values[0].tobytes()
    assert not seen
    assert len(files(tmp_path)) == len(first) == 3
    assert not set(files(tmp_path)) & set(first)
    online.close()


def test_what_the_writer_has_no_time_for_is_done_by_who_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    online = opened(tmp_path, tended_share=-1.0)
    served = online.serve(FEW)
    fed(online, 0, 40)
    served.row("ann", NOW)
    seen = made(monkeypatch)
    online.apply("payment", batch_of("payment", [paid(100, 45)]))
    assert not seen
    assert served.row("ann", NOW).tobytes() == online.row("ann", NOW, columns=FEW).values[0].tobytes()
    assert seen == ["ann"]
    online.close()


@pytest.mark.parametrize("kind", ["older", "recent", "tiles"])
def test_a_damaged_file_is_not_trusted(tmp_path: Path, kind: str) -> None:
    online = opened(tmp_path)
    fed(online, 0, 40)
    wanted = online.serve(FEW).row("ann", NOW).tobytes()
    online.close()
    for path in files(tmp_path, kind):
        held = bytearray(path.read_bytes())
        held[-100] ^= 4
        path.write_bytes(held)
    online = opened(tmp_path)
    assert len(files(tmp_path)) == (2 if kind == "tiles" else 0)
    assert online.serve(FEW).row("ann", NOW).tobytes() == wanted
    assert len(files(tmp_path)) == 3
    online.close()


def test_files_of_another_log_or_of_before_a_trim_are_not_trusted(tmp_path: Path) -> None:
    online = opened(tmp_path)
    fed(online, 0, 40)
    online.serve(FEW).row("ann", NOW)
    online.close()
    for segment in (tmp_path / "log").glob("*.log"):
        segment.unlink()
    online = opened(tmp_path)
    assert not files(tmp_path), "the log ends before the file"
    fed(online, 1000, 20)
    online.serve(FEW).row("ann", NOW)
    online.close()
    kept = {path: path.read_bytes() for path in files(tmp_path)}
    for segment in (tmp_path / "log").glob("*.log"):
        segment.unlink()
    online = opened(tmp_path)
    fed(online, 2000, 30)
    online.close()
    for path, held in kept.items():
        path.write_bytes(held)
    online = opened(tmp_path)
    assert not files(tmp_path), "another record stands at its place"
    assert online.serve(FEW).row("ann", NOW)[0] == 0
    assert online.serve(FEW).row("ann", NOW - 10 * DAY_US)[0] == 30
    online.close()


def test_after_a_trim_and_a_rebuild_what_was_trimmed_is_there_again(tmp_path: Path) -> None:
    def count(online: Online, as_of: int) -> float:
        return float(online.serve(FEW).row("ann", as_of)[0])

    online = opened(tmp_path)
    online.apply("payment", batch_of("payment", [paid(n, 390) for n in range(20)]))
    fed(online, 20, 30)
    online.trim(NOW - 20 * DAY_US)
    assert count(online, NOW - 19 * DAY_US) == 30
    online.close()
    online = opened(tmp_path)  # memory holds everything again
    assert count(online, NOW - 380 * DAY_US) == 20
    online.close()
    online = opened(tmp_path, rebuild=True)
    assert not files(tmp_path)
    assert count(online, NOW - 380 * DAY_US) == 20
    online.close()


def test_whoever_is_erased_leaves_no_file(tmp_path: Path) -> None:
    online = opened(tmp_path)
    fed(online, 0, 40)
    assert online.serve(FEW).row("ann", NOW - 15 * DAY_US)[0] == 40
    assert files(tmp_path)
    online.erase(["ann"])
    assert not files(tmp_path)
    assert online.serve(FEW).row("ann", NOW - 15 * DAY_US)[0] == 0
    online.close()


def test_files_outlive_the_log_that_the_store_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "lmdb:FOLDER/db"
    online = opened(tmp_path, url)
    fed(online, 0, 40)
    served = online.serve(FEW)
    served.row("ann", NOW)
    fed(online, 40, 2)
    online.forget_log()
    wanted = served.row("ann", NOW).tobytes()
    online.close()
    seen = made(monkeypatch)
    online = opened(tmp_path, url)
    assert online.serve(FEW).row("ann", NOW).tobytes() == wanted
    assert not seen
    online.close()


def test_corrections_while_it_was_closed_are_noticed(tmp_path: Path) -> None:
    online = opened(tmp_path)
    fed(online, 0, 40)
    online.serve(FEW).row("ann", NOW)
    online.log.append(
        "payment", batch_of("payment", [paid(200, 40, replaces="e5", payee="bob")])
    )  # acknowledged, then a crash
    online.log.close()
    online = opened(tmp_path)
    assert not files(tmp_path)
    assert online.serve(FEW).row("ann", NOW - 15 * DAY_US)[0] == 39
    online.close()


def test_memory_and_disk_are_bounded(tmp_path: Path) -> None:
    online = opened(tmp_path, cached_bytes=40_000, columns=FEW)
    online.apply("payment", batch(0))
    served = online.serve()
    first = [served.row(f"m{i % 40}", NOW).tobytes() for i in range(80)]
    assert first[:40] == first[40:]
    hots = online._hots
    assert 0 < sum(one.awake.nbytes for one in hots._awake.values() if one.awake is not None) <= 10_000
    assert len(files(tmp_path, "older")) == 40
    hots._disk_bytes = 60_000
    online.apply("payment", batch(1))
    again = [served.row(f"m{i}", NOW).tobytes() for i in range(40)]
    assert again == [online.row(f"m{i}", NOW, columns=FEW).values[0].tobytes() for i in range(40)]
    assert 0 < sum(path.stat().st_size for path in files(tmp_path)) <= 60_000
    online.close()


def test_reads_beside_a_writer_never_go_backwards_and_lose_nothing(tmp_path: Path) -> None:
    online = opened(tmp_path, columns=["payment.received/365d/count"])
    fed(online, 0, 20)
    served = online.serve()
    wrong: list[tuple[float, float]] = []
    done = threading.Event()

    def read() -> None:
        last = 0.0
        while not done.is_set():
            now = float(served.row("ann", NOW, NOW + 1)[0])
            if now < last:
                wrong.append((last, now))
            last = now

    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in readers:
        thread.start()
    for n in range(20, 50):
        fed(online, n, 1)
    done.set()
    for thread in readers:
        thread.join()
    assert not wrong
    assert served.row("ann", NOW, NOW + 1)[0] == 50
    online.close()


def test_an_array_file_gives_back_what_was_written_and_refuses_half_of_it(tmp_path: Path) -> None:
    path = tmp_path / "x.older"
    arrays = {
        "a": np.arange(12).reshape(3, 4),
        "b": np.array([1.5, np.nan], np.float32),
        "none": np.empty(0, np.uint64),
    }
    write_arrays(path, {"of": "me"}, arrays)
    file = ArrayFile.open(path)
    assert file is not None and file.said == {"of": "me"}
    for name, array in arrays.items():
        assert file.arrays[name].dtype == array.dtype and file.arrays[name].tobytes() == array.tobytes()
    file.arrays["a"][0, 0] = 99
    again = ArrayFile.open(path)
    assert again is not None and again.arrays["a"][0, 0] == 0, "the file does not change"
    whole = path.read_bytes()
    for broken in (b"", whole[:20], whole[:-64], bytes(len(whole)), whole.replace(b"me", b"we")):
        path.write_bytes(broken)
        assert ArrayFile.open(path) is None
