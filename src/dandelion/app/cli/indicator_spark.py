"""`dandelion indicators compute --engine spark`: the same frame, computed by a Spark cluster over plain files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dandelion.core import Frame
    from dandelion.indicators import Definitions

ENGINES = ("embedded", "spark")
LOCAL = "local[2]"


def engine_of(engine: str, master: str, has_files: bool) -> str:
    """Errors: BadInput for an engine there is not, or options that do not go together."""
    from dandelion.core import BadInput

    if engine not in ENGINES:
        raise BadInput(f"--engine is {engine!r}; use one of {', '.join(ENGINES)}", field="--engine")
    if master and engine != "spark":
        raise BadInput("--master goes with --engine spark; add it or leave --master out", field="--master")
    if engine == "spark" and not has_files:
        raise BadInput("Spark reads files of events; give --stream and --events", field="--events")
    return engine


@contextmanager
def of_files(
    definitions: Definitions, names: list[str], kinds: list[str], files: list[Path], when: int, known: int, master: str
) -> Iterator[tuple[list[str], Callable[[list[str]], Frame]]]:
    """(everybody in the files, a function from some of them to their frame)."""
    import numpy as np

    from dandelion.app import event_files, file_peers
    from dandelion.core import BadInput
    from dandelion.indicators.peers import MARK
    from dandelion.indicators.scale import compute_spark, using
    from dandelion.indicators.scale.files import read, subjects

    for name in names:
        if MARK in name:
            raise BadInput(f"{name} is held against tables of peers, which one machine makes; leave --engine spark out, or "
                           "leave the id out", field="--columns")  # fmt: skip
    month = file_peers.month_of(when, known, definitions.tz)
    wanted = event_files.wanted_by(definitions, names)
    with using(master or LOCAL) as spark:
        events: dict[tuple[str, str], Any] = {}
        for kind, file in zip(kinds, files, strict=True):
            frame = read(spark, file, kind, wanted[kind].columns)
            events |= {(kind, role): frame for role in wanted[kind].roles}
        everybody = subjects(events)
        found = compute_spark(definitions, events, everybody, when, known, columns=names, whose=[month]).collect()
    place = {name: i for i, name in enumerate(everybody)}
    yield everybody, lambda some: found.take(np.array([place[name] for name in some], np.int64))
