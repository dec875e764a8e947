"""Pictures of one merchant as SVG text: the heat of its week, its months, and the ball of its payers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from dandelion.app.assess.payments_result import Shape
from dandelion.app.assess.report_charts import INK, PALETTE, SOFT

_WEEK = ("一", "二", "三", "四", "五", "六", "日")
_WEEK_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_STEPS = ("#f3f6f5", "#d5e7e4", "#a9d0cb", "#74b2ad", "#41908d", "#1f6f78", "#0f4c55")
_GOLD, _QUIET = PALETTE[1], "#b9c4ca"


def heat_picture(heat: Sequence[Sequence[int]]) -> Markup:
    """Weekday by hour; the darker, the more payments.  Each cell says its count when pointed at."""
    top = max(max(row) for row in heat) or 1
    cell, left, head = 14.5, 46, 20
    parts = []
    for hour in range(0, 24, 3):
        parts.append(_label(left + hour * cell + cell / 2, head - 7, f"{hour}", "middle", 10))
    for day, row in enumerate(heat):
        y = head + day * cell
        parts.append(_label(left - 6, y + cell * 0.72, f"{_WEEK[day]} {_WEEK_EN[day]}", "end", 9.5))
        for hour, count in enumerate(row):
            shade = _STEPS[0] if count == 0 else _STEPS[1 + min(5, int(6 * count / (top + 1)))]
            parts.append(
                f'<rect x="{left + hour * cell}" y="{y}" width="{cell - 1.5}" height="{cell - 1.5}" rx="2.4" fill="{shade}">'
                f"<title>{_WEEK[day]} {_WEEK_EN[day]} {hour:02d}:00 · {count}</title></rect>"
            )
    return _svg(left + 24 * cell + 2, head + 7 * cell + 2, parts, "收款时段 · when payments come in")


def month_picture(months: Sequence[tuple[str, int]], whole_from: str, whole_to: str) -> Markup:
    """Verified turnover by month, in yuan; months that the record covers only in part are pale."""
    width, height, floor, head = 394, 172, 146, 22
    top = max((fen for _, fen in months), default=0) or 1
    step = (width - 20) / max(len(months), 6)
    bar = min(38.0, step * 0.66)
    parts = [f'<line x1="10" y1="{floor}" x2="{width - 10}" y2="{floor}" stroke="#dfe5e8"/>']
    for k, (month, fen) in enumerate(months):
        x, size = 10 + k * step + (step - bar) / 2, max(0.0, fen / top) * (floor - head - 14)
        whole = whole_from <= month <= whole_to
        parts.append(
            f'<rect x="{x:.1f}" y="{floor - size:.1f}" width="{bar:.1f}" height="{size:.1f}" rx="4" '
            f'fill="{PALETTE[0] if whole else "#b5d3d1"}"><title>{month} ¥{fen / 100:,.0f}</title></rect>'
        )
        parts.append(
            _label(x + bar / 2, floor - size - 5, _short_yuan(fen), "middle", 9.5 if len(months) > 8 else 11, INK)
        )
        parts.append(_label(x + bar / 2, floor + 16, month[5:] if k and month[5:] != "01" else month[2:], "middle"))
    return _svg(width, height, parts, "每月核实流水 · verified turnover by month")


def payers_picture(shape: Shape) -> Markup:
    """A schematic ball: the shop in the middle, up to 36 payers around it, and the share of ties that was found."""
    count = max(8, min(36, shape.payers_seen or 24))
    centre, radius = 130.0, 96.0
    dots = [
        (centre + radius * math.cos(2 * math.pi * k / count), centre + radius * math.sin(2 * math.pi * k / count))
        for k in range(count)
    ]
    unseen = shape.kind == "cannot_see"
    colour = {"dandelion": PALETTE[0], "yarn_ball": PALETTE[3], "between": _GOLD}.get(shape.kind, _QUIET)
    parts = [
        f'<line x1="{centre}" y1="{centre}" x2="{x:.1f}" y2="{y:.1f}" stroke="{colour}" stroke-opacity="0.45"/>'
        for x, y in dots
    ]
    pairs = [(a, b) for gap in range(1, count // 2 + 1) for a in range(count) for b in [(a + gap) % count] if a < b]
    pairs.sort(key=lambda pair: (pair[0] * 7919 + pair[1] * 104_729) % 1009)  # spread evenly, the same every time
    for a, b in pairs[: round((shape.tie_share or 0.0) * len(pairs))]:
        (x1, y1), (x2, y2) = dots[a], dots[b]
        parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{PALETTE[3]}" stroke-opacity="0.5"/>'
        )
    for x, y in dots:
        fill = "#fff" if unseen else colour
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.6" fill="{fill}" stroke="{colour}" stroke-width="1.6"/>')
    parts.append(f'<circle cx="{centre}" cy="{centre}" r="13" fill="{_GOLD}"/>')
    return _svg(260, 260, parts, f"{shape.zh} · {shape.en}")


def _short_yuan(fen: int) -> str:
    yuan = fen / 100
    return f"{yuan / 10_000:.1f}万" if abs(yuan) >= 10_000 else f"{yuan:,.0f}"


def _label(x: float, y: float, text: str, anchor: str, size: float = 11, fill: str = SOFT) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">{text}</text>'


def _svg(width: float, height: float, parts: Sequence[str], title: str) -> Markup:
    body = "".join(parts)
    return Markup(  # noqa: S704 - every text inside is a figure or a constant of this module
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{title}">{body}</svg>'
    )
