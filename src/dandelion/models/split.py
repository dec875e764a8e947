"""Time split: fit, validation, calibration, out-of-time; and the embargo between the past and what is reported.

A row may only train a model if its label had matured when the out-of-time period began: that is what a lender would
have known on that day.  No group stands on both sides: groups that straddle the cut go to one side by a stable hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.models.dataset import Dataset
from dandelion.models.spec import SplitSpec

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of the matured data set: disjoint, and disjoint by group between out-of-time and the rest.

    `dev` is `fit` and `validation` together.  `embargoed` had no matured label when the out-of-time period began;
    `straddling` rows belong to groups that ended on the other side.
    """

    by: str
    fit: Rows
    validation: Rows
    calibration: Rows
    oot: Rows
    embargoed: int
    straddling: int
    oot_from: int

    @property
    def dev(self) -> Rows:
        return np.sort(np.concatenate([self.fit, self.validation]))

    def as_json(self) -> dict[str, int | str]:
        return {
            "by": self.by, "fit": len(self.fit), "validation": len(self.validation),
            "calibration": len(self.calibration), "out_of_time": len(self.oot), "embargoed": self.embargoed,
            "straddling": self.straddling, "out_of_time_from": self.oot_from,
        }  # fmt: skip


def time_split(dataset: Dataset, spec: SplitSpec) -> Split:
    """Split the rows of `dataset` (all matured).  Raises BadInput where a part would hold too few bads or goods."""
    if (dataset.label < 0).any():
        raise BadInput("the data set holds immature rows; call matured() first", field="label")
    split = _by_group(dataset, spec) if spec.by == "group" else _by_time(dataset, spec)
    for name in ("fit", "validation", "calibration", "oot"):
        bads = int((dataset.label[getattr(split, name)] == 1).sum())
        goods = len(getattr(split, name)) - bads
        if min(bads, goods) < spec.bads_per_part_min:
            raise BadInput(
                f"the {name} part has {bads} bads and {goods} goods, {spec.bads_per_part_min} of each are needed; "
                "bring more matured rows, change split.*_share, or use repeated_cv",
                field=f"split.{name}",
            )
    return split


def hash_share(groups: npt.NDArray[np.object_], salt: str) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each group: always the same for the same text and salt."""
    unique, at = np.unique(groups.astype(str), return_inverse=True)
    drawn = [int.from_bytes(hashlib.blake2b(f"{salt}\x1f{g}".encode(), digest_size=7).digest()) for g in unique]
    return (np.array(drawn, np.float64) / 2.0**56)[at]


def _by_time(dataset: Dataset, spec: SplitSpec) -> Split:
    at = dataset.observed_at
    if at.min() == at.max():
        raise BadInput(
            "every row has the same observed_at, so time cannot split them; set split.by to group", field="observed_at"
        )
    cut = _cut(at, spec.oot_share)
    late = at >= cut
    embargoed = ~late & (dataset.matured_at > cut)
    early = ~late & ~embargoed
    both = np.intersect1d(dataset.group[early].astype(str), dataset.group[late].astype(str))
    straddles = np.isin(dataset.group.astype(str), both)
    goes_late = hash_share(dataset.group, "straddle") < 0.5
    oot = late & (~straddles | goes_late)
    past = early & (~straddles | ~goes_late)
    dropped = int((straddles & (early | late) & ~(oot | past)).sum())
    dev, calibration = _latest_groups(dataset, np.flatnonzero(past), spec.calibration_share)
    fit, validation = _latest_groups(dataset, dev, spec.validation_share)
    return Split("time", fit, validation, calibration, np.flatnonzero(oot), int(embargoed.sum()), dropped, int(cut))


def _by_group(dataset: Dataset, spec: SplitSpec) -> Split:
    share = hash_share(dataset.group, "split")
    rest = 1 - spec.oot_share
    dev = rest * (1 - spec.calibration_share)
    fit = dev * (1 - spec.validation_share)
    parts = [np.flatnonzero((share >= lo) & (share < hi)) for lo, hi in ((0, fit), (fit, dev), (dev, rest), (rest, 1))]
    return Split("group", parts[0], parts[1], parts[2], parts[3], 0, 0, int(dataset.observed_at.max()))


def _cut(at: npt.NDArray[np.int64], late_share: float) -> int:
    """The first instant of the latest `late_share` of rows; later than the earliest row."""
    ordered = np.sort(at)
    cut = int(ordered[int(len(ordered) * (1 - late_share))])
    return cut if cut > ordered[0] else int(ordered[np.searchsorted(ordered, cut, "right")])


def _latest_groups(dataset: Dataset, rows: Rows, late_share: float) -> tuple[Rows, Rows]:
    """(earlier, later) by each group's last row, so that no group is cut in two; ties fall by hash."""
    if len(rows) == 0:
        return rows, rows
    groups, at = np.unique(dataset.group[rows].astype(str), return_inverse=True)
    last = np.full(len(groups), np.iinfo(np.int64).min)
    np.maximum.at(last, at, dataset.observed_at[rows])
    order = np.lexsort((hash_share(groups.astype(object), "tie"), last))
    filled = np.cumsum(np.bincount(at, minlength=len(groups))[order])
    later = np.zeros(len(groups), bool)
    later[order[filled > len(rows) * (1 - late_share)]] = True
    return rows[~later[at]], rows[later[at]]
