"""Who among the payers knows whom, and what money came back: what the file shows, and what it cannot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.app.assess.payments_bill import Bill
from dandelion.app.assess.payments_events import Accounts, event_tables
from dandelion.app.assess.payments_limit import rules
from dandelion.app.assess.payments_meaning import CHANNELS, OUT, PAY
from dandelion.app.assess.payments_result import Shape
from dandelion.core import PPM
from dandelion.graph import Edges, Payments, circular_receipts, columns, snapshot, standard_rules

Ints = npt.NDArray[np.int64]
GIFT = CHANNELS.index("red_packet")
_TIES, _SCORE, _PAYERS = "graph.payers/180d/ties_without_shops", "graph.dandelion/180d/score", "graph.payers/180d/count"
UNSEEN = Shape(
    "cannot_see", None, 0,
    "账单里看不到付款人之间的往来，无法判断是毛线球还是蒲公英",
    "The file does not show whether payers pay one another, so yarn ball or dandelion cannot be told",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Relations:
    """`circular_fen[i]`: what of row i of the bill came back to its payer.  `shapes` by account; others cannot be seen."""

    circular_fen: Ints
    shapes: Mapping[int, Shape] = field(default_factory=dict)

    def shape(self, account: int) -> Shape:
        return self.shapes.get(account, UNSEEN)


def relations(bill: Bill, who: Accounts, as_of_us: int) -> Relations:
    """What the graph room finds in the payments before `as_of_us`."""
    rows = np.flatnonzero((bill.at_us < as_of_us) & ((bill.what == PAY) | (bill.what == OUT)))
    rows = rows[who.payer[rows] != who.payee[rows]]
    rows = rows[np.argsort(who.payer[rows], kind="stable")]  # the bill is in order of (payee, at) already
    edges = Edges.of(_payments(bill, who, rows))
    circular = np.zeros(len(bill.fen), np.int64)
    circular[rows] = circular_receipts(edges, standard_rules().circular)
    circular[bill.what == OUT] = 0
    seen = np.empty(0, np.int64) if bill.facts.one_holder else _visible(edges)
    return Relations(circular, _shapes(bill, who, seen, as_of_us) if len(seen) else {})


def _payments(bill: Bill, who: Accounts, rows: Ints) -> Payments:
    """The rows as the graph room holds them: sorted by (payer, payee, at), accounts numbered."""
    return Payments(
        pa.array(np.arange(len(who.names))), who.payer[rows].astype(np.int32), who.payee[rows].astype(np.int32),
        bill.at_us[rows], bill.fen[rows], np.full(len(rows), -1, np.int32), pa.array([], pa.string()),
        bill.channel[rows] == GIFT,
    )  # fmt: skip


def _visible(edges: Edges) -> Ints:
    """Accounts whose payers' other dealings the file holds: enough payers, enough of whom are paid by somebody else.

    A file of shop receipts alone holds no payment between customers; silence there is no sign of a dandelion.
    """
    n, terms = len(edges.payments.accounts), rules()
    payers = np.bincount(edges.payee, minlength=n)
    paid_by_others = payers[edges.payer] - (edges.reverse() >= 0) > 0
    known = np.bincount(edges.payee, weights=paid_by_others, minlength=n)
    enough = payers >= terms["needs"]["payers_for_shape"]
    return np.flatnonzero(enough & (known * PPM >= payers * terms["shape"]["seen_payers_ppm"]))


def _shapes(bill: Bill, who: Accounts, seen: Ints, as_of_us: int) -> dict[int, Shape]:
    """The graph room's columns about the payers of the accounts in `seen`, in words."""
    table = event_tables(bill, who, bill.fen)["payment", "payee"]
    graph = snapshot(table, as_of_us, tz=bill.facts.tz)
    frame = columns(graph, [str(one) for one in seen.tolist()], as_of_us, as_of_us, names=(_TIES, _SCORE, _PAYERS))
    return {
        account: _shape(float(frame[_TIES][row]), float(frame[_SCORE][row]), float(frame[_PAYERS][row]))
        for row, account in enumerate(seen.tolist())
    }


def _shape(ties: float, score: float, payers: float) -> Shape:
    if math.isnan(ties) or math.isnan(score):
        return UNSEEN
    terms, people = rules()["shape"], int(payers)
    share = f"{ties * 100:.1f} %"
    if score >= standard_rules().dandelion.shop_score_min:
        kind, zh, en = "dandelion", "付款人彼此几乎没有往来", "the payers hardly deal with one another"
    elif ties * PPM > terms["yarn_ball_above_ppm"]:
        kind, zh, en = "yarn_ball", "付款人彼此往来密切", "the payers deal with one another a great deal"
    else:
        kind, zh, en = (
            "between",
            "既不像一群陌生顾客，也不像一圈熟人",
            "neither a crowd of strangers nor a circle of friends",
        )
    return Shape(
        kind, round(ties, 4), people,
        f"近 180 天 {people:,} 位付款人，两两之间有往来的占 {share}：{zh}",
        f"{people:,} payers in 180 days; {share} of pairs deal with each other: {en}",
    )  # fmt: skip
