"""The ruling desk on SQLite and on PostgreSQL: kept before told, once per key, bounded, in time, drained; one or two at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dandelion.app.access import Caller
from dandelion.app.command import Command
from dandelion.app.house import House
from dandelion.app.rulings.asking import Asked
from dandelion.app.rulings.bell import Bell
from dandelion.app.rulings.desk import HELP_ROWS, RulingDesk
from dandelion.core import Conflict, TooMany, Unavailable, new_id
from support.shop import Town, lay_out

PRODUCT = "shop-line"


def small(folder, url):
    """A workspace whose book has no tables, so that it loads at once."""
    root = lay_out(folder / "lender", url)
    for table in (root / "strategies").glob("*.csv"):
        table.unlink()
    with (root / "dandelion.toml").open("a") as out:
        out.write("\n[rulings]\nwaiting_rows_max = 64\nbatch_rows = 128\n")
    return root


@pytest.fixture(scope="module", name="town", params=["sqlite", "postgresql"])
def _town(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    cluster = None if request.param == "sqlite" else request.getfixturevalue("postgres_cluster")
    url = f"sqlite:///{folder}/record.sqlite" if cluster is None else cluster.create(template="migrated")
    place = Town(small(folder, url))
    yield place
    place.http.app.state.desk().close()
    place.close()
    if cluster is not None:
        cluster.drop(url)


@pytest.fixture(name="desk")
def _desk(town):
    return town.http.app.state.desk()


def asked(house, entity="m-1", rows=1, seconds=20.0, key=None, value=np.nan):
    engine = house.policy.ruling_engine(PRODUCT)
    values = np.full((rows, len(engine.columns)), np.nan, np.float32)
    values[:, 0] = value
    caller = Caller(house.tenant, "core-systems", "service")
    command = Command.of(caller, key or new_id(), "POST", "/v1/rulings", f"{entity}{value}".encode())
    return Asked(engine, values, [entity] * rows, caller, command, time.monotonic() + seconds, alone=rows == 1)


def held(house):
    """The record's door held shut, so that nothing is kept until it is let go."""
    entered, let_go = threading.Event(), threading.Event()

    def hold():
        with house.vault.unit_of_work(house.tenant) as work:
            if not house.vault.database.is_sqlite:  # there a writer is alone anyway
                work.connection.exec_driver_sql("LOCK TABLE idempotency IN ACCESS EXCLUSIVE MODE")
            entered.set()
            let_go.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(10)

    def release():
        let_go.set()
        thread.join()

    return release


def waits(desk, rows, seconds=10.0):
    until = time.monotonic() + seconds
    while desk._rows_waiting != rows and time.monotonic() < until:
        time.sleep(0.002)
    return desk._rows_waiting == rows


def test_a_second_thread_rules_only_where_many_rows_are_at_hand(town, desk):
    release = held(town.house)
    try:
        first, second = asked(town.house), asked(town.house)
        desk.ask(first)
        assert waits(desk, 0)  # being kept, which the held record lets nobody do
        desk.ask(second)
        time.sleep(0.05)
        assert desk._rows_waiting == 1
        many = asked(town.house, rows=HELP_ROWS - 2)
        desk.ask(many)
        assert waits(desk, 0)
        assert not first.answer.done() and not many.answer.done()
    finally:
        release()
    assert [one.answer.result(20).status for one in (first, second, many)] == [201] * 3


def test_a_full_line_is_refused_with_when_to_come_again_and_loses_nobody_else(town, desk):
    release = held(town.house)
    taken, refused = [], []
    while len(refused) < 10:  # what was ruled already waits for the disk, and in the end the line is full for good
        request = asked(town.house, rows=50)
        try:
            desk.ask(request)
            taken.append(request)
            refused.clear()
        except TooMany as error:
            refused.append(error.retry_after_s)
        time.sleep(0.03)
    body = {"product": PRODUCT, "entities": ["m"] * 60, "columns": [], "rows": [[]] * 60}
    answer = town.service.send("POST", "/v1/rulings/bulk", body)
    assert set(refused) == {1} and answer.status_code == 429 and answer.headers["retry-after"] == "1"
    assert not any(request.answer.done() for request in taken)  # nothing is told before it is kept
    release()
    for request in taken:
        assert request.answer.result(60).status == 201
    assert 'dandelion_rulings_refused_total{why="full"}' in town.http.get("/metrics").text


