"""Small charts drawn as SVG text: no script, no font file, no picture beside the page.

Every function returns `Markup` (already escaped) fit to stand in a template.  Axes choose round ticks; missing or
endless values are refused, because a chart that silently drops a point tells a lie.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from dandelion.core import BadInput

PALETTE = ("#1f6f78", "#d98e04", "#7a8b99", "#a63d40", "#5b7f3b", "#6a4c93")
INK, SOFT, GRID = "#24323a", "#66757f", "#e4e9ec"
Format = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Series:
    """One line, band or cloud: `points` are (x, y); `low_high` are (low, high) per point for a band."""

    label: str
    points: Sequence[tuple[float, float]]
    colour: str = PALETTE[0]
    low_high: Sequence[tuple[float, float]] = ()
    style: str = "line"  # line, dash, step, dots


@dataclass(frozen=True, slots=True)
class Axis:
    """Label, optional fixed (low, high) and how a tick is written."""

    label: str = ""
    bounds: tuple[float, float] | None = None
    text: Format | None = None
    log: bool = False


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    start: float
    length: float
    log: bool

    def at(self, value: float) -> float:
        if self.log:
            value, low, high = math.log10(max(value, 1e-300)), math.log10(self.low), math.log10(self.high)
        else:
            low, high = self.low, self.high
        return self.start + (value - low) / (high - low) * self.length


def round_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers inside [low, high].

    >>> round_ticks(0, 97)
    [0.0, 20.0, 40.0, 60.0, 80.0]
    """
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def short_number(value: float) -> str:
    """12,300 as ``12.3k``; 4,500,000 as ``4.5M``."""
    size = abs(value)
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if size >= scale:
            return f"{value / scale:.3g}{unit}"
    return f"{value:.3g}"


def percent(value: float) -> str:
    return f"{value * 100:.3g}%"


def line_chart(
    series: Sequence[Series],
    x: Axis,
    y: Axis,
    *,
    title: str,
    width: int = 520,
    height: int = 320,
    diagonal: bool = False,
) -> Markup:
    """Lines, steps, dots and bands over two axes; the legend stands under the title."""
    xs = [p[0] for s in series for p in s.points]
    ys = [p[1] for s in series for p in s.points] + [v for s in series for pair in s.low_high for v in pair]
    frame = _Frame(title, width, height, x, y, xs, ys, legend=[(s.label, s.colour, s.style) for s in series if s.label])
    parts = [frame.axes()]
    if diagonal:
        a, b = frame.x_scale, frame.y_scale
        parts.append(
            f'<line x1="{a.start:.1f}" y1="{b.start:.1f}" x2="{a.start + a.length:.1f}" y2="{b.start + b.length:.1f}" '
            f'stroke="{SOFT}" stroke-dasharray="2 4"/>'
        )
    for s in series:
        if s.low_high:
            upper = [(p[0], band[1]) for p, band in zip(s.points, s.low_high, strict=True)]
            lower = [(p[0], band[0]) for p, band in zip(s.points, s.low_high, strict=True)]
            parts.append(f'<path d="{frame.path([*upper, *lower[::-1]])}Z" fill="{s.colour}" opacity="0.15"/>')
        parts.append(_drawn(frame, s))
    return frame.closed(parts)


def bar_chart(
    labels: Sequence[str], groups: Sequence[tuple[str, Sequence[float]]], y: Axis, *, title: str, x_label: str = "",
    width: int = 520, height: int = 320, label_every: int = 1,
) -> Markup:  # fmt: skip
    """Upright bars; several groups stand side by side under one label."""
    labels = labels or ("",)
    groups = [(name, group or (0.0,)) for name, group in groups]
    values = [v for _, group in groups for v in group]
    bounds = y.bounds or (min(0.0, *values), max(0.0, *values) or 1.0)
    frame = _Frame(
        title, width, height, Axis(x_label, (0, len(labels))), Axis(y.label, bounds, y.text), [], values,
        legend=[(name, PALETTE[i % len(PALETTE)], "step") for i, (name, _) in enumerate(groups) if name], x_ticks=False,
    )  # fmt: skip
    parts = [frame.axes()]
    slot, base = frame.x_scale.length / len(labels), frame.y_scale.at(0.0)
    thick = slot * 0.8 / len(groups)
    for i, (name, group) in enumerate(groups):
        for j, value in enumerate(group):
            top = frame.y_scale.at(value)
            left = frame.x_scale.start + slot * (j + 0.1) + thick * i
            tip = escape(f"{labels[j]} {name} {(y.text or short_number)(value)}".replace("  ", " "))
            parts.append(
                f'<rect x="{left:.1f}" y="{min(top, base):.1f}" width="{max(thick - 1, 0.5):.1f}" '
                f'height="{abs(base - top):.1f}" fill="{PALETTE[i % len(PALETTE)]}" rx="1"><title>{tip}</title></rect>'
            )
    for j, label in enumerate(labels):
        if j % label_every == 0:
            middle = frame.x_scale.start + slot * (j + 0.5)
            parts.append(_text(middle, frame.bottom + 16, label, anchor="middle"))
    return frame.closed(parts)


