"""Circular invoicing: firms that sell each other the same money's worth round and round.

Firms that trade both ways invoice each other too, each sum as it is needed.  A circle's sums are nearly equal at every hand,
it closes within days, the same firms turn it again, and little else passes between them.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa

from dandelion.core import DAY_US, BadInput
from dandelion.core.frame import Ints
from dandelion.graph import circle_kernel
from dandelion.graph.parts import cyclic_parts
from dandelion.graph.payments import encode, instants, renumber, visible
from dandelion.graph.ring_evidence import RINGS
from dandelion.graph.scheme_rules import CircleRules, circle_rules

CIRCULAR = "circular_invoices"


def invoice_circles(
    invoices: pa.Table, as_of: int, known_at: int | None = None, *, rules: CircleRules | None = None
) -> pa.Table:
    """Rows as those of `rings`: role `firm`; `bursts` are turns, `returned_fen` what went round in all of them.

    `invoices`: seller, buyer, total_fen, at (arrived, status where present: void ones and red letters do not count).  Score: share
    of what the firms invoice each other that goes round, as far as there are enough turns.
    Errors (BadInput): a column missing.
    """
    rules = circle_rules() if rules is None else rules
    for name in ("seller", "buyer", "total_fen", "at"):
        if name not in invoices.column_names:
            raise BadInput(f"invoices lack column {name!r}; they have {', '.join(invoices.column_names)}", field=name)
    invoices = invoices.filter(pa.array(_counts(invoices, as_of, as_of if known_at is None else known_at)))
    sellers, buyers = encode(invoices.column("seller")), encode(invoices.column("buyer"))
    firms = pa.array(sorted(set(sellers[1].to_pylist()) | set(buyers[1].to_pylist())), pa.string())
    seller, buyer = (renumber(side, firms).astype(np.int64) for side in (sellers, buyers))
    at, fen = instants(invoices.column("at")), np.asarray(invoices.column("total_fen").to_numpy(), np.int64)
    order = np.lexsort((fen, buyer, seller, at))
    seller, buyer, at, fen = seller[order], buyer[order], at[order], fen[order]
    turns = find_turns(seller, buyer, at, fen, len(firms), rules)
    return _table(turns, seller, buyer, at, fen, firms, rules)


def find_turns(seller: Ints, buyer: Ints, at: Ints, fen: Ints, firms: int, rules: CircleRules) -> list[Ints]:
    """Invoices of every turn of a circle, in the order of hands; all arrays ascend by time."""
    if not len(at):
        return []
    part = cyclic_parts(seller, buyer, firms)
    rows = np.flatnonzero((part[seller] == part[buyer]) & (seller != buyer))  # no circle leaves its part
    own, other, when, sums = seller[rows], buyer[rows], at[rows], fen[rows]
    by_seller = np.argsort(own, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=firms))]).astype(np.int64)
    room = len(rows) // 3 + 1
    members, lengths = np.zeros((room, rules.firms_max), np.int64), np.zeros(room, np.int64)
    found = circle_kernel.find_circles(own, other, when, sums, by_seller, offsets, rules.days * DAY_US, rules.tolerance,
                                       rules.firms_max, np.zeros(len(rows), np.bool_), members, lengths)  # fmt: skip
    return [rows[members[k, : lengths[k]]] for k in range(found)]


def _counts(invoices: pa.Table, as_of: int, known_at: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    keep = visible(invoices, as_of, known_at) & (np.asarray(invoices.column("total_fen").to_numpy()) > 0)
    if "status" in invoices.column_names:
        keep &= np.array([status != "void" for status in invoices.column("status").to_pylist()], np.bool_)
    return keep


def _table(
    turns: list[Ints], seller: Ints, buyer: Ints, at: Ints, fen: Ints, firms: pa.Array, rules: CircleRules
) -> pa.Table:
    by_firms: dict[tuple[int, ...], list[Ints]] = defaultdict(list)
    for turn in turns:
        by_firms[tuple(sorted(seller[turn].tolist()))].append(turn)
    groups = []
    for members, own in by_firms.items():
        if len(own) < rules.turns_min:
            continue
        among = np.isin(seller, members) & np.isin(buyer, members)
        rows = np.concatenate(own)
        share = float(fen[rows].sum() / fen[among].sum())
        if share >= rules.share_min:
            groups.append(
                (share * (1.0 - 0.5 ** len(own)), members, own, int(at[rows].min()), int(fen[rows].sum()), share)
            )
    rows_out: list[tuple[object, ...]] = []
    names = firms.to_pylist()
    for ring, (score, members, own, first, moved, share) in enumerate(sorted(groups, key=lambda g: (-g[0], g[1]))):
        says = (
            f"{len(members)} firms passed nearly equal sums round in {len(own)} turns, {round(100 * share)} % of what they invoice "
            "each other"
        )
        rows_out += [
            (names[one], "firm", score, score >= rules.flag_score, ring, first, len(own), moved, says, CIRCULAR)
            for one in members
        ]
    columns = list(zip(*rows_out, strict=True)) if rows_out else [()] * len(RINGS)
    arrays = [
        pa.array(values, pa.int64()).cast(field.type) if field.name == "first_burst" else pa.array(values, field.type)
        for field, values in zip(RINGS, columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=RINGS)
