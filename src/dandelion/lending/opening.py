"""Opening a line from a decision, and changing its limit: raised, cut, frozen, unfrozen."""

from __future__ import annotations

from dandelion.core import BadInput, Conflict, Rate, new_id
from dandelion.core.events import LimitChanged, LineOpened
from dandelion.lending.cost import check_cap, quote
from dandelion.lending.days import local_day
from dandelion.lending.delinquency import band_of
from dandelion.lending.packs import Pack
from dandelion.lending.products import Terms
from dandelion.lending.state import ACTIVE, FROZEN, LineState
from dandelion.lending.steps import Changed, Opened
from dandelion.lending.store import LineRecord, LineWork, create, lines_of, load
from dandelion.vault import Actor, Work

CHANGES = ("raised", "cut", "frozen", "unfrozen")


def open_line(
    work: Work, terms: Terms, pack: Pack, *, subject: str, decision_id: str, limit_fen: int, rate_ppm: int, actor: Actor
) -> LineRecord:
    """Open a line.  One decision opens one line: the same decision again returns the line it opened.

    Errors: BadInput (limit outside the pack's, rate above the cap on the product's cash flows, funding not allowed).
    """
    work.lock(f"subject:{subject}")
    for line_id in lines_of(work.connection, work.tenant, subject):
        found = load(work.connection, work.tenant, line_id)
        if found.decision_id == decision_id:
            return found
    if not terms.draw_min_fen <= limit_fen <= pack.line_cap_fen:
        raise BadInput(
            f"limit_fen is {limit_fen}; {terms.product} under {pack.id} allows {terms.draw_min_fen} to "
            f"{pack.line_cap_fen}",
            field="limit_fen",
        )
    terms.check_against(pack)
    today = local_day(work.now, pack.time_zone)
    check_cap(quote(terms, pack, limit_fen, Rate(rate_ppm).ppm, today))
    line_id = new_id()
    step = Opened(
        subject=subject, limit_fen=limit_fen, rate_ppm=rate_ppm, year_days=pack.year_days, rounding=pack.rounding,
        shares=terms.shares, bucket=band_of(pack.buckets, 0), class_name=band_of(pack.classes, 0),
    )  # fmt: skip
    blank = LineState(line_id, subject, limit_fen, rate_ppm, ACTIVE, pack.year_days, pack.rounding, terms.shares)
    record = LineRecord(
        blank, terms.product, terms.hash, pack.id, pack.hash, decision_id, work.now, pack.time_zone, today
    )
    line = create(work, record, step)
    event = LineOpened(
        event_id=line.event_key(), source="lending", at=work.now, arrived=work.now, merchant=subject, line=line_id,
        decision=decision_id, limit_fen=limit_fen, rate_ppm=rate_ppm,
    )  # fmt: skip
    work.append([event])
    work.audit(actor, "line.opened", subject, {"line": line_id, "decision": decision_id, "limit_fen": limit_fen})
    return line.record


def change_limit(
    line: LineWork, pack: Pack, change: str, reason_code: str, actor: Actor, limit_fen: int | None = None
) -> bool:
    """Raise, cut, freeze or unfreeze a locked line.  What is owed stays.  False if it already stands so.

    Errors: BadInput (unknown change, limit above the pack's cap), Conflict (a raise that lowers, a cut that lifts).
    """
    state = line.state
    if change not in CHANGES or not reason_code:
        raise BadInput(f"change {change!r} must be one of {', '.join(CHANGES)}, with a reason_code", field="change")
    if change in ("frozen", "unfrozen"):
        if (change == "frozen") == (state.status == FROZEN):
            return False
        limit = state.limit_fen
    else:
        if limit_fen is None or not 0 <= limit_fen <= pack.line_cap_fen:
            raise BadInput(f"limit_fen is {limit_fen}; give 0 to {pack.line_cap_fen}", field="limit_fen")
        if limit_fen == state.limit_fen:
            return False
        if (change == "raised") != (limit_fen > state.limit_fen):
            raise Conflict(f"the limit is {state.limit_fen}; {limit_fen} is not {change}", field="limit_fen")
        limit = limit_fen
    line.take(Changed(change, limit, reason_code))
    now = line.work.now
    event = LimitChanged(
        event_id=line.event_key(), source="lending", at=now, arrived=now, merchant=state.subject, line=state.line_id,
        change=change, limit_fen=limit, reason_code=reason_code,
    )  # fmt: skip
    line.work.append([event])
    line.work.audit(
        actor,
        f"line.{change}",
        state.subject,
        {"line": state.line_id, "reason": reason_code, "limit_fen": limit},
    )
    return True
