"""`Dataset`: a Frame with labels and the times that make them honest.

Rows hold what was known at `frame.known_at` about events before `frame.as_of`; the credit was given at `observed_at`;
whether it went bad is only known from `matured_at`.  `drawn_at` is when the data set was drawn: a label that matured
later cannot exist yet.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput, Frame

IMMATURE = -1


@dataclass(frozen=True)
class Dataset:
    """n rows.  `label` is int8: 1 bad, 0 good, -1 not yet known.  Times are UTC microseconds, int64 (n,).

    `weight` (n,) float64 above zero, or None for ones; `groups` (n,) of text, or None for the entities themselves.
    `consent` holds the purposes for which every row's grants stand; it must name ``training`` and the purpose of every
    column.  `late_arrivals` says that events which arrived after `observed_at` were let in (a history loaded in bulk):
    it is refused unless stated, and stated on the card.

    Raises BadInput naming the first field and row that break the contract.
    """

    frame: Frame
    label: npt.NDArray[np.int8]
    observed_at: npt.NDArray[np.int64]
    matured_at: npt.NDArray[np.int64]
    drawn_at: int
    label_definition: str
    weight: npt.NDArray[np.float64] | None = None
    groups: npt.NDArray[np.object_] | None = None
    consent: frozenset[str] = field(default_factory=lambda: frozenset({"credit", "training"}))
    late_arrivals: bool = False

    def __post_init__(self) -> None:
        self._same_length()
        self._labels_matured()
        self._nothing_from_the_future()
        self._purposes_granted()

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def names(self) -> tuple[str, ...]:
        return self.frame.names

    @property
    def group(self) -> npt.NDArray[np.object_]:
        return self.frame.entity if self.groups is None else self.groups

    @property
    def bads(self) -> int:
        return int((self.label == 1).sum())

    def weights(self) -> npt.NDArray[np.float64]:
        return np.ones(len(self)) if self.weight is None else self.weight

    def take(self, rows: npt.ArrayLike) -> Dataset:
        """Rows by index or boolean mask."""
        at = np.asarray(rows)
        return replace(
            self, frame=self.frame.take(at), label=self.label[at], observed_at=self.observed_at[at],
            matured_at=self.matured_at[at], weight=None if self.weight is None else self.weight[at],
            groups=None if self.groups is None else self.groups[at],
        )  # fmt: skip

    def matured(self) -> Dataset:
        """Only the rows whose outcome is known."""
        return self.take(np.flatnonzero(self.label != IMMATURE))

    def without(self, columns: frozenset[str] | set[str]) -> Dataset:
        kept = [name for name in self.names if name not in columns]
        return replace(self, frame=self.frame.select(kept))

    def in_order(self) -> Dataset:
        """Rows in one canonical order, so that what is learnt does not hang on the order of the file."""
        if len(self) == 0:
            return self
        digest = _row_digests(self.frame.values)
        order = np.lexsort((self.label, digest, self.frame.as_of, self.observed_at, self.frame.entity.astype(str)))
        return self.take(order)

    def content_hash(self) -> str:
        """SHA-256 of columns, values, labels, times and weights in canonical row order."""
        ordered = self.in_order()
        digest = hashlib.sha256("\x1f".join((self.label_definition, *self.names)).encode())
        digest.update("\x1f".join(ordered.frame.entity.astype(str)).encode())
        for part in (
            ordered.frame.as_of, ordered.frame.known_at, ordered.observed_at, ordered.matured_at, ordered.label,
            ordered.weights(), np.where(np.isnan(ordered.frame.values), np.float32(np.nan), ordered.frame.values),
        ):  # fmt: skip
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    def _same_length(self) -> None:
        rows = len(self.frame)
        for name, kind in (("label", np.int8), ("observed_at", np.int64), ("matured_at", np.int64)):
            values = getattr(self, name)
            if values.shape != (rows,) or values.dtype != kind:
                raise BadInput(f"{name} must be {kind.__name__} with {rows} rows", field=name)
        for name in ("weight", "groups"):
            values = getattr(self, name)
            if values is not None and values.shape != (rows,):
                raise BadInput(f"{name} must have {rows} rows", field=name)
        if self.weight is not None and not (np.isfinite(self.weight) & (self.weight > 0)).all():
            raise BadInput("weight must be above zero and finite in every row", field="weight")
        if not np.isin(self.label, (-1, 0, 1)).all():
            raise BadInput("label may hold 1 (bad), 0 (good) and -1 (not yet known) only", field="label")

    def _labels_matured(self) -> None:
        early = (self.label != IMMATURE) & (self.matured_at > self.drawn_at)
        if early.any():
            row = int(np.flatnonzero(early)[0])
            raise BadInput(
                f"label of row {row} matures after the data was drawn; give it -1 until its window has passed",
                field="label",
            )
        if (self.matured_at <= self.observed_at).any():
            row = int(np.flatnonzero(self.matured_at <= self.observed_at)[0])
            raise BadInput(
                f"matured_at of row {row} is not after observed_at; the outcome needs its window", field="matured_at"
            )

    def _nothing_from_the_future(self) -> None:
        checks = [("as_of", self.frame.as_of)] + ([] if self.late_arrivals else [("known_at", self.frame.known_at)])
        for name, values in checks:
            late = values > self.observed_at
            if late.any():
                row = int(np.flatnonzero(late)[0])
                raise BadInput(
                    f"{name} of row {row} is after its observed_at; the columns would see past the decision", field=name
                )

    def _purposes_granted(self) -> None:
        if "training" not in self.consent:
            raise BadInput("these rows carry no consent for the purpose training", field="consent")
        for name in self.names:
            purpose = self.frame.catalogue[name].purpose
            if purpose not in self.consent:
                raise BadInput(f"column {name!r} needs the purpose {purpose!r}, which is not granted", field=name)


def _row_digests(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
    """One 64-bit mix of each row's bits: only a tie-break for sorting rows that share entity and time."""
    bits = np.where(np.isnan(values), np.float32(np.nan), values).view(np.uint32).astype(np.uint64)
    mixed = np.zeros(len(values), np.uint64)
    for j in range(bits.shape[1]):
        mixed = (mixed ^ bits[:, j]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed
