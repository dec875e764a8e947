"""One decision: the ruling, at most four reasons with what would change each, and the body that is hashed."""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dandelion import __version__
from dandelion.core import canonical, content_hash, new_id
from dandelion.policy.book import Book
from dandelion.policy.change import Ask, Change, Rescore, all_changed, change_for_offer, change_for_strategy
from dandelion.policy.declarations import LIMIT_REASONS, NO_OFFER_REASONS, NO_SCORE
from dandelion.policy.engine import Codes
from dandelion.policy.expression import number_text
from dandelion.policy.facts import DecisionInput
from dandelion.policy.judge import APPROVED, DECLINED, REFERRED, Case, Ruling, case_of, rule
from dandelion.policy.lists import Lists
from dandelion.policy.product import Product
from dandelion.policy.roster import Meeting
from dandelion.policy.sentences import change_sentences, together_sentences
from dandelion.policy.strategy import Strategy

SCHEMA = "dandelion.decision/1"
REASONS_MAX = 4
STRENGTH = "strength"  # tags that begin so are named among the reasons of an approval


@dataclass(frozen=True, slots=True)
class Decision:
    """`body` holds no float and is hashed; `meta` (id, clock cost) is not part of the hash."""

    body: Mapping[str, Any]
    meta: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.meta["decision_id"])

    @property
    def body_bytes(self) -> bytes:
        return canonical(self.body)

    @property
    def body_hash(self) -> str:
        return content_hash(self.body_bytes)

    @property
    def outcome(self) -> str:
        return str(self.body["outcome"])

    @property
    def approved(self) -> bool:
        return self.outcome == APPROVED

    @property
    def limit_fen(self) -> int:
        return int(self.body["limit_fen"])

    @property
    def rate_ppm(self) -> int:
        return int(self.body["rate_ppm"])


