"""The log: what was acknowledged is there after any crash; a torn end is cut off, damage is never skipped."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from online_histories import CLOCK, NOW, batch_of

from dandelion.core import BadInput, Conflict, DandelionError, Unavailable
from dandelion.indicators import standard
from dandelion.indicators.online import Online, open_store
from dandelion.indicators.online.log import EventLog

COUNT = "payment.received/30d/count"
WHO = [f"m{i}" for i in range(9)]


def payments(first: int, rows: int = 2) -> object:
    common = {"source": "s", "at": NOW - 9, "arrived": NOW - 9, "payer": "bob", "amount_fen": 5, "channel": "qr"}
    return batch_of(
        "payment", [{**common, "event_id": f"e{i}", "payee": f"m{i % 9}"} for i in range(first, first + rows)]
    )


def written(folder: Path, batches: int = 3, **said: int) -> EventLog:
    log = EventLog(folder, **said)
    for i in range(batches):
        assert log.append("payment", payments(2 * i)) == i + 1
    return log


def ids(log: EventLog) -> list[str]:
    return [id_ for entry in log.read() for id_ in entry.events.column("event_id").to_pylist()]


def test_records_come_back_as_they_were_written_from_any_position(tmp_path: Path) -> None:
    log = written(tmp_path)
    assert ids(log) == ["e0", "e1", "e2", "e3", "e4", "e5"]
    assert [entry.sequence for entry in log.read(after=2)] == [3]
    assert next(log.read()).events.equals(payments(0))
    log.close()


def test_a_log_torn_at_any_byte_of_its_last_record_keeps_all_before_it_and_goes_on(tmp_path: Path) -> None:
    written(tmp_path / "log", 2).close()
    (segment,) = (tmp_path / "log").glob("*.log")
    short = segment.stat().st_size
    written_on = EventLog(tmp_path / "log")
    written_on.append("payment", payments(4))
    written_on.close()
    whole = segment.read_bytes()
    for size in {short, short + 1, short + 20, short + 59, short + 60, (short + len(whole)) // 2, len(whole) - 1}:
        torn = tmp_path / f"torn{size}"
        shutil.copytree(tmp_path / "log", torn)
        (torn / segment.name).write_bytes(whole[:size])
        log = EventLog(torn)
        assert (ids(log), log.cut_bytes) == (["e0", "e1", "e2", "e3"], size - short)
        assert log.append("payment", payments(8)) == 3
        assert ids(log)[-2:] == ["e8", "e9"]
        log.close()


def test_an_end_of_zeros_or_of_garbage_is_a_torn_end(tmp_path: Path) -> None:
    written(tmp_path, 1).close()
    (segment,) = tmp_path.glob("*.log")
    for rubbish in (bytes(4096), b"EVTS" * 30):
        with segment.open("ab") as file:
            file.write(rubbish)
        log = EventLog(tmp_path)
        assert (ids(log), log.cut_bytes) == (["e0", "e1"], len(rubbish))
        log.close()


def test_one_flipped_bit_before_the_end_is_an_error_that_says_where(tmp_path: Path) -> None:
    written(tmp_path).close()
    (segment,) = tmp_path.glob("*.log")
    data = bytearray(segment.read_bytes())
    for place in (20, 200, len(data) // 2):
        damaged = bytearray(data)
        damaged[place] ^= 4
        segment.write_bytes(damaged)
        with pytest.raises(Unavailable, match=r"damaged at byte .* restore"):
            EventLog(tmp_path)
    segment.write_bytes(data)
    EventLog(tmp_path).close()


def test_damage_in_an_older_segment_is_an_error_when_it_is_read(tmp_path: Path) -> None:
    log = written(tmp_path, segment_bytes=100)
    first = sorted(tmp_path.glob("*.log"))[0]
    assert len(list(tmp_path.glob("*.log"))) == 3
    first.write_bytes(first.read_bytes()[:-3])
    with pytest.raises(Unavailable, match="damaged"):
        list(log.read())
    log.close()


def test_a_segment_that_was_only_begun_is_begun_again(tmp_path: Path) -> None:
    written(tmp_path).close()
    (tmp_path / f"{4:020d}.log").write_bytes(b"DND")
    log = EventLog(tmp_path)
    assert log.append("payment", payments(6)) == 4
    assert len(ids(log)) == 8
    log.close()


def test_a_file_that_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"{1:020d}.log").write_bytes(b"something else altogether")
    with pytest.raises(Unavailable, match="not a log"):
        EventLog(tmp_path)


def test_only_one_process_writes_a_log(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    with pytest.raises(Conflict, match="one process"):
        EventLog(tmp_path)
    log.close()
    EventLog(tmp_path).close()


def test_old_segments_are_forgotten_once_a_lasting_store_holds_them(tmp_path: Path) -> None:
    def opened(name: str, **said: bool) -> Online:
        return Online(standard(), tmp_path / "log", open_store(f"lmdb:{tmp_path}/{name}", "demo"), columns=[COUNT],
                      clock=CLOCK, **said)  # type: ignore[arg-type]  # fmt: skip

    online = opened("db")
    for i in range(3):
        online.apply("payment", payments(3 * i, 3))
    assert online.forget_log() > 0
    assert online.apply("payment", payments(9, 3)).position == 4
    online.close()
    online = opened("db")
    assert online.frame(WHO, NOW)[COUNT].tolist() == [2, 2, 2, 1, 1, 1, 1, 1, 1]
    online.close()
    with pytest.raises(Unavailable, match="forgotten"):
        opened("another")
    with pytest.raises(Unavailable, match="forgotten"):
        opened("db", rebuild=True)
    online = opened("db")
    assert online.frame(WHO, NOW)[COUNT].sum() == 12, "a refused rebuild leaves the store as it was"
    online.close()


def test_a_memory_state_keeps_its_log(tmp_path: Path) -> None:
    online = Online(standard(), tmp_path, columns=[COUNT], clock=CLOCK)
    with pytest.raises(BadInput, match="keep it"):
        online.forget_log()
    online.close()


def test_a_store_ahead_of_its_log_is_refused(tmp_path: Path) -> None:
    online = Online(
        standard(), tmp_path / "log", open_store(f"lmdb:{tmp_path}/db", "demo"), columns=[COUNT], clock=CLOCK
    )
    online.apply("payment", payments(0))
    online.close()
    store = open_store(f"lmdb:{tmp_path}/db", "demo")
    with pytest.raises(Unavailable, match="not its log"):
        Online(standard(), tmp_path / "other", store, columns=[COUNT], clock=CLOCK)
    store.close()


def test_a_store_of_other_columns_says_so_and_can_be_made_anew_from_the_log(tmp_path: Path) -> None:
    def opened(column: str, **said: bool) -> Online:
        return Online(standard(), tmp_path / "log", open_store(f"lmdb:{tmp_path}/db", "demo"), columns=[column], clock=CLOCK,
                      **said)  # type: ignore[arg-type]  # fmt: skip

    online = opened(COUNT)
    online.apply("payment", payments(0))
    online.close()
    with pytest.raises(Conflict, match="rebuild=True"):
        opened("payment.made/90d/count")
    online = opened("payment.made/90d/count", rebuild=True)
    assert online.frame(["bob"], NOW)["payment.made/90d/count"][0] == 2
    online.close()


def test_after_a_failed_write_nothing_more_is_taken_in_until_it_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = Online(standard(), tmp_path, columns=[COUNT], clock=CLOCK)
    online.apply("payment", payments(0))

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("dandelion.indicators.online.log.os.fsync", full)
        with pytest.raises(Unavailable, match="No space left"):
            online.apply("payment", payments(2))
    with pytest.raises(DandelionError, match="reopen"):
        online.apply("payment", payments(4))
    assert online.frame(WHO, NOW)[COUNT].sum() == 2
    online.close()
    online = Online(standard(), tmp_path, columns=[COUNT], clock=CLOCK)
    assert online.apply("payment", payments(4)).new == 2
    assert online.frame(WHO, NOW)[COUNT].sum() in (4, 6), "what was not acknowledged may or may not be there"
    online.close()


def erasable(folder: Path, store: str) -> Online:
    return Online(standard(), folder / "log", open_store(store.format(folder), "demo"),
                  columns=[COUNT, "payment.made/90d/count"], clock=CLOCK)  # fmt: skip


@pytest.mark.parametrize("store", ["memory:", "lmdb:{}/db"])
def test_an_erased_subject_is_gone_from_state_and_log_and_does_not_come_back(store: str, tmp_path: Path) -> None:
    online = erasable(tmp_path, store)
    online.apply("payment", payments(0, 9))
    online.flush()
    online.apply("payment", payments(9, 9))
    served = online.serve([COUNT])
    assert served.row("m1", NOW)[0] == 2
    online.erase(["m1"])
    for again in range(3):
        assert online.frame(WHO, NOW, columns=[COUNT])[COUNT].tolist() == [2, 0, 2, 2, 2, 2, 2, 2, 2]
        assert online.serve([COUNT]).row("m1", NOW)[0] == 0
        assert online.row("bob", NOW)["payment.made/90d/count"][0] == 18, "the other side keeps what it saw"
        if again < 2:
            online.close()
            online = erasable(tmp_path, store)
    online.apply("payment", payments(18, 9))
    assert online.frame(["m1", "m2"], NOW, columns=[COUNT])[COUNT].tolist() == [0, 3]
    online.erase(["bob"])
    online.close()
    log = EventLog(tmp_path / "log")
    assert "e1" not in ids(log)
    assert "e10" not in ids(log)
    assert len(ids(log)) == 24
    assert [entry.sequence for entry in log.read()] == [1, 2, 3]
    log.close()


def test_an_erasure_that_was_cut_short_is_finished_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = erasable(tmp_path, "lmdb:{}/db")
    online.apply("payment", payments(0, 9))
    online.flush()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(online.store, "put_many", die)
        online.erase(["m1", "bob"])
    online.log.close()
    online.store.close()
    online = erasable(tmp_path, "lmdb:{}/db")
    assert online.frame(["m1", "m2"], NOW, columns=[COUNT])[COUNT].tolist() == [0, 1]
    assert sum(entry.events.num_rows for entry in online.log.read()) == 8
    assert list(online.store.scan("payment/payer")) == []
    online.close()
