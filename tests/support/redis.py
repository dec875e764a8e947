"""A throw-away Redis server on a Unix socket in a temporary folder.

>>> with throwaway_redis() as url:            # doctest: +SKIP
...     client = redis.Redis.from_url(url)
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

PATIENCE_S = 20.0


def why_not() -> str | None:
    """What is missing to run one, as a sentence; None where nothing is."""
    if shutil.which("redis-server") is None:
        return "Redis is not installed; `make system` installs it (apt-get install redis-server)"
    if find_spec("redis") is None:
        return "the Redis client is not installed; pip install 'dandelion-credit[redis]'"
    return None


@contextmanager
def throwaway_redis() -> Iterator[str]:
    """Start a server that keeps nothing on disk; stop and remove it at the end."""
    home = Path(tempfile.mkdtemp(prefix="dandelion-redis-"))
    socket = home / "redis.sock"
    command = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(home),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + PATIENCE_S
        while not socket.exists():
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError("redis-server did not come up")
            time.sleep(0.02)
        yield f"unix://{socket}"
    finally:
        server.terminate()
        server.wait(PATIENCE_S)
        shutil.rmtree(home, ignore_errors=True)
