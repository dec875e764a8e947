"""The book that stands: read by many threads at once, replaced whole by one that is already compiled."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dandelion.core import BadInput, Column
from dandelion.policy.book import Book


@dataclass(frozen=True, slots=True)
class Swap:
    """What a refresh did: the book that stands now, the one before it, and why a new one was refused (empty if none)."""

    now: Book
    before: Book
    refused: str = ""

    @property
    def changed(self) -> bool:
        return self.now.hash != self.before.hash


class StandingBook:
    """The book of a folder.  A request takes `book` once and keeps it to its end, so it never sees half of two books.

    A new book is loaded, checked and compiled, and its kernels have run once, before it takes the old one's place; where
    any of that fails the old one stays.
    """

    def __init__(self, folder: Path, catalogue: Mapping[str, Column] | None, products: Iterable[str]) -> None:
        """Errors: BadInput where the folder holds no valid book."""
        self.folder = folder
        self._products = tuple(products)
        self._one_at_a_time = threading.Lock()
        self._book = ready(Book.load(folder, catalogue), self._products)

    @property
    def book(self) -> Book:
        """The book that stands: one read, no lock."""
        return self._book

    def refresh(self, catalogue: Mapping[str, Column] | None = None) -> Swap:
        """Read the folder again and let its book stand if it is valid; otherwise say why not and keep the present one."""
        with self._one_at_a_time:
            before = self._book
            try:
                found = Book.load(self.folder, catalogue)
                if found.hash != before.hash:
                    self._book = ready(found, self._products)
            except BadInput as error:
                return Swap(before, before, error.message)
            return Swap(self._book, before)


def ready(book: Book, products: Iterable[str]) -> Book:
    """The same book with the strategies of every product compiled and run once on an empty row."""
    for product in products:
        engine = book.roster(product).engine
        empty = np.full((1, len(engine.columns)), np.nan, np.float32)
        engine.one(empty[0])
        engine.fired(empty)
        engine.not_false(empty)
    return book
