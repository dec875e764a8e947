import threading

import pytest

from dandelion.core import (
    DAY_US,
    BadInput,
    ManualClock,
    Window,
    content_ids,
    day_of,
    duration_us,
    event_id,
    event_ids,
    instant,
    iso,
    new_id,
    start_of_day,
)


def test_a_window_holds_its_start_and_not_its_end() -> None:
    window = Window(10, 20)
    assert [window.holds(at) for at in (9, 10, 19, 20)] == [False, True, True, False]
    with pytest.raises(BadInput):
        Window(2, 1)


def test_thirty_days_are_thirty_times_24_hours() -> None:
    assert duration_us("30d") == 30 * DAY_US
    with pytest.raises(BadInput):
        duration_us("1 month")


def test_a_day_is_a_day_of_the_given_time_zone() -> None:
    late = instant("2025-06-30T16:30:00Z")
    assert str(day_of(late, "Asia/Shanghai")) == "2025-07-01"
    assert str(day_of(late, "UTC")) == "2025-06-30"
    assert iso(start_of_day(day_of(late, "Asia/Shanghai"), "Asia/Shanghai")) == "2025-06-30T16:00:00.000000Z"


def test_text_without_offset_is_read_in_the_zone_named() -> None:
    assert instant("2025-07-01", "Asia/Shanghai") == instant("2025-06-30T16:00:00Z")


def test_a_manual_clock_never_runs_backwards() -> None:
    clock = ManualClock(5)
    clock.move_to(6)
    with pytest.raises(BadInput):
        clock.move_to(5)


def test_minted_ids_sort_by_time_across_threads() -> None:
    seen: list[str] = []

    def mint() -> None:
        mine = [new_id() for _ in range(2000)]
        assert mine == sorted(mine)
        seen.extend(mine)

    threads = [threading.Thread(target=mint) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 8000


def test_event_ids_depend_on_tenant_source_and_source_id_only() -> None:
    assert event_ids("t", "s", ["1", "2"]) == [event_id("t", "s", "1"), event_id("t", "s", "2")]
    assert len({event_id("t", "s", "1"), event_id("u", "s", "1"), event_id("t", "v", "1")}) == 3


def test_equal_rows_of_one_file_stay_two_events_and_reloading_changes_nothing() -> None:
    rows = [("a", 1), ("a", 1), ("b", 2)]
    first = content_ids("t", "s", rows)
    assert len(set(first)) == 3
    assert content_ids("t", "s", rows) == first
