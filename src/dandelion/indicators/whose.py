"""Two hops: a column of one's counterparties, told as a mean or quartile over at least five of them.

`payment.received/90d/distinct_payers.whose.payment.made/90d/active_days.mean`: on how many days, in the mean, the payers of
the last 90 days paid anybody.  Everybody's payments are read once a month for it, never at a decision.

>>> parts("payment.received/90d/distinct_payers.whose.payment.made/90d/active_days.mean")
('payment.received/90d/distinct_payers', 'payment.made/90d/active_days', 'mean')
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from dandelion.core import BadInput
from dandelion.core.frame import Floats, Ints
from dandelion.indicators.declare import AFTER_KERNEL, EVER, Base, Derive

MARK, OP = ".whose.", "whose"
AGGREGATES = {
    "mean": ("平均值", "mean"), "q25": ("下四分位数", "lower quartile"), "q50": ("中位数", "median"),
    "q75": ("上四分位数", "upper quartile"),
}  # fmt: skip
LEAST = 5  # counterparties whose value is known


def parts(name: str) -> tuple[str, str, str]:
    """(column of the counterparties, column of theirs, aggregate).  Errors (BadInput): another aggregate."""
    near, _, rest = name.partition(MARK)
    far, _, aggregate = rest.rpartition(".")
    if aggregate not in AGGREGATES or not far:
        raise BadInput(f"{name}: end with one of {', '.join(AGGREGATES)}, like {near}{MARK}payment.made/90d/count.mean",
                       field=name)  # fmt: skip
    return near, far, aggregate


def about(name: str, near: Base | Derive, far: Base | Derive, bases: Iterable[Base], said: tuple[str, str]) -> Derive:
    """The column `name`; `bases` are those of `far`, `said` its sentences.

    Errors (BadInput): counterparties that are not plainly those of a window of payments, a column of theirs that takes
    more than payments or comes after the kernel.
    """
    plain = isinstance(near, Base) and near.aggregate == "distinct" and not near.filters and near.window != EVER
    if not plain or not isinstance(near, Base) or near.stream.kind != "payment":
        raise BadInput(f"{name}: name the counterparties of payments, without levels, like payment.received/90d/distinct_payers",
                       field=name)  # fmt: skip
    late = isinstance(far, Derive) and far.op in AFTER_KERNEL
    if late or any(one.stream.kind != "payment" or _standing(one) for one in bases):
        raise BadInput(f"{name}: of counterparties only payments are read, without their standing; name such a column",
                       field=name)  # fmt: skip
    _, _, aggregate = parts(name)
    zh, en = AGGREGATES[aggregate]
    others, days = near.stream.others, near.window
    return Derive(
        name, OP, (near.id,), f"{near.stream.zh}（{days}内）的对方，其“{said[0]}”的{zh}",
        f"The {en}, over the {others} of {near.stream.en} within {days}, of: {said[1][0].lower()}{said[1][1:]}",
        far.unit,
    )  # fmt: skip


def _standing(base: Base) -> bool:
    return any(base.stream.dimension(name).source == "standing" for name, _ in base.filters)


@dataclass(frozen=True)
class Whose:
    """One month: `values` (accounts, columns), NaN below five; `columns` with their definition hashes."""

    columns: Mapping[str, str]
    accounts: pa.Array
    values: Floats

    @cached_property
    def place(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.accounts.to_pylist())}

    def of(self, names: Sequence[str], column: str, definition: str) -> Floats:
        """Values of the accounts; NaN for strangers, and where the month measured otherwise."""
        out = np.full(len(names), np.nan, np.float32)
        if self.columns.get(column) == definition:
            place = np.array([self.place.get(name, -1) for name in names], np.int64)
            known = place >= 0
            out[known] = self.values[place[known], list(self.columns).index(column)]
        return out

    def to_arrow(self) -> pa.Table:
        data = {name: pa.array(self.values[:, at]) for at, name in enumerate(self.columns)}
        hashes = {name.encode(): digest.encode() for name, digest in self.columns.items()}
        return pa.table({"account": self.accounts, **data}).replace_schema_metadata(hashes)

    @classmethod
    def from_arrow(cls, table: pa.Table) -> Whose:
        told = {name.decode(): digest.decode() for name, digest in (table.schema.metadata or {}).items()}
        names = [name for name in table.column_names if name != "account"]
        values = np.empty((table.num_rows, len(names)), np.float32)
        for at, name in enumerate(names):
            values[:, at] = table.column(name).to_numpy()
        accounts = pa.array(table.column("account").to_pylist(), pa.string())
        return cls({name: told[name] for name in names}, accounts, values)


def folded(owner: Ints, value: Floats, owners: int, aggregate: str) -> Floats:
    """Mean or lower quartile of the known values of each owner, NaN below five."""
    fine = np.isfinite(value)
    owner, value = owner[fine], value[fine]
    order = np.lexsort((value, owner))
    owner, value = owner[order], value[order].astype(np.float64)
    count = np.bincount(owner, minlength=owners)
    out = np.full(owners, np.nan, np.float32)
    enough = np.flatnonzero(count >= LEAST)
    if aggregate == "mean":
        out[enough] = (np.bincount(owner, value, minlength=owners)[enough] / count[enough]).astype(np.float32)
    else:
        first, k = np.cumsum(count) - count, {"q25": 1, "q50": 2, "q75": 3}[aggregate]
        out[enough] = value[first[enough] + -(-count[enough] * k // 4) - 1]
    return out
