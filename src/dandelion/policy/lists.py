"""Black, white and grey lists of keyed hashes.  Only an exact hit is a hit, and a grey list never declines anyone.

A file holds HMAC-SHA-256 of (list kind, value) under the lender's key, so that whoever steals it cannot try phone
numbers against it.  The file names the key it was sealed with, so that a wrong key is an error, not a silent miss.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dandelion.core import BadInput, canonical, content_hash, instant
from dandelion.policy.records import Reader, Record, read_yaml

COLOURS = ("black", "white", "grey")
KINDS = ("subject", "owner", "device", "account", "phone", "licence_no")
HEADER = ("kind", "hash", "reason", "source", "added", "expires", "confidence_ppm")
KEY_BYTES_MIN = 16
ROWS_MAX = 5_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One listed key; it counts for ``added_us <= as_of < expires_us``."""

    reason: str
    source: str
    added_us: int
    expires_us: int
    confidence_ppm: int


@dataclass(frozen=True, slots=True)
class NamedList:
    name: str
    colour: str
    kinds: frozenset[str]
    entries: Mapping[bytes, Entry]
    hash: str


@dataclass(frozen=True, slots=True)
class Lists:
    """All lists of a lender.  `hash` names their content."""

    by_name: Mapping[str, NamedList] = field(default_factory=dict)
    key: bytes = b""

    @classmethod
    def load(cls, folder: Path, key: bytes) -> Lists:
        """`folder` holds lists.yaml and one CSV per list.  Errors: BadInput with file and line."""
        declared = read_yaml(folder / "lists.yaml")
        take = Reader(declared)
        wanted = take.text("key_id", "")
        named = {}
        for record in take.records("lists"):
            one = _read_list(record, folder, key)
            if one.name in named:
                raise BadInput(f"{record.place}: list {one.name!r} is declared twice", field=one.name)
            if one.entries and (not wanted or wanted != key_id(key)):
                raise BadInput(
                    f"{folder / 'lists.yaml'}: sealed with key {wanted or '(none named)'}, but the key given is "
                    f"{key_id(key)}; give the key the lists were sealed with",
                    field="key_id",
                )
            named[one.name] = one
        take.done()
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
                found = one.entries.get(_digest(self.key, kind, value)) if one.entries else None
                if found is not None and found.added_us <= as_of_us < found.expires_us:
                    return True, found
        return (False if asked else None), None


def key_id(key: bytes) -> str:
    """Eight characters that tell keys apart without telling the key."""
    if len(key) < KEY_BYTES_MIN:
        raise BadInput(f"the list key has {len(key)} bytes; at least {KEY_BYTES_MIN} are needed", field="key")
    return hmac.new(key, b"dandelion list key", hashlib.sha256).hexdigest()[:8]


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
        digest = _digest(key, kind, value)
        rest = [row.get(name, "") for name in HEADER[2:]]
        _entry(dict(zip(HEADER[2:], rest, strict=True)), f"row {number}")
        out[digest] = [kind, digest.hex(), *rest]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(out[digest] for digest in sorted(out))
    return text.getvalue()


def _digest(key: bytes, kind: str, value: str) -> bytes:
    return hmac.digest(key, f"{kind}\x1f{value}".encode(), "sha256")[:16]


def _read_list(record: Record, folder: Path, key: bytes) -> NamedList:
    take = Reader(record)
    name, colour = take.text("name"), take.choice("colour", COLOURS)
    kinds = take.texts("kinds")
    file = take.text("file")
    take.done()
    if not kinds or any(kind not in KINDS for kind in kinds):
        raise take.refuse("kinds", f"must be some of {', '.join(KINDS)}")
    if "/" in file or file.startswith("."):
        raise take.refuse("file", "must be a plain file name in the same folder")
    path = folder / file
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise take.refuse("file", f"{path} cannot be read as UTF-8 text") from None
    entries = dict(_rows(path, text, set(kinds)))
    if entries:
        key_id(key)
    return NamedList(name, colour, frozenset(kinds), entries, content_hash(f"{name}\n{colour}\n{text}".encode()))


def _rows(path: Path, text: str, kinds: set[str]) -> Iterator[tuple[bytes, Entry]]:
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != HEADER:
        raise BadInput(f"{path}:1: the header must be {','.join(HEADER)}", field="header")
    for line, row in enumerate(reader, 2):
        place = f"{path}:{line}"
        if line > ROWS_MAX:
            raise BadInput(f"{path}: more than {ROWS_MAX:,} rows; split the list", field="rows")
        if None in row or any(value is None for value in row.values()):
            raise BadInput(f"{place}: has another number of fields than the header", field="rows")
        if row["kind"] not in kinds:
            raise BadInput(f"{place}: kind {row['kind']!r} is not one this list holds", field="kind")
        try:
            digest = bytes.fromhex(row["hash"])
        except ValueError:
            digest = b""
        if len(digest) != 16:
            raise BadInput(f"{place}: hash must be 32 hex characters; seal plain values first", field="hash")
        yield digest, _entry(row, place)


def _entry(row: Mapping[str, str], place: str) -> Entry:
    for name in ("reason", "source"):
        if not row[name]:
            raise BadInput(f"{place}: {name} is empty; every entry says why and from where", field=name)
    try:
        added, expires = instant(row["added"]), instant(row["expires"])
    except BadInput as error:
        raise BadInput(f"{place}: {error.message}", field="added") from None
    if added >= expires:
        raise BadInput(f"{place}: expires must be later than added; no entry stays for ever", field="expires")
    confidence = row["confidence_ppm"]
    if not confidence.isdigit() or int(confidence) > 1_000_000:
        raise BadInput(f"{place}: confidence_ppm is {confidence!r}; give 0 to 1000000", field="confidence_ppm")
    return Entry(row["reason"], row["source"], added, expires, int(confidence))
