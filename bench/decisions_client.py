"""The client of `bench/decisions_http.py`, a process of its own: ``python bench/decisions_client.py HOW PORT TOKEN ...``.

``single RATE SECONDS``: one ruling a request as JSON with 500 named columns, sent at RATE a second whatever comes back, on
kept connections; times count from when a request was due.  ``bulk KIND SECONDS``: 1,000 rulings a request as a frame or
JSON, three requests at a time.  Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import sys
import time
import uuid

import numpy as np

from dandelion.app.rulings.reading import FRAME_TYPE, frame_of
from decisions_book import names, rows

PRODUCT, COLUMNS, MISSING, BULK_ROWS, CONNECTIONS, AT_ONCE = "shop-line", 500, 0.1, 1_000, 48, 3
RUN, COUNT = uuid.uuid4().hex, itertools.count()


class Line(asyncio.Protocol):
    """One kept connection, one request at a time; read by hand, since the client shares the server's two cores."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token, self.transport = port, token, None
        self.read, self.answer = bytearray(), None

    async def post(self, path: str, kind: str, body: bytes) -> tuple[int, bytes]:
        loop = asyncio.get_running_loop()
        if self.transport is None:
            self.transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", self.port)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self.token}\r\nContent-Type: {kind}\r\n"
            f"Idempotency-Key: {RUN}-{next(COUNT)}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.answer = loop.create_future()
        self.transport.write(head.encode() + body)
        return await self.answer

    def data_received(self, data: bytes) -> None:
        self.read += data
        end = self.read.find(b"\r\n\r\n")
        if end < 0:
            return
        heading = bytes(self.read[:end]).lower()
        length = int(heading.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(self.read) >= end + 4 + length:
            body = bytes(self.read[end + 4 : end + 4 + length])
            del self.read[: end + 4 + length]
            self.answer.set_result((int(heading.split(b" ")[1]), body))

    def connection_lost(self, error: Exception | None) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_result((0, b"the connection was closed"))


async def single(port: int, token: str, rate: float, seconds: float) -> dict[str, object]:
    values, given = rows(256, COLUMNS, MISSING, seed=11), names(COLUMNS)
    bodies = [
        json.dumps(
            {
                "product": PRODUCT,
                "entity": f"m-{i}",
                "columns": {n: float(v) for n, v in zip(given, row, strict=True) if v == v},
            }
        ).encode()
        for i, row in enumerate(values)
    ]
    free: asyncio.Queue[Line] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(Line(port, token))
    times, wrong = [], []

    async def one(body: bytes, due: float) -> None:
        line = await free.get()
        status, answer = await line.post("/v1/rulings", "application/json", body)
        free.put_nowait(line)
        times.append(time.perf_counter() - due)
        if status != 201:
            wrong.append((status, answer[:200].decode()))

    tasks, count, before = [], int(rate * seconds), time.process_time()
    start = time.perf_counter() + 0.1
    for i in range(count):
        due = start + i / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(bodies[i % len(bodies)], due)))
    await asyncio.gather(*tasks)
    return {"times_ms": [round(1000 * t, 3) for t in times[int(rate) :]], "wrong": wrong[:3], "wrong_count": len(wrong),
            "bytes": len(bodies[0]), "cpu_s": time.process_time() - before}  # fmt: skip


async def bulk(port: int, token: str, kind: str, seconds: float, layout: str) -> dict[str, object]:
    values = rows(BULK_ROWS, COLUMNS, MISSING, seed=12)
    entities = [f"m-{i}" for i in range(BULK_ROWS)]
    if kind == "frame":
        body, content = frame_of(PRODUCT, layout, entities, values), FRAME_TYPE
    else:
        plain = [[None if v != v else v for v in row] for row in np.round(values.astype(float), 5).tolist()]
        body = json.dumps({"product": PRODUCT, "entities": entities, "columns": names(COLUMNS), "rows": plain}).encode()
        content = "application/json"
    done, wrong, until, before = [], [], time.perf_counter() + seconds, time.process_time()

    async def on_and_on() -> None:
        line = Line(port, token)
        while time.perf_counter() < until:
            status, answer = await line.post("/v1/rulings/bulk", content, body)
            if status == 201:
                done.append(time.perf_counter())
            else:
                wrong.append((status, answer[:200].decode()))

    start = time.perf_counter()
    await asyncio.gather(*(on_and_on() for _ in range(AT_ONCE)))
    took = max(done) - start if done else 0.0
    return {
        "rulings": BULK_ROWS * len(done),
        "seconds": took,
        "wrong": wrong[:3],
        "wrong_count": len(wrong),
        "bytes": len(body),
        "cpu_s": time.process_time() - before,
    }


def main() -> None:
    how, port, token = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    gc.disable()  # a collection through thousands of kept answers takes 90 ms, which would be told as the server's
    if how == "single":
        found = asyncio.run(single(port, token, float(sys.argv[4]), float(sys.argv[5])))
    else:
        found = asyncio.run(bulk(port, token, sys.argv[4], float(sys.argv[5]), sys.argv[6]))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
