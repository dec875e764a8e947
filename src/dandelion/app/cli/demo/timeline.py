"""What the demo prints: one line a step, with the milliseconds it took."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from rich.console import Console

T = TypeVar("T")


def yuan(fen: int) -> str:
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d} yuan"


class Timeline:
    """Prints to standard error, so that the last line of standard output is the JSON alone."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.began = time.perf_counter()
        self.ms: dict[str, float] = {}

    def head(self, text: str) -> None:
        self.console.print(f"\n[bold]{text}[/bold]")

    def tell(self, text: str) -> None:
        self.console.print(f"[dim]{time.perf_counter() - self.began:7.1f} s[/dim]  {text}", highlight=False)

    def step(self, name: str, act: Callable[[], T], say: Callable[[T], str]) -> T:
        """Run one step, print its line, keep its milliseconds under `name`."""
        started = time.perf_counter()
        found = act()
        self.ms[name] = (time.perf_counter() - started) * 1000
        self.console.print(f"[cyan]{self.ms[name]:9.1f} ms[/cyan]  {say(found)}", highlight=False)
        return found

    def note(self, text: str) -> None:
        self.console.print(f"              {text}", highlight=False)

    def reasons(self, decision: dict[str, Any]) -> None:
        for reason in decision["reasons"]:
            self.note(f"[dim]· {reason['en']} {reason['change']['en']}[/dim]")
