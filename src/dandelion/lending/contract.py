"""The contract: text rendered from the pack's template, named by its SHA-256, accepted by that hash and no other."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

import sqlalchemy as sa

from dandelion.core import Conflict, NotFound, Rate, content_hash
from dandelion.lending import conditions
from dandelion.lending.packs import Pack
from dandelion.lending.products import Terms
from dandelion.lending.store import LineRecord
from dandelion.lending.tables import contracts
from dandelion.vault import Actor, Work

_REPAYMENT = {
    "equal_instalment": "等额本息", "equal_principal": "等额本金", "interest_then_bullet": "先息后本",
    "bullet": "到期一次还本付息",
}  # fmt: skip
_COMPONENT = {
    "overdue_interest": "逾期利息", "overdue_principal": "逾期本金", "due_interest": "当日应还利息",
    "due_principal": "当日应还本金", "interest": "未到期利息", "principal": "未到期本金",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contract:
    """The exact text shown and its SHA-256 over UTF-8."""

    line_id: str
    text: str
    sha256: str


def render(record: LineRecord, terms: Terms, pack: Pack) -> Contract:
    """The text of a line's contract.  Depends on line, product and pack alone, so it renders the same again."""
    folder = Path(str(resources.files("dandelion"))) / "defaults" / "packs" / pack.jurisdiction
    template = Template((folder / "contract.zh.txt").read_text("utf-8"))
    state = record.state
    text = template.substitute(
        line_id=state.line_id, product=record.product, licence_type=pack.licence_type,
        limit=f"{state.limit_fen // 100:,}.{state.limit_fen % 100:02d}", annual_rate=str(Rate(state.rate_ppm)),
        year_days=pack.year_days, repayment=_REPAYMENT[terms.repayment], periods=terms.periods,
        waterfall="、".join(_COMPONENT[name] for name in pack.waterfall),
        overdue_rate=str(Rate(pack.overdue_rate_ppm(state.rate_ppm))), cap=str(Rate(pack.rate_cap_ppm)),
        funders="、".join(f"{funder} 出资 {Rate(share)}" for funder, share in state.shares),
        contact_from=pack.contact.from_hour, contact_until=pack.contact.until_hour,
        contact_max=pack.contact.per_day_max, pack=pack.id, pack_hash=record.pack_hash,
        product_hash=record.product_hash,
    )  # fmt: skip
    return Contract(state.line_id, text, content_hash(text.encode()))


def keep(work: Work, contract: Contract) -> Contract:
    """Store the rendered text once, so that what was shown can be shown again."""
    key = (contracts.c.tenant == work.tenant, contracts.c.line_id == contract.line_id,
           contracts.c.sha256 == contract.sha256)  # fmt: skip
    if work.connection.execute(sa.select(contracts.c.sha256).where(*key)).first() is None:
        work.connection.execute(
            sa.insert(contracts).values(
                tenant=work.tenant, line_id=contract.line_id, sha256=contract.sha256, body=contract.text,
                rendered=work.now,
            )
        )  # fmt: skip
    return contract


def latest(connection: sa.Connection, tenant: str, line_id: str) -> Contract:
    """The text last rendered for a line.  NotFound before that."""
    query = sa.select(contracts).where(contracts.c.tenant == tenant, contracts.c.line_id == line_id)
    row = connection.execute(query.order_by(contracts.c.rendered.desc()).limit(1)).first()
    if row is None:
        raise NotFound(f"no contract has been rendered for line {line_id}; ask for it first", field="line_id")
    return Contract(line_id, row.body, row.sha256)


def accept(work: Work, subject: str, line_id: str, sha256: str, actor: Actor) -> Contract:
    """Accept the text by its hash.  Conflict where the hash is not that of the text last shown."""
    shown = latest(work.connection, work.tenant, line_id)
    if sha256.strip().lower() != shown.sha256:
        raise Conflict(
            f"sha256 {sha256[:16]!r} is not the contract shown last ({shown.sha256[:16]}...); read it again and accept "
            "that one",
            field="sha256",
        )
    conditions.record(work, conditions.CONTRACT, subject, line_id, True, {"sha256": shown.sha256}, actor)
    return shown
