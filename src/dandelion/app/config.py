"""`dandelion.toml`: where a workspace keeps its database, lake, clock, server and secrets.

Unknown keys are refused, so that a misspelt setting is never silently ignored.
"""

from __future__ import annotations

import os
import secrets
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from dandelion.core import BadInput

FILE = "dandelion.toml"


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    url: str = "sqlite:///state/record.sqlite"
    lake: str = "state/lake"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    host: str = "127.0.0.1"
    port: int = 8310
    threads: int = 16
    body_bytes_max: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ClockSettings:
    kind: str = "system"
    start: str = ""


@dataclass(frozen=True, slots=True)
class AccessSettings:
    secret_file: str = "state/secret"  # noqa: S105 - a path, not the secret
    apply_burst: int = 5
    apply_per_minute: int = 6
    draw_burst: int = 10
    draw_per_minute: int = 30
    replay_burst: int = 5
    replay_per_minute: int = 6


@dataclass(frozen=True, slots=True)
class LenderSettings:
    tenant: str = "demo"
    recipient: str = "lender"
    jurisdiction: str = "cn"
    licence_type: str = "micro_loan"


@dataclass(frozen=True, slots=True)
class RailSettings:
    """The simulated bank rail; `faults` is "rough" (lost answers, delays, refusals) or "none"."""

    kind: str = "simulated"
    faults: str = "none"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class RulingSettings:
    """How the ruling desk works; see docs/rulings.md."""

    threads: int = 2  # that rule and keep; all but the first only help with long lines
    batch_rows: int = 1024  # ruled on at once
    rows_max: int = 10_000  # of one request
    waiting_rows_max: int = 20_000  # more is answered 429
    deadline_ms: int = 5_000  # where a request names none


@dataclass(frozen=True, slots=True)
class PublicationSettings:
    """How strategy books go live: whether a second person has to agree, and when a challenger stops by itself."""

    two_people: bool = True
    decisions_min: int = 100
    approval_points_max: float = 10.0
    limit_ratio_max: float = 1.5
    limit_ratio_min: float = 0.5
    rate_points_max: float = 4.0
    lines_min: int = 50  # drawn lines of the challenger that are old enough
    lines_age_days: int = 45
    arrears_days: int = 10
    arrears_percent_max: float = 15.0
    arrears_points_max: float = 5.0
    arrears_chance_max: float = 0.05
    look_every_s: float = 2.0  # a serving process looks for a new publication this often


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one workspace; `root` is its folder."""

    root: Path
    database: DatabaseSettings
    server: ServerSettings
    clock: ClockSettings
    access: AccessSettings
    lender: LenderSettings
    rail: RailSettings
    rulings: RulingSettings
    publication: PublicationSettings

    @classmethod
    def load(cls, root: Path) -> Settings:
        """Read `root`/dandelion.toml.  DANDELION_DATABASE_URL and DANDELION_PORT override the file."""
        file = root / FILE
        if not file.is_file():
            raise BadInput(f"{root} holds no {FILE}; make a workspace with: dandelion init {root}", field="workspace")
        try:
            raw = tomllib.loads(file.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise BadInput(f"{file} is not valid TOML: {error}", field=FILE) from None
        sections: dict[str, type[Any]] = {
            "database": DatabaseSettings, "server": ServerSettings, "clock": ClockSettings, "access": AccessSettings,
            "lender": LenderSettings, "rail": RailSettings, "rulings": RulingSettings,
            "publication": PublicationSettings,
        }  # fmt: skip
        for name in raw:
            if name not in sections:
                raise BadInput(f"{file} has an unknown section [{name}]; known: {', '.join(sections)}", field=name)
        if url := os.environ.get("DANDELION_DATABASE_URL"):
            raw.setdefault("database", {})["url"] = url
        if port := os.environ.get("DANDELION_PORT"):
            raw.setdefault("server", {})["port"] = int(port)
        return cls(root=root, **{name: _section(name, kind, raw.get(name, {})) for name, kind in sections.items()})

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL with a relative SQLite path taken from the workspace."""
        prefix = "sqlite:///"
        url = self.database.url
        if url.startswith(prefix) and not url.startswith(prefix + "/"):
            return prefix + str((self.root / url.removeprefix(prefix)).resolve())
        return url

    @property
    def lake(self) -> Path:
        return (self.root / self.database.lake).resolve()

    @property
    def state(self) -> Path:
        return (self.root / "state").resolve()

    def secret(self) -> bytes:
        """The house's signing secret; made on first use, readable by the owner only."""
        file = self.root / self.access.secret_file
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                return file.read_bytes()
            with os.fdopen(handle, "wb") as out:
                out.write(secrets.token_hex(32).encode())
        return file.read_bytes()


_T = TypeVar("_T")


def _section(name: str, kind: type[_T], values: dict[str, Any]) -> _T:
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    for key, value in values.items():
        if key not in known:
            raise BadInput(f"[{name}] has no setting {key!r}; known: {', '.join(known)}", field=f"{name}.{key}")
        if type(value).__name__ != known[key].type:
            raise BadInput(f"[{name}] {key} is {value!r}; it must be {known[key].type}", field=f"{name}.{key}")
    return kind(**values)
