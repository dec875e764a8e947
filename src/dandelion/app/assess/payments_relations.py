"""Who among the payers knows whom, and what money came back: what the file shows, and what it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dandelion.app.assess.payments_bill import Bill
from dandelion.app.assess.payments_events import Accounts
from dandelion.app.assess.payments_result import Shape

UNSEEN = Shape(
    "cannot_see", None, 0,
    "账单里看不到付款人之间的往来，无法判断是毛线球还是蒲公英",
    "The file does not show whether payers pay one another, so yarn ball or dandelion cannot be told",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Relations:
    """`circular[i]`: row i of the bill came back to its payer.  `shapes` by account; others cannot be seen."""

    circular: npt.NDArray[np.bool_]
    shapes: Mapping[int, Shape] = field(default_factory=dict)

    def shape(self, account: int) -> Shape:
        return self.shapes.get(account, UNSEEN)


def relations(bill: Bill, who: Accounts) -> Relations:
    return Relations(np.zeros(len(bill.fen), bool))
