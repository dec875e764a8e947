"""Where tests write: into memory where there is room, since nobody will ask for it after a loss of power.

Each commit of a test's database otherwise waits for the disk, which is most of what such a test does.  `TMPDIR`, where it
is set, is left alone: `TMPDIR=/tmp pytest ...` keeps the folders of the last runs.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from multiprocessing.util import Finalize
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_MIN_BYTES = 6 << 30  # a whole run leaves less than one; memory is wanted for more than that
LAST = -1000  # after multiprocessing has removed its own folder there
NAME, DISK = "dandelion-tests-", "DANDELION_TESTS_DISK"


def into_memory() -> None:
    """Let every temporary folder from here on lie in memory, until this process ends."""
    if "TMPDIR" in os.environ or not _has_room():
        return
    _remove_what_the_dead_left()
    os.environ[DISK] = tempfile.gettempdir()
    home = Path(tempfile.mkdtemp(prefix=f"{NAME}{os.getpid()}-", dir=MEMORY))
    home.chmod(0o755)  # the servers of tests run under other names
    os.environ["TMPDIR"] = tempfile.tempdir = str(home)
    Finalize(None, shutil.rmtree, (home, True), exitpriority=LAST)


def disk() -> Path:
    """The folder for tests that must wait for a disk."""
    return Path(os.environ.get(DISK) or tempfile.gettempdir())


def _has_room() -> bool:
    return os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM_MIN_BYTES


def _remove_what_the_dead_left() -> None:
    for left in MEMORY.glob(f"{NAME}*"):
        if not Path("/proc", left.name.removeprefix(NAME).split("-")[0]).exists():
            shutil.rmtree(left, ignore_errors=True)
