"""The command line: `dandelion <room> <verb>`, and the journeys demo, init, assess, serve, replay, doctor.

Commands import what they need when they run, so that `--help` is quick.
"""

from __future__ import annotations

import sys

import typer

from dandelion.app.cli import (
    assess_commands,
    backtest_command,
    demo_command,
    graph_commands,
    graph_identify,
    graph_schemes,
    graph_watch,
    house_commands,
    indicator_commands,
    lending_commands,
    list_commands,
    model_commands,
    model_identification,
    room_commands,
    strategy_commands,
    world_commands,
)

app = typer.Typer(
    name="dandelion",
    help="Credit lines for the businesses banks cannot see: decided in a second, explained, replayable.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for commands in (
    house_commands, demo_command, assess_commands, room_commands, lending_commands, indicator_commands, graph_commands, model_commands,
    graph_identify, graph_watch, graph_schemes, model_identification, strategy_commands, list_commands, backtest_command, world_commands,
):  # fmt: skip
    commands.register(app)


def main() -> None:
    """Entry point.  What Dandelion refuses on purpose is one clear sentence and exit code 2, never a traceback."""
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        sys.stderr.write("dandelion: stopped\n")
        sys.exit(130)
    except Exception as error:
        from dandelion.core import DandelionError  # not at the top: it loads Arrow, which `--help` can do without

        if not isinstance(error, DandelionError):
            raise
        sys.stderr.write(f"dandelion: {error.message}\n")
        sys.exit(2)
