"""Consent, applications, decisions, explanations, contests."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from dandelion.app.api.bodies import ApplicationBody, ConsentBody, ContestBody, ResolutionBody
from dandelion.app.api.caller import TheCaller, TheCommand, TheHouse, ThePage, reply
from dandelion.app.usecases import apply, consent, contest, erase, explain, listing, replay

router = APIRouter(prefix="/v1", tags=["credit"])


@router.post("/consents", status_code=201)
def grant_consent(house: TheHouse, caller: TheCaller, command: TheCommand, body: ConsentBody) -> Response:
    """The merchant allows one purpose on some kinds of data; the receipt says exactly what."""
    return reply(consent.grant(house, caller, command, consent.Wish(**body.model_dump())))


@router.get("/consents")
def my_consents(house: TheHouse, caller: TheCaller) -> list[dict[str, Any]]:
    """Who may read what, for which purpose, until when."""
    return consent.grants(house, caller)


@router.delete("/consents/{grant}")
def withdraw_consent(house: TheHouse, caller: TheCaller, command: TheCommand, grant: str) -> Response:
    """Stops new reads, decisions and draws at once; what is owed stays owed."""
    return reply(consent.withdraw(house, caller, command, grant))


@router.post("/applications", status_code=201)
def apply_for_line(house: TheHouse, caller: TheCaller, command: TheCommand, body: ApplicationBody) -> Response:
    """Decide a credit line now: limit, rate and reasons, or a no with what would change it."""
    return reply(apply.apply(house, caller, command, body.product, body.trade))


@router.get("/decisions")
def list_decisions(house: TheHouse, caller: TheCaller, page: ThePage) -> dict[str, Any]:
    """What was decided, newest first; `next` goes into `cursor` for the page after."""
    return listing.decisions(house, caller, page)


@router.get("/decisions/{decision}")
def read_decision(house: TheHouse, caller: TheCaller, decision: str) -> dict[str, Any]:
    """The decision as it was stored."""
    return explain.decision(house, caller, decision)


@router.get("/decisions/{decision}/explanation")
def explain_decision(house: TheHouse, caller: TheCaller, decision: str) -> dict[str, Any]:
    """Why: reasons in plain words; staff also see each strategy's literals with value and threshold."""
    return explain.explain(house, caller, decision)


@router.post("/decisions/{decision}/replay")
def replay_decision(house: TheHouse, caller: TheCaller, decision: str) -> dict[str, Any]:
    """Recompute in a fresh process: *same bytes*, or exactly what differs."""
    return replay.replay_in_fresh_process(house, caller, decision)


@router.post("/decisions/{decision}/contests", status_code=201)
def contest_decision(
    house: TheHouse, caller: TheCaller, command: TheCommand, decision: str, body: ContestBody
) -> Response:
    """The merchant asks for a person to look again."""
    return reply(contest.open_contest(house, caller, command, decision, body.statement))


@router.post("/contests/{contest_id}/resolution", status_code=201)
def resolve_contest(
    house: TheHouse, caller: TheCaller, command: TheCommand, contest_id: str, body: ResolutionBody
) -> Response:
    """An analyst upholds or overturns; the record keeps who and why."""
    resolution = contest.Resolution(body.outcome, body.note, body.limit_fen, body.rate_ppm)
    return reply(contest.resolve(house, caller, command, contest_id, resolution))


@router.delete("/subjects/{subject}", tags=["credit"])
def erase_subject(house: TheHouse, caller: TheCaller, command: TheCommand, subject: str) -> Response:
    """Forget a subject: the mapping at once, its rows at compaction; what the law keeps stays, pseudonymous."""
    return reply(erase.erase(house, caller, command, subject))
