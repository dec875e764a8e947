"""One self-contained page: the style, the template loader and the few number formats both assessments share.

`render("invoices.html", {...})` gives a page with no link to anywhere: style inside, charts as SVG inside.  Templates
extend `report_base.html` and are escaped by default, so that a firm called ``<script>`` stays a name.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, values: Mapping[str, Any]) -> str:
    """The page as text.  Filters: `yuan` (whole yuan), `wan` (ten thousands), `pct` (share), `ppm`, `count`."""
    return _environment().get_template(template).render(**values)


def yuan(value: float) -> str:
    """1234567.8 as ``¥1,234,568``; a minus sign stands before the sign of the currency."""
    return f"{'-' if round(value) < 0 else ''}¥{abs(round(value)):,}"


def wan(value: float) -> str:
    """Yuan in units of ten thousand, as Chinese readers count: 1,230,000 is ``123 万``."""
    return f"{value / 10_000:,.4g} 万" if abs(value) < 1e8 else f"{value / 1e8:,.3f} 亿"


def share(value: float, digits: int = 1) -> str:
    return f"{value * 100:.{digits}f} %"


def ppm(value: int) -> str:
    """Parts per million as percent."""
    return f"{value / 10_000:.2f} %"


def count(value: float) -> str:
    return f"{value:,.0f}"


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(yuan=yuan, wan=wan, pct=share, ppm=ppm, count=count)
    return environment
