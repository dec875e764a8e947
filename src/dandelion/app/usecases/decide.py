"""Decide: what is common to applying, raising and watching: see, look up our own books, put the question to policy."""

from __future__ import annotations

import json
import time
from dataclasses import replace

from dandelion.app.fund_flow import named
from dandelion.app.house import House
from dandelion.app.policy_set import PolicySet
from dandelion.app.sight import Seen, Standing, decision_input, look, rescorer
from dandelion.app.usecases.guard import challenger_failed
from dandelion.core import DAY_US
from dandelion.policy import Decision, DecisionInput, LineState, decide, decide_between, industry_of


def standing(house: House, tenant: str, subject: str, product: str) -> Standing:
    """What our own books say: the line of this product, and what the household already may owe us."""
    now = house.clock.now()
    with house.vault.database.read() as connection:
        lines = house.lending.lines_of(connection, tenant, subject, now)
        for member in sorted(house.household(subject) - {subject}):
            lines += house.lending.lines_of(connection, tenant, member, now)
    own = next((line for line in lines if line.product == product and line.subject == subject), None)
    others = sum(line.limit_fen for line in lines if line is not own)
    state, industry = None, ""
    if own is not None:
        kept = house.vault.decisions.get(tenant, own.decision_id)
        opened_us, industry = kept.at, str(json.loads(kept.body).get("industry", ""))
        state = LineState(
            line=own.line_id, limit_fen=own.limit_fen, principal_fen=own.principal_fen, days_past_due=own.days_past_due,
            age_days=max(0, now - opened_us) // DAY_US, draws=len(own.drawdowns), frozen=own.status != "active",
        )  # fmt: skip
    return Standing(line=state, household_exposure_fen=others, industry=industry)


def request_of(house: House, record: Seen, product: str, trade: str = "") -> DecisionInput:
    """Everything policy is asked with, from the record as of its instant, our own books and the `trade` declared."""
    policy, pack = house.policy, house.pack
    frame = look(policy, record, product, house.graph, house.peers)
    stands = standing(house, record.tenant, record.subject, product)
    if trade:
        stands = replace(stands, industry=industry_of(policy.book.industries, trade))
    return decision_input(
        policy, record, product, frame, stands, licence=house.licence, rate_cap_ppm=pack.rate_cap_ppm,
        pack_hash=pack.hash, graph_hash=named(house.graph, record.as_of),
        peers_hash=house.peers.named(record.as_of),
    )  # fmt: skip


def decided(policy: PolicySet, product: str, request: DecisionInput) -> Decision:
    """By the book this subject meets: the one that stands, or its side of a champion and a challenger."""
    rescore, terms = rescorer(policy, product, request.frame), policy.product(product)
    if policy.pair is None or policy.rollout is None:
        return decide(policy.book, terms, policy.lists, request, rescore=rescore)
    return decide_between(policy.pair, policy.rollout, terms, policy.lists, request, rescore=rescore)


def decide_now(house: House, record: Seen, product: str, trade: str = "") -> Decision:
    """See, score and decide; nothing is stored."""
    started = time.perf_counter()
    house.look_for_publication()
    policy, request = house.policy, request_of(house, record, product, trade)
    try:
        found = decided(policy, product, request)
    except Exception as error:
        if policy.pair is None:
            raise
        found = decided(replace(policy, pair=None, rollout=None), product, request)  # the champion alone
        challenger_failed(house, error)
    house.measures.decision_seconds.observe(time.perf_counter() - started)
    house.measures.decisions.labels(product, found.outcome).inc()
    return found