def sideways_bars(
    rows: Sequence[tuple[str, float]],
    *,
    title: str,
    text: Format = short_number,
    width: int = 520,
    label_width: int = 200,
) -> Markup:
    """One bar a row, the name on its left and the figure at its end; negative bars go left of the zero line."""
    values = [v for _, v in rows]
    low, high = min(0.0, *values), max(0.0, *values)
    high = high if high > low else low + 1.0
    room = width - label_width - 70
    height = 44 + 24 * len(rows)
    scale = _Scale(low, high, label_width + 8, room, False)
    parts = [_text(0, 18, title, size=14, weight=600, fill=INK)]
    zero = scale.at(0.0)
    for i, (name, value) in enumerate(rows):
        y = 34 + 24 * i
        left, right = min(zero, scale.at(value)), max(zero, scale.at(value))
        colour = PALETTE[0] if value >= 0 else PALETTE[3]
        parts.append(_text(label_width, y + 13, name, anchor="end", fill=INK))
        parts.append(
            f'<rect x="{left:.1f}" y="{y:.1f}" width="{max(right - left, 1):.1f}" height="16" fill="{colour}" rx="2"/>'
        )
        parts.append(_text(right + 6, y + 13, text(value)))
    return _svg(width, height, parts, title)


class _Frame:
    """Axes, ticks, legend and the mapping from data to pixels."""

    def __init__(
        self, title: str, width: int, height: int, x: Axis, y: Axis, xs: Sequence[float], ys: Sequence[float], *,
        legend: Sequence[tuple[str, str, str]], x_ticks: bool = True,
    ) -> None:  # fmt: skip
        self.title, self.width, self.height, self.x, self.y, self.x_ticks = title, width, height, x, y, x_ticks
        self.legend = legend
        top = 52 if legend else 34
        self.bottom = height - 44
        left = 62
        self.x_scale = _scale(x, xs, left, width - left - 14)
        self.y_scale = _scale(y, ys, self.bottom, -(self.bottom - top))

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        return "M" + "L".join(f"{self.x_scale.at(a):.1f} {self.y_scale.at(b):.1f}" for a, b in points)

    def axes(self) -> str:
        parts = [_text(0, 18, self.title, size=14, weight=600, fill=INK)]
        left, right = self.x_scale.start, self.x_scale.start + self.x_scale.length
        offset = 0.0
        for label, colour, style in self.legend:
            dash = ' stroke-dasharray="5 4"' if style == "dash" else ""
            x = left + offset
            parts.append(
                f'<line x1="{x:.0f}" y1="36" x2="{x + 18:.0f}" y2="36" stroke="{colour}" stroke-width="3"{dash}/>'
            )
            parts.append(_text(x + 23, 40, label))
            offset += 23 + 16 + sum(12.5 if ord(c) > 0x2E80 else 6.7 for c in label)
        for value in _ticks(self.y, self.y_scale):
            at = self.y_scale.at(value)
            parts.append(f'<line x1="{left:.0f}" y1="{at:.1f}" x2="{right:.0f}" y2="{at:.1f}" stroke="{GRID}"/>')
            parts.append(_text(left - 7, at + 4, (self.y.text or short_number)(value), anchor="end"))
        if self.x_ticks:
            for value in _ticks(self.x, self.x_scale):
                at = self.x_scale.at(value)
                parts.append(_text(at, self.bottom + 16, (self.x.text or short_number)(value), anchor="middle"))
        parts.append(
            f'<line x1="{left:.0f}" y1="{self.bottom:.0f}" x2="{right:.0f}" y2="{self.bottom:.0f}" stroke="{SOFT}"/>'
        )
        parts.append(_text((left + right) / 2, self.height - 8, self.x.label, anchor="middle"))
        if self.y.label:
            middle = (self.bottom + self.y_scale.start + self.y_scale.length) / 2
            parts.append(
                f'<text transform="translate(13 {middle:.0f}) rotate(-90)" text-anchor="middle" font-size="12" '
                f'fill="{SOFT}">{escape(self.y.label)}</text>'
            )
        return "".join(parts)

    def closed(self, parts: Sequence[str]) -> Markup:
        return _svg(self.width, self.height, parts, self.title)


def _scale(axis: Axis, values: Sequence[float], start: float, length: float) -> _Scale:
    if not all(math.isfinite(v) for v in values):
        raise BadInput("a chart was given a missing or endless number; leave such points out", field="points")
    low, high = axis.bounds or (min(values, default=0.0), max(values, default=1.0))
    if axis.log and low <= 0:
        raise BadInput("a logarithmic axis needs numbers above zero", field="bounds")
    return _Scale(low, high if high > low else low + 1.0, start, length, axis.log)


def _ticks(axis: Axis, scale: _Scale) -> list[float]:
    if axis.log:
        low, high = math.ceil(math.log10(scale.low) - 1e-9), math.floor(math.log10(scale.high) + 1e-9)
        return [10.0**k for k in range(low, high + 1)]
    return round_ticks(scale.low, scale.high)


def _drawn(frame: _Frame, s: Series) -> str:
    if s.style == "dots":
        return "".join(
            f'<circle cx="{frame.x_scale.at(a):.1f}" cy="{frame.y_scale.at(b):.1f}" r="3.2" fill="{s.colour}" '
            f'fill-opacity="0.6"/>'
            for a, b in s.points
        )
    points = list(s.points)
    if s.style == "step":
        points = [p for (a, u), (b, v) in itertools.pairwise(points) for p in ((a, u), (b, u), (b, v))]
    dash = ' stroke-dasharray="5 4"' if s.style == "dash" else ""
    return f'<path d="{frame.path(points)}" fill="none" stroke="{s.colour}" stroke-width="2.2"{dash}/>'


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, weight: int = 400, fill: str = SOFT
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
        f'fill="{fill}">{escape(text)}</text>'
    )


def _svg(width: int, height: int, parts: Sequence[str], title: str) -> Markup:
    body = "".join(parts)
    return Markup(  # noqa: S704 - every text above went through escape()
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg">{body}</svg>'
    )
