"""`Lending`: the front door's one class.  Every write takes a `Work`, so that it joins the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from dandelion.core import BadInput, day_of
from dandelion.lending import conditions as precedent
from dandelion.lending import contract as contracts
from dandelion.lending import drawdowns, drawing, ledger, opening, repaying, store, watching
from dandelion.lending.conditions import Condition, Proof
from dandelion.lending.contract import Contract
from dandelion.lending.cost import Quote, check_cap, quote
from dandelion.lending.days import day_number, local_day
from dandelion.lending.drawdowns import DrawdownStanding
from dandelion.lending.drawing import Draw, PayoutOutcome
from dandelion.lending.endofday import EodReport, end_of_day
from dandelion.lending.erasing import ErasureReport, erase
from dandelion.lending.fold import fold
from dandelion.lending.ledger import TrialBalance
from dandelion.lending.packs import Pack, Packs
from dandelion.lending.products import Products, Terms
from dandelion.lending.rail import RailAnswer
from dandelion.lending.repaying import Repayment
from dandelion.lending.state import LineState
from dandelion.lending.statement import Statement, statement
from dandelion.lending.steps import Changed
from dandelion.lending.store import LineRecord, locked
from dandelion.lending.views import LineView, view
from dandelion.lending.watching import Standing
from dandelion.vault import SYSTEM, Actor, Vault, Work


class Lending:
    """The life of credit lines under packs and product terms.

    Errors of every method: NotFound for an unknown line, payout or product; those named in each besides.
    """

    def __init__(self, packs: Packs, products: Products, *, jurisdiction: str = "cn") -> None:
        self.packs = packs
        self.products = products
        self.jurisdiction = jurisdiction

    def pack_for(self, licence_type: str, at_us: int) -> Pack:
        """The pack in force for a licence at an instant.  NotFound where there is none."""
        day = day_of(at_us, "UTC")
        zone = self.packs.on(self.jurisdiction, licence_type, day).time_zone
        return self.packs.on(self.jurisdiction, licence_type, day_of(at_us, zone))

    def open_line(
        self, work: Work, *, subject: str, product: str, decision_id: str, limit_fen: int, rate_ppm: int,
        licence_type: str = "bank", actor: Actor = SYSTEM,
    ) -> LineView:  # fmt: skip
        """Open the line a decision approved.  Once a decision.  BadInput for limit, rate (IRR above cap) or funding."""
        pack = self.pack_for(licence_type, work.now)
        record = opening.open_line(
            work, self.products.get(product), pack, subject=subject, decision_id=decision_id, limit_fen=limit_fen,
            rate_ppm=rate_ppm, actor=actor,
        )  # fmt: skip
        return view(record, self.packs.by_id(record.pack_id), work.now)

    def line(self, connection: sa.Connection, tenant: str, line_id: str, at_us: int) -> LineView:
        """The line with interest up to the day of `at_us` (now; not before its last step).  Writes nothing."""
        record = store.load(connection, tenant, line_id)
        return view(record, self.packs.by_id(record.pack_id), at_us)

    def lines_of(self, connection: sa.Connection, tenant: str, subject: str, at_us: int) -> list[LineView]:
        """Every line of a subject, oldest first."""
        return [self.line(connection, tenant, one, at_us) for one in store.lines_of(connection, tenant, subject)]

    def page(
        self,
        connection: sa.Connection,
        tenant: str,
        at_us: int,
        *,
        subject: str | None,
        before: str | None,
        at_most: int,
    ) -> tuple[list[LineView], str | None]:
        """(lines, newest first and at most so many; the id to go on `before`, or None at the end)."""
        found = drawdowns.page_of_lines(connection, tenant, subject=subject, before=before, at_most=at_most + 1)
        views = [self.line(connection, tenant, one, at_us) for one in found[:at_most]]
        return views, found[at_most - 1] if len(found) > at_most else None

    def conditions(self, connection: sa.Connection, tenant: str, line_id: str) -> tuple[Condition, ...]:
        """What must be proved before a draw, each with whether it is met and what to do."""
        state = store.load(connection, tenant, line_id).state
        return precedent.standing(connection, tenant, state.subject, line_id)

    def record_identity(self, work: Work, subject: str, proof: Proof, actor: Actor) -> None:
        """Keep an IdentityProvider's answer about a subject."""
        precedent.record_proof(work, precedent.IDENTITY, subject, proof, actor)

    def record_payout_account(self, work: Work, subject: str, proof: Proof, actor: Actor) -> None:
        """Keep an AccountProvider's answer about a subject; later draws are paid to its token."""
        if proof.passed and not proof.token:
            raise BadInput("a passed account proof names the account by a token", field="token")
        precedent.record_proof(work, precedent.ACCOUNT, subject, proof, actor)

    def contract(self, work: Work, line_id: str) -> Contract:
        """Render and keep the line's contract; show its text and accept it by its SHA-256."""
        record = store.load(work.connection, work.tenant, line_id)
        terms, pack = self.products.get(record.product), self.packs.by_id(record.pack_id)
        return contracts.keep(work, contracts.render(record, terms, pack))

    def accept_contract(self, work: Work, line_id: str, sha256: str, actor: Actor) -> Contract:
        """Accept the contract last rendered.  Conflict for any other hash."""
        subject = store.load(work.connection, work.tenant, line_id).state.subject
        return contracts.accept(work, subject, line_id, sha256, actor)

    def declare_use(self, work: Work, line_id: str, use_of_money: str, actor: Actor) -> None:
        """Declare what the line's money is for.  BadInput outside the pack's business uses."""
        record = store.load(work.connection, work.tenant, line_id)
        allowed = self.packs.by_id(record.pack_id).uses_allowed
        if use_of_money not in allowed:
            raise BadInput(f"use {use_of_money!r} is not one of {', '.join(allowed)}", field="use_of_money")
        proof = {"use": use_of_money}
        precedent.record(work, precedent.USE, record.state.subject, line_id, True, proof, actor)

    def quote(
        self, product: str, licence_type: str, amount_fen: int, rate_ppm: int, at_us: int, days: int | None = None
    ) -> Quote:
        """What `amount_fen` costs from the day of `at_us`: by the product's schedule, or repaid in one sum after `days`.

        BadInput for a bad amount or where the IRR of the cash flows breaks the cap.
        """
        pack = self.pack_for(licence_type, at_us)
        offer = quote(
            self.products.get(product), pack, amount_fen, rate_ppm, local_day(at_us, pack.time_zone), _days(days)
        )
        check_cap(offer)
        return offer

    def quote_line(
        self, connection: sa.Connection, tenant: str, line_id: str, amount_fen: int, at_us: int, days: int | None = None
    ) -> Quote:
        """:meth:`quote` under a line's own rate, product and pack."""
        record = store.load(connection, tenant, line_id)
        pack = self.packs.by_id(record.pack_id)
        start = local_day(at_us, record.time_zone)
        terms = self.products.get(record.product)
        return quote(terms, pack, amount_fen, record.state.rate_ppm, start, _days(days))

    def draw(
        self, work: Work, line_id: str, amount_fen: int, request_ref: str, *, use_of_money: str | None = None,
        actor: Actor = SYSTEM,
    ) -> Draw:  # fmt: skip
        """Draw: balanced posting, hold and outbox row in `work`; the payout worker does the rest.  Once a `request_ref`.

        Errors: BadInput (amount, use), ConditionUnmet (field names which), Conflict (frozen, too little available).
        """
        with locked(work, line_id) as line:
            terms, pack = self._rules(line.record)
            return drawing.draw(line, terms, pack, amount_fen, request_ref, use_of_money, actor)

    def payout_result(self, work: Work, payout_id: str, answer: RailAnswer, *, actor: Actor = SYSTEM) -> PayoutOutcome:
        """Book a definite answer of the rail (also from a callback); a repeated one changes nothing.

        Errors: BadInput (not definite), Conflict (contradicts what was booked, or another amount).
        """
        line_id = drawing.payout(work.connection, work.tenant, payout_id).line_id
        with locked(work, line_id) as line:
            return drawing.settle(line, self._rules(line.record)[0], payout_id, answer, actor)

    def drawdown(self, connection: sa.Connection, tenant: str, drawdown_id: str) -> DrawdownStanding:
        """One drawdown, open or closed, and its payout."""
        return drawdowns.drawdown(connection, tenant, drawdown_id)

    def payout(self, connection: sa.Connection, tenant: str, payout_id: str) -> PayoutOutcome:
        """Where a payout stands: `waiting`, `paid` or `failed`."""
        return drawing.payout(connection, tenant, payout_id)

    def repay(
        self, work: Work, line_id: str, amount_fen: int, source_ref: str, *, drawdown_id: str | None = None,
        value_date: date | None = None, actor: Actor = SYSTEM,
    ) -> Repayment:  # fmt: skip
        """Book money that arrived, any part any day, once a `source_ref`.  What is too much becomes customer credit.

        With a `value_date` it counts from that day, as far back as the product allows.  Errors: BadInput, Conflict.
        """
        day = None if value_date is None else day_number(value_date)
        with locked(work, line_id) as line:
            terms, pack = self._rules(line.record)
            return repaying.repay(line, terms, pack, amount_fen, source_ref, drawdown_id, day, actor)

    def change_limit(
        self, work: Work, line_id: str, change: str, reason_code: str, *, limit_fen: int | None = None,
        actor: Actor = SYSTEM,
    ) -> LineView:  # fmt: skip
        """`raised` and `cut` (to `limit_fen`), `frozen`, `unfrozen`.  What is owed stays.  Errors: BadInput, Conflict."""
        with locked(work, line_id) as line:
            pack = self._rules(line.record)[1]
            opening.change_limit(line, pack, change, reason_code, actor, limit_fen)
            return view(line.record, pack, work.now)

    def freeze(self, work: Work, line_id: str, reason_code: str, *, actor: Actor = SYSTEM) -> LineView:
        """Refuse new draws from now on."""
        return self.change_limit(work, line_id, "frozen", reason_code, actor=actor)

    def unfreeze(self, work: Work, line_id: str, reason_code: str, *, actor: Actor = SYSTEM) -> LineView:
        """Allow new draws again."""
        return self.change_limit(work, line_id, "unfrozen", reason_code, actor=actor)

    def write_off(self, work: Work, line_id: str, reason_code: str, *, actor: Actor) -> int:
        """Take a lost debt off the books; returns the fen.  Conflict before the pack's day."""
        with locked(work, line_id) as line:
            return repaying.write_off(line, self._rules(line.record)[1], reason_code, actor)

    def erase(self, work: Work, subject: str, actor: Actor) -> ErasureReport:
        """Empty what was proved about a subject and freeze its lines; the ledger stays under legal retention."""
        return erase(work, self.packs, subject, actor)

    def statement(self, connection: sa.Connection, tenant: str, line_id: str, as_of: int) -> Statement:
        """Every posting of the line up to `as_of`, with running balances."""
        store.load(connection, tenant, line_id)
        return statement(connection, tenant, line_id, as_of)

    def eod(self, vault: Vault, tenant: str, day: date, shard: int | None = None) -> EodReport:
        """Close a local day: interest to the ledger, delinquency classes.  Twice is once.  BadInput before midnight."""
        return end_of_day(vault, self.packs, tenant, day, shard)

    def to_watch(self, connection: sa.Connection, tenant: str, day: date, at_most: int) -> list[Standing]:
        """Lines that the warning strategies have not yet looked at for `day`; what waited longest comes first."""
        return watching.to_watch(connection, tenant, day, at_most)

    def unwatched(self, connection: sa.Connection, tenant: str, day: date) -> int:
        """How many lines :meth:`to_watch` would still give."""
        return watching.unwatched(connection, tenant, day)

    def watched(self, work: Work, line_ids: Sequence[str], day: date) -> None:
        """These lines have been looked at for `day`."""
        watching.watched(work, line_ids, day)

    def changes(self, connection: sa.Connection, tenant: str, line_id: str) -> tuple[Changed, ...]:
        """Every raise, cut, freeze and thaw of a line, oldest first."""
        return tuple(s for s in store.steps_of(connection, tenant, line_id) if isinstance(s, Changed))

    def trial_balance(self, connection: sa.Connection, tenant: str) -> TrialBalance:
        """Recomputed from all entries; `holds` must be True."""
        return ledger.trial_balance(connection, tenant)

    def replayed(self, connection: sa.Connection, tenant: str, line_id: str) -> LineState:
        """The line's state folded anew from its steps; equal to what is stored."""
        return fold(line_id, store.steps_of(connection, tenant, line_id))

    def _rules(self, record: LineRecord) -> tuple[Terms, Pack]:
        return self.products.get(record.product), self.packs.by_id(record.pack_id)


def _days(days: int | None) -> int | None:
    if days is not None and not 1 <= days <= 3650:
        raise BadInput(f"days is {days}; give 1 to 3650", field="days")
    return days
