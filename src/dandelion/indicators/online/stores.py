"""A store by URL, as ``dandelion.toml`` would name it."""

from __future__ import annotations

from dandelion.core import BadInput
from dandelion.indicators.online.memory import MemoryStore
from dandelion.indicators.online.store import Store


def open_store(url: str, tenant: str) -> Store:
    """``memory:``, ``lmdb:/path/to/folder``, ``redis://host:6379/0`` or ``unix:///path/to/redis.sock``.

    Clients are imported only where they are named.  Errors: BadInput for any other URL; Unavailable.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "memory":
        return MemoryStore()
    if scheme == "lmdb" and rest:
        from dandelion.indicators.online.lmdb_store import LmdbStore

        return LmdbStore(rest.removeprefix("//"), tenant)
    if scheme in ("redis", "rediss", "unix"):
        from dandelion.indicators.online.redis_store import RedisStore

        return RedisStore(url, tenant)
    raise BadInput(f"store {scheme!r} is not known; use memory:, lmdb:/folder or redis://host:6379/0", field="store")
