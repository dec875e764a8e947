"""What every bench shares: facts of the machine, a table of figures, and the one JSON line at the end."""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.  `must` is the bar to pass, `aim` what we would like; None where there is no bar."""

    key: str
    value: float
    unit: str
    better: str  # "lower" or "higher"
    must: float | None = None
    aim: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the bar is passed; None without one."""
        if self.must is None:
            return None
        return self.value <= self.must if self.better == "lower" else self.value >= self.must


@dataclass(slots=True)
class Report:
    """Collects figures and notes; `finish` prints them and sets the exit status."""

    bench: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self, key: str, value: float, unit: str, better: str = "lower", *, must: float | None = None,
        aim: float | None = None,
    ) -> None:  # fmt: skip
        if better not in ("lower", "higher"):
            raise ValueError(f"better is {better!r}; say lower or higher")
        self.figures.append(Figure(key, round(float(value), 6), unit, better, must, aim))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def finish(self) -> int:
        """Print the table and the JSON line; 0 if every bar is passed, else 1."""
        console = Console(width=max(100, Console().width))
        table = Table(title=f"bench {self.bench}", title_justify="left")
        for name in ("figure", "value", "unit", "better", "must", "aim", "met"):
            table.add_column(name, justify="left" if name in ("figure", "unit", "better", "met") else "right")
        for figure in self.figures:
            met = {None: "", True: "yes", False: "[bold red]no[/]"}[figure.met]
            table.add_row(
                figure.key, _number(figure.value), figure.unit, figure.better, _number(figure.must), _number(figure.aim),
                met,
            )  # fmt: skip
        console.print(table)
        for text in self.notes:
            console.print(f"* {text}", highlight=False)
        line = {
            "bench": self.bench,
            "machine": machine(),
            "figures": [{**asdict(figure), "met": figure.met} for figure in self.figures],
            "notes": self.notes,
        }
        print(json.dumps(line, ensure_ascii=False), flush=True)
        return 0 if all(figure.met is not False for figure in self.figures) else 1


def machine() -> dict[str, str | int | float]:
    """Processor, cores, memory, operating system, Python, and how busy the machine was."""
    return {
        "cpu": _cpu(),
        "cores": psutil.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def peak_rss_gib() -> float:
    """The most memory this process has held so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the sorted values lie, nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.3g}"
