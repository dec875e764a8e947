"""What would change a stored decision: the nearest other answer, worked out from what the decision names.

Book and terms come from the archive and the figures from the decision itself.  Where its snapshot and its model are still
there, the model is asked again about every change; otherwise its score is held fixed, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dandelion.app.house import House
from dandelion.app.replaying import Replay, SnapshotRecord, policy_of, snapshot_of
from dandelion.app.sight import look, rescorer
from dandelion.core import DandelionError
from dandelion.policy import Book, Nearest, Product, Rescore, moves_sentences, number_text, what_would_change

ALONE_MAX = 5


def what_if(house: House, tenant: str, body: Mapping[str, Any], decision_id: str) -> dict[str, Any] | None:
    """For a refusal the nearest approval, for an approval the nearest higher limit and each lever alone; in both languages.

    None where the archive no longer holds the book or the terms.
    """
    aside = Replay(decision_id)  # what differs is a replay's to tell
    policy = policy_of(house, body, aside)
    if policy is None:
        return None
    pair = policy.pair
    book = pair.challenger if pair is not None and pair.challenger.hash == body["names"]["book"] else policy.book
    product, rescore = body["product"], None
    try:
        seen = snapshot_of(house, tenant, body, aside)
        if seen is not None:
            frame = look(policy, SnapshotRecord(tenant, seen), product, house.graph, house.peers)
            rescore = rescorer(replace(policy, book=book, pair=None, rollout=None), product, frame)
    except DandelionError:
        rescore = None
    return told(body, book, policy.product(product), rescore)


def told(body: Mapping[str, Any], book: Book, product: Product, rescore: Rescore | None) -> dict[str, Any]:
    found = what_would_change(body, book, product, rescore)
    return {
        "of": "limit" if found.of_yes else "outcome",
        "nearest": None if found.nearest is None else _one(found.nearest, book, found.limit_fen, found.of_yes),
        "alone": [_one(one, book, found.limit_fen, found.of_yes) for one in found.alone[:ALONE_MAX]],
        "searched_whole": found.complete,
        "model_asked": rescore is not None,
    }


def _one(one: Nearest, book: Book, limit_fen: int, of_yes: bool) -> dict[str, Any]:
    zh, en = moves_sentences(one, book, approved=of_yes)
    return {
        "moves": [
            {"alias": alias, "from": number_text(start), "to": number_text(to)} for alias, start, to in one.moves
        ],
        "outcome": one.outcome, "limit_fen": one.limit_fen, "more_fen": one.limit_fen - limit_fen, "zh": zh, "en": en,
    }  # fmt: skip
