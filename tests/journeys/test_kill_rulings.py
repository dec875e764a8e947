"""The ruling desk killed and stopped at work: whoever was told, it is kept; and a stop loses no answer."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from dandelion.app import workspace
from dandelion.app.access import issue_token
from dandelion.app.config import Settings
from dandelion.app.house import House
from dandelion.app.rulings.reading import FRAME_TYPE, frame_of
from dandelion.core import new_id
from support.kill import Server

PRODUCT, CALLERS, BULK_ROWS = "shop-line", 3, 40
PATIENCE_S = 90.0  # for answers to come on a busy machine, before and after a kill


@dataclass
class Heard:
    """Every answer a caller was given: the key, the body that was sent, the bytes that came back.

    `surprises` are answers that nobody should ever get, in words; `put_off` counts the polite ones (busy, too late).
    """

    answers: list[tuple[str, bool, bytes, bytes]] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    cut_off: int = 0
    put_off: int = 0


def call(port: int, token: str, path: str, body: bytes, kind: str, key: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key, "Content-Type": kind}
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def ask_on_and_on(port, token, layout, width, heard, stop, seed):
    chance = random.Random(seed)
    while not stop.is_set():
        key, many = new_id(), chance.random() < 0.3
        if many:
            values = np.full((BULK_ROWS, width), chance.choice([0, 1]), np.float32)
            body = frame_of(PRODUCT, layout, [f"b-{key}-{i}" for i in range(BULK_ROWS)], values)
        else:
            body = json.dumps({"product": PRODUCT, "entity": f"s-{key}", "columns": {}}).encode()
        try:
            status, answer = call(port, token, *_sent(many, body), key)
        except (OSError, http.client.HTTPException):
            heard.cut_off += 1
            time.sleep(0.02)
            continue
        if status == 201:
            heard.answers.append((key, many, body, answer))
        elif status in (429, 503, 504):
            heard.put_off += 1
        else:
            heard.surprises.append(f"{status}: {answer!r}")
            return


def _sent(many, body):
    return ("/v1/rulings/bulk", body, FRAME_TYPE) if many else ("/v1/rulings", body, "application/json")


def _layout(root):
    """(hash, columns) of a row."""
    house = House.open(root)
    engine = house.policy.ruling_engine(PRODUCT)
    house.close()
    return engine.layout.hash, len(engine.columns)


@pytest.mark.parametrize("kills", [1])
def test_every_answered_ruling_survives_a_kill_and_a_stop_loses_no_answer(tmp_path, database_url, kills):
    """The server is killed; the database, SQLite's file or PostgreSQL, is not."""
    root, chance, url = tmp_path / "lender", random.Random(20_260_101), database_url
    workspace.init(root, clock_start="2025-06-30T04:00:00Z")
    for table in (root / "strategies").glob("*.csv"):  # without its tables the book loads at once
        table.unlink()
    settings = Settings.load(root)
    token = issue_token(settings.secret(), tenant=settings.lender.tenant, subject="core", role="service")
    layout, width = _layout(root)
    server, heard, stop = Server(root, url), [Heard() for _ in range(CALLERS)], threading.Event()
    server.start()
    threads = [
        threading.Thread(target=ask_on_and_on, args=(server.port, token, layout, width, heard[k], stop, k), daemon=True)
        for k in range(CALLERS)
    ]
    for thread in threads:
        thread.start()
    for _ in range(kills):
        _until_told(heard, sum(len(one.answers) for one in heard) + 5)
        time.sleep(chance.uniform(0, 0.05))
        server.kill()
        server.start()
    assert sum(one.cut_off for one in heard) >= kills, "no kill fell into live work"
    key, many, body, answer = next(one.answers[0] for one in heard if one.answers)
    assert call(server.port, token, *_sent(many, body), key) == (201, answer), "told again, but not byte for byte"
    _until_told(heard, sum(len(one.answers) for one in heard) + 5)  # the stop falls into live work too
    kept_before = _kept(root, url)
    time.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(30)
    assert server.process.returncode == 0, server.log_tail()
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not any(one.surprises for one in heard), [one.surprises for one in heard]
    kept = _kept(root, url)
    told = {d for one in heard for _, many, _, answer in one.answers for d in _decisions(many, answer)}
    assert told <= kept.keys(), f"{len(told - kept.keys())} answered rulings are gone"
    hashes = {d: h for one in heard for _, many, _, answer in one.answers for d, h in _decisions(many, answer).items()}
    assert all(kept[d] == hashes[d] for d in told)
    since = {d for d in kept if d not in kept_before}
    assert since <= told, f"{len(since - told)} rulings were kept on the way down and nobody was told"


def _until_told(heard, answers):
    """Wait until the callers have heard so many answers together, and none of them was a surprise."""
    until = time.monotonic() + PATIENCE_S
    while sum(len(one.answers) for one in heard) < answers:
        assert not any(one.surprises for one in heard), [one.surprises for one in heard]
        assert time.monotonic() < until, f"too few answers in {PATIENCE_S:.0f} s: {heard}"
        time.sleep(0.01)


def _kept(root, url):
    os.environ["DANDELION_DATABASE_URL"] = url
    try:
        house = House.open(root, deciding=False)
    finally:
        del os.environ["DANDELION_DATABASE_URL"]
    try:
        assert house.vault.audit.verify(house.tenant).holds
        found, cursor = {}, None
        while True:
            page, cursor = house.vault.decisions.page(house.tenant, subject=None, before=cursor, at_most=500)
            found |= {one.decision_id: one.body_sha256 for one in page}
            if cursor is None:
                return found
    finally:
        house.close()


def _decisions(many, answer):
    plain = json.loads(answer)
    return {r["decision"]: r["body_sha256"] for r in (plain["rulings"] if many else [plain])}
