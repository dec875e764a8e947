"""Folders of arrays: each a file that is memory-mapped when opened, with a manifest; written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput, NotFound

MANIFEST = "manifest.json"
Arrays = Mapping[str, npt.NDArray[Any]]


def write(folder: Path, arrays: Arrays, facts: Mapping[str, int]) -> str:
    """Write and return a hash of the contents.  A folder of that name is replaced."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(fresh / f"{name}.npy", np.ascontiguousarray(array))
    told = {"facts": dict(facts), "arrays": sorted(arrays), "sha256": _digest(fresh, sorted(arrays))}
    (fresh / MANIFEST).write_text(json.dumps(told, indent=1), "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return str(told["sha256"])


def read(folder: Path, *, verify: bool = False) -> tuple[dict[str, npt.NDArray[Any]], dict[str, int]]:
    """(arrays mapped into memory, facts).  Errors: NotFound without that folder; BadInput when it is damaged."""
    try:
        told = json.loads((folder / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        raise NotFound(f"there is no graph in {folder}; write one first", field="folder") from None
    try:
        if verify and _digest(folder, told["arrays"]) != told["sha256"]:
            raise BadInput(f"{folder} is not what was written; write it again", field="folder")
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in told["arrays"]}
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{folder} cannot be read ({error}); write it again", field="folder") from error
    return arrays, told["facts"]


def _digest(folder: Path, names: list[str]) -> str:
    state = hashlib.sha256()
    for name in names:
        state.update(name.encode())
        with (folder / f"{name}.npy").open("rb") as file:
            while chunk := file.read(1 << 22):
                state.update(chunk)
    return state.hexdigest()
