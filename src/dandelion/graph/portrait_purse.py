"""What a payment is to those who make it: rent and dues are the largest thing a payer pays, a shop's price hardly ever is.

These columns need no second month: a landlord whose tenants have paid once each differs from a small shop by them.
"""

from __future__ import annotations

import numpy as np

from dandelion.core.frame import Ints
from dandelion.graph.payments import Bools
from dandelion.graph.portrait_scene import Columns, Doubles, Scene, over

PAYMENTS_MIN = 3  # a payer with fewer payments in the file has no usual one
ALIKE = 0.25  # sums within this share of the account's middle sum are alike


def purse(scene: Scene) -> Columns:
    edges, paid, n = scene.edges, scene.edges.payments, scene.n
    made = np.bincount(paid.payer, minlength=n)
    size = np.log(np.maximum(paid.fen, 1).astype(np.float64))
    usual = over(np.bincount(paid.payer, size, n), made)
    largest = np.zeros(n, np.int64)
    np.maximum.at(largest, paid.payer, paid.fen)
    spent = scene.per_payer(scene.fen)
    told = (made >= PAYMENTS_MIN)[edges.payer]  # of every edge
    top = np.maximum.reduceat(paid.fen, edges.first[:-1]) if len(edges) else np.zeros(0, np.int64)
    share = np.where(told, scene.fen / np.maximum(spent[edges.payer], 1), 0.0)
    tellers = scene.per_payee(told)
    from_tellers = told[scene.edge_of]
    against = np.where(from_tellers, size - np.nan_to_num(usual)[paid.payer], 0.0)
    return {
        "payers_largest": over(scene.per_payee(told & (top == largest[edges.payer])), tellers),
        "payers_budget": over(scene.per_payee(share), tellers),
        "against_payers_usual": over(scene.per_receiver(against), scene.per_receiver(from_tellers)),
        "sums_alike": _alike(scene),
        "payers_once": np.where(scene.received >= 3, over(scene.per_payee(_once(scene)), scene.payers), np.nan),
    }


def _once(scene: Scene) -> Bools:
    return np.asarray(scene.count == 1)


def _alike(scene: Scene) -> Doubles:
    """Share of receipts near the account's middle sum; of three receipts or more."""
    fen, offsets = scene.edges.payments.fen[scene.into], scene.offsets
    owner = np.repeat(np.arange(scene.n), scene.received)
    ordered: Ints = fen[np.lexsort((fen, owner))]
    middle = np.minimum(offsets[:-1] + scene.received // 2, max(len(fen) - 1, 0))
    at_middle = ordered[middle].astype(np.float64) if len(fen) else np.zeros(scene.n)
    near = np.abs(fen - at_middle[owner]) <= ALIKE * at_middle[owner]
    receipts = scene.received
    return np.where(receipts >= 3, over(np.bincount(owner, near, scene.n), receipts), np.nan)
