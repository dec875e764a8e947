"""Refuses bodies over the limit before they are read into memory, and measures every request."""

from __future__ import annotations

import json
import time
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Measures:
    """Prometheus measures of one application; no subject ever becomes a label."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "dandelion_requests", "Requests answered", ["route", "method", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "dandelion_request_seconds", "Seconds from request to answer", ["route", "method"], registry=self.registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
        )  # fmt: skip
        self.decisions = Counter(
            "dandelion_decisions", "Decisions by outcome", ["product", "outcome"], registry=self.registry
        )
        self.decision_seconds = Histogram(
            "dandelion_decision_seconds", "Seconds of one decision in process", registry=self.registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
        )  # fmt: skip
        self.rulings = Counter(
            "dandelion_rulings", "Rulings kept: by which book, and what it said", ["product", "ruled_by", "outcome"],
            registry=self.registry,
        )  # fmt: skip
        self.rulings_refused = Counter(
            "dandelion_rulings_refused", "Ruling requests refused: full or late", ["why"], registry=self.registry
        )
        self.rulings_waiting = Gauge(
            "dandelion_rulings_waiting", "Rows that wait to be ruled on", registry=self.registry
        )
        self.ruling_batch_rows = Histogram(
            "dandelion_ruling_batch_rows", "Rows ruled on at once", registry=self.registry,
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384),
        )  # fmt: skip
        self.ruling_commit_seconds = Histogram(
            "dandelion_ruling_commit_seconds", "Seconds to keep a group of rulings", registry=self.registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
        )  # fmt: skip
        self.payouts = Counter("dandelion_payouts", "Payouts by result", ["result"], registry=self.registry)


class BoundedAndMeasured:
    """ASGI middleware: 413 over `body_bytes_max` (declared or streamed), and one observation a request."""

    def __init__(self, app: ASGIApp, *, body_bytes_max: int, measures: Measures) -> None:
        self.app, self.body_bytes_max, self.measures = app, body_bytes_max, measures
        self._found: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, seen, too_long = time.perf_counter(), 500, 0, False

        async def counted_receive() -> Message:
            nonlocal seen, too_long
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.body_bytes_max:
                too_long = True
                raise _TooLong
            return message

        async def noted_send(message: Message) -> None:
            nonlocal status
            if too_long:  # whatever the application made of the broken body, the answer is ours
                return
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if self._declared(scope) > self.body_bytes_max:
                too_long = True
            else:
                with suppress(_TooLong):
                    await self.app(scope, counted_receive, noted_send)
            if too_long:
                status = 413
                await self._refuse(send)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            requests, seconds = self._of(route, scope["method"], status)
            requests.inc()
            seconds.observe(time.perf_counter() - started)

    def _of(self, route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        """The measures with these labels; finding them costs more than counting."""
        found = self._found.get((route, method, status))
        if found is None:
            requests = self.measures.requests.labels(route, method, str(status))
            found = self._found[route, method, status] = requests, self.measures.seconds.labels(route, method)
        return found

    @staticmethod
    def _declared(scope: Scope) -> int:
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        return int(lengths[0]) if lengths and lengths[0].isdigit() else 0

    async def _refuse(self, send: Send) -> None:
        error = {
            "code": "too_large",
            "message": f"the body is over {self.body_bytes_max} bytes; send less",
            "field": "body",
        }
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"error": error}).encode()})


class _TooLong(Exception):  # noqa: N818
    pass
