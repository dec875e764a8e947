"""A running house takes up what changes: lists, strategies, products, champions, published books; whole or not at all."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from dandelion.app.house import House
from dandelion.core import DandelionError

log = logging.getLogger("dandelion.refreshing")
EVERY_S = 1.0
WATCHED = ("lists", "strategies", "products", "models")
Stamp = tuple[tuple[str, int, int], ...]


class Refreshing:
    """One thread that looks every second.  What cannot be read is logged once, and what served goes on serving."""

    def __init__(self, house: House, every_s: float = EVERY_S) -> None:
        self._house, self._every_s = house, every_s
        self._stopping = threading.Event()
        self._seen = stamp_of(house)
        self._thread = threading.Thread(target=self._run, name="refreshing", daemon=True)

    def start(self) -> None:
        self._house.is_refreshed = True
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=30)
        self._house.is_refreshed = False

    def look(self) -> bool:
        """Whether something changed and serves now."""
        now = stamp_of(self._house)
        if now == self._seen:
            return self._house.take_up_publication()
        self._seen = now
        before = self._house.policy
        try:
            found = self._house.reload_policy()
        except (DandelionError, OSError) as error:  # a file may be half-way written; its next change is looked at again
            log.warning("the changed policy was refused, the one before goes on: %s", error)
            return False
        log.info("policy taken up: book %s, lists %s", found.book.hash[:12], found.lists.hash[:12])
        return found is not before

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self.look()
            except Exception:
                log.exception("looking for a changed policy failed; looking again")


def stamp_of(house: House) -> Stamp:
    """Names, sizes and times of everything that decides: equal as long as nothing changed."""
    root = house.settings.root
    folders = [*(root / name for name in WATCHED), house.registry.folder]
    found = []
    for folder in folders:
        for file in sorted(folder.rglob("*")) if folder.is_dir() else []:
            if file.suffix != ".draft" and not any(part.startswith(".draft") for part in file.parts):
                found += _stamp(file)
    return tuple(found)


def _stamp(file: Path) -> list[tuple[str, int, int]]:
    try:
        about = file.stat()
    except FileNotFoundError:  # gone since it was listed
        return []
    return [] if file.is_dir() else [(str(file), about.st_size, about.st_mtime_ns)]
