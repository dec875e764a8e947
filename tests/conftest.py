"""Shared fixtures: every test that takes `database_url` (or `vault`) runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # makes `support` importable

from dandelion.core import ManualClock, instant
from dandelion.vault import Vault
from dandelion.vault.database import Database
from support.postgres import Cluster, binaries, throwaway_cluster
from support.scratch import disk, into_memory

NOW = instant("2025-07-01T04:00:00Z")


LONGEST_FIRST = ("test_kill.py", "test_kill_rulings.py", "test_policy_offer.py", "test_api_doors.py")


def pytest_configure(config: pytest.Config) -> None:
    """The process that the others come from says where all write, and tidies up."""
    if not hasattr(config, "workerinput"):
        into_memory()
        if changed := changed_kernels(config.rootpath):
            raise pytest.UsageError(f"{changed[0]} was changed after the kernels were compiled, and some would run its old text; "
                                    "run `make setup`")  # fmt: skip


def changed_kernels(root: Path) -> list[Path]:
    """Files with kernels in them that are newer than what was compiled, if anything was.  A compiled kernel is made anew when
    its own file changes, but not when that of a function it calls does."""
    made = root / ".venv" / ".kernels"
    newer = [
        file for file in (root / "src").rglob("*.py") if made.exists() and file.stat().st_mtime > made.stat().st_mtime
    ]
    return sorted(file for file in newer if re.search("njit|vectorize|intrinsic", file.read_text()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files begin first, so that no worker is left alone with them at the end."""
    items.sort(key=lambda item: LONGEST_FIRST.index(item.path.name) if item.path.name in LONGEST_FIRST else 99)


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A folder of this test's own on a disk, for promises that are kept by syncing to one."""
    with TemporaryDirectory(prefix="dandelion-", dir=disk()) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """One cluster per test process, with a migrated template database to copy from."""
    with throwaway_cluster() as cluster:
        Database(cluster.create("migrated")).close()
        yield cluster


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One migrated database file to copy from."""
    file = tmp_path_factory.mktemp("migrated") / "vault.db"
    Database(f"sqlite:///{file}").close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """A function that makes one more empty, migrated database of the kind under test and returns its URL."""
    made: list[str] = []
    if request.param == "sqlite":
        migrated: Path = request.getfixturevalue("migrated_sqlite")

        def make() -> str:
            file = shutil.copy(migrated, tmp_path / f"vault{len(made)}.db")
            made.append(f"sqlite:///{file}")
            return made[-1]

        yield make
        return
    if binaries() is None:
        pytest.fail("PostgreSQL is not installed; `make system` installs it (apt-get install postgresql)")
    cluster: Cluster = request.getfixturevalue("postgres_cluster")

    def copy() -> str:
        made.append(cluster.create(template="migrated"))
        return made[-1]

    yield copy
    for url in made:
        cluster.drop(url)


@pytest.fixture
def database_url(fresh_database: Callable[[], str]) -> str:
    """The URL of an empty database of this test's own."""
    return fresh_database()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at 2025-07-01 12:00 in Shanghai until the test moves it."""
    return ManualClock(NOW)


@pytest.fixture
def vault(database_url: str, tmp_path: Path, clock: ManualClock) -> Iterator[Vault]:
    """An empty vault on `database_url`, its lake in the test's folder, on the standing clock."""
    opened = Vault.connect(database_url, lake=tmp_path / "lake", clock=clock)
    yield opened
    opened.close()