def decide(
    book: Book, product: Product, lists: Lists, request: DecisionInput, *, rescore: Rescore | None = None
) -> Decision:
    """The decision on one request; the same input always gives the same body, byte for byte.

    `rescore` lets the engine ask the model about what-ifs (column aliases changed -> PD in ppm), so that reasons that
    stand on the PD can also say what would change them.  Errors: BadInput where the frame lacks a column of the book.
    """
    started = time.process_time_ns()
    meeting = book.meeting(product.id, request.as_of, request.tenant, request.entity)
    case = case_of(book, product, lists, request)
    body = compose(book, product, lists, request, case, meeting, meeting[0].codes(case.row()), rescore)
    meta = {"decision_id": new_id(), "cpu_us": (time.process_time_ns() - started) // 1000}
    return Decision(body, meta)


def compose(
    book: Book, product: Product, lists: Lists, request: DecisionInput, case: Case, meeting: tuple[Meeting, Meeting],
    codes: Codes, rescore: Rescore | None,
) -> dict[str, Any]:  # fmt: skip
    """The body of a decision from the truths of its strategies, live and shadow alike."""
    live, shadow = meeting
    ruling = rule(product, live, case, codes)
    ask = Ask(book, product, live, case, ruling, rescore)
    reasons, changes = _reasons(ask)
    together = all_changed(ask, changes) if ruling.outcome != APPROVED else None
    offer = ruling.offer if ruling.outcome == APPROVED else None
    arm, bucket = book.arm(request.tenant, request.entity)
    return {
        "schema": SCHEMA,
        "tenant": request.tenant,
        "entity": request.entity,
        "product": product.id,
        "as_of": request.as_of,
        "outcome": ruling.outcome,
        "limit_fen": offer.limit_fen if offer else 0,
        "rate_ppm": offer.rate_ppm if offer else 0,
        "term_days": product.term_days if offer else 0,
        "reasons": reasons,
        "if_all_changed": None if together is None else _together(together),
        "evidence": sorted({s.action.label for s in ruling.of_kind("refer")}) if ruling.outcome == REFERRED else [],
        "contestable": True,
        "offer": _offer(ruling),
        "strategies": [_fired(strategy) for strategy in ruling.fired],
        "unknown": [strategy.id for strategy in ruling.unknown],
        "shadow": [strategy.id for strategy in shadow.ruled(codes)[0]],
        "scores": dict(sorted(request.scores.items())),
        "pd_ppm": ruling.pd_ppm,
        "money": {name: getattr(case.money, name) for name in case.money.__slots__},
        "line": None if case.line is None else {name: getattr(case.line, name) for name in case.line.__slots__},
        "flags": dict(case.flags),
        "columns": _columns(book, product.id, request, case),
        "arm": {"experiment": book.experiment, "name": arm, "bucket_ppm": bucket},
        "industry": request.industry,
        "licence_type": request.licence_type,
        "rate_cap_ppm": request.rate_cap_ppm,
        "names": {
            "book": book.hash, "product": product.hash, "lists": lists.hash, "models": dict(request.names.models),
            "pack": request.names.pack, "consents": request.names.consents, "snapshot": request.names.snapshot, "graph": request.names.graph, "peers": request.names.peers, "sight": request.names.sight,
            "code": request.names.code or __version__,
        },
    }  # fmt: skip


def _reasons(ask: Ask) -> tuple[list[dict[str, Any]], list[Change]]:
    """At most four, by priority, each code once; and the changes that were claimed."""
    found: list[dict[str, Any]] = []
    changes: list[Change] = []

    def add(code: str, change: Change | None, kind: str, strategy: Strategy | None) -> None:
        reason = ask.book.reasons[code]
        own = strategy if strategy is not None and strategy.zh else reason
        found.append({"code": code, "kind": kind, "zh": own.zh, "en": own.en, "change": _change(ask, code, change)})
        if change is not None and kind != "strength" and change not in changes:
            changes.append(change)

    for code, kind, strategy in _ranked(ask.ruling):
        if len(found) == REASONS_MAX:
            break
        if any(entry["code"] == code for entry in found):
            continue
        if strategy is not None:
            add(code, change_for_strategy(ask, strategy, lose=kind == "strength"), kind, strategy)
        else:
            add(code, _change_of_offer(ask), kind, None)
    return found, changes


def _ranked(ruling: Ruling) -> list[tuple[str, str, Strategy | None]]:
    """(reason code, kind, the strategy it comes from or None for the engine's own), most important first."""
    if ruling.outcome == REFERRED:
        return [(s.reason, "evidence", s) for s in ruling.of_kind("refer")]
    stops = [(s.reason, "decline", s) for s in ruling.of_kind("decline")]
    if ruling.outcome == DECLINED:
        if stops:
            return [*stops]
        if ruling.offer is None:
            return [(NO_SCORE, "decline", None)]
        return [(NO_OFFER_REASONS[ruling.offer.binding], "decline", None), *_held_down(ruling)]
    assert ruling.offer is not None
    strengths = [(s.reason, "strength", s) for s in ruling.of_kind("tag") if s.action.label.startswith(STRENGTH)]
    held = _held_down(ruling)
    if not (ruling.offer.binding == "strategy" and any(kind == "limit" for _, kind, _ in held)):
        held = [(LIMIT_REASONS[ruling.offer.binding], "limit", None), *held]
    return [*held[:3], *strengths]


def _held_down(ruling: Ruling) -> list[tuple[str, str, Strategy | None]]:
    """Strategies that made the offer smaller or dearer."""
    offer = ruling.offer
    assert offer is not None
    held: list[tuple[str, str, Strategy | None]] = []
    for s in ruling.fired:
        kind, amount = s.action.kind, s.action.amount
        if (kind == "limit_times_ppm" and amount < 1_000_000 and offer.binding == "turnover") or (
            kind == "limit_cap_fen" and amount == offer.caps_fen.get("strategy") and offer.binding == "strategy"
        ):
            held.append((s.reason, "limit", s))
        if kind == "price_add_ppm" and amount > 0 and offer.limit_fen:
            held.append((s.reason, "price", s))
    return held


def _change_of_offer(ask: Ask) -> Change | None:
    offer = ask.ruling.offer
    if offer is None:
        return None
    target = ask.product.next_limit(offer.limit_fen)
    return None if target is None else change_for_offer(ask, offer.binding, target)


def _change(ask: Ask, code: str, change: Change | None) -> dict[str, Any]:
    if change is None:
        reason = ask.book.reasons[code]
        return {"computed": False, "zh": reason.otherwise_zh, "en": reason.otherwise_en}
    zh, en = change_sentences(change, ask.book)
    return {
        "computed": True, "alias": change.alias, "to": number_text(change.to), "effect": change.effect,
        "from": None if math.isnan(change.start) else number_text(change.start), "outcome": change.outcome,
        "limit_fen": change.limit_fen, "zh": zh, "en": en,
    }  # fmt: skip


def _together(ruling: Ruling) -> dict[str, Any]:
    zh, en = together_sentences(ruling.outcome == APPROVED, ruling.limit_fen)
    return {"outcome": ruling.outcome, "limit_fen": ruling.limit_fen, "zh": zh, "en": en}


def _offer(ruling: Ruling) -> dict[str, Any] | None:
    offer = ruling.offer
    if offer is None:
        return None
    return {name: getattr(offer, name) for name in offer.__slots__ if name not in ("limit_fen", "rate_ppm")}


def _fired(strategy: Strategy) -> dict[str, Any]:
    action = strategy.action
    return {
        "id": strategy.id, "stage": strategy.stage, "action": action.kind, "amount": action.amount,
        "label": action.label, "reason": strategy.reason,
    }  # fmt: skip


def _columns(book: Book, product: str, request: DecisionInput, case: Case) -> dict[str, Any]:
    """Every column used: its id, the hash of its definition, and its exact value as the 32 bits of the float."""
    catalogue, used = request.frame.catalogue, book.aliases(product)
    return {
        alias: {
            "id": use.id,
            "definition": catalogue[use.id].definition_hash,
            "bits": bits_of(case.columns[alias]),
            "value": number_text(case.columns[alias]),
        }
        for alias, use in book.columns.items()
        if alias in used
    }


def bits_of(value: float) -> int | None:
    """The float32 as an unsigned 32-bit number; None for missing.  ``float_of`` is its inverse."""
    return None if math.isnan(value) else int.from_bytes(struct.pack(">f", value), "big")


def float_of(bits: int | None) -> float:
    return math.nan if bits is None else float(struct.unpack(">f", bits.to_bytes(4, "big"))[0])
