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
from dandelion.lending.state import PAID
from dandelion.lending.steps import Accrued
from dandelion.lending.store import SHARDS, LineWork, load_many
from dandelion.lending.tables import lines
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
    for one in range(SHARDS) if shard is None else (shard,):
        while True:
            with vault.unit_of_work(tenant) as work:
                done = _batch(work, packs, day, one)
            if done is None:
                break
            total = total.plus(done)
    return total


def _batch(work: Work, packs: Packs, day: date, shard: int) -> EodReport | None:
    through = day_number(day) + 1
    query = (
        sa.select(lines.c.line_id)
        .where(lines.c.tenant == work.tenant, lines.c.shard == shard, lines.c.booked_day < through)
        .order_by(lines.c.line_id)
        .limit(BATCH)
    )
    ids = [row.line_id for row in work.connection.execute(query)]
    if not ids:
        return None
    interest = moved = credit = 0
    for line_id in ids:
        work.lock(f"line:{line_id}")
    for record in load_many(work.connection, work.tenant, ids).values():
        if work.now < day_start_us(through, record.time_zone):
            raise BadInput(f"{day} is not over in {record.time_zone}; close it after midnight there", field="day")
        line = LineWork(work, record)
        before = line.state.interest_total_fen
        did_move, used = close_day(line, packs.by_id(record.pack_id), through)
        interest += line.state.interest_total_fen - before
        moved += did_move
        credit += used
        line.save()
    detail = {"day": str(day), "shard": shard, "lines": len(ids), "interest_fen": interest, "from": ids[0]}
    work.audit(SYSTEM, "ledger.day_closed", f"shard:{shard}", detail)
    return EodReport(str(day), len(ids), interest, moved, credit)


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
