"""What stands in a list: keyed hashes, and for each why, from where, since when, until when and how sure.

A key is HMAC-SHA-256 of (kind, value) under the lender's own key, cut to 16 bytes, so that whoever steals a file cannot
try phone numbers against it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dandelion.core import BadInput, instant

COLOURS = ("black", "white", "grey")
KINDS = ("subject", "owner", "device", "account", "phone", "licence_no")
TERMS = ("reason", "source", "added", "expires", "confidence_ppm")
HEADER = ("kind", "hash", *TERMS)
KEY_BYTES_MIN = 16
DIGEST_BYTES = 16
_BLOCK_BYTES = 64  # of SHA-256, see RFC 2104


@dataclass(frozen=True, slots=True)
class Entry:
    """One listed key; it counts for ``added_us <= as_of < expires_us``."""

    reason: str
    source: str
    added_us: int
    expires_us: int
    confidence_ppm: int

    def counts_at(self, as_of_us: int) -> bool:
        return self.added_us <= as_of_us < self.expires_us


class Entries(Protocol):
    """Where the entries of a list are kept: a few in memory, or many in a packed file."""

    def __len__(self) -> int: ...

    def find(self, digest: bytes) -> Sequence[Entry]:
        """Everything that is said about a key; empty where it is not listed."""
        ...


def key_id(key: bytes) -> str:
    """Eight characters that tell keys apart without telling the key."""
    if len(key) < KEY_BYTES_MIN:
        raise BadInput(f"the list key has {len(key)} bytes; at least {KEY_BYTES_MIN} are needed", field="key")
    return hmac.new(key, b"dandelion list key", hashlib.sha256).hexdigest()[:8]


def digest_of(key: bytes, kind: str, value: str) -> bytes:
    """The 16 bytes under which (kind, value) is listed."""
    return hmac.digest(key, f"{kind}\x1f{value}".encode(), "sha256")[:DIGEST_BYTES]


def digests_of(key: bytes, kinds: Iterable[str], values: Iterable[str]) -> bytes:
    """`digest_of` of many, one after the other: the key is worked in once, which halves the time."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key).ljust(_BLOCK_BYTES, b"\0")
    inner, outer = hashlib.sha256(bytes(b ^ 0x36 for b in block)), hashlib.sha256(bytes(b ^ 0x5C for b in block))
    out = []
    for kind, value in zip(kinds, values, strict=True):
        first = inner.copy()
        first.update(f"{kind}\x1f{value}".encode())
        second = outer.copy()
        second.update(first.digest())
        out.append(second.digest()[:DIGEST_BYTES])
    return b"".join(out)


def read_entry(row: Mapping[str, str], place: str) -> Entry:
    """The terms of one row of text.  Errors: BadInput naming `place`."""
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


def read_digest(text: str, place: str) -> bytes:
    """The 16 bytes of 32 hex characters.  Errors: BadInput naming `place`."""
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != DIGEST_BYTES:
        raise BadInput(f"{place}: hash must be 32 hex characters; seal plain values first", field="hash")
    return digest
