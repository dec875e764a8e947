"""`PackedList`: millions of listed keys in one file, mapped into memory and shared by every process that reads it.

A file holds, each at a page's border: the index (uint32), the keys (uint64), for each key the number of its terms (as few
bytes as they need), the terms (reason, source, added, expires, confidence: each combination once) and their texts.  Its
first page is a line of JSON that says where.  10^8 keys take 8.7 bytes each with the index, and their terms one or two more.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.policy.entry import DIGEST_BYTES, Entry
from dandelion.policy.listfile import kernel
from dandelion.policy.listfile.kernel import Places, Starts, Words

MAGIC = "dandelion list 1"
PAGE = 4096
SUFFIX = ".list"
TERM = np.dtype([("reason", "<u4"), ("source", "<u4"), ("added", "<i8"), ("expires", "<i8"), ("confidence", "<u4")])
Numbers = npt.NDArray[np.unsignedinteger[Any]]
_READ_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class Section:
    """Where a part of the file lies: first byte, kind of number, how many."""

    name: str
    at: int
    kind: str
    count: int

    @property
    def end(self) -> int:
        return self.at + self.count * np.dtype(TERM if self.kind == "term" else self.kind).itemsize


@dataclass(frozen=True, slots=True, eq=False)
class PackedList:
    """A file that is open.  Immutable: a changed list is another file.  `hash` is the SHA-256 of all but its first page."""

    file: Path
    rows: int
    bits: int
    key_id: str
    hash: str
    index: Starts
    keys: Words
    term_of: Numbers
    terms: npt.NDArray[np.void]
    texts: Sequence[str] = field(repr=False)

    @classmethod
    def open(cls, file: Path) -> PackedList:
        """Errors: BadInput where the file is none of ours, or shorter than it says."""
        head, sections = read_head(file)
        parts = {s.name: _mapped(file, s) for s in sections}
        texts = json.loads(parts["texts"].tobytes())
        return cls(
            file, head["rows"], head["bits"], head["key_id"], head["sha256"], parts["index"], parts["keys"],
            parts["term_of"], parts["terms"], texts,
        )  # fmt: skip

    def __len__(self) -> int:
        return self.rows

    @property
    def bytes_looked_up(self) -> int:
        """Memory that look-ups read: index and keys."""
        return self.index.nbytes + self.keys.nbytes

    def places(self, high: Words, low: Words) -> Places:
        """(n,) where each key (its first and its last eight bytes as numbers) stands, -1 where it does not."""
        out = np.empty(len(high), np.int64)
        kernel.find(high, low, self.bits, self.index, self.keys, out)
        return out

    def find(self, digest: bytes) -> tuple[Entry, ...]:
        """All that is said about a key of 16 bytes; empty where it is not listed."""
        assert len(digest) == DIGEST_BYTES, len(digest)
        high, low = np.frombuffer(digest, ">u8").astype(np.uint64)[:, None]
        at = int(self.places(high, low)[0])
        if at < 0:
            return ()
        bucket = int(high[0]) >> (64 - self.bits) if self.bits else 0
        end = int(kernel.same_key(self.index, self.keys, at, bucket))
        return tuple(self.entry(int(term)) for term in self.term_of[at:end])

    def entry(self, term: int) -> Entry:
        one = self.terms[term]
        return Entry(
            self.texts[int(one["reason"])], self.texts[int(one["source"])], int(one["added"]), int(one["expires"]),
            int(one["confidence"]),
        )  # fmt: skip

    def warm(self) -> None:
        """Read index and keys once, so that no look-up waits for the disk."""
        for part in (self.index, self.keys):
            np.add.reduce(part.view(np.uint8)[::PAGE], dtype=np.uint64)

    def check(self) -> list[str]:
        """What is wrong with the file, a sentence each: its hash, its order, its terms."""
        wrong = []
        if (found := sha256_of(self.file)) != self.hash:
            wrong.append(f"{self.file}: holds {found[:12]}, but its head names {self.hash[:12]}; import the list again")
        if (at := int(kernel.first_out_of_order(self.index, self.keys))) >= 0:
            wrong.append(f"{self.file}: place {at:,} is out of order, so keys after it may be missed; import it again")
        if int(self.index[0]) != 0 or int(self.index[-1]) != self.rows:
            wrong.append(f"{self.file}: the index ends at {int(self.index[-1]):,} of {self.rows:,} keys")
        if self.rows and int(self.term_of.max()) >= len(self.terms):
            wrong.append(f"{self.file}: a key names terms that are not there")
        return wrong


def read_head(file: Path) -> tuple[dict[str, Any], list[Section]]:
    """The first page and the sections it names.  Errors: BadInput."""
    try:
        with file.open("rb") as opened:
            first = opened.read(PAGE)
            size = os.fstat(opened.fileno()).st_size
        magic, line = first.decode().split("\n", 2)[:2]
        head = json.loads(line)
        sections = [Section(*section) for section in head["sections"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{file} is not a packed list; make one with: dandelion lists import", field="file") from None
    if magic != MAGIC:
        raise BadInput(f"{file} says {magic!r}, not {MAGIC!r}; import the list again with this version", field="file")
    if max(section.end for section in sections) > size:
        raise BadInput(f"{file} is cut short at {size:,} bytes; import the list again", field="file")
    return head, sections


def head_bytes(head: dict[str, Any]) -> bytes:
    """The first page."""
    text = f"{MAGIC}\n{json.dumps(head)}\n".encode()
    assert len(text) <= PAGE, len(text)
    return text.ljust(PAGE, b"\n")


def sha256_of(file: Path) -> str:
    """Of everything after the first page."""
    found = hashlib.sha256()
    with file.open("rb") as opened:
        opened.seek(PAGE)
        while part := opened.read(_READ_BYTES):
            found.update(part)
    return found.hexdigest()


def _mapped(file: Path, section: Section) -> Any:
    kind = TERM if section.kind == "term" else np.dtype(section.kind)
    if section.count == 0:
        return np.empty(0, kind)
    return np.asarray(np.memmap(file, kind, "r", section.at, (section.count,)))
