"""How unlike the other accounts of its month an account is, as two columns of every snapshot.

The reference of a snapshot is the snapshot itself: accounts with five payers or more in its shortest window.  So the columns need nothing but the
boundary, and `rank` (the share of these accounts that are less odd) cannot drift when the whole market moves.
Only columns told from payments alone go in, none that was made from rings: oddness is to find what rings do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core import Frame
from dandelion.graph.anomaly import AnomalyModel
from dandelion.graph.relation_rules import AnomalyRules, relation_rules

Doubles = npt.NDArray[np.float64]
LEFT_OUT = ("graph.ring/", "graph.risk/", "graph.received/", "graph.circular/", "graph.near/", "graph.supply/")


@dataclass(frozen=True, slots=True)
class Oddness:
    """One value per account; NaN where it has fewer than five payers or too few such accounts are there to compare with."""

    score: Doubles  # 0.5 is ordinary, towards 1 is odd
    rank: Doubles  # share of the accounts that are less odd


def oddness(frame: Frame, window: str, people_min: int, rules: AnomalyRules | None = None) -> Oddness:
    """Of every row of a snapshot's frame, by its columns of one window ("90d")."""
    rules = relation_rules().anomaly if rules is None else rules
    score, rank = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
    rows = np.flatnonzero(frame[f"graph.payers/{window}/count"] >= people_min)
    names = odd_columns(frame, window)
    crowd = frame.take(rows)
    if len(rows) < rules.rows_min or not _varies(crowd, names):
        return Oddness(score, rank)
    model = AnomalyModel(crowd, names, rules=rules)
    score[rows] = model.look(crowd).score
    rank[rows] = np.searchsorted(model.scores, score[rows], side="left") / len(rows)
    return Oddness(score, rank)


def odd_columns(frame: Frame, window: str) -> tuple[str, ...]:
    """Columns that oddness looks at: counts and shares of the window, told from payments alone."""
    return tuple(
        name for name in frame.names
        if f"/{window}/" in name and frame.catalogue[name].data_kinds == ("payments",) and frame.catalogue[name].unit != "fen"
        and not name.startswith(LEFT_OUT)
    )  # fmt: skip


def _varies(frame: Frame, names: tuple[str, ...]) -> bool:
    values = frame.select(list(names)).values
    return bool((np.nanmax(values, axis=0, initial=-np.inf) > np.nanmin(values, axis=0, initial=np.inf)).any())
