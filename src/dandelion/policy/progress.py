"""Collect more, lend more: what a shop's receipts since its last raise have earned, and how much is still to come.

Pure functions over Arrow tables of payments and refunds (the event schemas).  A payment counts when it is real trade:
its payer and device stand in no excluded set (household, owner, related, circular, self), it is large enough, it is
among the payer's first few of the day, and it was not given back.  A refund makes a payment as if it had never been, in
whole or in part.  Progress shows at once; a raise is paid out only for receipts whose refund window has passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

from dandelion.core import DAY_US, BadInput, day_of
from dandelion.policy.product import CollectMore, Product

_Row: TypeAlias = tuple[int, str, dict[str, Any]]  # (at, event id, the other fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Receipts count with `since_us <= at < as_of_us`.

    `since_us` is the opening of the line, later the `settled_until_us` of the last raise; `raised_us` is the moment of
    the last raise, or of the opening.
    """

    merchant: str
    since_us: int
    raised_us: int
    as_of_us: int
    timezone: str = "Asia/Shanghai"

    def __post_init__(self) -> None:
        if self.since_us > self.as_of_us:
            raise BadInput("since lies after as_of; give the moment the last raise settled", field="since_us")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One valid payment, net of its refunds."""

    at_us: int
    event_id: str
    payer: str
    net_fen: int


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Refunds of receipts from before the span, which an earlier raise was paid for."""

    payments: int = 0
    fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What receipts have earned.  `ripe_steps` have outlived their refund window; `steps` include younger ones.

    `payments_to_go`, `fen_to_go` and `payers_to_go` are what the next step still needs; `next_step_fen` is what it adds.
    `settled_until_us`: where the next span begins if the ripe steps (as many as one raise allows) are paid out now.
    """

    payments: int
    payers: int
    net_fen: int
    taken_back: TakenBack
    steps: int
    ripe_steps: int
    payments_to_go: int
    fen_to_go: int
    payers_to_go: int
    next_step_fen: int
    next_raise_us: int
    settled_until_us: int


def progress(
    product: Product, span: Span, payments: pa.Table, refunds: pa.Table, *,
    excluded_payers: Set[str] = frozenset(), excluded_devices: Set[str] = frozenset(),
) -> Progress:  # fmt: skip
    """Progress toward the next raise.  Errors: BadInput where the product has no such rule.

    `payments` should reach back before `since_us` by the refund window or more, so that late refunds find theirs.
    """
    rule = rule_of(product)
    valid, late = valid_receipts(rule, span, payments, refunds, excluded_payers, excluded_devices)
    ripe_before = span.as_of_us - rule.refund_window_days * DAY_US
    ripe = [receipt for receipt in valid if receipt.at_us < ripe_before]
    steps, ripe_steps = steps_of(rule, valid, late), steps_of(rule, ripe, late)
    payers, net_fen, wanted = _payers(valid), sum(r.net_fen for r in valid), steps + 1
    return Progress(
        payments=len(valid), payers=payers, net_fen=net_fen, taken_back=late, steps=steps, ripe_steps=ripe_steps,
        payments_to_go=max(0, wanted * rule.payments_per_step - len(valid) + late.payments),
        fen_to_go=max(0, wanted * rule.fen_per_step - net_fen + late.fen),
        payers_to_go=max(0, rule.payers_per_step - payers), next_step_fen=rule.step_fen,
        next_raise_us=span.raised_us + rule.raise_every_days * DAY_US,
        settled_until_us=_settled_until(rule, span, ripe, late, min(ripe_steps, rule.steps_per_raise_max)),
    )  # fmt: skip


def rule_of(product: Product) -> CollectMore:
    if product.collect_more is None:
        raise BadInput(f"{product.id} has no collect_more rule", field="product")
    return product.collect_more


def valid_receipts(
    rule: CollectMore, span: Span, payments: pa.Table, refunds: pa.Table, excluded_payers: Set[str],
    excluded_devices: Set[str],
) -> tuple[list[Receipt], TakenBack]:  # fmt: skip
    """The payments that count, by (at, event_id), and what was taken back from before.  Row order does not matter."""

    def related(row: Mapping[str, Any]) -> bool:
        return row["payer"] == span.merchant or row["payer"] in excluded_payers or row["device"] in excluded_devices

    paid = [(at, identity, row) for at, identity, row in _rows(payments, span) if not related(row)]
    never_counted = {identity for _, identity, row in _rows(payments, span) if related(row)}
    back = [r for r in _rows(refunds, span) if r[2]["payer"] != span.merchant and r[2]["payer"] not in excluded_payers]
    taken, late = _taken_back(span, paid, [r for r in back if r[2]["payment_id"] not in never_counted])
    seen: dict[tuple[str, Any], int] = {}
    out = []
    for at, identity, row in paid:
        payer, net_fen = row["payer"], row["amount_fen"] - taken.get(identity, 0)
        if at < span.since_us or net_fen < rule.payment_min_fen:
            continue
        day = (payer, day_of(at, span.timezone))
        seen[day] = seen.get(day, 0) + 1
        if seen[day] <= rule.payments_per_payer_day_max:
            out.append(Receipt(at, identity, payer, net_fen))
    return out, late


def steps_of(rule: CollectMore, receipts: Iterable[Receipt], late: TakenBack) -> int:
    """Whole steps earned: by number and by amount, and none before enough different people have paid."""
    valid = list(receipts)
    if _payers(valid) < rule.payers_per_step:
        return 0
    by_number = (len(valid) - late.payments) // rule.payments_per_step
    by_amount = (sum(r.net_fen for r in valid) - late.fen) // rule.fen_per_step
    return max(0, min(by_number, by_amount))


def _settled_until(rule: CollectMore, span: Span, ripe: list[Receipt], late: TakenBack, steps: int) -> int:
    """The end of the shortest run of receipts that earns `steps`: what is left over counts toward the next raise."""
    if steps == 0:
        return span.since_us
    low, high = 1, len(ripe)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if steps_of(rule, ripe[:middle], late) >= steps else (middle + 1, high)
    return ripe[low - 1].at_us + 1


def _payers(receipts: Iterable[Receipt]) -> int:
    return len({receipt.payer for receipt in receipts})


def _taken_back(span: Span, paid: list[_Row], refunds: list[_Row]) -> tuple[dict[str, int], TakenBack]:
    """(fen refunded by payment id, what refunds within the span took from receipts before it).

    A refund that names no payment takes back that payer's latest ones before it.  One that names a payment not given
    here is taken to be from before the span.
    """
    left = {identity: row["amount_fen"] for _, identity, row in paid}
    when = {identity: at for at, identity, _ in paid}
    of_payer: dict[str, list[str]] = {}
    for _, identity, row in paid:
        of_payer.setdefault(row["payer"], []).append(identity)
    taken: dict[str, int] = {}
    late_fen, late_payments = 0, 0

    def take(identity: str, fen: int, at: int) -> int:
        nonlocal late_fen, late_payments
        part = min(fen, left[identity])
        left[identity] -= part
        taken[identity] = taken.get(identity, 0) + part
        if part and when[identity] < span.since_us <= at:
            late_fen += part
            late_payments += left[identity] == 0
        return fen - part

    nameless = []
    for at, _, row in refunds:  # those that name their payment come first, whatever their time
        named = row["payment_id"]
        if named is None:
            nameless.append((at, row))
        elif named in left:
            take(named, row["amount_fen"], at)
        elif at >= span.since_us:
            late_fen += row["amount_fen"]
            late_payments += 1
    for at, row in nameless:
        rest = row["amount_fen"]
        for identity in reversed(of_payer.get(row["payer"], [])):
            if rest and when[identity] <= at:
                rest = take(identity, rest, at)
    return taken, TakenBack(late_payments, late_fen)


def _rows(table: pa.Table, span: Span) -> list[_Row]:
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
