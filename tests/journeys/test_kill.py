"""Twenty SIGKILLs of the real server on each database, at random moments of apply, draw, repay and payout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.kill import torment
from support.postgres import throwaway_cluster

KILLS = 20


@pytest.fixture(params=["sqlite", "postgresql"])
def durable_database(request: pytest.FixtureRequest, on_disk: Path) -> Iterator[str]:
    """A database that keeps what it acknowledged: SQLite with synchronous FULL, PostgreSQL with fsync on."""
    if request.param == "sqlite":
        yield f"sqlite:///{on_disk / 'record.sqlite'}"
        return
    with throwaway_cluster(fsync=True, within=on_disk) as cluster:
        yield cluster.create("kill")


@pytest.mark.slow
def test_a_server_killed_twenty_times_keeps_every_promise(durable_database: str, on_disk: Path) -> None:
    found = torment(on_disk / "lender", durable_database, kills=KILLS, forks=True)
    assert found.broken == []
    assert found.kills == KILLS
    assert found.busy_kills >= KILLS - 2, found  # the kills fell into live work
    assert found.repeated > 0
    assert {"apply", "draw", "payout", "repay"} <= found.hit.keys(), found
    assert found.drawn_fen == found.moved_by_rail_fen > 0
