"""Where the money goes: whom the account pays itself, what it hands on at once, what it laid out before."""

from __future__ import annotations

import numpy as np

from dandelion.core import DAY_US
from dandelion.graph import portrait_kernel
from dandelion.graph.portrait_scene import Columns, Scene, over


def flows(scene: Scene) -> Columns:
    edges, n, paid = scene.edges, scene.n, scene.edges.payments
    received, spent = scene.per_payee(scene.fen), scene.per_payer(scene.fen)
    receipts, payments_out = scene.received.astype(np.float64), scene.per_payer(scene.count)
    payers, payees = scene.payers.astype(np.float64), scene.payees.astype(np.float64)
    back = edges.reverse()
    returned = np.where(back >= 0, np.minimum(scene.fen, scene.fen[np.maximum(back, 0)]), 0) if len(back) else scene.fen
    top = np.zeros(n)
    np.maximum.at(top, edges.payer, scene.fen / np.maximum(spent[edges.payer], 1))
    to_shops = scene.shop[edges.payee]
    by_payer = np.lexsort((paid.at, paid.payer))
    out_offsets = np.concatenate([[0], np.cumsum(np.bincount(paid.payer, minlength=n))]).astype(np.int64)
    onward, fronted = np.zeros(n), np.zeros(n)
    portrait_kernel.passed_on(
        scene.offsets, paid.at[scene.into], paid.fen[scene.into], out_offsets, paid.at[by_payer], paid.fen[by_payer],
        3 * DAY_US, DAY_US, onward, fronted,
    )  # fmt: skip
    return {
        "payees": np.log1p(payees),
        "payers_against_payees": np.log1p(payers) - np.log1p(payees),
        "receipts_against_payments": np.log1p(receipts) - np.log1p(payments_out),
        "in_against_out": np.clip(np.log1p(received) - np.log1p(spent), -6.0, 6.0),
        "returned": over(scene.per_payee(returned), received),
        "spent_at_shops": over(scene.per_payer(scene.count * to_shops), payments_out),
        "spent_mutually": over(scene.per_payer(scene.mutual), payees),
        "largest_payee": np.where(payments_out >= 2, top, np.nan),
        "handed_on": np.minimum(over(onward, received), 2.0),
        "laid_out": np.minimum(over(fronted, received), 2.0),
    }
