"""From which share on somebody is a beneficial owner: the country's rules pack, put to the graph room."""

from __future__ import annotations

from datetime import date

from dandelion.core import NotFound
from dandelion.graph import ownership as own
from dandelion.lending import Pack, Packs

RULE = "beneficial_owner"


def owner_line(pack: Pack) -> own.OwnerLine:
    """Errors: NotFound where the pack says nothing of beneficial owners; a line is never guessed."""
    if pack.beneficial_owner is None:
        raise NotFound(f"pack {pack.id} has no rule {RULE!r}; add it with value, source and day", field=RULE)
    source = next(one.source for one in pack.sources if one.rule == RULE)
    return own.OwnerLine(pack.beneficial_owner.ppm, pack.beneficial_owner.at_least, source, pack.beneficial_owner.since)


def shipped_line(jurisdiction: str, licence: str, day: date) -> own.OwnerLine:
    """The line in force on a day by the packs that ship with Dandelion.  Errors: NotFound."""
    return owner_line(Packs.load().on(jurisdiction, licence, day))
