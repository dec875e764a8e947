"""Serve one workspace: the HTTP API and its background work in one process, on granian.

One process is one writer of the embedded database.  More processes need PostgreSQL (`database.url`).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path

import anyio.to_thread
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

from dandelion.app.api.application import create_app
from dandelion.app.background import Background, CarryingOver
from dandelion.app.house import House
from dandelion.app.refreshing import Refreshing
from dandelion.app.rulings.desk import RulingDesk
from dandelion.app.warm import warm

SWITCH_S = (
    0.0005  # how long a thread may keep the interpreter while others wait: a request is answered by three threads
)
log = logging.getLogger("dandelion.serve")


def serve(root: Path, *, port: int | None = None) -> None:
    """Run until SIGINT or SIGTERM, then drain: no new requests, those that wait are answered, background work ends."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    house = House.open(root)
    warm(house)
    serve_house(house, port=port)


def serve_house(house: House, *, port: int | None = None) -> None:
    """Serve an open house, and close it at the end."""
    sys.setswitchinterval(SWITCH_S)
    background, carrying, refreshing = Background(house), CarryingOver(house), Refreshing(house)
    desk = RulingDesk(house)
    settings = house.settings.server
    server = Server(
        create_app(house, desk),
        address=settings.host,
        port=port or settings.port,
        interface=Interfaces.ASGI,
        log_access=False,
        backlog=1024,
    )
    gc.collect()
    gc.freeze()  # books and models stay; a collection that walks through them all would stop every request
    for thread in (background, carrying, refreshing):
        thread.start()
    try:
        uvloop.run(_run(server, settings.threads))
    finally:
        desk.close()
        for thread in (refreshing, carrying, background):
            thread.stop()
        house.close()


async def _run(server: Server, threads: int) -> None:
    anyio.to_thread.current_default_thread_limiter().total_tokens = threads
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, server.stop)
    await server.serve()
