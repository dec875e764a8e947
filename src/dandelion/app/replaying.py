"""Replay: a stored decision recomputed from what its hashes name.  *Same bytes*, or exactly what differs.

Nothing of the stored answer is used but the names it gives and two facts of that moment that no store keeps by date:
what the household already owed us and the state of the line.  The rest (columns, scores, strategies, offer, reasons,
words) is worked out again from the snapshot of events and the archive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from dandelion import __version__
from dandelion.app.archive import Archive
from dandelion.app.fund_flow import named
from dandelion.app.house import House
from dandelion.app.policy_set import PolicySet, Scorers, catalogue, load_book, load_definitions
from dandelion.app.rulings.replaying import ruled_again
from dandelion.app.rulings.vouching import held_to_its_group
from dandelion.app.sight import Standing, decision_input, look
from dandelion.app.sight_plan import load_plans
from dandelion.app.usecases.decide import decided
from dandelion.core import Conflict, DandelionError, NotFound, arrow_schema, canonical, content_hash
from dandelion.models import Forecast, Model
from dandelion.policy import LineState, Lists, Pair, Product, rollout_in
from dandelion.policy.rulings import is_ruling
from dandelion.vault import Evidence, KeptDecision, evidence

PARTS_NAMED_MAX = 20
MADE, RAISED = "decision.made", "limit.raised"


@dataclass(frozen=True, slots=True)
class Difference:
    """`what` is decision, audit, group, event, strategy, book, list, model, product, pack, graph, peers, definition, code or body."""

    what: str
    name: str
    detail: str


@dataclass(slots=True)
class Replay:
    """What a replay found.  `same` only if every byte of the recomputed body equals the stored one."""

    decision: str
    same: bool = False
    stored_sha256: str = ""
    recomputed_sha256: str = ""
    differences: list[Difference] = field(default_factory=list)

    def note(self, what: str, name: str, detail: str) -> None:
        self.differences.append(Difference(what, name, detail))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class SnapshotRecord:
    """A stored snapshot, read like the record it was taken from."""

    def __init__(self, tenant: str, seen: Evidence) -> None:
        header = seen.snapshot.header
        self.tenant, self.subject = tenant, header.subject
        self.as_of, self.known_at = header.as_of, header.known_at
        self.data_kinds, self.grants = frozenset(header.data_kinds), header.grants
        self._name = seen.recomputed_name
        self._parts = {(part.kind, part.role): part for part in seen.snapshot.parts}

    def events(self, kind: str, role: str, start_us: int | None = None) -> pa.Table:
        part = self._parts.get((kind, role))
        return arrow_schema(kind).empty_table() if part is None else part.since(start_us or 0)

    def snapshot_hash(self) -> str:
        return self._name


def replay(house: House, tenant: str, decision_id: str) -> Replay:
    """Recompute one decision.  Errors: NotFound, Erased."""
    kept = house.vault.decisions.get(tenant, decision_id)
    found = Replay(decision_id, stored_sha256=kept.body_sha256)
    if content_hash(kept.body) != kept.body_sha256:
        found.note("decision", decision_id, "the stored body no longer has the hash it was stored under")
    body = json.loads(kept.body)
    if is_ruling(body):
        again = ruled_again(house, body, found.note)
        held_to_its_group(house, tenant, kept, body, again, found.note)
        return found if again is None else _compared(found, kept, body, again)
    _held_to_the_audit(house, tenant, kept, found)
    snapshot = snapshot_of(house, tenant, body, found)
    policy = policy_of(house, body, found)
    if body["names"]["code"] != __version__:
        found.note("code", body["names"]["code"], f"decided by version {body['names']['code']}, this is {__version__}")
    if (flow := named(house.graph, body["as_of"])) != body["names"]["graph"]:
        found.note(
            "graph", body["names"]["graph"][:12], f"the fund-flow snapshot of that month is now {flow[:12] or 'gone'}"
        )
    if (others := house.peers.named(body["as_of"])) != body["names"]["peers"]:
        found.note(
            "peers", body["names"]["peers"][:12], f"the table of peers of that month is now {others[:12] or 'gone'}"
        )
    pack = next((p for p in house.lending.packs.all() if p.hash == body["names"]["pack"]), None)
    if pack is None:
        found.note("pack", body["names"]["pack"][:12], "no loaded pack has these rules any more")
    if snapshot is None or policy is None:
        return found
    try:
        again = _decide(house, policy, SnapshotRecord(tenant, snapshot), body, "" if pack is None else pack.hash)
    except DandelionError as error:
        found.note("body", decision_id, f"cannot be recomputed: {error.message}")
        return found
    return _compared(found, kept, body, again)


def _compared(found: Replay, kept: KeptDecision, body: Mapping[str, Any], again: bytes) -> Replay:
    found.recomputed_sha256 = content_hash(again)
    found.same = again == kept.body and not found.differences
    if again != kept.body:
        _name_changes(body, json.loads(again), found)
    return found


def _held_to_the_audit(house: House, tenant: str, kept: KeptDecision, found: Replay) -> None:
    """Hold the body to what the audit chain recorded when the decision was made."""
    for record in house.vault.audit.records(tenant, subject=kept.subject, actions=(MADE, RAISED), since=kept.at):
        if record.detail.get("decision") != kept.decision_id:
            continue
        if (audited := str(record.detail.get("body_sha256", ""))) not in ("", kept.body_sha256):
            found.note("decision", kept.decision_id, f"the audit chain knows this decision by {audited[:16]}")
        if (wrong := house.vault.audit.breach(record)) is not None:
            found.note("audit", kept.decision_id, f"the chain does not hold where it was made: {wrong}")
        return


def _decide(house: House, policy: PolicySet, record: SnapshotRecord, body: Mapping[str, Any], pack_hash: str) -> bytes:
    line = None if body["line"] is None else LineState(**body["line"])
    stands = Standing(
        line=line, household_exposure_fen=body["money"]["household_exposure_fen"], industry=body["industry"]
    )
    product = body["product"]
    frame = look(policy, record, product, house.graph, house.peers)
    request = decision_input(
        policy, record, product, frame, stands, licence=body["licence_type"], rate_cap_ppm=body["rate_cap_ppm"],
        pack_hash=pack_hash, graph_hash=named(house.graph, record.as_of),
        peers_hash=house.peers.named(record.as_of),
    )  # fmt: skip
    return decided(policy, product, request).body_bytes


def snapshot_of(house: House, tenant: str, body: Mapping[str, Any], found: Replay) -> Evidence | None:
    named = body["names"]["snapshot"]
    try:
        seen = evidence(house.vault, tenant, named, purpose="audit")
    except NotFound:
        found.note("event", named[:12], "the snapshot of the events that were read is gone")
        return None
    for one in seen.differences[:PARTS_NAMED_MAX]:
        found.note("event", one.event_id, f"{one.kind}: {one.detail}")
    if seen.recomputed_name != named and not seen.differences:
        found.note("event", named[:12], "the snapshot does not hold what its name says")
    return seen


def policy_of(house: House, body: Mapping[str, Any], found: Replay) -> PolicySet | None:
    """The policy that the decision names, from the archive and the registry."""
    names, product = body["names"], body["product"]
    definitions = load_definitions(house.settings.root)
    defined = catalogue(definitions)
    for alias, column in body["columns"].items():
        now = defined[column["id"]].definition_hash if column["id"] in defined else None
        if now != column["definition"]:
            found.note("definition", column["id"], f"column {alias} is {'defined differently' if now else 'gone'} now")
    try:
        rollout = rollout_in(body)
        book_folder = house.archive.find("book", names["book"] if rollout is None else rollout.champion)
        book = load_book(book_folder, definitions)
        if book.hash != (names["book"] if rollout is None else rollout.champion):
            for name in _altered(book_folder, {s.id: _part(s.as_json()) for s in book.strategies}):
                found.note("strategy", name, "the archived strategy is not the one that decided")
            if not any(d.what == "strategy" for d in found.differences):
                found.note("book", names["book"][:12], "the archived book is not the one that decided")
        pair = None
        if rollout is not None:
            pair = Pair(book, load_book(house.archive.find("book", rollout.challenger), definitions))
        lists = Lists.load(house.archive.find("lists", names["lists"]), house.list_key)
        if lists.hash != names["lists"]:
            for name in _altered(
                house.archive.find("lists", names["lists"]), {n: x.hash for n, x in lists.by_name.items()}
            ):
                found.note("list", name, "the archived list is not the one that decided")
        terms_folder = house.archive.find("product", names["product"])
        terms = Product.load(next(iter(terms_folder.glob("*.credit.yaml"))))
        if terms.hash != names["product"]:
            found.note("product", product, "the archived product terms are not the ones that decided")
        plans = load_plans(house.archive.find("sight", names["sight"]))
        if plans[product].hash != names["sight"]:
            found.note("product", f"{product} sight", "the archived sight plan is not the one that decided")
        scorers = _scorers(house, names["models"], found)
    except DandelionError as error:
        found.note(*_blame(error), error.message)
        return None
    except (OSError, StopIteration) as error:
        found.note("book", names["book"][:12], f"the archive is damaged: {error or 'no product terms in it'}")
        return None
    if scorers is None:
        return None
    return PolicySet(book, lists, {product: terms}, plans, definitions, {product: scorers}, pair, rollout)


def _blame(error: DandelionError) -> tuple[str, str]:
    what = error.field if error.field in ("book", "lists", "product") else "strategy"
    return what, error.field or what


def _scorers(house: House, names: Mapping[str, str], found: Replay) -> Scorers | None:
    loaded: dict[str, Model | Forecast] = {}
    for name, model_hash in names.items():
        try:
            loaded[name] = house.registry.load(model_hash)
        except (NotFound, Conflict) as error:
            found.note("model", f"{name} {model_hash[:12]}", error.message)
    pd, forecast, shadow = loaded.get("pd"), loaded.get("forecast"), loaded.get("shadow")
    if not isinstance(pd, Model) or loaded.keys() != names.keys():
        return None
    if not isinstance(forecast, Forecast | None) or not isinstance(shadow, Model | None):
        return None
    return Scorers(pd, forecast, shadow)


def _altered(folder: Path, now: Mapping[str, str]) -> list[str]:
    """Parts whose hash differs from the index written when the folder was archived."""
    then: dict[str, str] = json.loads((folder / "index.json").read_text())
    return sorted(name for name in {*then, *now} if then.get(name) != now.get(name))


def _part(plain: Any) -> str:
    return content_hash(canonical(plain))


def _name_changes(stored: Mapping[str, Any], again: Mapping[str, Any], found: Replay) -> None:
    """Say which parts of the body came out differently."""
    for key in sorted({*stored, *again}):
        if stored.get(key) != again.get(key):
            before, after = (json.dumps(x.get(key), ensure_ascii=False)[:120] for x in (stored, again))
            found.note("body", key, f"stored {before}; recomputed {after}")


__all__ = ["Archive", "Difference", "Replay", "replay"]
