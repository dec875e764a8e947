"""The portrait of an account: some sixty numbers that tell a business from a private person, in whatever file it lies.

Every column is a share, a ratio, or the logarithm of a count, and amounts are measured against the file's own median, so
that files of another size, period, currency scale or clock look alike.  Accounts' ids and the order of rows play no part.
NaN where there is nothing to measure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core.frame import Ints
from dandelion.graph.edges import Edges
from dandelion.graph.payments import Payments
from dandelion.graph.portrait_amounts import amounts
from dandelion.graph.portrait_flow import flows
from dandelion.graph.portrait_purse import purse
from dandelion.graph.portrait_scene import Scene
from dandelion.graph.portrait_ties import ties
from dandelion.graph.portrait_times import times
from dandelion.graph.rules import Rules

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Portrait:
    """`values` (accounts, columns) float32 beside `names`; `payers` of each account, as many as are aggregated over."""

    names: tuple[str, ...]
    values: Floats
    payers: Ints

    def column(self, name: str) -> Floats:
        return np.asarray(self.values[:, self.names.index(name)])


def portray(payments: Payments, rules: Rules, tz: str) -> Portrait:
    """Every account of `payments`, in the order of `payments.accounts`."""
    return portray_edges(Edges.of(payments), rules, tz)


def portray_edges(edges: Edges, rules: Rules, tz: str) -> Portrait:
    """The same from payments already summed up."""
    scene = Scene.of(edges, rules.dandelion, tz)
    found = ties(scene) | amounts(scene) | times(scene) | flows(scene) | purse(scene)
    values = np.stack([np.asarray(column, np.float32) for column in found.values()], axis=1)
    values[~np.isfinite(values)] = np.nan
    return Portrait(tuple(found), np.ascontiguousarray(values), scene.payers)
