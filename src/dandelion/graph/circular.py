"""Money that goes in a circle: what a payer sent and had back, directly or over one third party.

A receipt is circular as far as the two sides pass the same money back and forth within the span, whichever side begins:
the shop that funds its "customers" first and the one that pays them back afterwards look alike.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dandelion.core import DAY_US
from dandelion.core.frame import Ints
from dandelion.graph import kernel
from dandelion.graph.edges import Edges
from dandelion.graph.payments import read_payments
from dandelion.graph.rules import CircularRules, standard_rules


def circular_receipts(edges: Edges, rules: CircularRules) -> Ints:
    """Circular fen of every payment of `edges.payments`, seen from its payee; between 0 and the payment's amount."""
    paid = edges.payments
    circular, spent = np.zeros(len(paid), np.int64), np.zeros(len(paid), np.int64)
    span = rules.days * DAY_US
    shape = (edges.offsets, edges.payee, edges.payer, edges.first)
    kernel.match_direct(*shape, paid.at, paid.fen, span, circular, spent)
    low, high = 1.0 - rules.hop_tolerance, 1.0 + rules.hop_tolerance
    kernel.match_over_one(*shape, edges.in_offsets, edges.in_edges, paid.at, paid.fen, span, low, high,
                          circular, spent, len(paid.accounts))  # fmt: skip
    return circular


def circular_fen(
    payments: pa.Table,
    merchant: str,
    as_of: int,
    known_at: int | None = None,
    *,
    window_us: int = 180 * DAY_US,
    rules: CircularRules | None = None,
) -> int:
    """Exact fen of the merchant's receipts in ``[as_of - window_us, as_of)`` that went in a circle.

    `payments` needs the merchant's payments both ways; flows over a third party are seen where that one's payments are
    in the table too.  Errors (BadInput): as :func:`read_payments`.
    """
    rules = standard_rules().circular if rules is None else rules
    read = read_payments(payments, as_of, known_at, since=as_of - window_us - rules.days * DAY_US)
    edges = Edges.of(read)
    amounts = circular_receipts(edges, rules)
    names = read.accounts.to_pylist()
    if merchant not in names:
        return 0
    mine = (edges.payments.payee == names.index(merchant)) & (edges.payments.at >= as_of - window_us)
    return int(amounts[mine].sum())
