"""Amounts and times are read exactly: the kernel against the slow reading, and both against plain arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.app.assess import payments_kernel as kernel
from dandelion.app.assess.payments_values import amounts, exact_fen, exact_time_us, hashes, local_seconds, times
from dandelion.core import BadInput

MONEY = st.text(alphabet="0123456789.,-+¥￥ `\t元(）１２", max_size=14)
CLOCK = st.text(alphabet="0123456789-/: T", max_size=20)


@settings(deadline=None)
@given(st.lists(MONEY, min_size=1, max_size=20), st.sampled_from(["yuan", "fen"]))
def test_what_the_kernel_reads_the_slow_reading_reads_alike(texts: list[str], unit: str) -> None:
    offsets, data = kernel.buffers(pa.array(texts))
    fen, state = kernel.read_amounts(offsets, data, kernel.blank_table(), 2 if unit == "yuan" else 0)
    for text, value, one in zip(texts, fen.tolist(), state.tolist(), strict=True):
        if one == kernel.READ:
            assert exact_fen(text, unit) == value, text


@settings(deadline=None)
@given(st.integers(-(10**12), 10**12), st.booleans(), st.booleans())
def test_every_amount_survives_being_written_and_read(fen: int, commas: bool, sign: bool) -> None:
    whole, cents = divmod(abs(fen), 100)
    text = ("-" if fen < 0 else "") + ("¥" if sign else "") + (f"{whole:,}" if commas else str(whole)) + f".{cents:02d}"
    read = amounts(pa.array([text, f"`{text}\t"]), "yuan")
    assert read.fen.tolist() == [fen, fen]
    assert read.state.tolist() == [kernel.READ, kernel.READ]


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("１，２３４．５０", 123450), ("￥12.30元", 1230), ("+8", 800), ("12.300", 1230), ("(5.00)", -500), ("1,234", 123400),
        ("12.345", None), ("1,2", None), ("12,34", None), ("1e3", None), ("abc", None), (".5", None), ("5.", None), ("$5", None),
        ("nan", None), ("--5", None), ("12.3.4", None), ("1" * 16, None),
    ],
)  # fmt: skip
def test_an_amount_is_exact_or_it_is_none(text: str, fen: int | None) -> None:
    assert exact_fen(text, "yuan") == fen
    read = amounts(pa.array([text]), "yuan")
    assert (int(read.fen[0]) if read.state[0] == kernel.READ else None) == fen


def test_fen_are_whole_numbers() -> None:
    read = amounts(pa.array(["1234", "12.00", "12.5", ""]), "fen")
    assert read.fen.tolist()[:2] == [1234, 12]
    assert read.state.tolist() == [kernel.READ, kernel.READ, kernel.ODD, kernel.EMPTY]


def test_an_amount_beyond_reason_is_not_an_amount() -> None:
    assert amounts(pa.array(["100000000000.01"]), "yuan").state[0] == kernel.ODD


@settings(deadline=None)
@given(
    st.datetimes(datetime.fromisoformat("1970-01-02"), datetime.fromisoformat("2199-12-30")),
    st.sampled_from(["-", "/"]),
    st.sampled_from([" ", "T"]),
)
def test_every_second_survives_being_written_and_read(at: datetime, dash: str, gap: str) -> None:
    text = f"{at.year}{dash}{at.month}{dash}{at.day:02d}{gap}{at.hour}:{at.minute:02d}:{at.second:02d}"
    wanted = int(at.replace(microsecond=0, tzinfo=UTC).timestamp()) * 1_000_000
    assert times(pa.array([text]), "UTC").at_us.tolist() == [wanted]


@settings(deadline=None)
@given(st.lists(CLOCK, min_size=1, max_size=20))
def test_a_time_the_kernel_reads_the_slow_reading_reads_alike(texts: list[str]) -> None:
    offsets, data = kernel.buffers(pa.array(texts))
    seconds, state, _ = kernel.read_times(offsets, data, kernel.blank_table())
    for text, value, one in zip(texts, seconds.tolist(), state.tolist(), strict=True):
        if one == kernel.READ:
            assert exact_time_us(text, "UTC") == value * 1_000_000, text


@pytest.mark.parametrize(
    "text",
    ["2025年6月30日 8时15分0秒", "2025-06-30T08:15:00+08:00", "20250630081500", "20250630 08:15:00", "1751242500",
     "1751242500000", "2025/6/30  8:15", "`2025-06-30 08:15:00\t", "2025-06-30 08:15:00.000"],
)  # fmt: skip
def test_the_same_moment_in_many_spellings(text: str) -> None:
    read = times(pa.array([text]), "Asia/Shanghai")
    assert datetime.fromtimestamp(read.at_us[0] / 1e6, UTC) == datetime(2025, 6, 30, 0, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2025-02-29 08:00:00", "2025-13-01", "25:00", "2025-06-30 24:00:00", "yesterday", "2025"]
)
def test_a_time_that_is_none(text: str) -> None:
    assert times(pa.array([text]), "UTC").state[0] == kernel.ODD


@settings(deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["Asia/Shanghai", "America/New_York", "Asia/Kathmandu", "UTC"]))
def test_wall_clock_seconds_are_those_of_the_time_zone(seconds: int, tz: str) -> None:
    local = int(local_seconds(np.array([seconds * 1_000_000]), tz)[0])
    wall = datetime.fromtimestamp(seconds, ZoneInfo(tz)).replace(tzinfo=UTC)
    assert local == int(wall.timestamp())


def test_a_name_that_is_no_time_zone_is_refused() -> None:
    with pytest.raises(BadInput, match="'Mars/Olympus' is no time zone; write it like Asia/Shanghai"):
        times(pa.array(["2025-06-30"]), "Mars/Olympus")


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), min_size=2, max_size=40))
def test_ids_are_one_when_their_trimmed_text_is_one(texts: list[str]) -> None:
    marks = " \t\r\n`'"
    names = hashes(pa.array(texts)).tolist()
    again = hashes(pa.array([f" `{text}\t" for text in texts])).tolist()
    assert names == again
    plain = [text.strip(marks) for text in texts]
    assert len(set(names)) == len(set(plain))
    assert all((name == 0) == (text == "") for name, text in zip(names, plain, strict=True))
