"""What the bench says of a merchant with very many payments behind `Online.serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _report import Report, percentile
from indicators_runs import measure

if TYPE_CHECKING:
    from indicators_cases import Bench


def served(bench: Bench, report: Report, file: str, bar: dict[str, float]) -> None:
    """The same merchant behind `Online.serve`."""
    job = {"task": "served", "file": file, "columns": 500, "folder": str(bench.cache), "new": 250}
    facts = measure("indicators_hot.py", job).facts
    if not facts["same"]:
        report.note("hot, served: no figure, the row served is not that of the batch")
        return
    report.add("hot_merchant_start_first_ms", facts["first_ms"], "ms", **bar)
    report.add("hot_merchant_start_cold_first_ms", facts["cold_first_ms"], "ms")
    report.add("hot_merchant_start_open_s", facts["open_s"], "s")
    report.add("hot_merchant_served_event_ms", percentile(facts["rows_ms"], 0.5), "ms", **bar)
    report.add("hot_merchant_served_event_p99_ms", percentile(facts["rows_ms"], 0.99), "ms")
    report.add("hot_merchant_served_event_max_ms", max(facts["rows_ms"]), "ms")
    report.add("hot_merchant_served_event_cpu_max_ms", max(facts["rows_cpu_ms"]), "CPU ms")
    report.add("hot_merchant_apply_ms", facts["apply_ms"], "ms")
    report.add("hot_merchant_tended_apply_max_ms", facts["tended_ms"], "ms")
    report.note(
        f"hot, served: {facts['events']:,} payments in `Online` on LMDB, durable; `start_first`: the first request after opening, from "
        f"files of {facts['files_mb']:,.0f} MB that opening has read and found whole (again: {facts['again_ms']:.2f} ms); `cold`: "
        f"their pages put out of memory before it (again: {facts['cold_again_ms']:.2f}); made from nothing once, "
        f"{facts['made_ms']:,.0f} ms; then {len(facts['rows_ms'])} payments in order of arrival, one by one, and the request after each; "
        f"for {facts['tended']} of them, late ones, the writer made the files anew (`tended_apply_max`); garbage "
        "that opening left was set aside before, as `dandelion serve` does; the last row is that of the batch byte for byte"
    )
