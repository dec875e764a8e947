"""Assess a payment file: read it, look at every merchant, write the page, and answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from dandelion.app.assess.payments import assess_file
from dandelion.app.assess.payments_result import PaymentsResult
from dandelion.app.assess.payments_writing import write
from dandelion.core import Clock


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

    `out` defaults to ``assess-<file name>`` in the current folder; `as_of` to the day after the last payment.
    Errors: BadInput names the field and the remedy; TooLarge.
    """
    result, bill = assess_file(Path(file), map, unit, tz, as_of, clock, progress)
    folder = Path(out) if out is not None else Path(f"assess-{Path(file).stem}")
    return replace(result, files=write(result, bill, folder))
