"""The project's pages, and what of them can be checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def links(page: Path) -> Iterator[str]:
    """Targets of Markdown links, pictures and `src` attributes outside code."""
    text = FENCE.sub("", page.read_text("utf-8"))
    text = re.sub(r"`[^`]*`", "", text)
    yield from re.findall(r"\]\(([^)\s]+)\)", text)
    yield from re.findall(r'(?:src|href)="([^"]+)"', text)


def anchors(page: Path) -> set[str]:
    """Headings as a browser of Markdown addresses them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[str]:
    """Every `dandelion ...` line shown, in a block or between backticks, joined where a backslash continues it."""
    text = page.read_text("utf-8")
    blocks = "\n".join(FENCE.findall(text)).replace("\\\n", " ")
    yield from re.findall(r"(?:^|\$\()\s*(dandelion [^\n#)]+)", blocks, re.M)
    outside = FENCE.sub("", text)
    for found in re.findall(r"`(dandelion [^`]+)`", outside):
        yield " ".join(found.split())
