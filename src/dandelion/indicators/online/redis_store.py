"""The state in Redis, for workers on many machines.  The client is the extra ``redis``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

from dandelion.core import BadInput, TooLarge, Unavailable
from dandelion.indicators.online.store import Chunks, checked_subject, checked_tenant, must_be_at

KEYS_AT_ONCE = 2_000
BYTES_AT_ONCE = 8 * 2**20
_APPEND = """
local at = tonumber(redis.call('GET', KEYS[1]) or '0')
if at ~= tonumber(ARGV[1]) then return at end
for i = 2, #KEYS do redis.call('APPEND', KEYS[i], ARGV[i]) end
if ARGV[#KEYS + 1] then redis.call('SET', KEYS[1], ARGV[#KEYS + 1]) end
return -1
"""
T = TypeVar("T")


class RedisStore:
    """A `Store` at ``redis://host:port/0`` or ``unix:///path/to/socket``.

    A state is one string key ``dandelion:TENANT:kind/role:subject``.  Appends run as one script per 2,000 keys, which
    refuses where another writer moved the position.  Errors: BadInput without the client or for a wrong URL; Unavailable.
    """

    lasting = True

    def __init__(self, url: str, tenant: str, *, timeout_s: float = 10.0) -> None:
        self._prefix = f"dandelion:{checked_tenant(tenant)}:"
        try:
            redis: Any = importlib.import_module("redis")
        except ImportError:
            raise BadInput("the Redis store needs its client; install it with: pip install 'dandelion-credit[redis]'",
                           field="store") from None  # fmt: skip
        parts = urlsplit(url)
        self._where = f"{parts.hostname or ''}:{parts.port or 6379}" if parts.hostname else parts.path
        try:
            self._client = redis.Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
        except ValueError as error:
            raise BadInput(
                "a Redis URL reads like redis://host:6379/0 or unix:///path/to/socket", field="store"
            ) from error
        self._full, self._broken = redis.exceptions.OutOfMemoryError, redis.exceptions.RedisError
        self._script = self._try(lambda: self._client.script_load(_APPEND))

    def get_many(self, table: str, subjects: Sequence[str]) -> list[bytes]:
        out: list[bytes] = []
        for start in range(0, len(subjects), KEYS_AT_ONCE):
            keys = [self._key(table, subject) for subject in subjects[start : start + KEYS_AT_ONCE]]
            out += [value or b"" for value in self._try(lambda keys=keys: self._client.mget(keys))]  # type: ignore[misc]
        return out

    def put_many(self, table: str, states: Iterable[tuple[str, bytes]]) -> None:
        for keys, values in self._portions((self._key(table, subject), state) for subject, state in states):
            pipe = self._client.pipeline(transaction=True)
            for key, state in zip(keys, values, strict=True):
                if state:
                    pipe.set(key, state)
                else:
                    pipe.delete(key)
            self._try(pipe.execute)

    def append(self, chunks: Chunks, *, after: int, position: int) -> None:
        pairs = ((self._key(table, subject), chunk) for table, some in chunks.items() for subject, chunk in some)
        for keys, values in self._portions(pairs):
            self._run(keys, [str(after).encode(), *values], after)
        self._run([], [str(after).encode(), str(position).encode()], after)

    def scan(self, table: str) -> Iterator[tuple[str, bytes]]:
        start = self._prefix + table + ":"
        keys: list[bytes] = []
        for key in self._scan(start):
            keys.append(key)
            if len(keys) == KEYS_AT_ONCE:
                yield from self._values(keys, len(start.encode()))
                keys = []
        yield from self._values(keys, len(start.encode()))

    def position(self) -> int:
        return int(self._try(lambda: self._client.get(self._prefix + "position")) or 0)

    def stamp(self, given: str) -> str:
        self._try(lambda: self._client.set(self._prefix + "stamp", given, nx=True))
        return bytes(self._try(lambda: self._client.get(self._prefix + "stamp"))).decode()

    def note(self, name: str, value: str | None = None) -> str | None:
        key = self._prefix + "note/" + name
        if value is not None:
            self._try(lambda: self._client.set(key, value))
            return value
        found = self._try(lambda: self._client.get(key))
        return None if found is None else bytes(found).decode()

    def clear(self) -> None:
        keys: list[bytes] = []
        for key in self._scan(self._prefix):
            keys.append(key)
            if len(keys) == KEYS_AT_ONCE:
                self._try(lambda keys=keys: self._client.delete(*keys))  # type: ignore[misc]
                keys = []
        if keys:
            self._try(lambda: self._client.delete(*keys))

    def close(self) -> None:
        self._client.close()

    def _key(self, table: str, subject: str) -> bytes:
        return f"{self._prefix}{table}:".encode() + checked_subject(subject)

    def _run(self, keys: list[bytes], values: list[bytes], after: int) -> None:
        place = (self._prefix + "position").encode()
        at = self._try(lambda: self._client.evalsha(self._script, len(keys) + 1, place, *keys, *values))
        if at != -1:
            must_be_at(int(at), after)

    def _portions(self, pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[list[bytes], list[bytes]]]:
        keys: list[bytes] = []
        values: list[bytes] = []
        size = 0
        for key, value in pairs:
            keys.append(key)
            values.append(value)
            size += len(value)
            if len(keys) == KEYS_AT_ONCE or size >= BYTES_AT_ONCE:
                yield keys, values
                keys, values, size = [], [], 0
        if keys:
            yield keys, values

    def _scan(self, start: str) -> Iterator[bytes]:
        """Keys under a prefix, each once: a scan may name a key twice while the server grows its table."""
        seen: set[bytes] = set()
        cursor = 0
        while True:
            cursor, keys = self._try(lambda at=cursor: self._client.scan(at, match=f"{start}*", count=KEYS_AT_ONCE))  # type: ignore[misc]
            fresh = [key for key in keys if key not in seen]
            seen.update(fresh)
            yield from fresh
            if cursor == 0:
                return

    def _values(self, keys: list[bytes], skip: int) -> Iterator[tuple[str, bytes]]:
        if keys:
            for key, value in zip(keys, self._try(lambda: self._client.mget(keys)), strict=True):
                if value:
                    yield key[skip:].decode(), value

    def _try(self, step: Callable[[], T]) -> T:
        try:
            return step()
        except self._full as error:
            raise TooLarge(f"Redis at {self._where} is full; raise its maxmemory", field="store") from error
        except self._broken as error:
            raise Unavailable(f"Redis at {self._where} does not answer ({type(error).__name__}); check the URL and the "
                              "server", field="store") from error  # fmt: skip
