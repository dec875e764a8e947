"""The ruling engine of a product: its book, its PD model and whatever else `products/NAME.rulings.yaml` names.

Models are tried packed before they serve (`models.Live`): a panel that says anything else than its models alone never does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dandelion.core import BadInput, Column, Frame
from dandelion.models import Live, Model, Panel, Registry
from dandelion.policy import Book, Pair, Reader, Rollout, read_yaml
from dandelion.policy.rulings import Ruler, RulingEngine, RulingPair

PD = "pd"
PROBE_ROWS = 16
SUFFIX = ".rulings.yaml"


class ServedModels:
    """The panels that serve, by product; a new one takes the old one's place only after it was tried."""

    def __init__(self) -> None:
        self._live: dict[str, Live] = {}

    def panel(self, product: str, models: list[Model]) -> Panel:
        """The panel of these models: the one that serves where they are the same.  Errors: BadInput, Conflict."""
        live = self._live.get(product)
        if live is None:
            self._live[product] = live = Live(models, probe)
        elif [model.hash for model in live.current.models] != [model.hash for model in models]:
            live.swap(models)
        return live.current


def probe(panel: Panel) -> Frame:
    """Rows of made-up numbers, some missing, on which packed and single scores are compared."""
    chance = np.random.default_rng(0)
    values = chance.lognormal(size=(PROBE_ROWS, len(panel.inputs.columns)))
    values[chance.random(values.shape) < 0.1] = np.nan
    entries = {
        name: Column(name, "", (None, None), "missing", "probe", "credit", definition, "", "")
        for name, definition in zip(panel.inputs.columns, panel.inputs.definitions, strict=True)
    }
    columns = {name: values[:, j] for j, name in enumerate(panel.inputs.columns)}
    zeros = [0] * PROBE_ROWS
    return Frame.of([f"probe-{i}" for i in range(PROBE_ROWS)], zeros, zeros, columns, entries)


def models_of(folder: Path, product: str, pd: Model, registry: Registry) -> tuple[list[str], list[Model]]:
    """(names, models): the PD first, then the champions of the names in the product's file.  Errors: BadInput, NotFound."""
    names, models = [PD], [pd]
    file = folder / f"{product}{SUFFIX}"
    if not file.is_file():
        return names, models
    take = Reader(read_yaml(file))
    take.choice("product", (product,))
    for name in take.texts("models"):
        if name in names:
            raise take.refuse("models", f"names {name!r} twice")
        found = registry.load(registry.champion(name).hash)
        if not isinstance(found, Model):
            raise take.refuse("models", f"names {name!r}, which is a forecast and gives no score")
        names.append(name)
        models.append(found)
    take.done()
    return names, models


def ruler_of(
    books: Book | tuple[Pair, Rollout], product: str, names: list[str], panel: Panel, catalogue: Mapping[str, Column],
    lists_hash: str, code: str,
) -> Ruler:  # fmt: skip
    """The engine of one book, or of the pair that stands, ready to rule: its kernels have run once.  Errors: BadInput."""
    every = [books] if isinstance(books, Book) else [books[0].champion, books[0].challenger]
    wanted = {*(name for book in every for name in book.column_ids(product)), *panel.inputs.columns}
    definitions = {name: catalogue[name].definition_hash for name in wanted if name in catalogue}
    if unknown := sorted(wanted - definitions.keys()):
        raise BadInput(f"column {unknown[0]!r} is not in the catalogue", field=unknown[0])
    about: dict[str, Any] = {"definitions": definitions, "lists_hash": lists_hash, "code": code}
    ruler: Ruler
    if isinstance(books, Book):
        ruler = RulingEngine.of(books, product, panel, names, **about)
    else:
        ruler = RulingPair.of(*books, product, panel, names, **about)
    for rows in (1, PROBE_ROWS):
        ruler.rule(np.full((rows, len(ruler.columns)), np.nan, np.float32), ["probe"] * rows, tenant="probe", as_of=0)
    return ruler
