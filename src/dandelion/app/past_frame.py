"""A past loan book as a frame of requests: every column a book of strategies may ask about, as it was known that day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dandelion.app.house import House
from dandelion.app.learning import PastBook, PointInTime, read_book
from dandelion.app.sight import money_facts
from dandelion.core import BadInput
from dandelion.policy import MoneyFacts, code_of, industry_of

GRANTED = ("payments", "orders", "invoices", "tax", "logins", "credit_reports", "registry")


def past_frame(house: House, loans: Path, product: str, *, since_us: int, trades: Path | None = None) -> pa.Table:
    """One row a past loan of `product` drawn from `since_us` on, whose merchant's consent covers training.

    Columns by id, ``pd_ppm`` by the model that serves, money in fen, ``bad`` (null where it has not matured), flags for the
    data kinds a grant of today would name, ``industry`` from `trades` (columns ``account`` and ``industry``) and
    ``group.trade`` beside it.  Errors: BadInput naming the file and the column, or where no row is left.
    """
    policy = house.policy
    past = PointInTime(house, "training")
    book = _kept(read_book(loans, product), past, since_us)
    frame = past.frame(book.merchant, book.drawn_at, policy.columns(product))
    scorers = policy.scorers[product]
    money = money_facts(policy.plans[product], scorers, frame, [0] * len(frame))
    told = {} if trades is None else _trades(trades)
    industries = [industry_of(policy.book.industries, told.get(merchant, "")) for merchant in book.merchant.tolist()]
    columns: dict[str, pa.Array] = {
        "entity": pa.array(book.merchant.tolist(), pa.string()), "as_of": pa.array(book.drawn_at, pa.int64()),
        "bad": pa.array([None if b < 0 else bool(b) for b in book.bad.tolist()], pa.bool_()),
        "pd_ppm": pa.array(scorers.pd.score(frame).astype(np.int64), pa.int64()),
        "industry": pa.array([code_of(policy.book, name) for name in industries], pa.float32()),
        "group.trade": pa.array([name or "undeclared" for name in industries], pa.string()),
    }  # fmt: skip
    columns |= {
        field.name: pa.array([getattr(one, field.name) for one in money], pa.int64()) for field in fields(MoneyFacts)
    }
    columns |= {f"granted({kind})": pa.array([True] * len(frame), pa.bool_()) for kind in GRANTED}
    columns |= {name: pa.array(frame.values[:, j], pa.float32()) for j, name in enumerate(frame.names)}
    return pa.table(columns)


def _kept(book: PastBook, past: PointInTime, since_us: int) -> PastBook:
    consented = np.array([merchant in past.subjects for merchant in book.merchant.tolist()], bool)
    found = book.take(np.flatnonzero(consented & (book.drawn_at >= since_us)))
    if not len(found):
        raise BadInput("no loan of this product was drawn since then by a merchant who consents", field="since")
    return found


def _trades(file: Path) -> Mapping[str, str]:
    table = pq.read_table(file)
    for name in ("account", "industry"):
        if name not in table.column_names:
            raise BadInput(f"{file}: lacks column {name!r}", field=name)
    return {a: i or "" for a, i in zip(*(table.column(c).to_pylist() for c in ("account", "industry")), strict=True)}
