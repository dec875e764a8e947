"""What the lender's own systems call: activity feeds, the raise day, the end of day, a rehearsal's clock."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from dandelion.app.api.bodies import ActivityBody, ClockBody
from dandelion.app.api.caller import TheCaller, TheCommand, TheHouse, reply
from dandelion.app.usecases import activity, collect, rounds

router = APIRouter(prefix="/v1", tags=["service"])


@router.post("/activity", status_code=202)
def report_activity(house: TheHouse, caller: TheCaller, command: TheCommand, body: ActivityBody) -> Response:
    """Events in: bad rows are named and set aside, good rows are kept once; warnings and progress follow at once."""
    return reply(activity.report(house, caller, command, body.kind, body.source, body.events))


@router.post("/rounds/raise-day")
def raise_day(house: TheHouse, caller: TheCaller) -> dict[str, Any]:
    """Grant the raises that progress has earned, with affordability run again; may be run twice."""
    return collect.raise_day(house, caller)


@router.post("/rounds/end-of-day")
def end_of_day(house: TheHouse, caller: TheCaller) -> dict[str, Any]:
    """Book accrued interest and classes; may be run twice."""
    return rounds.end_of_day(house, caller)


@router.post("/clock")
def move_clock(house: TheHouse, caller: TheCaller, body: ClockBody) -> dict[str, Any]:
    """Move a rehearsal's clock forward; refused where the clock is the system's."""
    return rounds.move_clock(house, caller, body.now)
