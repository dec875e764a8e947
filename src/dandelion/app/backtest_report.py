"""The backtest as one self-contained page: two books, whom they swap, what each strategy is worth, groups side by side."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from dandelion.app.assess.report_html import render
from dandelion.policy import BookComparison

WORTH_MAX = 60
QUIET_MAX = 400


def write_report(found: BookComparison, out: Path, *, frame: str, product: str) -> None:
    """Write the page whole or not at all."""
    draft = out.with_name(f".{out.name}.draft")
    draft.write_text(page(found, frame=frame, product=product), "utf-8")
    draft.replace(out)


def page(found: BookComparison, *, frame: str, product: str) -> str:
    acting = [w for w in found.worth if w.verdict in ("earns", "costs")]
    silent = [w for w in found.worth if w.verdict == "never fires"]
    idle = [w for w in found.worth if w.verdict == "adds nothing"]
    values: dict[str, Any] = {
        "title": f"Backtest: {found.new.book} {found.new.hash[:12]} against {found.live.book} {found.live.hash[:12]}",
        "subtitle": f"{found.new.rows:,} past requests of {product} from {frame}.  What became of a row is what became of "
        "the loan really made, at the limit really given.",
        "lang": "en", "new": found.new, "live": found.live, "frame": frame, "product": product,
        "gain": found.gain_fen / 100, "low": found.gain_low_fen / 100, "high": found.gain_high_fen / 100,
        "swaps": found.swaps, "groups": found.groups, "changed": found.changed,
        "worth": sorted(acting, key=lambda w: -abs(w.profit_fen))[:WORTH_MAX], "acting": len(acting),
        "overlaps": found.overlaps, "tables": _tables(found),
        "silent": [w.strategy for w in silent][:QUIET_MAX], "silent_count": len(silent),
        "idle": [w.strategy for w in idle][:QUIET_MAX], "idle_count": len(idle),
    }  # fmt: skip
    return render("backtest.html", values)


def _tables(found: BookComparison) -> list[dict[str, Any]]:
    """By table: rows, how many fired, how many made a difference, and what they earned together."""
    names = Counter(w.table or "written one by one" for w in found.worth)
    out = []
    for name, rows in sorted(names.items()):
        mine = [w for w in found.worth if (w.table or "written one by one") == name]
        out.append(
            {
                "name": name, "rows": rows, "fired": sum(w.hits > 0 for w in mine),
                "alone": sum(w.alone > 0 for w in mine), "hits": sum(w.hits for w in mine),
                "profit": sum(w.profit_fen for w in mine) / 100,
            }
        )  # fmt: skip
    return out
