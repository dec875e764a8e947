"""The command reference, made from the help texts: `python -m dandelion.app.cli.reference > docs/cli.md`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import typer
from typer.main import get_command

HEAD = """# Command line

Made from the help texts by `python -m dandelion.app.cli.reference > docs/cli.md`; do not edit by hand.

Tables and summaries go to stdout, progress to stderr. With `--json` the last line of stdout is one JSON value. Exit codes:
0 done; 1 done, and what was checked does not hold; 2 refused, with one sentence on stderr that says what to change.
"""


def commands(app: typer.Typer) -> Iterator[tuple[str, Any]]:
    """(words, command) of everything that can be run, in order of the help pages."""
    yield from _below("dandelion", get_command(app))


def page(app: typer.Typer) -> str:
    """The whole reference as Markdown."""
    found = list(commands(app))
    index = [f"* [`{words}`](#{words.replace(' ', '-')}): {_sentences(command)[0]}" for words, command in found]
    return "\n".join([HEAD, *index, *(_section(words, command) for words, command in found)]) + "\n"


def _below(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words, command
        return
    for name, one in inner.items():
        yield from _below(f"{words} {name}", one)


def _sentences(command: Any) -> list[str]:
    """Paragraphs of the help text, each on one line."""
    return [" ".join(part.split()) for part in inspect.cleandoc(command.help or "").split("\n\n")]


def _section(words: str, command: Any) -> str:
    told, example = [], ""
    for paragraph in _sentences(command):
        if paragraph.startswith("Example: "):
            example = paragraph.removeprefix("Example: ")
        else:
            told.append(paragraph)
    lines = [f"\n## {words}", *(f"{paragraph}\n" for paragraph in told), f"```sh\n{example}\n```\n"]
    rows = [row for parameter in command.params if (row := _row(parameter))]
    if rows:
        lines += ["| | | default |", "|---|---|---|", *rows]
    return "\n".join(lines)


def _row(parameter: Any) -> str:
    if parameter.name == "help":
        return ""
    said = parameter.help or ""
    if parameter.param_type_name == "argument":
        name, default = (parameter.metavar or parameter.name.upper()), "required" if parameter.required else ""
    else:
        name = ", ".join(parameter.opts)
        default = "required" if parameter.required else _default(parameter.default)
    stated = said.partition("  [default: ")
    if stated[1]:
        said, default = stated[0], stated[2].removesuffix("]")
    return f"| `{name}` | {said} | {default} |".replace("|  |", "| |")


def _default(value: Any) -> str:
    return "" if value is None or value is False or str(value) == "" else f"`{value}`"


if __name__ == "__main__":
    from dandelion.app.cli import app as whole

    sys.stdout.write(page(whole))
