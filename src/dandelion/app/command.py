"""Every write names itself with an Idempotency-Key; the same key with the same body is answered from the record."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from dandelion.app.access import Caller
from dandelion.core import BadInput

_KEY = re.compile(r"[A-Za-z0-9_.\-]{8,100}")


@dataclass(frozen=True, slots=True)
class Command:
    """A write request as the record knows it: who, under which key, with which content."""

    key: str
    request_hash: str

    @classmethod
    def of(cls, caller: Caller, key: str | None, method: str, path: str, body: bytes) -> Command:
        """Errors: BadInput where the key is absent or malformed."""
        if key is None or not _KEY.fullmatch(key):
            raise BadInput(
                "send the header Idempotency-Key with 8 to 100 letters, digits, '_', '.' or '-', one for each intention",
                field="Idempotency-Key",
            )
        digest = hashlib.sha256(b"\x1f".join([method.encode(), path.encode(), caller.role.encode(), body])).hexdigest()
        return cls(key=f"{caller.subject}/{key}", request_hash=digest)
