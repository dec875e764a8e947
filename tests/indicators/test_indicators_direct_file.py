"""A file written past the cache holds what was written, on any file system, and says when the disk does not take it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dandelion.indicators import direct_file
from dandelion.indicators.direct_file import DirectFile


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 40_000), max_size=12), st.sampled_from([4_096, 8_192]))
def test_a_direct_file_holds_what_was_written_whatever_the_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: list[int], piece: int
) -> None:
    monkeypatch.setattr(direct_file, "PIECE", piece)
    parts = [os.urandom(size) for size in sizes]
    with DirectFile(tmp_path / "f") as file:
        for part in parts:
            assert file.write(part) == len(part)
        assert file.tell() == sum(sizes)
    assert (tmp_path / "f").read_bytes() == b"".join(parts)


@pytest.mark.parametrize("late", [False, True])
def test_a_file_system_that_knows_no_direct_writes_is_written_the_ordinary_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    refused: list[str] = []

    def only_ordinary(path: Path, flags: int, mode: int) -> int:
        if flags & direct_file._DIRECT and not late:
            refused.append("open")
            raise OSError(errno.EINVAL, "no direct writes here")
        return opened(path, flags, mode)

    def only_later(file: int, data: bytes, at: int) -> int:
        if late and not refused:
            refused.append("write")
            raise OSError(errno.EINVAL, "no direct writes here")
        return put(file, data, at)

    opened, put = os.open, os.pwrite
    monkeypatch.setattr(direct_file, "_DIRECT", getattr(os, "O_DIRECT", os.O_SYNC))
    monkeypatch.setattr(os, "open", only_ordinary)
    monkeypatch.setattr(os, "pwrite", only_later)
    with DirectFile(tmp_path / "f") as file:
        file.write(b"dandelion" * 1_000)
    assert (tmp_path / "f").read_bytes() == b"dandelion" * 1_000
    assert len(refused) == 1


def test_an_error_of_the_disk_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int, _data: bytes, _at: int) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    file = DirectFile(tmp_path / "f")
    file.write(b"x")
    with pytest.raises(OSError, match="no space left"):
        file.close()
    with pytest.raises(FileNotFoundError):
        DirectFile(tmp_path / "nowhere" / "f")
