"""What a message about a wrong declaration says beside the fact: the nearest name, and how a list is written.

>>> did_you_mean("cuont", ["count", "amount_sum"])
"; did you mean 'count'?"
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from dandelion.core import BadInput


def did_you_mean(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"; did you mean {close[0]!r}?" if close else ""


def several(what: str, given: object) -> None:
    """Errors (BadInput): one text where several are wanted, as ``("30d")`` without its comma is."""
    if isinstance(given, str):
        raise BadInput(f"{what} is the text {given!r}; write a list of them, with a comma even for one: ({given!r},)",
                       field=what)  # fmt: skip


def pairs(what: str, given: object) -> None:
    """Errors (BadInput): anything but pairs of texts."""
    several(what, given)
    if not isinstance(given, tuple | list) or any(
        not isinstance(one, tuple | list) or len(one) != 2 or not all(isinstance(text, str) for text in one)
        for one in given
    ):
        raise BadInput(f'{what} is {given!r}; write pairs of dimension and level, with a comma even for one: (("hours", "night"),)',
                       field=what)  # fmt: skip
