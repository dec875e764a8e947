"""A throw-away PostgreSQL cluster in a temporary folder, run as an unprivileged user where the tests run as root.

>>> with throwaway_cluster() as cluster:            # doctest: +SKIP
...     url = cluster.create("orders")
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg


def binaries() -> Path | None:
    """The folder that holds `initdb` and `postgres`, newest version first; None where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]), reverse=True)
    if found:
        return found[0].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


@dataclass(frozen=True)
class Cluster:
    """A running server on 127.0.0.1."""

    port: int

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://dandelion@127.0.0.1:{self.port}/{name}"

    def create(self, name: str | None = None, template: str = "template0") -> str:
        """A new database, copied from `template`; returns its URL."""
        name = name or f"t_{secrets.token_hex(8)}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, url: str) -> None:
        self._run(f'DROP DATABASE IF EXISTS "{url.rsplit("/", 1)[1]}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        with psycopg.connect(f"host=127.0.0.1 port={self.port} user=dandelion dbname=postgres", autocommit=True) as c:
            c.execute(statement.encode())


@contextmanager
def throwaway_cluster(fsync: bool = False, within: Path | None = None) -> Iterator[Cluster]:
    """Start a cluster (in the folder `within`, if given); stop and remove it at the end.

    `fsync=True` where durability itself is tested.
    """
    folder = binaries()
    if folder is None:
        raise RuntimeError("PostgreSQL is not installed; run: apt-get install postgresql")
    home = Path(tempfile.mkdtemp(prefix="dandelion-pg-", dir=within))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        who = pwd.getpwnam(user)
        os.chown(home, who.pw_uid, who.pw_gid)
    data, port = home / "data", _free_port()
    options = {"user": user, "group": "postgres", "extra_groups": []} if user else {}
    run = {**options, "cwd": home, "env": {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C"}}
    subprocess.run(
        [folder / "initdb", "-D", data, "-U", "dandelion", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"],
        check=True, stdout=subprocess.DEVNULL, **run,
    )  # fmt: skip
    settings = {
        "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": home, "max_connections": 200,
        "shared_buffers": "64MB", "fsync": "on" if fsync else "off",
        "full_page_writes": "on" if fsync else "off", "synchronous_commit": "on" if fsync else "off",
    }  # fmt: skip
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen([folder / "postgres", "-D", data, *flags], stdout=log, stderr=log, **run)
        try:
            _wait(server, port, home / "log")
            yield Cluster(port)
        finally:
            server.send_signal(2)  # fast shutdown
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            shutil.rmtree(home, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
        try:
            psycopg.connect(f"host=127.0.0.1 port={port} user=dandelion dbname=postgres", connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError("PostgreSQL did not answer within 60 s")
