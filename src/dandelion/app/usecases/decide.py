"""Decide: what is common to applying, raising and watching: see, look up our own books, put the question to policy."""

from __future__ import annotations

import time

from dandelion.app.fund_flow import named
from dandelion.app.house import House
from dandelion.app.sight import Seen, Standing, decision_input, look, rescorer
from dandelion.core import DAY_US
from dandelion.policy import Decision, DecisionInput, LineState, decide


def standing(house: House, tenant: str, subject: str, product: str) -> Standing:
    """What our own books say: the line of this product, and what the household already may owe us."""
    now = house.clock.now()
    with house.vault.database.read() as connection:
        lines = house.lending.lines_of(connection, tenant, subject, now)
        for member in sorted(house.household(subject) - {subject}):
            lines += house.lending.lines_of(connection, tenant, member, now)
    own = next((line for line in lines if line.product == product and line.subject == subject), None)
    others = sum(line.limit_fen for line in lines if line is not own)
    state = None
    if own is not None:
        opened_us = house.vault.decisions.get(tenant, own.decision_id).at
        state = LineState(
            line=own.line_id, limit_fen=own.limit_fen, principal_fen=own.principal_fen, days_past_due=own.days_past_due,
            age_days=max(0, now - opened_us) // DAY_US, draws=len(own.drawdowns), frozen=own.status != "active",
        )  # fmt: skip
    return Standing(line=state, household_exposure_fen=others)


def request_of(house: House, record: Seen, product: str) -> DecisionInput:
    """Everything policy is asked with, from the record as of its instant and our own books."""
    policy, pack = house.policy, house.pack
    frame = look(policy, record, product, house.graph)
    stands = standing(house, record.tenant, record.subject, product)
    return decision_input(
        policy, record, product, frame, stands, licence=house.licence, rate_cap_ppm=pack.rate_cap_ppm,
        pack_hash=pack.hash, graph_hash=named(house.graph, record.as_of),
    )  # fmt: skip


def decide_now(house: House, record: Seen, product: str) -> Decision:
    """See, score and decide; nothing is stored."""
    started = time.perf_counter()
    policy, request = house.policy, request_of(house, record, product)
    found = decide(
        policy.book, policy.product(product), policy.lists, request, rescore=rescorer(policy, product, request.frame)
    )
    house.measures.decision_seconds.observe(time.perf_counter() - started)
    house.measures.decisions.labels(product, found.outcome).inc()
    return found
