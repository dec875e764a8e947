"""Live changes: entries added and keys taken off since a list's file was written; what they say goes before the file.

``<name>.live.csv`` lies beside the list: ``change`` (add or remove), then the columns of a sealed list.  It is replaced
whole, so that a reader sees either the old one or the new one; `dandelion lists import` starts it afresh.
"""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dandelion.core import BadInput
from dandelion.policy.entry import HEADER, Entries, Entry, read_digest, read_entry

ADD, REMOVE = "add", "remove"
LIVE_HEADER = ("change", *HEADER)
CHANGES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Changed:
    """A list with its live changes.  A key that is in `said` is what is said there, or not listed where that is empty."""

    base: Entries
    said: Mapping[bytes, tuple[Entry, ...]]

    def __len__(self) -> int:
        gone = sum(1 for digest, now in self.said.items() if not now and self.base.find(digest))
        return len(self.base) - gone + sum(1 for digest, now in self.said.items() if now and not self.base.find(digest))

    def find(self, digest: bytes) -> Sequence[Entry]:
        found = self.said.get(digest)
        return self.base.find(digest) if found is None else found


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a live file, as text; `terms` are empty for a removal."""

    change: str
    kind: str
    digest: bytes
    terms: tuple[str, ...] = field(default=("",) * 5)

    def line(self) -> tuple[str, ...]:
        return (self.change, self.kind, self.digest.hex(), *self.terms)


def live_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.live.csv"


def read_live(file: Path, text: str, kinds: frozenset[str]) -> dict[bytes, tuple[Entry, ...]]:
    """What the changes say, the last line about a key before the others.  Errors: BadInput with file and line."""
    reader = csv.reader(io.StringIO(text))
    if tuple(next(reader, ())) != LIVE_HEADER:
        raise BadInput(f"{file}:1: the header must be {','.join(LIVE_HEADER)}", field="header")
    said: dict[bytes, tuple[Entry, ...]] = {}
    for line, row in enumerate(reader, 2):
        place = f"{file}:{line}"
        if len(row) != len(LIVE_HEADER):
            raise BadInput(f"{place}: has another number of fields than the header", field="rows")
        change, kind, hash_, *terms = row
        if kind not in kinds:
            raise BadInput(f"{place}: kind {kind!r} is not one this list holds", field="kind")
        digest = read_digest(hash_, place)
        if change == ADD:
            said[digest] = (read_entry(dict(zip(HEADER[2:], terms, strict=True)), place),)
        elif change == REMOVE:
            said[digest] = ()
        else:
            raise BadInput(f"{place}: change {change!r} must be {ADD} or {REMOVE}", field="change")
    return said


def append(folder: Path, name: str, kinds: frozenset[str], changes: Sequence[Change]) -> Path:
    """The live file with `changes` after what it holds; whole or not at all.

    Errors: BadInput for a kind the list does not hold, and where the file grows too long.
    """
    for change in changes:
        if change.kind not in kinds:
            raise BadInput(
                f"kind {change.kind!r} is not one list {name} holds: {', '.join(sorted(kinds))}", field="kind"
            )
    file = live_file(folder, name)
    before = file.read_text("utf-8") if file.exists() else ",".join(LIVE_HEADER) + "\n"
    if before.count("\n") + len(changes) > CHANGES_MAX:
        raise BadInput(f"{file} would pass {CHANGES_MAX:,} changes; import the list afresh", field="changes")
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(change.line() for change in changes)
    handle, draft = tempfile.mkstemp(prefix=f".{name}.", suffix=".draft", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(before + out.getvalue())
        opened.flush()
        os.fsync(opened.fileno())
    Path(draft).chmod(0o644)
    Path(draft).replace(file)
    return file
