"""A small HTTP client of the API for the demo, the kill test and scripts: standard library only, keys every write.

>>> client = Client("http://127.0.0.1:8310", token="...")  # doctest: +SKIP
>>> client.post("/v1/applications", {"product": "shop-line"}, key="first-try-0001")  # doctest: +SKIP
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from dandelion.core import DandelionError, new_id


class Refused(DandelionError):  # noqa: N818
    """The server answered with an error; `status`, `code` and the sentence are its own."""

    def __init__(self, http_status: int, error: dict[str, Any]) -> None:
        super().__init__(str(error.get("message", error)), field=error.get("field"))
        self.http_status = http_status
        self.error_code = str(error.get("code"))


class NoAnswer(DandelionError):  # noqa: N818
    """The connection broke before an answer came: the outcome is unknown; send the same request again."""


@dataclass
class Client:
    """One caller at one server.  A connection is kept and reopened when it breaks."""

    base_url: str
    token: str
    timeout_s: float = 30.0
    _connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> Any:
        return self._send("GET", path, None, None)

    def post(self, path: str, body: dict[str, Any], key: str | None = None) -> Any:
        return self._send("POST", path, body, key or new_id())

    def delete(self, path: str, key: str | None = None) -> Any:
        return self._send("DELETE", path, None, key or new_id())

    def _send(self, method: str, path: str, body: dict[str, Any] | None, key: str | None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        try:
            connection = self._open()
            connection.request(method, path, body=data, headers=headers)
            response = connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NoAnswer(f"no answer to {method} {path} ({type(error).__name__}); send it again") from None
        content_type = response.headers.get("Content-Type", "")
        answer = json.loads(raw) if content_type.startswith("application/json") and raw else raw.decode()
        if response.status >= 400:
            raise Refused(response.status, answer.get("error", {}) if isinstance(answer, dict) else {"message": answer})
        return answer

    def _open(self) -> http.client.HTTPConnection:
        if self._connection is None:
            where = urlsplit(self.base_url)
            self._connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=self.timeout_s)
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
