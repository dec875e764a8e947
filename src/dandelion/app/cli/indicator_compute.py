"""`dandelion indicators compute`: a frame of columns, from a workspace's record or from plain files of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dandelion.app.cli.asking import AsJson, Workspace
from dandelion.app.cli.indicator_spark import engine_of, of_files

if TYPE_CHECKING:
    from dandelion.core import Frame
    from dandelion.indicators import Definitions

THREADS = 2


def compute(
    columns: Annotated[str, typer.Option(help="Ids with commas between them, or @FILE with one a line.")],
    out: Annotated[Path, typer.Option(help="Parquet file to write: one row a subject, the catalogue in its metadata.")],
    as_of: Annotated[
        str, typer.Option(help="Instant such as 2025-06-30T00:00:00Z; events before it count.  [default: now]")
    ] = "",
    known_at: Annotated[
        str, typer.Option(help="Events that had arrived before this instant count.  [default: as of]")
    ] = "",
    stream: Annotated[
        list[str] | None, typer.Option(help="Kind of the events in the file, such as payment; once a file.")
    ] = None,
    events: Annotated[
        list[Path] | None, typer.Option(help="Parquet file of events; without one the workspace's record is read.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads to share the rows.")] = THREADS,
    engine: Annotated[
        str, typer.Option(help="embedded, or spark for files that one machine does not hold.")
    ] = "embedded",
    master: Annotated[str, typer.Option(help="Where Spark runs, such as spark://host:7077.  [default: local[2]]")] = "",
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Compute columns of every subject at one instant, and write them as Parquet.

    With --events no workspace is needed: each file holds one kind of events with its fields as columns (payments: payer,
    payee, at, arrived, amount_fen, and channel where a column asks for it).  Everybody found in the subject's column gets
    a row.  Columns against peers and of counterparties are told by what everybody in the files did up to the start of the
    month.  Without --events the record of a workspace is read, of those who consented to training.

    Example: dandelion indicators compute --stream payment --events payments.parquet --as-of 2025-06-30T00:00:00Z --columns payment.received/30d/count,payment.received/90d/amount_sum --out frame.parquet
    """
    from dandelion.app import frame_files
    from dandelion.app.cli import saying
    from dandelion.app.policy_set import load_definitions
    from dandelion.core import BadInput

    if threads < 1:
        raise BadInput(f"--threads is {threads}; give 1 or more", field="--threads")
    engine_of(engine, master, bool(events))
    names = ids_of(columns)
    definitions = load_definitions(workspace)
    when = _moment(as_of, "--as-of", definitions.tz)
    known = _moment(known_at, "--known-at", definitions.tz) or when
    with saying.steps("indicators") as tell:
        tell("reading events", 0.0)
        if events or stream:
            if when is None or known is None:
                raise BadInput("events of a file are asked about one instant; give --as-of", field="--as-of")
            kinds, files = _paired(definitions, names, stream or [], events or [])
            if engine == "spark":
                source = of_files(definitions, names, kinds, files, when, known, master)
            else:
                source = _of_files(definitions, names, kinds, files, when, known, threads)
        else:
            source = _of_workspace(workspace, definitions, names, when, known, threads)
        with source as (subjects, make):
            rows = frame_files.write(out, subjects, names, make, lambda share: tell("computing", share))
    told = {"rows": rows, "columns": len(names), "file": str(out)}
    if as_json:
        saying.json_line(told)
        return
    saying.paths(f"{rows:,} rows of {len(names):,} columns", [("Frame", out)])


def ids_of(text: str) -> list[str]:
    """The ids of ``a,b`` or ``@file``, each once.  Errors: BadInput, NotFound."""
    from dandelion.core import BadInput, NotFound

    if text.startswith("@"):
        file = Path(text[1:])
        if not file.is_file():
            raise NotFound(f"there is no file {file}; write the ids into it, one a line", field="--columns")
        lines = (line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines())
        found = [line for line in lines if line]
    else:
        found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise BadInput("no column is named; give ids with commas between them, or @FILE", field="--columns")
    return list(dict.fromkeys(found))


def _moment(text: str, option: str, tz: str) -> int | None:
    from dandelion.core import BadInput, instant

    if not text:
        return None
    try:
        return instant(text, tz)
    except BadInput as error:
        raise BadInput(f"{option}: {error.message}", field=option) from error


Made = tuple[list[str], Callable[[list[str]], "Frame"]]


def _paired(
    definitions: Definitions, names: list[str], kinds: list[str], files: list[Path]
) -> tuple[list[str], list[Path]]:
    """Kinds and files, one each.  Errors (BadInput): not as many, one that is not needed, or a kind without a file."""
    from dandelion.app import event_files
    from dandelion.core import BadInput, event_class

    if len(kinds) != len(files):
        raise BadInput("give --stream once for every --events, in the same order", field="--stream")
    wanted = event_files.wanted_by(definitions, names)
    for kind in kinds:
        event_class(kind)
    for kind, one in wanted.items():
        if kind not in kinds:
            name = next(iter(one.columns.values()))
            raise BadInput(f"{name} is made of {kind} events; give them with --stream {kind} --events FILE, or leave the "
                           "id out", field="--stream")  # fmt: skip
    for kind, file in zip(kinds, files, strict=True):
        if kind not in wanted:
            raise BadInput(f"no column named is made of {kind} events; leave {file} out", field="--stream")
    return kinds, files


@contextmanager
def _of_files(
    definitions: Definitions, names: list[str], kinds: list[str], files: list[Path], when: int, known: int, threads: int
) -> Iterator[Made]:
    from dandelion.app import event_files, file_peers
    from dandelion.app.cli import saying
    from dandelion.indicators import evaluate

    wanted = event_files.wanted_by(definitions, names)
    tables: event_files.Events = {}
    for kind, file in zip(kinds, files, strict=True):
        tables |= event_files.read(file, wanted[kind], saying.say)
    everybody = event_files.subjects_of(tables)
    month = file_peers.month_of(when, known, definitions.tz)
    peers = file_peers.of_files(definitions, tables, everybody, names, month, threads)

    def make(some: list[str]) -> Frame:
        part = event_files.only_of(tables, some)
        return evaluate(definitions, part, some, when, known, columns=names, workers=threads, peers=peers)

    yield everybody, make


@contextmanager
def _of_workspace(
    workspace: Path, definitions: Definitions, names: list[str], when: int | None, known: int | None, threads: int
) -> Iterator[Made]:
    import numpy as np

    from dandelion.app import fund_flow
    from dandelion.app.cli.asking import house_of
    from dandelion.app.learning import PointInTime
    from dandelion.core import BadInput

    own = definitions.only(name for name in names if not name.startswith(fund_flow.ROOM))
    with house_of(workspace) as house:
        now = house.clock.now()
        at = now if when is None else when
        if at > now or (known or at) > now:
            raise BadInput("the instant lies in the future; give one up to now", field="--as-of")
        if known is not None and known != at:
            raise BadInput("a workspace's record is asked at one instant; leave --known-at out", field="--known-at")
        past = PointInTime(house, "training", own)
        yield (
            sorted(past.subjects),
            lambda some: past.frame(np.array(some, object), np.full(len(some), at, np.int64), tuple(names), threads),
        )
