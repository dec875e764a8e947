"""Which strategies meet each row, live and in shadow, as bits; worked out once for as long as no date passes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dandelion.policy.book import Book
from dandelion.policy.rulings.effects import packed
from dandelion.policy.rulings.kernel import Bits


@dataclass(frozen=True, slots=True)
class Met:
    """`live` and `shadow` are (rows or 1, words) of deciding strategies; they hold from `from_us` until `until_us`."""

    live: Bits
    shadow: Bits
    from_us: int
    until_us: int


@dataclass(frozen=True)
class Meetings:
    """Of one book and product.  Where no strategy is for a part of the subjects, all rows meet the same ones."""

    book: Book
    product: str
    _last: list[Met] = field(default_factory=list, init=False, compare=False, repr=False)

    def of(self, entities: Sequence[str], tenant: str, as_of: int) -> Met:
        """What `entities` meet at that moment."""
        if self.book.roster(self.product).picked:
            return self._met(entities, tenant, as_of)
        last = self._last[0] if self._last else None
        if last is None or not last.from_us <= as_of < last.until_us:
            last = self._met(("",), tenant, as_of)
            self._last[:] = [last]
        return last

    def arms(self, entities: Sequence[str], tenant: str) -> list[bytes]:
        """The JSON of each row's arm, or of the one that all share."""

        def said(arm: tuple[str, int]) -> bytes:
            whole = {"bucket_ppm": arm[1], "experiment": self.book.experiment, "name": arm[0]}
            return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

        if not self.book.arms:
            return [said(("", 0))]
        return [said(self.book.arm(tenant, entity)) for entity in entities]

    def _met(self, entities: Sequence[str], tenant: str, as_of: int) -> Met:
        roster = self.book.roster(self.product)
        met = [self.book.meeting(self.product, as_of, tenant, entity) for entity in entities]
        live, shadow = (
            np.stack([pair[k].mask for pair in met]) & roster.deciding
            if met
            else np.zeros((1, len(roster.strategies)), bool)
            for k in (0, 1)
        )
        dates = np.concatenate([roster.from_us, roster.to_us])
        return Met(
            packed(live), packed(shadow),
            int(dates[dates <= as_of].max(initial=np.iinfo(np.int64).min)),
            int(dates[dates > as_of].min(initial=np.iinfo(np.int64).max)),
        )  # fmt: skip
