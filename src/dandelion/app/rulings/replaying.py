"""A kept ruling made again from what it names: the row it holds, the archived books, the registered models."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from dandelion import __version__
from dandelion.app.house import House
from dandelion.app.policy_set import catalogue, load_book, load_definitions
from dandelion.core import BadInput, DandelionError, NotFound
from dandelion.models import Model, Panel
from dandelion.policy import Pair, Rollout
from dandelion.policy.rulings import Ruler, RulingEngine, RulingPair, columns_in

Note = Callable[[str, str, str], None]


def ruled_again(house: House, body: Mapping[str, Any], note: Note) -> bytes | None:
    """The record's bytes; None where something it names is gone.  `note(what, name, detail)` for whatever differs.

    What lists said stands in the row itself, so that they need not be asked again.
    """
    names = body["names"]
    definitions = load_definitions(house.settings.root)
    known = catalogue(definitions)
    if names["code"] != __version__:
        note("code", names["code"], f"ruled by version {names['code']}, this is {__version__}")
    try:
        told = body.get("rollout")  # where two books stood, both rule again
        stood = [names["book"]] if told is None else [told["champion"], told["challenger"]]
        books = [load_book(house.archive.find("book", name), definitions) for name in stood]
        listed = json.loads((house.archive.find("ruling-models", names["models"]) / "models.json").read_bytes())
        models = [_model(house, name, digest) for name, digest in listed]
        wanted = {c for book in books for c in book.column_ids(body["product"])}
        wanted |= {c for model in models for c in model.columns}
        about: dict[str, Any] = {
            "product": body["product"], "panel": Panel.pack(models), "scores": [name for name, _ in listed],
            "definitions": {c: known[c].definition_hash for c in wanted if c in known}, "lists_hash": names["lists"],
        }  # fmt: skip
        engine: Ruler
        if told is None:
            engine = RulingEngine.of(books[0], **about)
        else:
            engine = RulingPair.of(Pair(*books), Rollout(stood[0], stood[1], told["share_ppm"], told["salt"]), **about)
        if engine.layout.hash != names["layout"]:
            note("definition", names["layout"][:12], "the columns are defined or laid out otherwise now")
        row = columns_in(body)[None, :]
        return engine.rule(row, [body["entity"]], tenant=body["tenant"], as_of=body["as_of"]).bodies[0]
    except DandelionError as error:
        note(
            "model" if isinstance(error, NotFound) and error.field == "model" else "book",
            names["book"][:12],
            error.message,
        )
        return None


def _model(house: House, name: str, digest: str) -> Model:
    found = house.registry.load(digest)
    if not isinstance(found, Model):
        raise BadInput(f"{name} {digest[:12]} gives no score", field="model")
    return found
