"""How commands speak: tables for a person and one JSON line for a script on stdout, progress on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

WIDTH_MIN, WIDTH_MAX, LABEL = 80, 120, 28
Step = Callable[[str, float], None]


def json_line(content: Any) -> None:
    """The last line of `--json`: compact, UTF-8, never NaN."""
    typer.echo(json.dumps(_plain(content), ensure_ascii=False, allow_nan=False))


def facts(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """A block of labelled values; long values wrap beside their label."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, min_width=LABEL)
    grid.add_column(overflow="fold")
    for label, value in rows:
        grid.add_row(Text(f"  {label}"), Text(value))
    _print(*([Text(title, style="bold")] if title else []), grid)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """A table; columns whose number is in `right` are numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, header in enumerate(headers):
        drawn.add_column(header, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    _print(drawn)


def points(title: str, sentences: Iterable[str]) -> None:
    """Sentences one below the other, wrapped."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    for sentence in sentences:
        grid.add_row(Text("  -"), Text(sentence))
    _print(Text(title, style="bold"), grid)


def paths(title: str, files: Iterable[tuple[str, Path]]) -> None:
    """Paths are printed as they are, never wrapped, so that they can be clicked and copied."""
    typer.echo(title)
    for what, file in files:
        typer.echo(f"  {what:<24}  {file}")


def say(sentence: str) -> None:
    """A status line on stderr."""
    typer.echo(sentence, err=True)


@contextmanager
def steps(title: str) -> Iterator[Step]:
    """A `(what, share done)` callback: a bar on a terminal, one line a stage elsewhere.  All on stderr."""
    if not sys.stderr.isatty():
        told: set[str] = set()

        def line(what: str, _share: float) -> None:
            if what not in told and what != "done":
                told.add(what)
                say(f"{title}: {what}")

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    looks = (TextColumn(title), BarColumn(), TextColumn("{task.percentage:>3.0f}%  {task.description}"))
    with Progress(*looks, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)


@contextmanager
def stages(title: str) -> Iterator[Callable[[str], None]]:
    """For work whose length nobody knows: a spinner on a terminal, one line a stage elsewhere.  All on stderr."""
    if not sys.stderr.isatty():
        yield lambda what: say(f"{title}: {what}")
        return
    from rich.console import Console

    with Console(stderr=True).status(title) as shown:
        yield lambda what: shown.update(f"{title}: {what}")


def yuan(fen: int) -> str:
    """`¥12,345` or `¥12,345.67`."""
    sign, whole, rest = ("-" if fen < 0 else ""), *divmod(abs(fen), 100)
    return f"{sign}¥{whole:,}" + (f".{rest:02d}" if rest else "")


def figure(value: float, unit: str, missing: str = "") -> str:
    """A column's value for a person; fen as yuan; NaN says why it is missing."""
    if math.isnan(value):
        return f"missing: {missing.replace('_', ' ')}" if missing else "missing"
    if unit == "fen":
        return yuan(round(value))
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:,.4g}"


def _print(*parts: Any) -> None:
    from rich.console import Console

    terminal = Console()
    width = min(WIDTH_MAX, max(WIDTH_MIN, terminal.width)) if terminal.is_terminal else WIDTH_MAX
    console = Console(width=width, highlight=False)
    for part in (*parts, ""):
        console.print(part)


def _plain(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return str(content) if isinstance(content, Path) else content
