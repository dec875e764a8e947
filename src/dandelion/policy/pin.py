"""Writes the definition hashes of a catalogue into a book's column aliases, after somebody has looked at what changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from dandelion.core import BadInput, Column
from dandelion.policy.declarations import read_columns
from dandelion.policy.records import Reader, read_yaml


def pin(folder: Path, catalogue: Mapping[str, Column]) -> list[str]:
    """Pins every alias of ``book.yaml`` to the catalogue; returns one line for each that changed.

    Only the pins change; comments and order stay.  Errors: BadInput for a column the catalogue does not hold.
    """
    file = folder / "book.yaml"
    uses = read_columns(Reader(read_yaml(file)).maybe_mapping("columns"))
    lines = file.read_text("utf-8").splitlines(keepends=True)
    changed = []
    for use in uses.values():
        entry = catalogue.get(use.id)
        if entry is None:
            raise BadInput(f"{use.place}: column {use.id} is not in the catalogue", field=use.alias)
        wanted = entry.definition_hash[:8]
        if wanted == use.pin:
            continue
        at = use.place.line - 1
        lines[at] = re.sub(rf"{re.escape(use.id)}(@[0-9a-f]{{8}})?", f"{use.id}@{wanted}", lines[at], count=1)
        changed.append(f"{use.alias}: {use.id} {use.pin or '(no pin)'} -> {wanted}")
    file.write_text("".join(lines), "utf-8")
    return changed
