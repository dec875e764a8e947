"""A workspace's own columns: the `Stream`, `Cube`, `Each` and `Derive` objects of its ``indicators.py``."""

from __future__ import annotations

import ast
import runpy
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from dandelion.core import BadInput, DandelionError, NotFound
from dandelion.indicators.cube import Cube
from dandelion.indicators.declare import Derive, Dimension, Level, Measure, Stream
from dandelion.indicators.definitions import Declaration, Definitions
from dandelion.indicators.each import Each
from dandelion.indicators.standard import standard
from dandelion.indicators.wording import did_you_mean


def load(path: Path | str, *, tz: str = "Asia/Shanghai", base: Definitions | None = None) -> Definitions:
    """The standard columns (or `base`) and those of the file.

    Every module-level `Stream`, `Cube`, `Each` or `Derive`, alone or in a list or tuple, counts.  The file is code of
    the workspace's owner and runs as such.  Errors: NotFound without a file; BadInput with line and remedy for a file
    that does not run, declares nothing, or declares something wrong.
    """
    file = Path(path)
    if not file.is_file():
        raise NotFound(f"there is no indicators file at {file}; create it or leave it out of the workspace",
                       field="indicators")  # fmt: skip
    start = standard(tz) if base is None else base
    try:
        names = runpy.run_path(str(file), run_name="dandelion_workspace_indicators")
    except SyntaxError as error:
        raise BadInput(f"{file}:{error.lineno}: {error.msg}; correct the line", field="indicators") from error
    except DandelionError as error:
        raise BadInput(f"{file}:{_line(error, file)}: {error.message}", field=error.field or "indicators") from error
    except Exception as error:
        said = f"{type(error).__name__}: {error}{_hint(error, start)}"
        raise BadInput(f"{file}:{_line(error, file)}: {said}; correct the line", field="indicators") from error
    found = {name: list(_declared(value)) for name, value in names.items() if not name.startswith("_")}
    parts = [part for some in found.values() for part in some]
    if all(isinstance(part, Stream) for part in parts):
        raise BadInput(f"{file} declares no Cube, Each or Derive; assign at least one to a name", field="indicators")
    try:
        own = Definitions.of([*start.streams.values(), *parts], tz=start.tz, also=start.named)
        return start.extended(own)
    except DandelionError as error:
        line = _line_of(file, error.field or "", found)
        where = f"{file}:{line}" if line else str(file)
        raise BadInput(f"{where}: {error.message}", field=error.field or "indicators") from error


def _declared(value: object) -> Iterator[Declaration]:
    if isinstance(value, Declaration):
        yield value
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _declared(inner)


def _line(error: BaseException, file: Path) -> int:
    """The line of the file that was running when something below it failed."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
    return lines[-1] or 0 if lines else 0


def _line_of(file: Path, told: str, found: Mapping[str, list[Declaration]]) -> int | None:
    """The line where what an error is about is written, or else where the name that holds it is assigned."""
    tree = ast.parse(file.read_text("utf-8"))
    texts = [(n.lineno, n.value) for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    for fits in (str.__eq__, str.startswith):  # the id itself, or one that goes on behind it
        if written := [line for line, text in texts if told and fits(text, told)]:
            return max(written)
    holders = {name for name, parts in found.items() if any(told in _names(part) for part in parts)}
    for statement in reversed(tree.body):
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id in holders for target in targets):
            return statement.lineno
    return None


def _hint(error: Exception, start: Definitions) -> str:
    """What was meant, where that can be guessed."""
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str):
        near = did_you_mean(error.args[0], start.streams).removeprefix("; ")
        return f" ({near})" if near else ""
    if isinstance(error, TypeError):
        for made in (Stream, Cube, Each, Derive, Dimension, Level, Measure):
            if f"{made.__name__}.__init__()" in str(error):
                return f" (a {made.__name__} takes {', '.join(field.name for field in fields(made))})"
    return ""


def _names(part: Declaration) -> tuple[str, ...]:
    """What an error may call it: its id and operands, or its stream."""
    if isinstance(part, Derive):
        return (part.id, *part.of)
    if isinstance(part, Stream):
        return (part.name,)
    return tuple(cube.stream.name for cube in ((part,) if isinstance(part, Cube) else part.cubes))
