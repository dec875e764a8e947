"""Benefit: who ends up with the money.  Shares multiplied along chains and summed over them, cycles included.

Integrated ownership (Brioschi, Buzzacchi and Colombo 1989): with A[i, j] the share of j that i holds, V = (I - A)^-1 sums
all chains; one column of it is one sparse solve.  For a holder that is itself held in a cycle, chains that pass through
the holder again are left out (Baldone, Brioschi and Paleari 1998): the share is V[i, j] / V[i, i].

Firms that hold each other whole (a 100 % cycle) have no outside owner and make I - A singular; they are found first and
named, and what flows into them stays there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.graph.ownership.holdings import Holdings
from dandelion.graph.ownership.statements import PPM
from dandelion.graph.parts import cyclic_parts

PPB = 1_000_000_000
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Benefit:
    """Who benefits of one firm, in parts per thousand million, largest first.

    Parties with nobody behind them, `undisclosed` and `stuck` together make the whole (to rounding).
    """

    firm: str
    shares_ppb: tuple[tuple[str, int], ...]  # everybody above the firm, firms in between too
    last: frozenset[str]  # those of them with nobody behind them
    undisclosed_ppb: int
    stuck_ppb: int  # flows into firms that hold each other whole
    closed_cycles: tuple[tuple[str, ...], ...]


def benefit(held: Holdings, firm: str) -> Benefit:
    """Errors: NotFound, BadInput as :meth:`Holdings.sound`; BadInput where `firm` is itself part of a 100 % cycle."""
    number = held.sound(firm)
    part = _Above(held, [number])
    for cycle in part.closed:
        if number in cycle:
            names = ", ".join(held.parties[one] for one in cycle)
            whole = "hold each other whole" if len(cycle) > 1 else "holds itself whole"
            raise BadInput(f"{names} {whole}, so nobody outside owns {firm}; check these holdings, one of "
                           "them must be too high", field="firm")  # fmt: skip
    column = part.column(number)
    undisclosed, stuck = part.leaks(number, column)
    shares = part.shares(number, column)
    return Benefit(
        firm, tuple((held.parties[i], ppb) for i, ppb in sorted(shares.items(), key=lambda s: (-s[1], s[0])) if ppb),
        frozenset(held.parties[i] for i in shares if held.firm_starts[i] == held.firm_starts[i + 1]),
        round(undisclosed * PPB), round(stuck * PPB),
        tuple(tuple(held.parties[one] for one in cycle) for cycle in part.closed),
    )  # fmt: skip


def integrated(held: Holdings, firms: Sequence[int]) -> list[dict[int, float]]:
    """Per firm: share of every party above it, from one factorisation.  Members of 100 % cycles own nothing outside."""
    part = _Above(held, firms)
    out = []
    for firm in firms:
        column = part.column(firm)
        out.append({i: float(value) for i, value in part.raw_shares(firm, column).items()})
    return out


def _solver(holder: Ints, firm: Ints, ppm: Ints, size: int) -> Callable[[Doubles], Doubles]:
    """What solves (I - shares) x = b.  SciPy is loaded when first asked: most commands never ask."""
    from scipy.sparse import csc_matrix, identity
    from scipy.sparse.linalg import splu

    shares = csc_matrix((ppm / PPM, (holder, firm)), shape=(size, size))
    return splu(csc_matrix(identity(size, format="csc") - shares)).solve


class _Above:
    """The matrix over the firms asked for and everybody behind them."""

    def __init__(self, held: Holdings, firms: Sequence[int]) -> None:
        self.held = held
        self.nodes = np.array(held.above(firms), np.int64)
        self.row = {node: i for i, node in enumerate(self.nodes.tolist())}
        inside = np.zeros(len(held.parties), np.bool_)
        inside[self.nodes] = True
        rows = np.flatnonzero(inside[held.firm])
        self.holder = np.searchsorted(self.nodes, held.holder[rows])
        self.firm = np.searchsorted(self.nodes, held.firm[rows])
        self.ppm = held.share_ppm[rows]
        size = len(self.nodes)
        positive = self.ppm > 0
        self.strong = cyclic_parts(self.holder[positive], self.firm[positive], size)
        self.closed = self._closed()
        kept = ~np.isin(self.nodes[self.firm], [one for cycle in self.closed for one in cycle])
        self.solve = _solver(self.holder[kept], self.firm[kept], self.ppm[kept], size)
        self.cyclic = self._cyclic()
        self.diagonal: dict[int, float] = {}

    def _closed(self) -> list[tuple[int, ...]]:
        """Groups of firms that hold each other whole: no share leaves the group, disclosed or not."""
        within = self.strong[self.holder] == self.strong[self.firm]
        kept = np.bincount(self.firm[within], self.ppm[within], len(self.nodes)).astype(np.int64)
        open_ = np.bincount(self.strong, kept < PPM) > 0
        groups = np.flatnonzero(~open_)
        return [tuple(self.nodes[self.strong == group].tolist()) for group in groups.tolist()]

    def _cyclic(self) -> Ints:
        """Rows that stand in a cycle, or hold themselves."""
        size = np.bincount(self.strong)[self.strong]
        size[self.holder[(self.holder == self.firm) & (self.ppm > 0)]] = 2
        return np.flatnonzero(size > 1)

    def column(self, firm: int) -> Doubles:
        """V[:, firm]: the sum over all chains from every node to the firm."""
        unit = np.zeros(len(self.nodes))
        unit[self.row[firm]] = 1.0
        return np.asarray(self.solve(unit))

    def raw_shares(self, firm: int, column: Doubles) -> dict[int, float]:
        once = column.copy()
        for i in self.cyclic[column[self.cyclic] > 0].tolist():
            if i not in self.diagonal:
                self.diagonal[i] = float(self.column(int(self.nodes[i]))[i])
            once[i] /= self.diagonal[i]
        some = np.flatnonzero(once > 0)
        out = dict(zip(self.nodes[some].tolist(), once[some].tolist(), strict=True))
        del out[firm]
        return out

    def shares(self, firm: int, column: Doubles) -> dict[int, int]:
        return {node: round(share * PPB) for node, share in self.raw_shares(firm, column).items()}

    def leaks(self, firm: int, column: Doubles) -> tuple[float, float]:
        """(undisclosed, stuck in 100 % cycles) share of the column's firm.  Of a firm without any holder all is
        undisclosed; a company behind it of which nothing more is told counts as a holder instead."""
        stuck = np.isin(self.nodes, [one for cycle in self.closed for one in cycle])
        traced = (np.diff(self.held.firm_starts)[self.nodes] > 0) | (self.nodes == firm)
        open_ppm = np.where(traced & ~stuck, PPM - self.held.held_ppm[self.nodes], 0)
        return float(column @ open_ppm) / PPM, float(column[stuck].sum())
