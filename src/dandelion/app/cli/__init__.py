"""The command line: `dandelion <room> <verb>`, and the journeys demo, init, assess, serve, replay, doctor.

Commands import what they need when they run, so that `--help` is quick.
"""

from __future__ import annotations

import sys

import typer

from dandelion.app.cli import demo_command, house_commands, room_commands
from dandelion.core import DandelionError

app = typer.Typer(
    name="dandelion",
    help="Credit lines for the businesses banks cannot see: decided in a second, explained, replayable.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
house_commands.register(app)
demo_command.register(app)
room_commands.register(app)


def main() -> None:
    """Entry point.  What Dandelion refuses on purpose is one clear sentence and exit code 2, never a traceback."""
    try:
        app(standalone_mode=True)
    except DandelionError as error:
        sys.stderr.write(f"dandelion: {error.message}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("dandelion: stopped\n")
        sys.exit(130)
