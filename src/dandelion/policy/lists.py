"""Black, white and grey lists of keyed hashes.  Only an exact hit is a hit, and a grey list never declines anyone.

A list's file is a CSV (small, readable in git) or packed (`listfile`: millions of keys, mapped); live changes lie beside it.
A file names the key it was sealed with, so that a wrong key is an error, not a silent miss.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dandelion.core import BadInput, canonical, content_hash
from dandelion.policy.entry import (
    COLOURS,
    HEADER,
    KINDS,
    Entries,
    Entry,
    digest_of,
    key_id,
    read_digest,
    read_entry,
)
from dandelion.policy.listfile import SUFFIX, PackedList
from dandelion.policy.listfile.live import Changed, live_file, read_live
from dandelion.policy.records import Reader, Record, read_yaml

__all__ = ["KINDS", "Declared", "Entry", "Lists", "NamedList", "declared_in", "key_id", "seal"]

ROWS_MAX = 5_000_000  # of a CSV


class _InMemory(dict[bytes, Entry]):
    """The entries of a CSV."""

    def find(self, digest: bytes) -> Sequence[Entry]:
        found = self.get(digest)
        return () if found is None else (found,)


@dataclass(frozen=True, slots=True)
class Declared:
    """A list as lists.yaml declares it; `line` is where it names its file."""

    name: str
    colour: str
    kinds: frozenset[str]
    file: Path
    line: int


@dataclass(frozen=True, slots=True)
class NamedList:
    name: str
    colour: str
    kinds: frozenset[str]
    entries: Entries
    hash: str
    changes: int = 0  # live ones


@dataclass(frozen=True, slots=True)
class Lists:
    """All lists of a lender.  `hash` names their content."""

    by_name: Mapping[str, NamedList] = field(default_factory=dict)
    key: bytes = b""

    @classmethod
    def load(cls, folder: Path, key: bytes) -> Lists:
        """`folder` holds lists.yaml and one file per list.  Errors: BadInput with file and line."""
        declared, wanted = declared_in(folder)
        named = {name: _read_list(one, folder, key) for name, one in declared.items()}
        sealed = any(len(one.entries) or one.changes for one in named.values())
        if sealed and (not wanted or wanted != key_id(key)):
            raise BadInput(
                f"{folder / 'lists.yaml'}: sealed with key {wanted or '(none named)'}, but the key given is "
                f"{key_id(key)}; give the key the lists were sealed with",
                field="key_id",
            )
        return cls(named, key)

    @property
    def hash(self) -> str:
        return content_hash(canonical({name: one.hash for name, one in self.by_name.items()}))

    def hit(self, name: str, keys: Mapping[str, Sequence[str]], as_of_us: int) -> bool | None:
        """Whether any of the subject's keys stands in the list; None when none of the kinds it holds was given.

        `keys` maps a kind to the subject's own values: ``{"owner": ["p1"], "device": ["d1", "d2"]}``.
        """
        return self._look(name, keys, as_of_us)[0]

    def entry(self, name: str, keys: Mapping[str, Sequence[str]], as_of_us: int) -> Entry | None:
        return self._look(name, keys, as_of_us)[1]

    def _look(self, name: str, keys: Mapping[str, Sequence[str]], as_of_us: int) -> tuple[bool | None, Entry | None]:
        if name not in self.by_name:
            raise BadInput(f"no list is called {name!r}; known: {', '.join(self.by_name) or 'none'}", field=name)
        one = self.by_name[name]
        asked = False
        for kind in KINDS:
            if kind not in one.kinds:
                continue
            for value in keys.get(kind, ()):
                asked = True
                if not self.key:  # nothing can have been sealed without one
                    continue
                for found in one.entries.find(digest_of(self.key, kind, value)):
                    if found.counts_at(as_of_us):
                        return True, found
        return (False if asked else None), None


def seal(rows: Iterable[Mapping[str, str]], key: bytes) -> str:
    """Plain rows (kind, value, reason, source, added, expires, confidence_ppm) as the CSV text of a list.

    Rows come out sorted by hash, so that the order of the source tells nothing.  Errors: BadInput with the row number.
    """
    key_id(key)
    out: dict[bytes, list[str]] = {}
    for number, row in enumerate(rows, 1):
        kind, value = row.get("kind", ""), row.get("value", "").strip()
        if kind not in KINDS or not value:
            raise BadInput(f"row {number}: kind {kind!r} must be one of {', '.join(KINDS)} with a value", field="kind")
        digest = digest_of(key, kind, value)
        rest = [row.get(name, "") for name in HEADER[2:]]
        read_entry(dict(zip(HEADER[2:], rest, strict=True)), f"row {number}")
        out[digest] = [kind, digest.hex(), *rest]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(out[digest] for digest in sorted(out))
    return text.getvalue()


def declared_in(folder: Path) -> tuple[dict[str, Declared], str]:
    """The lists of lists.yaml by name, and the id of the key they are sealed with.  Errors: BadInput with file and line."""
    take = Reader(read_yaml(folder / "lists.yaml"))
    wanted = take.text("key_id", "")
    found: dict[str, Declared] = {}
    for record in take.records("lists"):
        one = _declared(record, folder)
        if one.name in found:
            raise BadInput(f"{record.place}: list {one.name!r} is declared twice", field=one.name)
        found[one.name] = one
    take.done()
    return found, wanted


def _declared(record: Record, folder: Path) -> Declared:
    take = Reader(record)
    name, colour = take.text("name"), take.choice("colour", COLOURS)
    kinds, file = take.texts("kinds"), take.text("file")
    take.done()
    if not kinds or any(kind not in KINDS for kind in kinds):
        raise take.refuse("kinds", f"must be some of {', '.join(KINDS)}")
    if "/" in file or file.startswith("."):
        raise take.refuse("file", "must be a plain file name in the same folder")
    place = record.places.get("file", record.place)
    if not (folder / file).is_file():
        raise take.refuse("file", f"{folder / file} cannot be read as UTF-8 text")
    return Declared(name, colour, frozenset(kinds), folder / file, place.line)


def _read_list(one: Declared, folder: Path, key: bytes) -> NamedList:
    if one.file.suffix == SUFFIX:
        packed = PackedList.open(one.file)
        if packed.key_id != key_id(key):
            raise BadInput(
                f"{one.file}: sealed with key {packed.key_id}, but the key given is {key_id(key)}; give the key the list "
                "was sealed with",
                field="key_id",
            )
        entries: Entries = packed
        named = f"{one.name}\n{one.colour}\npacked {packed.hash}"
    else:
        text = _text(one.file, one.line, folder)
        entries = _InMemory(_rows(one.file, text, one.kinds))
        named = f"{one.name}\n{one.colour}\n{text}"
    live = live_file(folder, one.name)
    if not live.is_file():
        return NamedList(one.name, one.colour, one.kinds, entries, content_hash(named.encode()))
    text = _text(live, 1, folder)
    said = read_live(live, text, one.kinds)
    named = f"{named}\nlive\n{text}"
    return NamedList(one.name, one.colour, one.kinds, Changed(entries, said), content_hash(named.encode()), len(said))


def _text(path: Path, line: int, folder: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadInput(
            f"{folder / 'lists.yaml'}:{line}: file {path} cannot be read as UTF-8 text", field="file"
        ) from None


def _rows(path: Path, text: str, kinds: frozenset[str]) -> Iterator[tuple[bytes, Entry]]:
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != HEADER:
        raise BadInput(f"{path}:1: the header must be {','.join(HEADER)}", field="header")
    for line, row in enumerate(reader, 2):
        place = f"{path}:{line}"
        if line > ROWS_MAX:
            raise BadInput(f"{path}: more than {ROWS_MAX:,} rows; import it packed", field="rows")
        if None in row or any(value is None for value in row.values()):
            raise BadInput(f"{place}: has another number of fields than the header", field="rows")
        if row["kind"] not in kinds:
            raise BadInput(f"{place}: kind {row['kind']!r} is not one this list holds", field="kind")
        yield read_digest(row["hash"], place), read_entry(row, place)
