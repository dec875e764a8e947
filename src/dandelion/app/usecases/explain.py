"""Explain: the decision as it was stored, in plain words; staff also see every literal."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from dandelion.app.access import Caller
from dandelion.app.house import House
from dandelion.app.policy_set import load_book
from dandelion.app.usecases.apply import told
from dandelion.app.usecases.rule import told_ruling
from dandelion.app.what_if import what_if
from dandelion.core import NotFound
from dandelion.policy import explain as take_apart
from dandelion.policy import number_text
from dandelion.policy.rulings import columns_in, is_ruling, read_ruling
from dandelion.vault import KeptDecision, contests


def decision(house: House, caller: Caller, decision_id: str) -> dict[str, Any]:
    """What its subject was told; staff get the whole body.  Errors: NotFound, Erased."""
    kept = _visible(house, caller, decision_id)
    body = json.loads(kept.body)
    if caller.role == "merchant":
        said = told_ruling(house, body, decision_id) if is_ruling(body) else told(body, decision_id, None)
        return {**said, "body_sha256": kept.body_sha256}
    return {"decision": decision_id, "body": body, "body_sha256": kept.body_sha256, "meta": dict(kept.meta)}


def explain(house: House, caller: Caller, decision_id: str) -> dict[str, Any]:
    """Why: reasons with what would change each; the record of any contest; for staff what fired and on which values."""
    kept = _visible(house, caller, decision_id)
    body = json.loads(kept.body)
    if is_ruling(body):
        return _ruling(house, caller, body, decision_id)
    with house.vault.database.read() as connection:
        contested = contests.of_decision(connection, caller.tenant, decision_id)
    plain: dict[str, Any] = {
        "decision": decision_id,
        "outcome": body["outcome"],
        "limit_fen": body["limit_fen"],
        "annual_rate_ppm": body["rate_ppm"],
        "reasons": body["reasons"],
        "if_all_changed": body["if_all_changed"],
        "looked_at": sorted({c["id"].split("/")[0] for c in body["columns"].values()}),
        "contests": [{"contest": c.contest_id, "outcome": c.outcome or "open"} for c in contested],
        "what_if": what_if(house, caller.tenant, body, decision_id),
    }
    if caller.role == "merchant":
        return plain
    fired = ("strategies", "unknown", "shadow", "scores", "money", "offer", "columns", "flags", "arm", "names")
    return {
        **plain,
        **{key: body[key] for key in fired},
        "publication": body.get("publication"),
        "literals": literals(house, body),
        "notes": [{"by": c.resolved_by, "note": c.note} for c in contested],
    }


def literals(house: House, body: dict[str, Any], names: tuple[str, ...] | None = None) -> list[dict[str, Any]]:
    """Every leaf of the strategies that fired (or of those asked for): value, threshold and distance, by the very book
    that decided, read from the archive and evaluated by the plain evaluator."""
    book = load_book(house.archive.find("book", body["names"]["book"]), house.policy.definitions)
    return [
        {
            "strategy": one.id, "purpose": one.purpose, "when": one.when, "truth": one.truth,
            "leaves": [asdict(leaf) for leaf in one.literals],
        }
        for one in take_apart(body, book, names)
    ]  # fmt: skip


def _ruling(house: House, caller: Caller, body: dict[str, Any], decision_id: str) -> dict[str, Any]:
    """The reasons; for staff what fired by name, the columns by name, the scores by model."""
    plain = told_ruling(house, body, decision_id)
    if caller.role == "merchant":
        return plain
    engine = house.policy.ruling_engine(body["product"])
    out = {**plain, "effects": body["effects"], "pd_ppm": body["pd_ppm"], "names": body["names"]}
    if "rollout" in body:
        out["rollout"] = body["rollout"]
    book = next((book for book in engine.books if book.hash == body["names"]["book"]), None)
    if book is not None:
        said = read_ruling(body, book)
        out |= {"strategies": list(said.fired), "unknown": list(said.unknown), "shadow": list(said.shadow)}
    if body["names"]["layout"] == engine.layout.hash:
        row = columns_in(body).tolist()
        out["columns"] = {c: number_text(v) for c, v in zip(engine.columns, row, strict=True) if v == v}
    if body["names"]["models"] == engine.models_hash:
        out["scores"] = dict(zip(engine.scores, body["scores"], strict=True))
    return out


def _visible(house: House, caller: Caller, decision_id: str) -> KeptDecision:
    kept = house.vault.decisions.get(caller.tenant, decision_id)
    if caller.role == "merchant" and kept.subject != caller.subject:
        raise NotFound(f"there is no decision {decision_id} of yours", field="decision")
    return kept
