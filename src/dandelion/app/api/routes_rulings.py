"""Rulings on given columns, one or many a request.  Handlers wait for the desk without holding a thread."""

from __future__ import annotations

import asyncio
import functools
import time
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.routing import APIRoute

from dandelion.app.access import Caller, prove
from dandelion.app.api.caller import TheCaller, TheHouse, reply
from dandelion.app.command import Command
from dandelion.app.house import House
from dandelion.app.rulings.asking import Asked
from dandelion.app.rulings.bell import Bell
from dandelion.app.rulings.desk import RulingDesk
from dandelion.app.rulings.reading import FRAME_TYPE
from dandelion.app.usecases import rule
from dandelion.core import NotAllowed

router = APIRouter(prefix="/v1", tags=["rulings"])
HEADERS = [
    {
        "name": name, "in": "header", "required": name != "Deadline-Ms", "schema": {"type": "string"}, "description": text,
    }
    for name, text in (
        ("Authorization", "Bearer and a token of role service."), ("Idempotency-Key", "One for each intention."),
        ("Deadline-Ms", "Milliseconds after which the answer is no longer wanted."),
    )
]  # fmt: skip
COLUMNS = {"type": "object", "additionalProperties": {"type": ["number", "boolean", "null"]}}
ONE = {
    "type": "object", "required": ["product", "entity", "columns"], "additionalProperties": False,
    "properties": {
        "product": {"type": "string"}, "entity": {"type": "string"}, "columns": COLUMNS,
        "keys": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    },
}  # fmt: skip
MANY = {
    "type": "object", "required": ["product", "entities", "columns", "rows"], "additionalProperties": False,
    "properties": {
        "product": {"type": "string"}, "entities": {"type": "array", "items": {"type": "string"}},
        "columns": {"type": "array", "items": {"type": "string"}},
        "rows": {"type": "array", "items": {"type": "array", "items": {"type": ["number", "null"]}}},
    },
}  # fmt: skip


def _body(json_schema: dict[str, Any], *more: str) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": json_schema}}
    content |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in more}
    return {"requestBody": {"required": True, "content": content}, "parameters": HEADERS}


@router.post("/rulings", status_code=201, openapi_extra=_body(ONE))
async def rule_on_one(request: Request) -> Response:
    """Every model and every strategy on one row of columns; the record is kept before you are told."""
    house, caller, command, body = await _commanded(request)
    deadline = request.headers.get("deadline-ms")
    return await _answered(request, rule.asked_for_one(house, caller, command, body, deadline))


@router.post("/rulings/bulk", status_code=201, openapi_extra=_body(MANY, FRAME_TYPE))
async def rule_on_many(request: Request) -> Response:
    """The same on many rows, all kept or none; JSON, or a float32 frame."""
    house, caller, command, body = await _commanded(request)
    kind, deadline = request.headers.get("content-type", ""), request.headers.get("deadline-ms")
    asked = await asyncio.to_thread(rule.asked_for_many, house, caller, command, body, kind, deadline)
    return await _answered(request, asked)


@router.get("/rulings/columns")
def ruling_columns(
    house: TheHouse, caller: TheCaller, product: Annotated[str, Query(max_length=100, examples=["shop-line"])] = ""
) -> dict[str, Any]:
    """What a row is made of, in order, and what rules on it now."""
    return rule.columns(house, caller, product)


STRAIGHT = [route for route in router.routes if isinstance(route, APIRoute) and "POST" in (route.methods or ())]


@functools.lru_cache(maxsize=1024)
def _proved(secret: bytes, authorization: str | None, _second: int) -> Caller:
    """A token is verified once a second, not once a request; what does not verify is not remembered."""
    return prove(secret, authorization)


@functools.lru_cache(maxsize=16)
def _bell(loop: asyncio.AbstractEventLoop) -> Bell:
    return Bell(loop)


async def _commanded(request: Request) -> tuple[House, Caller, Command, bytes]:
    """What the other routes get from their parameters; read by hand, since that costs a tenth."""
    house: House = request.app.state.house
    headers = request.headers
    caller = _proved(house.secret, headers.get("authorization"), int(time.monotonic()))
    if caller.tenant != house.tenant:
        raise NotAllowed("this house serves another tenant; use a token issued for it", field="tenant")
    body = await request.body()
    command = Command.of(caller, headers.get("idempotency-key"), request.scope["method"], request.scope["path"], body)
    return house, caller, command, body


async def _answered(request: Request, asked: Asked) -> Response:
    desk: RulingDesk = request.app.state.desk()
    bell = _bell(asyncio.get_running_loop())
    heard = bell.heard(asked.answer)
    desk.ask(replace(asked, bell=bell))
    return reply(await heard)
