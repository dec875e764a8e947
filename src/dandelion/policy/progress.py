"""Collect more, lend more: what a shop's receipts since its last raise have earned, and how much is still to come.

Pure functions over Arrow tables of payments and refunds (the event schemas).  A payment counts when it is real trade:
its payer and device stand in no excluded set (household, owner, related, circular, self), it is large enough, it is
among the payer's first few of the day, and it was not given back.  A refund makes a payment as if it had never been, in
whole or in part.  Progress shows at once; a raise is paid out only for receipts whose refund window has passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dandelion.core import DAY_US, BadInput, day_of
from dandelion.policy.product import CollectMore, Product


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Payments count with `since_us <= at < as_of_us`: since the last raise (or the opening), up to now."""

    merchant: str
    since_us: int
    as_of_us: int
    timezone: str = "Asia/Shanghai"

    def __post_init__(self) -> None:
        if self.since_us > self.as_of_us:
            raise BadInput("since lies after as_of; give the day of the last raise", field="since_us")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One valid payment, net of its refunds."""

    at_us: int
    event_id: str
    payer: str
    net_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What receipts have earned.  `ripe_steps` have outlived their refund window; `steps` include younger ones.

    `payments_to_go`, `fen_to_go` and `payers_to_go` are what the next step still needs; `next_step_fen` is what it adds.
    """

    payments: int
    payers: int
    net_fen: int
    steps: int
    ripe_steps: int
    payments_to_go: int
    fen_to_go: int
    payers_to_go: int
    next_step_fen: int
    next_raise_us: int


def progress(
    product: Product, span: Span, payments: pa.Table, refunds: pa.Table, *,
    excluded_payers: Set[str] = frozenset(), excluded_devices: Set[str] = frozenset(),
) -> Progress:  # fmt: skip
    """Progress toward the next raise.  Errors: BadInput where the product has no such rule."""
    rule = rule_of(product)
    valid = valid_receipts(rule, span, payments, refunds, excluded_payers, excluded_devices)
    ripe_before = span.as_of_us - rule.refund_window_days * DAY_US
    ripe = [receipt for receipt in valid if receipt.at_us < ripe_before]
    steps, ripe_steps = steps_of(rule, valid), steps_of(rule, ripe)
    payers, net_fen, wanted = _payers(valid), sum(r.net_fen for r in valid), steps + 1
    return Progress(
        payments=len(valid), payers=payers, net_fen=net_fen, steps=steps, ripe_steps=ripe_steps,
        payments_to_go=max(0, wanted * rule.payments_per_step - len(valid)),
        fen_to_go=max(0, wanted * rule.fen_per_step - net_fen),
        payers_to_go=max(0, rule.payers_per_step - payers), next_step_fen=rule.step_fen,
        next_raise_us=span.since_us + rule.raise_every_days * DAY_US,
    )  # fmt: skip


def rule_of(product: Product) -> CollectMore:
    if product.collect_more is None:
        raise BadInput(f"{product.id} has no collect_more rule", field="product")
    return product.collect_more


def valid_receipts(
    rule: CollectMore, span: Span, payments: pa.Table, refunds: pa.Table, excluded_payers: Set[str],
    excluded_devices: Set[str],
) -> list[Receipt]:  # fmt: skip
    """The payments that count, by (at, event_id).  The order of the rows given does not matter."""
    taken = _taken_back(span, payments, refunds)
    seen: dict[tuple[str, Any], int] = {}
    out = []
    for at, identity, row in _rows(payments, span):
        payer, net_fen = row["payer"], row["amount_fen"] - taken.get(identity, 0)
        related = payer == span.merchant or payer in excluded_payers or row["device"] in excluded_devices
        if at < span.since_us or related or net_fen < rule.payment_min_fen:
            continue
        day = (payer, day_of(at, span.timezone))
        seen[day] = seen.get(day, 0) + 1
        if seen[day] <= rule.payments_per_payer_day_max:
            out.append(Receipt(at, identity, payer, net_fen))
    return out


def steps_of(rule: CollectMore, receipts: Iterable[Receipt]) -> int:
    """Whole steps earned: by number and by amount, and none before enough different people have paid."""
    valid = list(receipts)
    if _payers(valid) < rule.payers_per_step:
        return 0
    return min(len(valid) // rule.payments_per_step, sum(r.net_fen for r in valid) // rule.fen_per_step)


def _payers(receipts: Iterable[Receipt]) -> int:
    return len({receipt.payer for receipt in receipts})


def _taken_back(span: Span, payments: pa.Table, refunds: pa.Table) -> dict[str, int]:
    """Fen refunded by payment id.  A refund that names no known payment takes back that payer's latest ones before it.

    What a refund takes beyond every payment known is dropped: it belongs to a time that was settled before.
    """
    left: dict[str, int] = {}
    of_payer: dict[str, list[tuple[int, str]]] = {}
    for at, identity, row in _rows(payments, span):
        left[identity] = row["amount_fen"]
        of_payer.setdefault(row["payer"], []).append((at, identity))
    taken: dict[str, int] = {}

    def take(identity: str, fen: int) -> int:
        part = min(fen, left[identity])
        left[identity] -= part
        taken[identity] = taken.get(identity, 0) + part
        return fen - part

    nameless = []
    for at, _, row in _rows(refunds, span):  # those that name their payment come first, whatever their time
        named = row["payment_id"]
        if named is None:
            nameless.append((at, row))
        elif named in left:
            take(named, row["amount_fen"])
    for at, row in nameless:
        rest = row["amount_fen"]
        for paid_at, identity in reversed(of_payer.get(row["payer"], [])):
            if rest and paid_at <= at:
                rest = take(identity, rest)
    return taken


def _rows(table: pa.Table, span: Span) -> list[tuple[int, str, dict[str, Any]]]:
    """The merchant's rows before as_of, by (at, event_id)."""
    if table.num_rows == 0:
        return []
    at = table.column("at").cast(pa.int64()).to_pylist()
    rows = table.drop_columns([c for c in ("at", "arrived") if c in table.column_names]).to_pylist()
    found = [
        (moment, row["event_id"], row)
        for moment, row in zip(at, rows, strict=True)
        if row["payee"] == span.merchant and moment < span.as_of_us
    ]
    return sorted(found, key=lambda item: item[:2])
