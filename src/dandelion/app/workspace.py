"""A workspace keeps policy in git: settings, products, strategies, indicators, lists and packs as plain files."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from dandelion.app.config import FILE
from dandelion.core import BadInput


def init(root: Path, *, clock_start: str | None = None) -> list[Path]:
    """Write a fresh workspace into `root`; never overwrites a file.  Returns what was written.

    `clock_start` (ISO 8601) makes a rehearsal workspace whose clock starts there and can be moved forward.
    Errors: BadInput where `root` is a file or already holds a workspace.
    """
    if root.exists() and not root.is_dir():
        raise BadInput(f"{root} is a file; name a folder", field="DIR")
    if (root / FILE).exists():
        raise BadInput(f"{root} already holds a workspace ({FILE}); choose another folder", field="DIR")
    root.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with as_file(files("dandelion") / "defaults") as defaults:
        for source in sorted(
            path for path in defaults.rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ):
            target = root / source.relative_to(defaults)
            if target.exists() or source.name == "__init__.py":
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            written.append(target)
    settings = root / FILE
    settings.write_text(_settings(clock_start), encoding="utf-8")
    own = root / "indicators.py"
    if not own.exists():
        own.write_text(INDICATORS, encoding="utf-8")
        written.append(own)
    return [settings, *written]


INDICATORS = '''"""Columns of this lender's own, beside the standard ones (`dandelion indicators list`).

Every `Stream`, `Cube` or `Derive` named here counts.  Give a column an alias in strategies/book.yaml to use it.
"""

from dandelion.indicators import Cube, Derive, standard

received = standard().streams["payment.received"]
nights = Cube(received, windows=("30d",), aggregates=("count",), by=("channel",), only=(("hours", "night"),))
night_by_code = Derive(
    "own/night_by_code",
    "share",
    ("payment.received/channel=qr/hours=night/30d/count", "payment.received/30d/count"),
    "夜间扫码笔数占比",
    "Share of payments by QR code at night",
)
'''


def _settings(clock_start: str | None) -> str:
    clock = f'kind = "moved"\nstart = "{clock_start}"' if clock_start else 'kind = "system"'
    return f"""# One workspace of Dandelion.  Paths are relative to this file; state/ is data and stays out of git.

[database]
url = "sqlite:///state/record.sqlite"  # or postgresql+psycopg://user:password@host/name
lake = "state/lake"

[server]
host = "127.0.0.1"
port = 8310
threads = 16  # requests worked on at once

[clock]  # "system", or "moved" for rehearsals (a moved clock can only go forward)
{clock}

[access]
secret_file = "state/secret"
apply_burst = 5
apply_per_minute = 6
draw_burst = 10
draw_per_minute = 30
replay_burst = 5
replay_per_minute = 6

[lender]
tenant = "demo"
recipient = "lender"
jurisdiction = "cn"
licence_type = "micro_loan"

[rail]  # the bank rail that pays out; only the simulated one ships.  faults: "none", or "rough" for rehearsals
kind = "simulated"
faults = "none"
seed = 0
"""
