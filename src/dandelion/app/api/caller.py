"""What every route needs: the house, the proved caller, and for writes the named command."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Query, Request, Response

from dandelion.app.access import Caller, prove
from dandelion.app.command import Command
from dandelion.app.house import Answer, House
from dandelion.app.usecases.listing import LIMIT_MAX, Page
from dandelion.core import NotAllowed


def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


def _caller(house: Annotated[House, Depends(_house)], authorization: Annotated[str | None, Header()] = None) -> Caller:
    caller = prove(house.secret, authorization)
    if caller.tenant != house.tenant:  # one workspace serves one lender, whoever else signs with the same secret
        raise NotAllowed("this house serves another tenant; use a token issued for it", field="tenant")
    return caller


async def _command(
    request: Request,
    caller: Annotated[Caller, Depends(_caller)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Command:
    return Command.of(caller, idempotency_key, request.method, request.url.path, await request.body())


def _page(
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="At most so many.")] = 50,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before.")] = None,
    subject: Annotated[
        str | None, Query(max_length=256, description="Of one merchant only; a merchant finds its own anyway.")
    ] = None,
) -> Page:
    return Page(limit, cursor, subject)


ThePage = Annotated[Page, Depends(_page)]
TheHouse = Annotated[House, Depends(_house)]
TheCaller = Annotated[Caller, Depends(_caller)]
TheCommand = Annotated[Command, Depends(_command)]


def reply(answer: Answer) -> Response:
    """The stored bytes as they are, so that a repeated request gets the same ones."""
    return Response(answer.body, status_code=answer.status, media_type="application/json")
