"""Seeing: the rooms of sight fill the frame and the exact money that one decision asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion import __version__
from dandelion.app import fund_flow
from dandelion.app.policy_set import PolicySet, Scorers
from dandelion.app.sight_plan import SightPlan
from dandelion.core import PPM, Frame, canonical, content_hash
from dandelion.graph import GraphStore
from dandelion.indicators import PeerHistory, evaluate
from dandelion.models import QuantilesFen
from dandelion.policy import DecisionInput, LineState, MoneyFacts, Names

MONTH_DAYS = 30
OWNER = "owner"
Rescore = Callable[[Sequence[Mapping[str, float]]], Sequence[int]]


class Seen(Protocol):
    """A subject's record as it was read: live under a consent, or a stored snapshot."""

    @property
    def tenant(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def as_of(self) -> int: ...
    @property
    def known_at(self) -> int: ...
    @property
    def data_kinds(self) -> frozenset[str]: ...
    @property
    def grants(self) -> tuple[str, ...]: ...
    def events(self, kind: str, role: str, start_us: int | None = None) -> pa.Table: ...
    def snapshot_hash(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """What the lender's own books say about an applicant at the moment of decision."""

    line: LineState | None = None
    household_exposure_fen: int = 0
    industry: str = ""  # as declared when the standing line was applied for


def look(policy: PolicySet, record: Seen, product: str, graph: GraphStore, peers: PeerHistory) -> Frame:
    """One row with the columns a decision on `product` needs, from the record's granted events, the fund flow and peers."""
    needs = policy.needs(product)
    tables = {
        (kind, role): record.events(kind, role, None if span is None else record.as_of - span)
        for (kind, role), span in needs.tables
    }
    own = evaluate(
        policy.definitions, tables, [record.subject], record.as_of, record.known_at, columns=needs.columns,
        granted=record.data_kinds, peers=peers,
    )  # fmt: skip
    flow = fund_flow.look(
        graph, needs.graph, [record.subject], [record.as_of], [record.known_at], granted=record.data_kinds
    )
    return own.beside(flow)


def money_facts(
    plan: SightPlan, scorers: Scorers, frame: Frame, household_exposure_fen: Sequence[int]
) -> list[MoneyFacts]:
    """Exact fen of every row; a column that is not there or not granted is missing, never zero."""
    ahead = None if scorers.forecast is None else scorers.forecast.predict(frame)
    found = []
    for row, exposure in enumerate(household_exposure_fen):
        turnover = None
        if (gross := _fen(frame, plan.turnover, row)) is not None:
            less = sum(_first_fen(frame, names, row) for names in plan.turnover_less)
            turnover = max(0, gross - less) * MONTH_DAYS // plan.turnover_days
        low, mid, high = _started(plan, turnover) if ahead is None else _ahead(ahead, row)
        found.append(
            MoneyFacts(
                turnover_month_fen=turnover,
                forecast_q10_fen=low,
                forecast_q50_fen=mid,
                forecast_q90_fen=high,
                outside_due_month_fen=_fen(frame, plan.outside_due_month, row),
                outside_balance_fen=_fen(frame, plan.outside_balance, row),
                household_exposure_fen=exposure,
            )
        )
    return found


Quantiles = tuple[int | None, int | None, int | None]


def _started(plan: SightPlan, turnover: int | None) -> Quantiles:
    """Six months ahead by the plan's shares of the run-rate, while there is no forecast."""
    if turnover is None:
        return None, None, None
    low, mid, high = (6 * turnover * share // PPM for share in plan.start_ppm)
    return low, mid, high


def _ahead(found: QuantilesFen, row: int) -> Quantiles:
    if not bool(found.valid[row]):
        return None, None, None
    return int(found.q10[row]), int(found.q50[row]), int(found.q90[row])


def _first_fen(frame: Frame, names: Sequence[str], row: int) -> int:
    """The first of `names` that is told; nothing to take away where none is."""
    return next((fen for name in names if (fen := _fen(frame, name, row)) is not None), 0)


def _fen(frame: Frame, name: str, row: int) -> int | None:
    if name not in frame.money:
        return None
    return max(0, exact) if (exact := frame.fen(name, row)) is not None else None


def decision_input(
    policy: PolicySet, record: Seen, product: str, frame: Frame, standing: Standing, *, licence: str,
    rate_cap_ppm: int, pack_hash: str, graph_hash: str, peers_hash: str,
) -> DecisionInput:  # fmt: skip
    """Frame, scores, money and the names of everything they came from."""
    scorers = policy.scorers[product]
    return DecisionInput(
        tenant=record.tenant,
        entity=record.subject,
        as_of=record.as_of,
        frame=frame,
        scores=scorers.scores(frame),
        money=money_facts(policy.plans[product], scorers, frame, [standing.household_exposure_fen])[0],
        keys=_keys(record),
        granted=frozenset(record.data_kinds),
        vouchers=frozenset(record.events("evidence_filed", "merchant").column("voucher").to_pylist()),
        licence_type=licence,
        rate_cap_ppm=rate_cap_ppm,
        line=standing.line,
        industry=standing.industry,
        names=Names(
            models=scorers.hashes,
            pack=pack_hash,
            consents=content_hash(canonical(sorted(record.grants))),
            snapshot=record.snapshot_hash(),
            graph=graph_hash,
            peers=peers_hash,
            sight=policy.plans[product].hash,
            code=__version__,
        ),
    )


def _keys(record: Seen) -> dict[str, list[str]]:
    """What lists are asked about: the subject, its owner, the devices they log in with."""
    owner = owner_in(record.events("role", "firm"))
    devices = sorted(set(record.events("login", "person").column("device").to_pylist()))
    return {"subject": [record.subject], "owner": [] if owner is None else [owner], "device": devices}


def owner_in(roles: pa.Table) -> str | None:
    """The person named owner last; ties go to the later event id."""
    owners = roles.filter(pc.equal(roles.column("role"), OWNER))
    if owners.num_rows == 0:
        return None
    return str(owners.sort_by([("at", "ascending"), ("event_id", "ascending")]).column("person")[-1].as_py())


def rescorer(policy: PolicySet, product: str, frame: Frame) -> Rescore:
    """What the PD would be with some aliases changed: lets the engine compute what would change its answer."""
    model, book = policy.scorers[product].pd, policy.book

    own = model.inputs.values(frame)[:1]
    place = {name: j for j, name in enumerate(model.columns)}
    column_of = {alias: place[use.id] for alias, use in book.columns.items() if use.id in place}

    def rescore(changes: Sequence[Mapping[str, float]]) -> Sequence[int]:
        if not changes:
            return []
        values = np.repeat(own, len(changes), axis=0)
        for row, change in enumerate(changes):
            for alias, value in change.items():
                if alias in column_of:
                    values[row, column_of[alias]] = value
        return [int(pd) for pd in model.score_values(values)]

    return rescore
