"""Streaming equals batch, byte for byte: whatever the order, repeated, late, corrected, restarted, flushed or trimmed."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from online_histories import (
    CLOCK,
    NOW,
    SUBJECTS,
    History,
    Row,
    assert_same_bytes,
    batch_of,
    each_once,
    histories,
    plain,
)

from dandelion.core import DAY_US, BadInput
from dandelion.indicators import Definitions, standard
from dandelion.indicators.online import Applied, Online, Store, open_store

WHO = [*SUBJECTS, "zoe"]
FLUSHES = 7  # chunks between flushes: several within one history


@functools.cache
def columns() -> tuple[str, ...]:
    """A spread of the standard columns: every stream of the histories, every standing, derived ones."""
    first = ("payment.", "refund.", "invoice.", "loan.", "login.", "turnover.")
    names = [name for name in standard().named if name.startswith(first)]
    return tuple(names[::4])


def definitions() -> Definitions:
    return standard()


def pieces(history: History) -> Iterator[tuple[str, list[Row]]]:
    """Batches of one kind each, in order."""
    batch: list[Row] = []
    of = ""
    for kind, row in history:
        if batch and (kind != of or len(batch) == 4):
            yield of, batch
            batch = []
        of = kind
        batch.append(row)
    if batch:
        yield of, batch


def opened(folder: str | Path, url: str = "memory:", **said: object) -> Online:
    store: Store = open_store(url.replace("FOLDER", str(folder)), "demo")
    return Online(definitions(), Path(folder) / "log", store, columns=columns(), clock=CLOCK, **said)  # type: ignore[arg-type]


def moments(history: History) -> list[tuple[str, int, int]]:
    """Now, later without a new event, the past, and exactly when things happened and arrived."""
    out = [(name, at, at) for name in WHO for at in (NOW, NOW + 20 * DAY_US, NOW + 399 * DAY_US)]
    for _, row in history[:3]:
        out += [(name, row["at"], row["arrived"]) for name in SUBJECTS]
        out += [(name, NOW, row["arrived"] + 1) for name in SUBJECTS]
    return out


def compare(online: Online, history: History) -> None:
    who, as_of, known_at = (list(part) for part in zip(*moments(history), strict=True))
    got = online.frame(who, np.array(as_of), np.array(known_at))
    assert_same_bytes(got, plain(definitions(), history, list(columns()), who, np.array(as_of), np.array(known_at)))


@settings(max_examples=25, deadline=None)
@given(histories(), st.sampled_from(["memory:", "lmdb:FOLDER/db"]), st.data())
def test_any_order_with_repeats_late_and_corrected_events_gives_the_batch_bytes(
    history: History, url: str, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        online = opened(folder, url, flush_chunks=FLUSHES)
        taken = Applied(0, 0, 0, 0)
        for kind, rows in pieces(history):
            said = online.apply(kind, batch_of(kind, rows))
            taken = Applied(taken.new + said.new, taken.duplicate + said.duplicate, taken.corrected + said.corrected,
                            said.position)  # fmt: skip
            if data.draw(st.booleans()):
                online.close()
                online = opened(folder, url, flush_chunks=FLUSHES)
        once = each_once(history)
        assert (taken.new, taken.duplicate) == (len(once), len(history) - len(once))
        assert taken.corrected == sum(row["replaces"] is not None for _, row in once)
        compare(online, history)
        online.close()


@settings(max_examples=10, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_two_orders_of_arrival_give_the_same_bytes(history: History, random: object) -> None:
    once = each_once(history)
    shuffled = list(once)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    frames = []
    for order in (once, shuffled):
        with tempfile.TemporaryDirectory() as folder:
            online = opened(folder)
            for kind, rows in pieces(order):
                online.apply(kind, batch_of(kind, rows))
            frames.append(online.frame(WHO, NOW))
            online.close()
    assert_same_bytes(*frames)


@settings(max_examples=10, deadline=None)
@given(histories(), st.sampled_from([0, 20, 100]))
def test_trimming_what_no_window_reaches_changes_no_byte(history: History, days: int) -> None:
    before = NOW + days * DAY_US
    with tempfile.TemporaryDirectory() as folder:
        online = opened(folder, "lmdb:FOLDER/db")
        for kind, rows in pieces(history):
            online.apply(kind, batch_of(kind, rows))
        online.trim(before)
        for again in range(2):
            for as_of in (before, before + 30 * DAY_US):
                wanted = plain(definitions(), history, list(columns()), WHO, as_of, as_of)
                assert_same_bytes(online.frame(WHO, as_of), wanted)
            if again == 0:
                online.close()
                online = opened(folder, "lmdb:FOLDER/db")
        online.close()


@settings(max_examples=10, deadline=None)
@given(histories(), st.integers(1, 3))
def test_forgetting_old_ids_costs_no_byte_when_events_come_again(history: History, remembered: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        online = opened(folder, remembered=remembered)
        for kind, rows in [*pieces(history), *pieces(history)]:
            online.apply(kind, batch_of(kind, rows))
        compare(online, history)
        online.close()


def paid(number: int, days: float, **said: object) -> Row:
    at = NOW - int(days * DAY_US)
    return {"event_id": f"e{number}", "source": "s", "at": at, "arrived": at, "replaces": None, "payee": "ann",
            "payer": "bob", "amount_fen": 100, "channel": "qr", "device": None, "order_id": None, **said}  # fmt: skip


COUNT = "payment.received/30d/count"


@pytest.fixture
def online(tmp_path: Path) -> Iterator[Online]:
    made = Online(definitions(), tmp_path / "log", columns=[COUNT], clock=CLOCK)
    yield made
    made.close()


def test_a_window_moves_with_time_and_not_with_events(online: Online) -> None:
    online.apply("payment", batch_of("payment", [paid(1, 29), paid(2, 1)]))
    counts = [online.frame(["ann"], NOW + days * DAY_US)[COUNT][0] for days in (0, 1, 2, 29, 30)]
    assert counts == [2, 2, 1, 1, 0]


def test_a_correction_reaches_an_event_of_another_subject_and_may_come_first(online: Online) -> None:
    online.apply("payment", batch_of("payment", [paid(2, 1, payee="cyd", replaces="e1", arrived=NOW - 5)]))
    assert online.apply("payment", batch_of("payment", [paid(1, 2)])).corrected == 0
    assert [online.frame(["ann"], NOW, known)[COUNT][0] for known in (NOW - 5, NOW - 4)] == [1, 0]
    assert online.frame(["cyd"], NOW)[COUNT][0] == 1


def test_the_first_of_two_events_with_one_id_wins(online: Online) -> None:
    said = online.apply("payment", batch_of("payment", [paid(1, 2), paid(1, 3, payee="cyd")]))
    assert (said.new, said.duplicate) == (1, 1)
    assert online.frame(["ann", "cyd"], NOW)[COUNT].tolist() == [1, 0]


def test_without_a_grant_for_the_data_a_column_is_missing_online_too_and_says_so(online: Online) -> None:
    online.apply("payment", batch_of("payment", [paid(1, 2)]))
    refused = online.row("ann", NOW, granted=["invoices"])
    assert np.isnan(refused[COUNT][0])
    assert refused.catalogue[COUNT].null_policy == "not_consented"
    assert online.row("ann", NOW, granted=["payments"])[COUNT][0] == 1


def test_a_row_that_breaks_the_contract_is_refused_and_nothing_is_taken_in(online: Online) -> None:
    with pytest.raises(BadInput, match="row 1: amount_fen") as refused:
        online.apply("payment", batch_of("payment", [paid(1, 2), paid(2, 2, amount_fen=-5)]))
    assert refused.value.field == "amount_fen"
    assert (online.position, online.frame(["ann"], NOW)[COUNT][0]) == (0, 0)


def test_events_from_the_future_are_refused(online: Online) -> None:
    with pytest.raises(BadInput, match="future"):
        online.apply("payment", batch_of("payment", [paid(1, -500)]))


@pytest.mark.parametrize("name", ["invoice.sold/90d/count", "payment.received/90d/count"])
def test_a_column_outside_the_state_is_refused_with_the_remedy(online: Online, name: str) -> None:
    with pytest.raises(BadInput, match="rebuild"):
        online.frame(["ann"], NOW, columns=[name])


def test_reads_before_what_was_trimmed_are_refused(online: Online) -> None:
    online.apply("payment", batch_of("payment", [paid(1, 29), paid(2, 60)]))
    assert online.trim(NOW) > 0
    assert online.frame(["ann"], NOW)[COUNT][0] == 1
    with pytest.raises(BadInput, match="trimmed"):
        online.frame(["ann"], NOW - DAY_US)


def test_columns_over_all_of_history_are_never_trimmed(tmp_path: Path) -> None:
    since = "payment.received/ever/days_since_first"
    online = Online(definitions(), tmp_path, columns=[since], clock=CLOCK)
    online.apply("payment", batch_of("payment", [paid(1, 3000)]))
    assert online.trim(NOW + 300 * DAY_US) == 0
    assert online.frame(["ann"], NOW)[since][0] == 3000
    online.close()
