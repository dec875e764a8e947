"""What is paid: round sums, price tags, the same sum again, and how sums compare with the file's own."""

from __future__ import annotations

import numpy as np

from dandelion.core import DAY_US
from dandelion.core.frame import Ints
from dandelion.graph.portrait_scene import Columns, Doubles, Scene, over

MONTH_US = (26 * DAY_US, 36 * DAY_US)


def amounts(scene: Scene) -> Columns:
    paid, n = scene.edges.payments, scene.n
    receipts = scene.received.astype(np.float64)
    size = np.log(np.maximum(paid.fen, 1).astype(np.float64))
    size -= np.median(size) if len(size) else 0.0
    mean = over(scene.per_receiver(size), receipts)
    spread = np.sqrt(np.maximum(over(scene.per_receiver(size**2), receipts) - mean**2, 0.0))
    digits = _digits(paid.fen)
    digits = digits - (digits.mean() if len(digits) else 0.0)
    kinds, tag, pairs = _prices(scene)
    out = np.bincount(paid.payer, minlength=n).astype(np.float64)
    out_mean = over(np.bincount(paid.payer, size, n), out)
    again = np.zeros(len(paid), np.bool_)
    gap = np.zeros(len(paid), np.int64)
    if len(paid) > 1:
        again[1:] = scene.edge_of[1:] == scene.edge_of[:-1]
        gap[1:] = paid.at[1:] - paid.at[:-1]
    same = np.zeros(len(paid), np.bool_)
    same[1:] = again[1:] & (paid.fen[1:] == paid.fen[:-1]) if len(paid) else same[1:]
    monthly = again & (gap >= MONTH_US[0]) & (gap < MONTH_US[1])
    repeats = scene.per_receiver(again)
    stranger = scene.stranger[scene.edge_of]
    from_strangers = scene.per_receiver(stranger)
    return {
        "sum": mean,
        "sum_spread": np.where(receipts >= 2, spread, np.nan),
        "sum_digits": over(scene.per_receiver(digits), receipts),
        "sum_kinds": np.where(receipts >= 3, over(kinds, receipts), np.nan),
        "price_tags": np.where(receipts >= 3, over(tag, receipts), np.nan),
        "sum_ties": np.where(receipts >= 3, over(pairs, receipts * (receipts - 1) / 2), np.nan),
        "same_again": over(scene.per_receiver(same), repeats, 2),
        "monthly": over(scene.per_receiver(monthly), repeats, 2),
        "monthly_same": over(scene.per_receiver(monthly & same), repeats, 2),
        "sum_against_out": mean - out_mean,
        "stranger_sum": over(scene.per_receiver(size * stranger), from_strangers),
        "stranger_digits": over(scene.per_receiver(digits * stranger), from_strangers),
    }


def _digits(fen: Ints) -> Doubles:
    """Digits up to the last that is not zero, a trailing 5 counting half: 12,000 has two, 1,250 three less a half."""
    rest = fen.copy()
    digits = np.floor(np.log10(np.maximum(fen, 1).astype(np.float64)) + 1e-12) + 1
    for _ in range(12):
        round_ = (rest > 0) & (rest % 10 == 0)
        if not round_.any():
            break
        digits[round_] -= 1
        rest = np.where(round_, rest // 10, rest)
    return np.asarray(digits - 0.5 * (rest % 10 == 5))


def _prices(scene: Scene) -> tuple[Doubles, Doubles, Doubles]:
    """Per account: different sums received, receipts of a sum that another payer paid too, and pairs of receipts with
    the same sum."""
    paid, n = scene.edges.payments, scene.n
    order = np.lexsort((paid.payer, paid.fen, paid.payee))
    payee, fen, payer = paid.payee[order], paid.fen[order], paid.payer[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (payee[1:] != payee[:-1]) | (fen[1:] != fen[:-1])
    start = np.flatnonzero(new)
    if not len(start):
        return np.zeros(n), np.zeros(n), np.zeros(n)
    size = np.diff(np.append(start, len(order)))
    several = payer[start] != payer[start + size - 1]  # payers ascend within a sum
    owner = payee[start]
    return (
        np.bincount(owner, minlength=n).astype(np.float64), np.bincount(owner, size * several.astype(np.float64), n).astype(np.float64),
        np.bincount(owner, size * (size - 1) / 2, n).astype(np.float64),
    )  # fmt: skip
