"""Writes the files of an assessment, each whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson

from dandelion.app.assess.payments import Finding
from dandelion.app.assess.payments_report import html, merchants_csv, quarantine_csv
from dandelion.core import BadInput


def write(found: Finding, folder: Path) -> dict[str, Path]:
    """`report.html`, `assessment.json`, `merchants.csv`; `quarantine.csv` and `outcomes-quarantine.csv` where rows were
    set aside (an older one is removed).  Errors: BadInput where the folder cannot be written."""
    result = found.result
    fills: dict[str, tuple[str, Callable[[Path], object]]] = {
        "report": ("report.html", lambda path: path.write_text(html(result), "utf-8")),
        "json": ("assessment.json", lambda path: path.write_bytes(orjson.dumps(result, default=str))),
        "csv": ("merchants.csv", lambda path: merchants_csv(result.merchants, path)),
    }
    aside = found.outcome_rejections
    if result.read.rejected:
        fills["quarantine"] = (
            "quarantine.csv", lambda path: quarantine_csv(found.rejections, result.read.rejected, path)
        )  # fmt: skip
    if aside:
        fills["outcomes_quarantine"] = ("outcomes-quarantine.csv", lambda path: quarantine_csv(aside, len(aside), path))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("quarantine.csv", "outcomes-quarantine.csv"):
            (folder / name).unlink(missing_ok=True)
        return {name: _whole(folder / file, fill) for name, (file, fill) in fills.items()}
    except OSError as error:
        said = f"cannot write to {folder} ({error.strerror}); name another folder with --out"
        raise BadInput(said, field="out") from None


def _whole(path: Path, fill: Callable[[Path], object]) -> Path:
    part = path.with_name(path.name + ".part")
    fill(part)
    part.replace(path)
    return path
