"""Slow, obvious counterparts of the graph's kernels: sets, dictionaries, loops over everything."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pyarrow as pa

DAY = 86_400_000_000
NOW = 1_750_000_000_000_000
Paid = tuple[str, str, int, int]  # payer, payee, at, fen


def table(payments: list[Paid], **extra: list[object]) -> pa.Table:
    payer, payee, at, fen = zip(*payments, strict=True) if payments else ((), (), (), ())
    moment = pa.timestamp("us", tz="UTC")
    columns = {
        "payer": pa.array(payer, pa.string()), "payee": pa.array(payee, pa.string()),
        "at": pa.array(at, pa.int64()).cast(moment), "amount_fen": pa.array(fen, pa.int64()),
    }  # fmt: skip
    for name, values in extra.items():
        columns[name] = (
            pa.array(values, pa.int64()).cast(moment) if name == "arrived" else pa.array(values, pa.string())
        )
    return pa.table(columns)


def triangles(payments: list[Paid], shops: set[str]) -> dict[str, tuple[int, int, int]]:
    """(all, none of the other two a shop, of these where both others pay) per account."""
    paid = {(a, b) for a, b, *_ in payments if a != b}
    deal = paid | {(b, a) for a, b in paid}
    accounts = {a for a, b, *_ in payments} | {b for a, b, *_ in payments}
    out = {}
    for v in accounts:
        near = sorted({b for a, b in deal if a == v})
        closed = [(a, b) for a, b in itertools.combinations(near, 2) if (a, b) in deal]
        calm = [(a, b) for a, b in closed if a not in shops and b not in shops]
        out[v] = (len(closed), len(calm), sum((a, v) in paid and (b, v) in paid for a, b in calm))
    return out


def circular(payments: list[Paid], span_days: int, tolerance: float) -> dict[str, int]:
    """Fen per payee that went back and forth, or back over one third party; payments in the order the kernel takes."""
    span = span_days * DAY
    rows = sorted((p for p in payments if p[0] != p[1]), key=lambda p: (p[0], p[1], p[2]))
    left_in = [fen for *_, fen in rows]
    left_out = [fen for *_, fen in rows]
    edges: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, (payer, payee, *_) in enumerate(rows):
        edges[payer, payee].append(i)
    for payer, payee in sorted(edges):
        for i in edges[payer, payee]:
            for j in edges.get((payee, payer), []):
                if abs(rows[j][2] - rows[i][2]) < span:
                    moved = min(left_in[i], left_out[j])
                    left_in[i] -= moved
                    left_out[j] -= moved
    accounts = sorted({name for edge in edges for name in edge})
    for m in accounts:
        used = set()
        for x, p in itertools.product(accounts, accounts):
            if len({m, x, p}) < 3 or not all(edge in edges for edge in ((p, m), (m, x), (x, p))):
                continue
            for i in edges[p, m]:
                if left_in[i] < rows[i][3]:
                    continue
                found = next(
                    (
                        (j, q)
                        for j in edges[m, x]
                        for q in edges[x, p]
                        if rows[i][2] <= rows[j][2] <= rows[q][2] < rows[i][2] + span
                        and left_out[j] == rows[j][3]
                        and q not in used
                        and all(1 - tolerance <= rows[k][3] / rows[i][3] <= 1 + tolerance for k in (j, q))
                    ),
                    None,
                )
                if found:
                    j, q = found
                    amount = min(rows[i][3], rows[j][3], rows[q][3])
                    left_in[i] -= amount
                    left_out[j] -= amount
                    used.add(q)
    total: dict[str, int] = defaultdict(int)
    for (_, payee, _, fen), left in zip(rows, left_in, strict=True):
        total[payee] += fen - left
    return total
