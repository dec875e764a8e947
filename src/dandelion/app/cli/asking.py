"""What commands are asked with: shared options, and arguments turned into exact values with a sentence where they fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dandelion.app.house import House

Workspace = Annotated[Path, typer.Option("--workspace", "-w", help="The workspace folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="End with one JSON line for scripts.")]
OfSubject = Annotated[str | None, typer.Option(help="Of one merchant only.")]
PageLimit = Annotated[int, typer.Option(help="At most so many, 1 to 200.")]
PageCursor = Annotated[str | None, typer.Option(help="Where the list before ended.")]
AnswersFor = Annotated[str, typer.Option(help="Who answers for it; goes into the record.")]


def day(text: str | None, option: str) -> date | None:
    """A calendar day, or None where nothing was given.  Errors: BadInput."""
    from dandelion.core import BadInput

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{option} is {text!r}; write a day like 2025-06-30", field=option) from None


def month(text: str, option: str) -> date:
    """The first day of a month written 2025-06.  Errors: BadInput."""
    from dandelion.core import BadInput

    try:
        if len(text) != len("2025-06"):
            raise ValueError(text)
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise BadInput(f"{option} is {text!r}; write a month like 2025-06", field=option) from None


def existing(path: Path, what: str, *, folder: bool = False) -> Path:
    """`path` where it is a file (or folder) that is there.  Errors: NotFound, BadInput."""
    from dandelion.core import BadInput, NotFound

    if not path.exists():
        raise NotFound(f"there is no {'folder' if folder else 'file'} {path}; give {what}", field=what)
    if path.is_dir() != folder:
        wrong, right = ("a file", "a folder") if folder else ("a folder", "a file")
        raise BadInput(f"{path} is {wrong}; give {right}: {what}", field=what)
    return path


@contextmanager
def house_of(workspace: Path) -> Iterator[House]:
    """The open workspace, closed again whatever happens."""
    from dandelion.app.house import House

    house = House.open(workspace)
    try:
        yield house
    finally:
        house.close()