def test_a_deadline_that_passes_is_an_error_and_nothing_is_kept(town, desk):
    release = held(town.house)
    late, patient = asked(town.house, "late-1", seconds=0.2), asked(town.house, "patient-1", seconds=90)
    desk.ask(late)
    desk.ask(patient)
    time.sleep(0.4)
    release()
    assert patient.answer.result(60).status == 201
    error = late.answer.exception(60)
    assert error is not None and error.code == "deadline_passed" and error.status == 504
    assert town.house.vault.decisions.of(town.house.tenant, "late-1") == []
    headers = {"Authorization": f"Bearer {town.service.token}", "Idempotency-Key": new_id(), "Deadline-Ms": "0"}
    one = {"product": PRODUCT, "entity": "m-1", "columns": {}}
    assert town.http.post("/v1/rulings", json=one, headers=headers).json()["error"]["field"] == "Deadline-Ms"


def test_closing_answers_everybody_who_waits_and_lets_nobody_else_in(town):
    desk = RulingDesk(town.house)
    release = held(town.house)
    waiting = [asked(town.house, f"drain-{i}", seconds=90) for i in range(30)]
    for request in waiting:
        desk.ask(request)
    closing = threading.Thread(target=desk.close)
    closing.start()
    while not desk._closing:
        time.sleep(0.01)
    with pytest.raises(Unavailable):
        desk.ask(asked(town.house))
    release()
    closing.join(60)
    assert not closing.is_alive() and all(request.answer.result(1).status == 201 for request in waiting)
    for i in range(30):
        assert len(town.house.vault.decisions.of(town.house.tenant, f"drain-{i}")) == 1


def test_the_same_key_gets_the_same_answer_and_nothing_is_kept_twice(town):
    key, one = new_id(), {"product": PRODUCT, "entity": "once-1", "columns": {}}
    first = town.service.post("/v1/rulings", one, key=key)
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: town.service.post("/v1/rulings", one, key=key), range(4)))
    assert all(answer == first for answer in again)
    town.service.post("/v1/rulings", {**one, "entity": "m-2"}, status=409, key=key)
    kept = town.house.vault.decisions.of(town.house.tenant, "once-1")
    assert [d.decision_id for d in kept] == [first["decision"]]


def test_two_processes_on_one_record_keep_each_key_once_and_one_chain(town, desk):
    """Two houses, each with its desk, asked for the same keys in opposite orders at once."""
    other_house = House.open(town.root)
    other = RulingDesk(other_house)
    try:
        keys = [new_id() for _ in range(40)]
        mine = [asked(town.house, f"two-{i}", key=key, seconds=90) for i, key in enumerate(keys)]
        theirs = [asked(other_house, f"two-{i}", key=key, seconds=90) for i, key in enumerate(keys)]

        def send(at, requests):
            for request in requests:
                at.ask(request)

        threads = [threading.Thread(target=send, args=pair) for pair in ((desk, mine), (other, theirs[::-1]))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one, two in zip(mine, theirs, strict=True):
            assert one.answer.result(60).body == two.answer.result(60).body
        clash = asked(other_house, "two-0", key=keys[0], value=1.0)
        other.ask(clash)
        assert isinstance(clash.answer.exception(60), Conflict)
    finally:
        other.close()
        other_house.close()
    for i in range(40):
        assert len(town.house.vault.decisions.of(town.house.tenant, f"two-{i}")) == 1
    assert town.house.vault.audit.verify(town.house.tenant).holds


def test_a_record_that_cannot_be_written_keeps_nothing_and_says_so(town, desk, monkeypatch):
    def broken(*_):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr("dandelion.app.rulings.desk.keep", broken)
        request = asked(town.house, "lost-1")
        desk.ask(request)
        assert isinstance(request.answer.exception(60), Unavailable)
    after = asked(town.house, "lost-1")
    desk.ask(after)
    assert after.answer.result(60).status == 201
    assert len(town.house.vault.decisions.of(town.house.tenant, "lost-1")) == 1


def test_one_ring_brings_every_answer_and_a_caller_who_hung_up_disturbs_nobody():
    import asyncio
    from concurrent.futures import Future

    async def listen():
        bell, answers = Bell(asyncio.get_running_loop()), [Future() for _ in range(5)]
        heard = [bell.heard(answer) for answer in answers]
        heard[1].cancel()

        def tell():
            for i, answer in enumerate(answers):
                answer.set_exception(ValueError(i)) if i == 3 else answer.set_result(i)
            bell.ring()

        threading.Thread(target=tell).start()
        return await asyncio.wait_for(asyncio.gather(*heard, return_exceptions=True), 20)

    found = asyncio.run(listen())
    assert found[0] == 0 and found[2] == 2 and found[4] == 4
    assert isinstance(found[1], asyncio.CancelledError) and isinstance(found[3], ValueError)
