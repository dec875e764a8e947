"""`LiveGraph`: counters of every account, exact after every payment, so that a question about one is an array read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.graph.flow import live_kernel as kernel
from dandelion.graph.flow.clustering import Bools, Kinds
from dandelion.graph.flow.oriented import ACCOUNTS_MAX, Ids, as_ids

NEVER = np.iinfo(np.int64).max
_SIZES = 40


@dataclass(frozen=True, slots=True)
class AccountFlow:
    """What the graph knows of one account right now.  Shares are NaN where nobody could be counted.

    `clustering`: share of the pairs it deals with that deal with each other; `payer_ties`: the same among its payers, as
    far as neither is a shop and the account's neighbours of the first pass are left out; instants are UTC microseconds.
    """

    degree: int
    payers: int
    payees: int
    mutual: int  # accounts that it both paid and was paid by
    triangles: int
    calm_triangles: int  # whose other two are no shops
    payer_ties: int  # of these, both others pay the account
    clustering: float
    receipts: int
    received_fen: int
    paid_fen: int
    first_at: int | None  # of receipts
    last_at: int | None


class LiveGraph:
    """One writer; anybody may read.  `shop` are the accounts that the last full pass took for shops; counters that leave
    shops out do so by these flags, and they change only when the graph is built anew.

    >>> graph = LiveGraph(4)
    >>> graph.absorb([0, 1, 2, 0], [1, 2, 0, 1])
    >>> graph.account(1).triangles, graph.account(1).payers
    (1, 1)
    """

    def __init__(self, accounts: int, *, shop: Bools | None = None) -> None:
        if not 0 <= accounts < ACCOUNTS_MAX:
            raise BadInput(f"accounts is {accounts:,}; give 0 to {ACCOUNTS_MAX - 1:,}", field="accounts")
        self._book = np.zeros((accounts, kernel.COLUMNS), np.uint32)
        if shop is not None:
            if len(shop) != accounts:
                raise BadInput(f"shop has {len(shop):,} entries for {accounts:,} accounts", field="shop")
            self._book[:, kernel.SHOP] = shop
        self._pool = np.empty(1 << 16, np.uint32)
        self._ends = np.zeros(2 * _SIZES + 1, np.int64)
        self._free = np.full(_SIZES, -1, np.int64)
        self._stamp = np.zeros(kernel.SLOTS, np.uint8)
        self._money = np.zeros((3, accounts), np.int64)  # received, paid, receipts
        self._when = np.stack([np.full(accounts, NEVER), np.full(accounts, -NEVER)])

    def __len__(self) -> int:
        return len(self._book)

    def make_room(self, accounts: int) -> None:
        """Room for accounts up to this number; those that are there stay as they are."""
        more = accounts - len(self)
        if accounts >= ACCOUNTS_MAX:
            raise BadInput(f"accounts is {accounts:,}; give 0 to {ACCOUNTS_MAX - 1:,}", field="accounts")
        if more > 0:
            self._book = np.concatenate([self._book, np.zeros((more, kernel.COLUMNS), np.uint32)])
            self._money = np.concatenate([self._money, np.zeros((3, more), np.int64)], axis=1)
            fresh = np.stack([np.full(more, NEVER), np.full(more, -NEVER)])
            self._when = np.concatenate([self._when, fresh], axis=1)

    def absorb(self, payer: npt.ArrayLike, payee: npt.ArrayLike, fen: npt.ArrayLike | None = None,
               at: npt.ArrayLike | None = None) -> None:  # fmt: skip
        """Take payments in any order; repeats add money and no tie, payments to oneself nothing.

        `fen` and `at` come together or not at all.  Errors (BadInput), before anything is taken: lengths that differ, an
        account that there is no room for, an amount of zero or less.
        """
        a, b = as_ids(payer, "payer"), as_ids(payee, "payee")
        if len(a) != len(b):
            raise BadInput(f"{len(a):,} payers and {len(b):,} payees; give one of each per payment", field="payee")
        for field, ids in (("payer", a), ("payee", b)):
            if len(ids) and int(ids.max()) >= len(self):
                raise BadInput(f"{field} {int(ids.max()):,} is unknown: there are {len(self):,} accounts; "
                               f"make_room for it first", field=field)  # fmt: skip
        money = _money(fen, at, len(a))
        done = 0
        while (done := kernel.absorb(a, b, done, self._book, self._pool, self._ends, self._free, self._stamp)) < len(a):
            self._pool.resize(len(self._pool) * 3 // 2 + 2 * self._need(a[done], b[done]), refcheck=False)
        if money is not None:
            kernel.add_money(a, b, *money, self._money[0], self._money[1], self._money[2], self._when[0], self._when[1])

    def _need(self, a: int, b: int) -> int:
        return int(4 * max(kernel.SLAB, self._book[a, kernel.ROOM], self._book[b, kernel.ROOM]))

    @property
    def degree(self) -> Ids:
        """Different accounts dealt with, of every account (a view that changes as payments come)."""
        return self._book[:, kernel.DEGREE]

    @property
    def payers(self) -> Ids:
        return self._book[:, kernel.PAYERS]

    @property
    def payees(self) -> Ids:
        return self._book[:, kernel.PAYEES]

    @property
    def mutual(self) -> Ids:
        return self._book[:, kernel.MUTUAL]

    @property
    def triangles(self) -> Kinds:
        """As `triangles_by_kind` of the same payments and shops."""
        return Kinds(*(self._book[:, k].astype(np.int64) for k in (kernel.ALL, kernel.CALM, kernel.PAYER_TIES)))

    @property
    def bytes_held(self) -> int:
        return self._book.nbytes + int(self._ends[0]) * 4 + self._money.nbytes + self._when.nbytes

    def account(self, account: int) -> AccountFlow:
        """Errors (BadInput): an account that there is no room for."""
        if not 0 <= account < len(self):
            raise BadInput(f"account {account:,} is unknown: there are {len(self):,} accounts", field="account")
        row = self._book[account].tolist()
        degree, triangles = row[kernel.DEGREE], row[kernel.ALL]
        receipts = int(self._money[2, account])
        return AccountFlow(
            degree, row[kernel.PAYERS], row[kernel.PAYEES], row[kernel.MUTUAL], triangles, row[kernel.CALM],
            row[kernel.PAYER_TIES], 2 * triangles / (degree * (degree - 1)) if degree > 1 else float("nan"),
            receipts, int(self._money[0, account]), int(self._money[1, account]),
            int(self._when[0, account]) if receipts else None, int(self._when[1, account]) if receipts else None,
        )  # fmt: skip

    def neighbours(self, account: int) -> tuple[Ids, npt.NDArray[np.uint8]]:
        """(accounts ascending, bits: 1 where it paid them, 2 where they paid it)."""
        place, room, degree = (int(self._book[account, c]) for c in (kernel.PLACE, kernel.ROOM, kernel.DEGREE))
        place *= kernel.UNIT
        held = self._pool[place : place + (degree if room <= kernel.LIST else room)]
        held = np.sort(held[held != kernel.EMPTY])
        return held >> np.uint32(2), (held & np.uint32(3)).astype(np.uint8)


def _money(fen: npt.ArrayLike | None, at: npt.ArrayLike | None, length: int) -> tuple[Ints, Ints] | None:
    if fen is None and at is None:
        return None
    if fen is None or at is None:
        raise BadInput("fen and at come together; give both or neither", field="fen" if fen is None else "at")
    amounts, moments = np.asarray(fen, np.int64), np.asarray(at, np.int64)
    for field, values in (("fen", amounts), ("at", moments)):
        if len(values) != length:
            raise BadInput(f"{len(values):,} values of {field} for {length:,} payments", field=field)
    if length and int(amounts.min()) <= 0:
        raise BadInput(f"payment amount_fen is {int(amounts.min())}; give whole fen above zero", field="amount_fen")
    return amounts, moments
