"""Lines in SQL: load under lock, take steps, save.  The only file that reads and writes lines, drawdowns and steps."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from dandelion.core import BadInput, NotFound, canonical, event_id
from dandelion.lending import ledger
from dandelion.lending.accrual import Carry
from dandelion.lending.bookkeeping import entries_of
from dandelion.lending.days import local_day
from dandelion.lending.fold import apply, live_only, opened
from dandelion.lending.ledger import Posting
from dandelion.lending.state import IN_FLIGHT, PAID, Drawdown, Due, LineState
from dandelion.lending.steps import Opened, Step, step_from, step_text
from dandelion.lending.tables import drawdowns, lines, steps
from dandelion.vault import Work

SHARDS = 16
_FIGURES = (
    "limit_fen", "rate_ppm", "status", "year_days", "rounding", "interest_total_fen", "interest_paid_total_fen",
    "credit_fen", "written_off_fen", "days_past_due", "bucket", "class_name", "seq",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LineRecord:
    """A line with what it was opened under.  `booked_day` is the end-of-day watermark (days before it are booked)."""

    state: LineState
    product: str
    product_hash: str
    pack_id: str
    pack_hash: str
    decision_id: str
    opened: int
    time_zone: str
    booked_day: int


class LineWork:
    """One line, locked, inside a `Work`.  `take` a step and everything that follows from it is done."""

    def __init__(self, work: Work, record: LineRecord) -> None:
        self.work = work
        self.record = record
        self.today = local_day(work.now, record.time_zone)
        self._changed: dict[str, Drawdown] = {}
        self._steps: list[dict[str, Any]] = []
        self._postings: list[Posting] = []

    @property
    def state(self) -> LineState:
        return self.record.state

    def take(self, step: Step, reference: str | None = None) -> None:
        """Apply, remember and post one step.  `reference` names the posting; by default line and step number do."""
        before = self.state
        after = apply(before, step)
        for drawdown in after.drawdowns:
            if before.drawdown(drawdown.drawdown_id) != drawdown:
                self._changed[drawdown.drawdown_id] = drawdown
        self.record = replace(self.record, state=live_only(after))
        self.remember(step, after.seq)
        found = entries_of(before, step, after)
        if found:
            name = reference if reference is not None else f"{before.line_id}:{after.seq}"
            self._postings.append(Posting(name, step.KIND, before.line_id, self.work.now, self.today, after.seq, found))

    def event_key(self) -> str:
        """The id of the event that tells of the step just taken."""
        return event_id(self.work.tenant, "lending", f"{self.state.line_id}:{self.state.seq}")

    def booked_to(self, day: int) -> None:
        self.record = replace(self.record, booked_day=max(day, self.record.booked_day))

    def remember(self, step: Step, seq: int) -> None:
        row = {"line_id": self.state.line_id, "seq": seq, "kind": step.KIND, "body": step_text(step)}
        self._steps.append({"tenant": self.work.tenant, "at": self.work.now, **row})


def save_all(work: Work, many: Sequence[LineWork]) -> None:
    """Write what the lines' steps have changed: steps, postings, drawdowns and lines, one batch each."""
    connection = work.connection
    new_steps = [row for line in many for row in line._steps]
    if new_steps:
        connection.execute(sa.insert(steps), new_steps)
    ledger.post_new(connection, work.tenant, [posting for line in many for posting in line._postings])
    changed = [drawdown for line in many for drawdown in line._changed.values()]
    if changed:
        connection.execute(
            sa.update(drawdowns).where(
                drawdowns.c.tenant == work.tenant, drawdowns.c.drawdown_id == sa.bindparam("key_drawdown")
            ),
            [_columns(drawdown) | {"key_drawdown": drawdown.drawdown_id} for drawdown in changed],
        )
    connection.execute(
        sa.update(lines).where(lines.c.tenant == work.tenant, lines.c.line_id == sa.bindparam("key_line")),
        [
            {name: getattr(line.state, name) for name in _FIGURES}
            | {"booked_day": line.record.booked_day, "key_line": line.state.line_id}
            for line in many
        ],
    )


def checked_reference(text: str, field: str) -> str:
    """`text` if it can be an idempotency reference: 1 to 200 printable characters.  Errors: BadInput."""
    if not isinstance(text, str) or not 1 <= len(text) <= 200 or not text.isprintable():
        raise BadInput(
            f"{field} must have 1 to 200 printable characters, fresh for every new money movement", field=field
        )
    return text


@contextmanager
def locked(work: Work, line_id: str) -> Iterator[LineWork]:
    """The line under its row lock; saved at the end unless something was raised.  NotFound for an unknown line."""
    work.lock(f"line:{line_id}")
    line = LineWork(work, load(work.connection, work.tenant, line_id, for_update=True))
    yield line
    save_all(work, [line])


def create(work: Work, record: LineRecord, step: Opened) -> LineWork:
    """Insert a new line whose first step is `step`."""
    state = opened(record.state.line_id, step)
    values = {name: getattr(state, name) for name in _FIGURES}
    work.connection.execute(
        sa.insert(lines).values(
            tenant=work.tenant, line_id=state.line_id, subject=state.subject, product=record.product,
            product_hash=record.product_hash, pack_id=record.pack_id, pack_hash=record.pack_hash,
            decision_id=record.decision_id, opened=record.opened, time_zone=record.time_zone,
            shares=canonical([list(share) for share in state.shares]).decode(), booked_day=record.booked_day,
            shard=zlib.crc32(state.line_id.encode()) % SHARDS, **values,
        )
    )  # fmt: skip
    line = LineWork(work, replace(record, state=state))
    line.remember(step, state.seq)
    save_all(work, [line])
    return line


