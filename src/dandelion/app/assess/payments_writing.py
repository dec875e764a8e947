"""Writes the files of an assessment, each whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson

from dandelion.app.assess.payments_bill import Bill
from dandelion.app.assess.payments_report import html, merchants_csv, quarantine_csv
from dandelion.app.assess.payments_result import PaymentsResult
from dandelion.core import BadInput


def write(result: PaymentsResult, bill: Bill, folder: Path) -> dict[str, Path]:
    """`report.html`, `assessment.json`, `merchants.csv`, and `quarantine.csv` where rows were set aside."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"cannot write to {folder} ({error.strerror}); name another folder with --out", field="out"
        ) from None
    files = {
        "report": _whole(folder / "report.html", lambda path: path.write_text(html(result), "utf-8")),
        "json": _whole(folder / "assessment.json", lambda path: path.write_bytes(orjson.dumps(result.as_json()))),
        "csv": _whole(folder / "merchants.csv", lambda path: merchants_csv(result.merchants, path)),
    }
    quarantine = folder / "quarantine.csv"
    quarantine.unlink(missing_ok=True)
    if bill.facts.rejected:
        files["quarantine"] = _whole(
            quarantine, lambda path: quarantine_csv(bill.rejections, bill.facts.rejected, path)
        )
    return files


def _whole(path: Path, fill: Callable[[Path], object]) -> Path:
    part = path.with_name(path.name + ".part")
    fill(part)
    part.replace(path)
    return path
