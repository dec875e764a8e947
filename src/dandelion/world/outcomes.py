"""`Outcomes`: what would have happened, had this line been given.  For benches, tests and the demo's judge only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dandelion.core import BadInput
from dandelion.world.almanac import BEYOND, Almanac
from dandelion.world.draws import Bools, Float32s, Ints
from dandelion.world.fate import Fates, end_of


class Realised(TypedDict):
    """Equal-length arrays: what was drawn, whether it went bad, and what it brought and cost, in fen and days."""

    drawn_fen: Ints
    bad: Bools
    loss_fen: Ints
    interest_fen: Ints
    max_dpd: Ints
    repaid_days: Ints


class Outcomes:
    """Counterfactual outcomes of a built world.

    `realise` uses the mechanism that made the past loan book; with the same `stream` two policies share their luck, and
    ``stream="book"`` shares the luck of the past book.  Errors: BadInput for a folder without truth or an unknown account.
    """

    def __init__(self, folder: Path) -> None:
        path = Path(folder) / "truth" / "outcomes.parquet"
        if not path.exists():
            raise BadInput(f"{path} is missing; build the world first and keep its truth folder", field="folder")
        about = json.loads((Path(folder) / "world.json").read_text())
        table = pq.read_table(path)
        self._fates = _fates(table, int(about["seed"]), bool(about["null"]), Almanac(int(about["months"])))
        self._accounts = np.array(table.column("account").to_pylist())
        self._order = np.argsort(self._accounts)

    @property
    def merchants(self) -> list[str]:
        """Accounts of all merchants, in row order."""
        return [str(account) for account in self._accounts]

    def realise(
        self, merchants: Sequence[str], at_us: npt.ArrayLike, limit_fen: npt.ArrayLike, rate_ppm: npt.ArrayLike,
        stream: str = "policy",
    ) -> Realised:  # fmt: skip
        """One drawdown per row of a line of `limit_fen` at `rate_ppm` a year, given at `at_us` (scalars broadcast)."""
        row = self._rows(merchants)
        count = len(row)
        at, limit, rate = (np.broadcast_to(np.asarray(v, np.int64), count) for v in (at_us, limit_fen, rate_ppm))
        if count and (limit.min() < 0 or rate.min() < 0):
            raise BadInput(
                "limit_fen and rate_ppm cannot be negative; decline by leaving the row out", field="limit_fen"
            )
        ends = end_of(self._fates, row, at, limit, rate, stream, np.zeros(count, np.int64))
        return Realised(
            drawn_fen=ends.drawn_fen, bad=ends.bad, loss_fen=ends.loss_fen, interest_fen=ends.interest_fen,
            max_dpd=ends.max_dpd, repaid_days=ends.repaid_days,
        )  # fmt: skip

    def _rows(self, merchants: Sequence[str]) -> Ints:
        asked = np.asarray(merchants, self._accounts.dtype if len(merchants) == 0 else None)
        place = np.searchsorted(self._accounts, asked, sorter=self._order)
        row = self._order[np.minimum(place, len(self._order) - 1)]
        wrong = np.flatnonzero(self._accounts[row] != asked)
        if len(wrong):
            raise BadInput(
                f"{asked[wrong[0]]!r} is not a merchant of this world; see truth/merchants", field="merchants"
            )
        return np.asarray(row, np.int64)


def fates_table(fates: Fates, accounts: pa.Array) -> pa.Table:
    """Columnar form of :class:`Fates` for the truth folder."""
    return pa.table({
        "account": accounts,
        "firm": fates.firm,
        "weakness": fates.weakness,
        "closes": fates.closes,
        "health": _lists(fates.health),
        "load": _lists(fates.load),
        "turnover_fen": _lists(fates.turnover_fen),
    })  # fmt: skip


def _lists(matrix: npt.NDArray[np.generic]) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), matrix.shape[1])


def _matrix(table: pa.Table, name: str, width: int) -> npt.NDArray[np.generic]:
    return np.asarray(table.column(name).combine_chunks().flatten().to_numpy()).reshape(-1, width)


def _fates(table: pa.Table, seed: int, null: bool, almanac: Almanac) -> Fates:
    def column(name: str) -> npt.NDArray[np.generic]:
        return np.asarray(table.column(name).to_numpy())

    health: Float32s = _matrix(table, "health", almanac.months + BEYOND).astype(np.float32)
    load: Float32s = _matrix(table, "load", almanac.months + BEYOND).astype(np.float32)
    return Fates(
        seed, null, almanac, column("firm").astype(bool), column("weakness").astype(np.float64),
        column("closes").astype(np.int64), health, load,
        _matrix(table, "turnover_fen", almanac.months).astype(np.int64),
    )  # fmt: skip