def add_drawdown(line: LineWork, drawdown_id: str, request_ref: str, use_of_money: str) -> None:
    """Insert the row of a drawdown that has just been drawn; later changes update it."""
    drawdown = line.state.drawdown(drawdown_id)
    assert drawdown is not None, drawdown_id
    line.work.connection.execute(
        sa.insert(drawdowns).values(
            tenant=line.work.tenant, drawdown_id=drawdown_id, line_id=line.state.line_id, request_ref=request_ref,
            use_of_money=use_of_money, drawn=line.work.now, **_columns(drawdown),
        )
    )  # fmt: skip


def load(connection: sa.Connection, tenant: str, line_id: str, *, for_update: bool = False) -> LineRecord:
    """The line as stored.  NotFound for an unknown one."""
    query = sa.select(lines).where(lines.c.tenant == tenant, lines.c.line_id == line_id)
    row = connection.execute(query.with_for_update() if for_update else query).first()
    if row is None:
        raise NotFound(f"no line {line_id!r}; list the subject's lines first", field="line_id")
    return _record(row, _live(connection, tenant, [line_id]).get(line_id, ()))


def load_many(connection: sa.Connection, tenant: str, line_ids: Sequence[str]) -> dict[str, LineRecord]:
    """Several lines at once, locked in id order."""
    query = sa.select(lines).where(lines.c.tenant == tenant, lines.c.line_id.in_(line_ids))
    rows = connection.execute(query.order_by(lines.c.line_id).with_for_update()).all()
    live = _live(connection, tenant, [row.line_id for row in rows])
    return {row.line_id: _record(row, live.get(row.line_id, ())) for row in rows}


def lines_of(connection: sa.Connection, tenant: str, subject: str) -> list[str]:
    """Line ids of a subject, oldest first."""
    query = sa.select(lines.c.line_id).where(lines.c.tenant == tenant, lines.c.subject == subject)
    return [row.line_id for row in connection.execute(query.order_by(lines.c.opened, lines.c.line_id))]


def steps_of(connection: sa.Connection, tenant: str, line_id: str) -> list[Step]:
    """Every step of a line in order: what `fold` turns into its state."""
    query = sa.select(steps.c.kind, steps.c.body).where(steps.c.tenant == tenant, steps.c.line_id == line_id)
    return [step_from(row.kind, row.body) for row in connection.execute(query.order_by(steps.c.seq))]


def step_at(connection: sa.Connection, tenant: str, line_id: str, seq: int) -> Step:
    row = connection.execute(
        sa.select(steps.c.kind, steps.c.body).where(
            steps.c.tenant == tenant, steps.c.line_id == line_id, steps.c.seq == seq
        )
    ).one()
    return step_from(row.kind, row.body)


def _live(connection: sa.Connection, tenant: str, line_ids: Sequence[str]) -> dict[str, tuple[Drawdown, ...]]:
    query = sa.select(drawdowns).where(
        drawdowns.c.tenant == tenant, drawdowns.c.line_id.in_(line_ids), drawdowns.c.status.in_((IN_FLIGHT, PAID))
    )
    found: dict[str, tuple[Drawdown, ...]] = {}
    for row in connection.execute(query.order_by(drawdowns.c.drawn, drawdowns.c.drawdown_id)):
        found[row.line_id] = (*found.get(row.line_id, ()), _drawdown(row))
    return found


def _record(row: Any, live: tuple[Drawdown, ...]) -> LineRecord:
    state = LineState(
        line_id=row.line_id, subject=row.subject, shares=tuple((f, int(ppm)) for f, ppm in json.loads(row.shares)),
        drawdowns=live, **{name: getattr(row, name) for name in _FIGURES},
    )  # fmt: skip
    return LineRecord(
        state, row.product, row.product_hash, row.pack_id, row.pack_hash, row.decision_id, int(row.opened),
        row.time_zone, int(row.booked_day),
    )  # fmt: skip


def _drawdown(row: Any) -> Drawdown:
    return Drawdown(
        drawdown_id=row.drawdown_id, amount_fen=row.amount_fen, rate_ppm=row.rate_ppm,
        overdue_rate_ppm=row.overdue_rate_ppm, status=row.status, start_day=row.start_day, accrued_day=row.accrued_day,
        dues=tuple(Due(day, principal, interest) for day, principal, interest in json.loads(row.dues)),
        principal_fen=row.principal_fen, carry=Carry(row.carry_fen, row.carry_rest),
        interest_paid_fen=row.interest_paid_fen,
    )  # fmt: skip


def _columns(drawdown: Drawdown) -> dict[str, Any]:
    dues = [[due.day, due.principal_cum_fen, due.interest_cum_fen] for due in drawdown.dues]
    return {
        "amount_fen": drawdown.amount_fen, "rate_ppm": drawdown.rate_ppm,
        "overdue_rate_ppm": drawdown.overdue_rate_ppm, "status": drawdown.status, "start_day": drawdown.start_day,
        "accrued_day": drawdown.accrued_day, "dues": canonical(dues).decode(),
        "principal_fen": drawdown.principal_fen, "carry_fen": drawdown.carry.whole_fen,
        "carry_rest": drawdown.carry.rest, "interest_paid_fen": drawdown.interest_paid_fen,
    }  # fmt: skip
