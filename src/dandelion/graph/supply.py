"""Upstream and downstream: whom a firm buys from and sells to, from invoices and payments together.

The same trade is often told twice, by an invoice and by the payment for it, so a partner counts with the larger of the
two and never with their sum.  Red-letter invoices are taken off.  The anchor firm is a partner that a large share of the
trade depends on and that has many partners of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import Column, Frame, NotFound, canonical, content_hash
from dandelion.core.frame import Ints
from dandelion.graph.relation_rules import RelationRules, relation_rules, relation_rules_hash
from dandelion.graph.relations import Relations, Tie
from dandelion.graph.rules import PEOPLE_MIN

Doubles = npt.NDArray[np.float64]
VERSION = 1
KINDS = ("payments", "invoices")
FEW = f"fewer_than_{PEOPLE_MIN}_partners"
COLUMNS = {
    "partners": ("count", (0.0, None), "zero_is_real", "{zh}数量", "Number of {en}"),
    "top_share": ("share", (0.0, 1.0), FEW, "最大{zh}占比", "Share of the largest of the {en}"),
    "concentration": ("share", (0.0, 1.0), FEW, "{zh}集中度", "Concentration over {en} (sum of squared shares)"),
}
SIDES = {"upstream": ("上游供应商", "suppliers"), "downstream": ("下游客户", "customers")}


@dataclass(frozen=True, slots=True)
class Partner:
    """One partner on one side: `fen` is the larger of what was invoiced and what was paid, `share` its part of the side."""

    party: str
    fen: int
    share: float
    invoiced_fen: int
    paid_fen: int
    partners: int  # how many the partner itself is related to

    def as_json(self) -> dict[str, Any]:
        return {"id": self.party, "amount_fen": self.fen, "share_ppm": round(self.share * 1e6), "invoiced_fen": self.invoiced_fen,
                "paid_fen": self.paid_fen, "partners": self.partners}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Supply:
    """Partners of one firm, largest first; `anchors` are the ids of those it depends on."""

    firm: str
    upstream: tuple[Partner, ...]
    downstream: tuple[Partner, ...]
    anchors: tuple[str, ...]


def supply(found: Relations, firm: str, *, rules: RelationRules | None = None) -> Supply:
    """Who stands before and behind a firm.  Errors: NotFound for a party without relations."""
    rules = relation_rules() if rules is None else rules
    number = found.parties.find(firm)
    if number < 0:
        raise NotFound(f"{firm!r} has no relation; check the id", field="firm")
    sides = tuple(_side(found, number, down) for down in (False, True))
    anchors = sorted(
        {one.party for side in sides for one in side
         if one.share * 1e6 >= rules.supply.anchor_share_ppm and one.partners >= rules.supply.anchor_partners_min}
    )  # fmt: skip
    return Supply(firm, sides[0], sides[1], tuple(anchors))


def supply_columns(found: Relations, subjects: Sequence[str], *, rules: RelationRules | None = None) -> Frame:
    """Columns of both sides; shares need five partners, so that nobody is a column of one."""
    row = found.parties.rows(subjects)
    known = np.flatnonzero(row >= 0)
    columns: dict[str, Doubles] = {}
    for name, values in supply_figures(found).items():
        columns[name] = np.full(len(subjects), np.nan)
        columns[name][known] = values[row[known]]
    moments = np.full(len(subjects), found.as_of, np.int64)
    return Frame.of(list(subjects), moments, moments, columns, supply_entries(rules))


def supply_entries(rules: RelationRules | None = None, window: str = "") -> dict[str, Column]:
    """Catalogue entries by column id; `window` ("90d/") where the relations span less than the rules say."""
    made_by = relation_rules_hash(relation_rules() if rules is None else rules)
    entries: dict[str, Column] = {}
    for side, (zh, en) in SIDES.items():
        for measure, (unit, span, null, zh_text, en_text) in COLUMNS.items():
            name = f"graph.supply/{window}{side}/{measure}"
            digest = content_hash(canonical({"room": "graph", "supply": VERSION, "id": name, "rules": made_by}))
            entries[name] = Column(name, unit, span, null, "graph", "credit", digest, zh_text.format(zh=zh),
                                   en_text.format(en=en), KINDS)  # fmt: skip
    return entries


def supply_figures(found: Relations, window: str = "") -> dict[str, Doubles]:
    """Every column for every party of the relations, all at once, named as :func:`supply_entries` does."""
    size = max(len(found.parties), 1)
    columns: dict[str, Doubles] = {}
    sold, paid = found.kind == Tie.INVOICES, found.kind == Tie.PAYS
    for side in SIDES:
        down = side == "downstream"
        invoiced = (found.source, found.target) if down else (found.target, found.source)
        moneyed = invoiced[::-1]  # goods go down, money up
        keys = np.concatenate([ends[0][row] * size + ends[1][row] for ends, row in ((invoiced, sold), (moneyed, paid))])
        pair, place = np.unique(keys, return_inverse=True)
        fen = np.zeros(len(pair), np.int64)
        np.maximum.at(fen, place, np.concatenate([found.size[sold], found.size[paid]]))
        firm, fen = (pair // size)[fen > 0], fen[fen > 0].astype(np.float64)
        partners = np.bincount(firm, minlength=len(found.parties)).astype(np.float64)
        share = fen / np.bincount(firm, fen, len(found.parties))[firm] if len(firm) else fen
        top = np.zeros(len(found.parties))
        np.maximum.at(top, firm, share)
        few = partners < PEOPLE_MIN
        figures = (partners, top, np.bincount(firm, share**2, len(found.parties)))
        for measure, values in zip(COLUMNS, figures, strict=True):
            told = values if measure == "partners" else np.where(few, np.nan, values)
            columns[f"graph.supply/{window}{side}/{measure}"] = np.asarray(told, np.float64)
    return columns


def _side(found: Relations, firm: int, down: bool) -> tuple[Partner, ...]:
    """Goods go down, money up: downstream are the buyers of its invoices and the payers of its receipts."""
    other, row = found.near(firm)
    invoices = _sums(found, other, row, Tie.INVOICES, found.source if down else found.target, firm)
    money = _sums(found, other, row, Tie.PAYS, found.target if down else found.source, firm)
    amounts = {p: max(0, invoices.get(p, 0), money.get(p, 0)) for p in {*invoices, *money}}
    total = sum(amounts.values())
    return tuple(
        Partner(found.parties[p], fen, fen / total, invoices.get(p, 0), money.get(p, 0), int(found.contacts[p]))
        for p, fen in sorted(amounts.items(), key=lambda item: (-item[1], item[0])) if fen > 0
    )  # fmt: skip


def _sums(found: Relations, other: Ints, row: Ints, kind: Tie, end: Ints, firm: int) -> dict[int, int]:
    mine = (found.kind[row] == kind) & (end[row] == firm)
    return dict(zip(other[mine].tolist(), found.size[row[mine]].tolist(), strict=True))
