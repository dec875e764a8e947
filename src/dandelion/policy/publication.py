"""Which book a subject meets: the champion, or for a stable part of the subjects a challenger, the other one in shadow.

Both books run in the same pass over the same row, the second as more strategies of one engine; the decision says which
one decided, by which bucket, and what the other one would have said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import process_time_ns
from typing import Any

import numpy as np

from dandelion.core import PPM, BadInput, new_id
from dandelion.policy.book import Book
from dandelion.policy.change import Rescore
from dandelion.policy.decide import Decision, compose
from dandelion.policy.engine import Codes, Engine
from dandelion.policy.facts import DecisionInput
from dandelion.policy.judge import Case, case_of, rule
from dandelion.policy.lists import Lists
from dandelion.policy.product import Product
from dandelion.policy.scalar import Row
from dandelion.policy.strategy import bucket_ppm

CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True, slots=True)
class Rollout:
    """`share_ppm` of the subjects meet the challenger (0: shadow only), by a hash of `salt` and their id.

    The salt stays while a challenger stands, so that raising the share only ever moves subjects from the champion to the
    challenger, and nobody back and forth.
    """

    champion: str
    challenger: str
    share_ppm: int
    salt: str

    def __post_init__(self) -> None:
        if not 0 <= self.share_ppm <= PPM:
            raise BadInput(f"share is {self.share_ppm} ppm; give 0 to {PPM}", field="share")

    def bucket(self, tenant: str, entity: str) -> int:
        return bucket_ppm(self.salt, tenant, entity)

    def mode(self, tenant: str, entity: str) -> str:
        return CHALLENGER if self.bucket(tenant, entity) < self.share_ppm else CHAMPION


class Pair:
    """Two books that can read the same row.  Errors: BadInput where one alias means two things."""

    def __init__(self, champion: Book, challenger: Book) -> None:
        for alias in champion.columns.keys() & challenger.columns.keys():
            one, two = champion.columns[alias].id, challenger.columns[alias].id
            if one != two:
                raise BadInput(
                    f"alias {alias!r} is {one} in the champion and {two} in the challenger; give the new one a name of "
                    "its own",
                    field=alias,
                )
        for alias in champion.scores.keys() & challenger.scores.keys():
            if champion.scores[alias] != challenger.scores[alias]:
                raise BadInput(f"score {alias!r} means two things in the two books", field=alias)
        codes = {name: group.code for name, group in champion.industries.items()}
        for name, group in challenger.industries.items():
            if codes.get(name, group.code) != group.code:
                raise BadInput(f"industry {name!r} has another code in the challenger; codes never change", field=name)
        self.champion, self.challenger = champion, challenger
        self._engines: dict[str, Engine] = {}

    def codes(self, product: str, first: Case, second: Case) -> tuple[Codes, Codes]:
        """Truths of the champion's and the challenger's strategies, from one run of one engine."""
        one, two = self.champion.roster(product), self.challenger.roster(product)
        engine = self._engines.get(product)
        if engine is None:
            engine = self._engines[product] = Engine.of([s.condition for s in (*one.strategies, *two.strategies)])
        row = Row({**second.row().numbers, **first.row().numbers}, {**second.flags, **first.flags})
        found = engine.one(engine.row(row.numbers, row.flags))
        return np.ascontiguousarray(found[: len(one.strategies)]), np.ascontiguousarray(found[len(one.strategies) :])


def decide_between(
    pair: Pair, rollout: Rollout, product: Product, lists: Lists, request: DecisionInput, *,
    rescore: Rescore | None = None,
) -> Decision:  # fmt: skip
    """The decision of the book this subject meets; its body equals `decide`'s of that book, and tells of the other one.

    `rescore` knows the champion's aliases; a challenger's own are what-ifs it cannot ask the model about.
    """
    started = process_time_ns()
    cases = [case_of(book, product, lists, request) for book in (pair.champion, pair.challenger)]
    codes = pair.codes(product.id, cases[0], cases[1])
    mode = rollout.mode(request.tenant, request.entity)
    mine = 0 if mode == CHAMPION else 1
    books = (pair.champion, pair.challenger)
    meetings = [book.meeting(product.id, request.as_of, request.tenant, request.entity) for book in books]
    body = compose(books[mine], product, lists, request, cases[mine], meetings[mine], codes[mine], rescore)
    other = rule(product, meetings[1 - mine][0], cases[1 - mine], codes[1 - mine], full=False)
    offer = other.offer if other.outcome == "approved" else None
    body["publication"] = {
        "mode": mode, "share_ppm": rollout.share_ppm, "salt": rollout.salt,
        "bucket_ppm": rollout.bucket(request.tenant, request.entity), "champion": pair.champion.hash,
        "challenger": pair.challenger.hash,
        "other": {
            "outcome": other.outcome, "limit_fen": offer.limit_fen if offer else 0,
            "rate_ppm": offer.rate_ppm if offer else 0,
            "strategies": sorted({s.id for s in other.fired} ^ {s["id"] for s in body["strategies"]}),
        },
    }  # fmt: skip
    return Decision(body, {"decision_id": new_id(), "cpu_us": (process_time_ns() - started) // 1000})


def rollout_in(body: Mapping[str, Any]) -> Rollout | None:
    """The rollout a stored decision was made under; None where one book stood alone."""
    told = body.get("publication")
    return None if told is None else Rollout(told["champion"], told["challenger"], told["share_ppm"], told["salt"])
