"""The registry: a folder of models named by the SHA-256 of their bytes, and one pointer per name to its champion.

    <folder>/<name>/<sha256>/model.json   the model, canonical bytes
    <folder>/<name>/<sha256>/card.json    what is known about it
    <folder>/<name>/<sha256>/card.md      the same for a person
    <folder>/<name>/champion.json         pointer and history, replaced atomically

>>> import tempfile
>>> Registry(tempfile.mkdtemp()).names()
()
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from dandelion.core import BadInput, Clock, Conflict, NotFound, SystemClock, content_hash, iso
from dandelion.models.forecast import Forecast
from dandelion.models.model import Model

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
Registered = Model | Forecast


class CardLike(Protocol):
    """A card: its bytes and a page for a person."""

    def to_bytes(self) -> bytes: ...

    def to_markdown(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A published model.  `hash` is its identity everywhere (decisions, replay)."""

    name: str
    hash: str
    card_hash: str


@dataclass(frozen=True, slots=True)
class Promotion:
    """One line of a name's history: which model became champion, when, by whom, and why."""

    hash: str
    at_us: int
    actor: str
    note: str


class Registry:
    """Models under `folder`.  Safe with many readers and one promoter per name; every write is all or nothing."""

    def __init__(self, folder: Path | str, clock: Clock | None = None) -> None:
        self.folder = Path(folder)
        self._clock = clock or SystemClock()

    def publish(self, name: str, model: Registered, card: CardLike) -> ModelRef:
        """Write model and card.  Publishing the same bytes again changes nothing.

        Raises BadInput for a bad name, Conflict when the same model is already there with another card.
        """
        home = self._home(name)
        data, about = model.to_bytes(), card.to_bytes()
        ref = ModelRef(name, content_hash(data), content_hash(about))
        final = home / ref.hash
        if final.exists():
            self._read(name, ref.hash)
            if content_hash((final / "card.json").read_bytes()) != ref.card_hash:
                raise Conflict(f"model {name} {ref.hash[:12]} is already published with another card", field="card")
            return ref
        home.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=home))
        try:
            page = card.to_markdown().encode()
            for file, content in (("model.json", data), ("card.json", about), ("card.md", page)):
                _write(draft / file, content)
            draft.chmod(0o755)
            draft.rename(final)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            if not final.exists():  # another publisher of the same bytes came first
                raise
        _sync(home)
        return ref

    def load(self, model_hash: str) -> Registered:
        """The model with this hash.  Raises NotFound, or Conflict naming the model when its bytes were changed."""
        if not _HASH.fullmatch(model_hash):
            raise BadInput(f"{model_hash!r} is not a model hash of 64 hex characters", field="model")
        for name in self.names():
            if (self.folder / name / model_hash).is_dir():
                return _parsed(model_hash, self._read(name, model_hash))
        raise NotFound(f"no model {model_hash[:12]} in {self.folder.name}; publish it first", field="model")

    def card(self, name: str, model_hash: str) -> dict[str, Any]:
        """The card as plain JSON."""
        file = self._home(name) / model_hash / "card.json"
        if not _HASH.fullmatch(model_hash) or not file.exists():
            raise NotFound(f"no card of model {name} {model_hash[:12]}", field="model")
        plain = json.loads(file.read_bytes())
        if plain.get("model") != model_hash:
            raise Conflict(f"the card of model {name} {model_hash[:12]} speaks of another model", field="card")
        return dict(plain)

    def champion(self, name: str) -> ModelRef:
        """The model that serves under `name`.  Raises NotFound when none was promoted."""
        history = self.history(name)
        if not history:
            raise NotFound(f"no champion named {name}; promote one", field="model")
        current = history[-1].hash
        return ModelRef(name, current, content_hash((self._home(name) / current / "card.json").read_bytes()))

    def promote(self, name: str, model_hash: str, actor: str, *, note: str = "") -> ModelRef:
        """Make a published model the champion; the bytes are verified first.

        A model whose card did not pass its gates needs a `note` that says why it may serve.  Raises BadInput, NotFound,
        Conflict.
        """
        if not actor:
            raise BadInput("say who promotes the model", field="actor")
        self._read(name, model_hash)
        if not self.card(name, model_hash)["passed"] and not note.strip():
            raise Conflict(
                f"model {name} {model_hash[:12]} did not pass its gates; read the card and give a note to promote it",
                field="note",
            )
        history = [*self.history(name), Promotion(model_hash, self._clock.now(), actor, note)]
        lines = [
            {"hash": p.hash, "at_us": p.at_us, "at": iso(p.at_us), "actor": p.actor, "note": p.note} for p in history
        ]
        home = self._home(name)
        pointer = json.dumps({"champion": model_hash, "history": lines}, ensure_ascii=False, indent=1).encode()
        handle, draft = tempfile.mkstemp(prefix=".pointer-", dir=home)
        os.close(handle)
        _write(Path(draft), pointer)
        Path(draft).replace(home / "champion.json")
        _sync(home)
        return self.champion(name)

    def history(self, name: str) -> tuple[Promotion, ...]:
        """Every promotion of `name`, oldest first."""
        file = self._home(name) / "champion.json"
        if not file.exists():
            return ()
        lines = json.loads(file.read_bytes())["history"]
        return tuple(Promotion(p["hash"], p["at_us"], p["actor"], p["note"]) for p in lines)

    def names(self) -> tuple[str, ...]:
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(p.name for p in self.folder.iterdir() if p.is_dir() and _NAME.fullmatch(p.name)))

    def hashes(self, name: str) -> tuple[str, ...]:
        home = self._home(name)
        return tuple(sorted(p.name for p in home.iterdir() if _HASH.fullmatch(p.name))) if home.is_dir() else ()

    def _home(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise BadInput(f"{name!r} is not a model name; use a-z, 0-9, - and _", field="name")
        return self.folder / name

    def _read(self, name: str, model_hash: str) -> bytes:
        file = self._home(name) / model_hash / "model.json"
        if not _HASH.fullmatch(model_hash) or not file.exists():
            raise NotFound(f"no model {name} {model_hash[:12]}; publish it first", field="model")
        data = file.read_bytes()
        if content_hash(data) != model_hash:
            raise Conflict(
                f"model {name} {model_hash[:12]} was changed on disk: its bytes hash to {content_hash(data)[:12]}; "
                "restore it from a backup or publish it again",
                field="model",
            )
        return data


@lru_cache(maxsize=256)
def _parsed(model_hash: str, data: bytes) -> Registered:
    return Forecast.from_bytes(data) if json.loads(data).get("kind") == "forecast" else Model.from_bytes(data)


def _write(file: Path, content: bytes) -> None:
    with file.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
