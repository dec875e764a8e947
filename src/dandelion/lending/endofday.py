"""End of day: book interest to the ledger and move delinquency classes.  Idempotent, resumable, no global business date.

Each line has a watermark (`booked_day`: days before it are booked).  A run takes the lines of a shard whose watermark is
behind, a batch a transaction; a run that dies goes on where it stopped, a second run of the same day does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from dandelion.core import BadInput
from dandelion.lending.days import day_number, day_start_us
from dandelion.lending.packs import Pack, Packs
from dandelion.lending.repaying import reclass, use_credit
from dandelion.lending.state import IN_FLIGHT, PAID
from dandelion.lending.steps import Accrued
from dandelion.lending.store import LineWork, load_many, save_all
from dandelion.lending.tables import drawdowns, lines
from dandelion.vault import SYSTEM, Vault, Work

BATCH = 500


@dataclass(frozen=True, slots=True)
class EodReport:
    """What one run did.  `moved` counts lines whose bucket or class changed."""

    day: str
    lines: int
    interest_fen: int
    moved: int
    credit_used_fen: int

    def plus(self, other: EodReport) -> EodReport:
        return EodReport(
            self.day, self.lines + other.lines, self.interest_fen + other.interest_fen, self.moved + other.moved,
            self.credit_used_fen + other.credit_used_fen,
        )  # fmt: skip


def end_of_day(vault: Vault, packs: Packs, tenant: str, day: date, shard: int | None = None) -> EodReport:
    """Close `day` for every line (or one of 16 shards).  BadInput while the day is not over in the packs' time zone."""
    total = EodReport(str(day), 0, 0, 0, 0)
    for one in _shards_behind(vault, tenant, day_number(day) + 1, shard):
        while True:
            with vault.unit_of_work(tenant) as work:
                done = _batch(work, packs, day, one)
            if done is None:
                break
            total = total.plus(done)
    return total


def _shards_behind(vault: Vault, tenant: str, through: int, shard: int | None) -> list[int]:
    if shard is not None:
        return [shard]
    query = sa.select(lines.c.shard).where(lines.c.tenant == tenant, lines.c.booked_day < through).distinct()
    with vault.database.read() as connection:
        return sorted(connection.scalars(query))


def _batch(work: Work, packs: Packs, day: date, shard: int) -> EodReport | None:
    through = day_number(day) + 1
    behind = (lines.c.tenant == work.tenant, lines.c.shard == shard, lines.c.booked_day < through)
    live = sa.exists().where(
        drawdowns.c.tenant == lines.c.tenant, drawdowns.c.line_id == lines.c.line_id,
        drawdowns.c.status.in_((IN_FLIGHT, PAID)),
    )  # fmt: skip
    busy = sa.or_(live, lines.c.credit_fen > 0, lines.c.written_off_fen > 0)
    ids = list(
        work.connection.scalars(sa.select(lines.c.line_id).where(*behind, busy).order_by(lines.c.line_id).limit(BATCH))
    )
    if not ids:
        return _pass_idle(work, behind, day, through)
    done = []
    interest = moved = credit = 0
    for record in load_many(work.connection, work.tenant, ids).values():
        _refuse_early(work, day, through, record.time_zone)
        line = LineWork(work, record)
        before = line.state.interest_total_fen
        did_move, used = close_day(line, packs.by_id(record.pack_id), through)
        interest += line.state.interest_total_fen - before
        moved += did_move
        credit += used
        done.append(line)
    save_all(work, done)
    detail = {"day": str(day), "shard": shard, "lines": len(ids), "interest_fen": interest, "from": ids[0]}
    work.audit(SYSTEM, "ledger.day_closed", f"shard:{shard}", detail)
    return EodReport(str(day), len(ids), interest, moved, credit)


def _pass_idle(work: Work, behind: tuple[sa.ColumnElement[bool], ...], day: date, through: int) -> EodReport | None:
    """Lines that owe nothing have nothing to book: one statement moves all their watermarks."""
    for zone in work.connection.scalars(sa.select(lines.c.time_zone).where(*behind).distinct()).all():
        _refuse_early(work, day, through, zone)
    found = work.connection.execute(sa.update(lines).where(*behind).values(booked_day=through))
    return EodReport(str(day), int(found.rowcount), 0, 0, 0) if found.rowcount else None


def _refuse_early(work: Work, day: date, through: int, zone: str) -> None:
    if work.now < day_start_us(through, zone):
        raise BadInput(f"{day} is not over in {zone}; close it after midnight there", field="day")


def close_day(line: LineWork, pack: Pack, through: int) -> tuple[bool, int]:
    """Book one line up to `through` (exclusive).  (whether its class moved, credit put to use in fen)."""
    used = 0
    if any(d.status == PAID and d.accrued_day < through for d in line.state.drawdowns):
        line.take(Accrued(through))
    if line.state.credit_fen:
        used = use_credit(line, pack, through)
    moved = reclass(line, pack, through)
    line.booked_to(through)
    return moved, used
