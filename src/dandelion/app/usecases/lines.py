"""Whose line is it: the one check that every use case on a line begins with."""

from __future__ import annotations

import sqlalchemy as sa

from dandelion.app.access import Caller
from dandelion.app.house import House
from dandelion.core import NotFound
from dandelion.lending import LineView


def own_line(house: House, caller: Caller, connection: sa.Connection, line_id: str) -> LineView:
    """The line, if the caller may see it.  A merchant asking for another's gets NotFound, as for one that never was."""
    line = house.lending.line(connection, caller.tenant, line_id, house.clock.now())
    if caller.role == "merchant" and line.subject != caller.subject:
        raise NotFound(f"there is no line {line_id} of yours", field="line")
    return line
