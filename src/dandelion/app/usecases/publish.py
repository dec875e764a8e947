"""Publish a book: proposed by one person, let live by another, to a part of the merchants first; stopped by either at once.

What stands is the last word of the audit chain, so that a publication is whole, durable and on record in one step.  The
books themselves lie in the archive under their content hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dandelion.app.house import House
from dandelion.app.policy_set import load_book
from dandelion.app.published import ACTIONS, SUBJECT, Standing, proposals, standing
from dandelion.core import PPM, BadInput, Conflict, NotAllowed, NotFound, canonical, content_hash, new_id
from dandelion.policy import Book, Pair, differences
from dandelion.vault import Actor, Work


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal waits for `approve` with its id; `changes` say in words what differs from the champion."""

    proposal: str
    book: str
    share_ppm: int
    changes: tuple[str, ...]
    live: bool


def propose(house: House, actor: Actor, folder: Path | None, share_ppm: int, note: str) -> Proposed:
    """Put a book forward for a share of the merchants: 0 for shadow, a million for all.  None: the challenger that stands.

    Shadow meets nobody, so it stands at once; a live share waits for a second person, unless `[publication] two_people`
    is off.  Errors: BadInput for a book that does not hold, NotFound where nothing stands to be raised.
    """
    if not 0 <= share_ppm <= PPM:
        raise BadInput(f"share is {share_ppm} ppm; give 0 to {PPM}", field="share")
    now = standing_now(house)
    champion = _book(house, now.champion)
    if folder is None:
        if not now.challenger:
            raise NotFound("no challenger stands; name the folder of a book", field="book")
        book = _book(house, now.challenger)
    else:
        book = load_book(folder, house.policy.definitions)
        parts = {s.id: content_hash(canonical(s.as_json())) for s in book.strategies}
        house.archive.keep_folder("book", book.hash, folder, parts)
    if book.hash == champion.hash:
        raise Conflict("this is the book that is live already", field="book")
    Pair(champion, book)
    proposal, changes = new_id(), tuple(differences(champion, book))
    alone = share_ppm == 0 or not house.settings.publication.two_people
    with house.vault.unit_of_work(house.tenant) as work:
        work.lock(SUBJECT)
        detail: dict[str, str | int | bool | None] = {
            "proposal": proposal,
            "book": book.hash,
            "share_ppm": share_ppm,
            "note": note[:500],
            "changes": len(changes),
        }
        work.audit(actor, "book.proposed", SUBJECT, detail)
        if alone:
            _stand(house, work, actor, book.hash, share_ppm, proposal)
    if alone:
        house.reload_policy()
    return Proposed(proposal, book.hash, share_ppm, changes, alone)


def approve(house: House, actor: Actor, proposal: str) -> Standing:
    """Let a proposal live.  Errors: NotFound, NotAllowed for the person who proposed it, Conflict for one passed over."""
    with house.vault.unit_of_work(house.tenant) as work:
        work.lock(SUBJECT)
        waiting = proposals(house.vault, house.tenant)
        if proposal not in waiting:
            raise NotFound(f"no proposal {proposal} is waiting", field="proposal")
        asked = waiting[proposal]
        if house.settings.publication.two_people and asked.by == actor.id:
            raise NotAllowed("a second person has to let a book live; you proposed this one", field="actor")
        _stand(house, work, actor, asked.book, asked.share_ppm, proposal)
    house.reload_policy()
    return standing_now(house)


def stop(house: House, actor: Actor, why: str) -> Standing:
    """Take the challenger away at once; one person is enough, and so is the guard.  Errors: Conflict where none stands."""
    return _back(house, actor, "book.stopped", why)


def roll_back(house: House, actor: Actor, why: str) -> Standing:
    """Put the champion before the present one back; one person is enough.  Errors: Conflict where there is none."""
    return _back(house, actor, "book.rolled_back", why)


def _back(house: House, actor: Actor, action: str, why: str) -> Standing:
    with house.vault.unit_of_work(house.tenant) as work:
        work.lock(SUBJECT)
        now = standing_now(house)
        if action == "book.stopped" and not now.challenger:
            raise Conflict("no challenger stands", field="book")
        champion = now.champion if action == "book.stopped" else now.before
        if not champion:
            raise Conflict("there is no earlier champion to go back to", field="book")
        before = now.before if action == "book.stopped" else ""
        detail: dict[str, str | int | bool | None] = {
            "champion": champion,
            "challenger": "",
            "share_ppm": 0,
            "salt": "",
            "before": before,
            "note": why[:500],
        }
        work.audit(actor, action, SUBJECT, detail)
    house.reload_policy()
    return standing_now(house)


def _stand(house: House, work: Work, actor: Actor, book: str, share_ppm: int, proposal: str) -> None:
    now = standing_now(house)
    if book == now.champion:
        raise Conflict("this is the book that is live already", field="book")
    salt = now.salt if now.challenger == book and now.salt else new_id()
    stands: dict[str, str | int | bool | None]
    if share_ppm == PPM:
        stands = {"champion": book, "challenger": "", "share_ppm": 0, "salt": "", "before": now.champion}
    else:
        stands = {
            "champion": now.champion,
            "challenger": book,
            "share_ppm": share_ppm,
            "salt": salt,
            "before": now.before,
        }
    work.audit(actor, "book.published", SUBJECT, {**stands, "proposal": proposal})


def told(house: House) -> list[dict[str, Any]]:
    """Who did what when, oldest first."""
    records = house.vault.audit.records(house.tenant, subject=SUBJECT, actions=ACTIONS)
    return [{"at": r.at, "by": r.actor.id, "action": r.action, **r.detail} for r in records]


def standing_now(house: House) -> Standing:
    """What stands; before the first publication the book of the workspace's folder."""
    found = standing(house.vault, house.tenant)
    return Standing(house.policy.book.hash, "", 0, "", "", 0) if found is None else found


def _book(house: House, name: str) -> Book:
    return load_book(house.archive.find("book", name), house.policy.definitions)
