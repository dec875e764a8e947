"""Keys: one random key per subject, wrapped by a key derived from the master secret; losing it is erasure.

AES-256-GCM (NIST SP 800-38D) for what is kept, HKDF-SHA256 (RFC 5869) for derived keys, HMAC-SHA256 for look-up.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dandelion.core import BadInput, Unavailable

NONCE_BYTES = 12


class KeyRing:
    """Wraps and unwraps subject keys of all tenants under one master secret (32 bytes or more)."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:
            raise BadInput("the master secret has fewer than 32 bytes; make one with os.urandom(32)", field="secret")
        self._secret = secret

    @classmethod
    def from_file(cls, path: Path) -> KeyRing:
        """The secret in `path` (64 hex digits), made there, readable by its owner only, where there is none."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(os.urandom(32).hex())
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(fresh, path)  # fails where another process was first: then its secret counts
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        try:
            return cls(bytes.fromhex(path.read_text().strip()))
        except ValueError:
            raise BadInput(f"{path} does not hold a master secret in hex digits", field="secret") from None

    def new_key(self, tenant: str, subject: str) -> tuple[bytes, bytes]:
        """(a fresh subject key, the same wrapped for storage)."""
        key = AESGCM.generate_key(256)
        return key, seal(self._derive(tenant, "wrap"), key, f"{tenant}\x1f{subject}")

    def unwrap(self, tenant: str, subject: str, wrapped: bytes) -> bytes:
        return unseal(self._derive(tenant, "wrap"), wrapped, f"{tenant}\x1f{subject}")

    def blind(self, tenant: str, field: str, value: str) -> str:
        """A keyed fingerprint to look a value up by without storing it."""
        key = self._derive(tenant, "blind")
        return hmac.new(key, f"{field}\x1f{value.strip()}".encode(), hashlib.sha256).hexdigest()

    def _derive(self, tenant: str, use: str) -> bytes:
        return HKDF(SHA256(), 32, None, f"dandelion vault {use} {tenant}".encode()).derive(self._secret)


def seal(key: bytes, plain: bytes, context: str) -> bytes:
    """Nonce and ciphertext; `context` is bound to it, so a row cannot be moved to another place."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def unseal(key: bytes, sealed: bytes, context: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
    except InvalidTag:
        raise Unavailable("stored data does not open with this master secret; check which secret is in use") from None
