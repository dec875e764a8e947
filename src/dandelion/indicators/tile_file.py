"""Tiles of the older events of a `Growing` as named arrays and back, so that they can lie in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import content_hash
from dandelion.indicators.block import Block
from dandelion.indicators.program import Program
from dandelion.indicators.tile_ranks import RankTiles
from dandelion.indicators.tiles import StepTiles, Tiles, ViewTiles

Arrays = Mapping[str, npt.NDArray[Any]]
FORMAT = 1  # of the arrays; raised when `Tiles` or what joins them changes
_STEP = ("kept", "bits", "sums_at", "sums")
_RANKS = ("first", "seen", "by_value", "rank", "table_at", "table")


def fingerprint(program: Program, table: int) -> str:
    """Names what tiles of one table were made for: every number the kernel reads, and what the lines of a block mean."""
    key = program.tables[table]
    told = [f"{FORMAT} {table} {'/'.join(key)} {program.layouts[key].hash} {program.relations}".encode()]
    for array in program.arrays:
        told += (f" {array.dtype.str}{array.shape} ".encode(), np.ascontiguousarray(array).tobytes())
    return content_hash(b"".join(told))


def told(tiles: Tiles) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """(what is said of the tiles, their arrays).  Quantiles are in the form that newer events can join."""
    arrays: dict[str, npt.NDArray[Any]] = {"related": np.frombuffer(tiles.related, np.uint8)}
    views = []
    for v, view in enumerate(tiles.views):
        arrays |= {f"{v}/place": view.place, f"{v}/pattern": view.pattern, f"{v}/at": view.at}
        steps = []
        for one in view.steps:
            arrays |= {f"{v}/{one.step}/{name}": getattr(one, name) for name in _STEP}
            ranks = one.ranks
            if ranks is not None:
                assert isinstance(ranks, RankTiles), "tiles of growing subjects have this form"
                arrays |= {f"{v}/{one.step}/ranks/{name}": getattr(ranks, name) for name in _RANKS}
            steps.append([one.step, None if ranks is None else ranks.chunk])
        views.append([view.view, view.size, steps])
    looked_up = []
    for n, (name, found) in enumerate(tiles.looked_up.items()):
        parts = found if isinstance(found, tuple) else (found,)
        arrays |= {f"looked up/{n}/{i}": part for i, part in enumerate(parts)}
        looked_up.append([list(name), len(parts) if isinstance(found, tuple) else 0])
    said = {
        "as_of": list(tiles.as_of), "known_at": list(tiles.known_at), "views": views, "looked_up": looked_up,
    }  # fmt: skip
    return said, arrays


def read(said: Mapping[str, Any], arrays: Arrays, program: Program, block: Block) -> Tiles:
    """What `told` said, of the same program and block."""
    views = []
    for v, (view, size, steps) in enumerate(said["views"]):
        made = []
        for step, chunk in steps:
            ranks = None
            if chunk is not None:
                ranks = RankTiles(**{name: arrays[f"{v}/{step}/ranks/{name}"] for name in _RANKS}, chunk=chunk)
            made.append(StepTiles(step, **{name: arrays[f"{v}/{step}/{name}"] for name in _STEP}, ranks=ranks))
        place, pattern, at = (arrays[f"{v}/{name}"] for name in ("place", "pattern", "at"))
        views.append(ViewTiles(view, size, place, pattern, at, tuple(made)))
    looked_up = {}
    for n, ((what, view, number), parts) in enumerate(said["looked_up"]):
        found = tuple(arrays[f"looked up/{n}/{i}"] for i in range(max(parts, 1)))
        looked_up[what, view, number] = found if parts else found[0]
    as_of, known_at = ((int(low), int(high)) for low, high in (said["as_of"], said["known_at"]))
    return Tiles(program, replace(block), as_of, known_at, arrays["related"].tobytes(), tuple(views), looked_up)
