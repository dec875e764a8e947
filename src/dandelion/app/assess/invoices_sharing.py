"""Firms whose invoice books overlap: the same side, number, day and total in two firms' books.

Partner codes differ between groups of an export, so they take no part.  Over half of the smaller book shared means that
the two are one borrower for every purpose here: they stay in one fold, and get one line between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from dandelion.app.assess.invoices_settings import Cleaning
from dandelion.core import PPM


@dataclass(frozen=True, slots=True)
class SharedPair:
    """Firms `one` < `other` (indices); `share_ppm` of the smaller book, `jaccard_ppm` of both together."""

    one: int
    other: int
    shared: int
    book_one: int
    book_other: int

    @property
    def share_ppm(self) -> int:
        return self.shared * PPM // min(self.book_one, self.book_other)

    @property
    def jaccard_ppm(self) -> int:
        return self.shared * PPM // (self.book_one + self.book_other - self.shared)


@dataclass(frozen=True, slots=True)
class MirrorPair:
    """Invoices that stand as a sale in one book and as a purchase in another (or in the same: `seller == buyer`)."""

    seller: int
    buyer: int
    invoices: int


@dataclass(frozen=True, slots=True)
class Sharing:
    """`group[i]` is the least firm index of firm i's connected group; a firm alone is its own group."""

    pairs: tuple[SharedPair, ...]
    below_half: int
    mirrors: tuple[MirrorPair, ...]
    group: npt.NDArray[np.int64]


def find_sharing(db: duckdb.DuckDBPyConnection, firms: int, rules: Cleaning) -> Sharing:
    """Reads the table `invoice` (zero totals left out, they carry no content)."""
    db.execute(
        """
        create or replace table content as
        select distinct firm, sale, hash(sale, number, day, total_fen) as key, hash(number, day, total_fen) as both
        from invoice where total_fen <> 0
        """
    )
    rows = db.execute(
        """
        with book as (select firm, count(distinct key) as size from content group by firm),
        pair as (select a.firm as one, b.firm as other, count(*) as shared
                 from content a join content b on a.key = b.key and a.firm < b.firm group by a.firm, b.firm)
        select one, other, shared, x.size as book_one, y.size as book_other
        from pair join book x on x.firm = one join book y on y.firm = other
        order by shared / least(x.size, y.size) desc, one, other
        """
    ).fetchnumpy()
    pairs = [
        SharedPair(*(int(rows[name][i]) for name in ("one", "other", "shared", "book_one", "book_other")))
        for i in range(len(rows["one"]))
    ]
    flagged = tuple(
        p for p in pairs if p.shared >= rules.shared_invoices_min and p.share_ppm > rules.shared_share_min_ppm
    )
    mirrors = _mirrors(db, rules.mirror_invoices_min)
    db.execute("drop table content")
    return Sharing(flagged, len(pairs) - len(flagged), mirrors, connected(firms, [(p.one, p.other) for p in flagged]))


def _mirrors(db: duckdb.DuckDBPyConnection, least: int) -> tuple[MirrorPair, ...]:
    rows = db.execute(
        """
        select s.firm as seller, b.firm as buyer, count(*) as invoices
        from content s join content b on s.both = b.both and s.sale and not b.sale
        group by s.firm, b.firm having count(*) >= ? order by invoices desc, seller, buyer
        """,
        [least],
    ).fetchnumpy()
    columns = (rows["seller"].tolist(), rows["buyer"].tolist(), rows["invoices"].tolist())
    return tuple(MirrorPair(*row) for row in zip(*columns, strict=True))


def connected(firms: int, ties: list[tuple[int, int]]) -> npt.NDArray[np.int64]:
    """Least index of each connected component.

    >>> connected(4, [(3, 1)]).tolist()
    [0, 1, 2, 1]
    """
    parent = list(range(firms))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for a, b in ties:
        a, b = root(a), root(b)
        parent[max(a, b)] = min(a, b)
    return np.array([root(i) for i in range(firms)], np.int64)
