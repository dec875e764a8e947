"""Assess a payment file: read it, look at every merchant, write the page, and answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from dandelion.app.assess.payments import Request, assess_file
from dandelion.app.assess.payments_result import PaymentsResult
from dandelion.app.assess.payments_writing import write
from dandelion.core import Clock, SystemClock


def assess_payments(
    file: Path | str,
    map: Mapping[str, str] | None = None,  # noqa: A002 - the name of the option
    unit: str | None = None,
    tz: str = "Asia/Shanghai",
    as_of: str | date | None = None,
    outcomes: Path | str | None = None,
    out: Path | str | None = None,
    progress: Callable[[str, int], None] | None = None,
    clock: Clock | None = None,
) -> PaymentsResult:
    """An indicative limit for every merchant of a payment file, and the files of the report in `out`.

    `map` names columns ({"payee": "收款方"}; see `parse_map`); `unit` is yuan or fen; `as_of` defaults to the day after
    the last payment; `outcomes` is a file of merchant, date and a bad flag; `out` defaults to ``assess-<file name>`` in
    the current folder; `progress(stage, rows)` is called as it goes.
    Errors: BadInput names the field and the remedy; TooLarge.
    """
    path = Path(file)
    now_us = (clock or SystemClock()).now()
    request = Request(path, map, unit, tz, as_of, Path(outcomes) if outcomes else None, now_us, progress)
    found = assess_file(request)
    folder = Path(out) if out is not None else Path(f"assess-{path.stem}")
    return replace(found.result, files=write(found, folder))
