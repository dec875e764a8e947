"""A workspace's own columns: the `Stream`, `Cube` and `Derive` objects of its ``indicators.py``."""

from __future__ import annotations

import runpy
import traceback
from collections.abc import Iterator
from pathlib import Path

from dandelion.core import BadInput, DandelionError, NotFound
from dandelion.indicators.cube import Cube
from dandelion.indicators.declare import Derive, Stream
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.standard import standard


def load(path: Path | str, *, tz: str = "Asia/Shanghai", base: Definitions | None = None) -> Definitions:
    """The standard columns (or `base`) and those of the file.

    Every module-level `Stream`, `Cube` or `Derive`, alone or in a list or tuple, counts.  The file is code of the
    workspace's owner and runs as such.  Errors: NotFound without a file; BadInput with line and remedy for a file that
    does not run, declares nothing, or declares something wrong.
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
        said = f"{type(error).__name__}: {error}"
        raise BadInput(f"{file}:{_line(error, file)}: {said}; correct the line", field="indicators") from error
    parts = [part for name, value in names.items() if not name.startswith("_") for part in _declared(value)]
    if not any(isinstance(part, Cube | Derive) for part in parts):
        raise BadInput(f"{file} declares no Cube or Derive; assign at least one to a name", field="indicators")
    try:
        own = Definitions.of([*start.streams.values(), *parts], tz=start.tz, also=start.named)
        return start.extended(own)
    except DandelionError as error:
        raise BadInput(f"{file}: {error.message}", field=error.field or "indicators") from error


def _declared(value: object) -> Iterator[Stream | Cube | Derive]:
    if isinstance(value, Stream | Cube | Derive):
        yield value
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _declared(inner)


def _line(error: BaseException, file: Path) -> int:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
    return lines[-1] or 0 if lines else 0
