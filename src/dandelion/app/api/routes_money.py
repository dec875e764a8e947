"""Conditions before the first draw, quotes, draws, repayments, statements."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from dandelion.app.api.bodies import (
    ContractBody,
    DrawBody,
    IdentityBody,
    PayoutAccountBody,
    QuoteBody,
    RepaymentBody,
    UseBody,
)
from dandelion.app.api.caller import TheCaller, TheCommand, TheHouse, ThePage, reply
from dandelion.app.usecases import conditions, draw, listing, quote, repay

router = APIRouter(prefix="/v1", tags=["money"])


@router.post("/identity", status_code=201)
def prove_identity(house: TheHouse, caller: TheCaller, command: TheCommand, body: IdentityBody) -> Response:
    """Check who the merchant is with the identity provider."""
    return reply(conditions.prove_identity(house, caller, command, body.name, body.id_number, body.phone))


@router.post("/payout-account", status_code=201)
def prove_account(house: TheHouse, caller: TheCaller, command: TheCommand, body: PayoutAccountBody) -> Response:
    """Prove that the account money will go to is the borrower's own."""
    return reply(conditions.prove_account(house, caller, command, body.account_number, body.bank))


@router.get("/lines/{line}/contract")
def read_contract(house: TheHouse, caller: TheCaller, line: str) -> dict[str, Any]:
    """The contract's text and the hash to accept it by; the annualised simple rate comes first."""
    return conditions.contract(house, caller, line)


@router.post("/lines/{line}/contract", status_code=201)
def accept_contract(house: TheHouse, caller: TheCaller, command: TheCommand, line: str, body: ContractBody) -> Response:
    return reply(conditions.accept_contract(house, caller, command, line, body.sha256))


@router.post("/lines/{line}/use", status_code=201)
def declare_use(house: TheHouse, caller: TheCaller, command: TheCommand, line: str, body: UseBody) -> Response:
    """What the money is for; business uses only."""
    return reply(conditions.declare_use(house, caller, command, line, body.use))


@router.post("/quotes")
def quote_draw(house: TheHouse, caller: TheCaller, body: QuoteBody) -> dict[str, Any]:
    """What a drawdown would cost: yearly rate first, every payment, the total."""
    return quote.quote(house, caller, body.line, body.amount_fen, body.days)


@router.post("/draws", status_code=201)
def draw_money(house: TheHouse, caller: TheCaller, command: TheCommand, body: DrawBody) -> Response:
    """Draw on the line; the money is sent at once to the proved account."""
    return reply(draw.draw(house, caller, command, body.line, body.amount_fen))


@router.get("/draws/{drawdown}")
def read_draw(house: TheHouse, caller: TheCaller, drawdown: str) -> dict[str, Any]:
    return draw.status(house, caller, drawdown)


@router.get("/lines")
def list_lines(house: TheHouse, caller: TheCaller, page: ThePage) -> dict[str, Any]:
    """Credit lines with what is owed today, newest first; `next` goes into `cursor` for the page after."""
    return listing.lines(house, caller, page)


@router.get("/lines/{line}")
def read_line(house: TheHouse, caller: TheCaller, line: str) -> dict[str, Any]:
    """Limit, available, owed today, next due date, progress towards the next raise."""
    return draw.line(house, caller, line)


@router.get("/lines/{line}/statement")
def read_statement(house: TheHouse, caller: TheCaller, line: str) -> dict[str, Any]:
    return repay.statement(house, caller, line)


@router.post("/lines/{line}/repayments", status_code=201)
def repay_line(house: TheHouse, caller: TheCaller, command: TheCommand, line: str, body: RepaymentBody) -> Response:
    """Book money received; any part, any day, no fee; as of an earlier value date where the bank told of it late."""
    return reply(repay.repay(house, caller, command, line, body.amount_fen, body.source_ref, body.value_date))
