"""`RulingEngine`: one book, one panel of models, ready to rule on rows; immutable, so that a new one replaces it whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dandelion import __version__
from dandelion.core import BadInput, canonical, content_hash
from dandelion.core.frame import Floats, Ints
from dandelion.models import Panel
from dandelion.policy.book import Book
from dandelion.policy.engine import TRUE, UNKNOWN
from dandelion.policy.roster import Roster
from dandelion.policy.rulings import kernel
from dandelion.policy.rulings.effects import Effects
from dandelion.policy.rulings.kernel import Bits
from dandelion.policy.rulings.layout import Layout
from dandelion.policy.rulings.meetings import Meetings
from dandelion.policy.rulings.records import Heading, Records, Ruled, write

ALONE_MAX = 8  # rows up to which each is quicker alone than in a tile


@dataclass(frozen=True)
class RulingEngine:
    """Every strategy of `product` and every model of `panel` on each row.  `scores` are the models' names, in order."""

    book: Book
    product: str
    panel: Panel
    scores: tuple[str, ...]
    layout: Layout
    lists_hash: str
    code: str = field(default=__version__)
    _headings: dict[str, Heading] = field(default_factory=dict, init=False, compare=False, repr=False)

    @classmethod
    def of(
        cls, book: Book, product: str, panel: Panel, scores: Sequence[str], *, definitions: Mapping[str, str],
        lists_hash: str = "", code: str = __version__, given: Sequence[str] = (),
    ) -> RulingEngine:  # fmt: skip
        """`scores` names the models of `panel` in its order, each once; the one called ``pd`` is the PD.

        `definitions` are the hashes that columns have now; rows begin with the columns `given`.  Errors: BadInput.
        """
        if len(scores) != len(panel.models) or len(set(scores)) != len(scores):
            raise BadInput(f"{len(panel.models)} models need as many names, each once", field="scores")
        layout = Layout.of(book, product, panel, scores, definitions, given)
        return cls(book, product, panel, tuple(scores), layout, lists_hash, code)

    @property
    def columns(self) -> tuple[str, ...]:
        """What a row is given by, in its order."""
        return self.layout.columns

    @property
    def roster(self) -> Roster:
        return self.book.roster(self.product)

    @cached_property
    def models_hash(self) -> str:
        """Names the models and what each is called."""
        return content_hash(canonical(self.models_named))

    @property
    def models_named(self) -> list[list[str]]:
        return [[name, model.hash] for name, model in zip(self.scores, self.panel.models, strict=True)]

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Hashes of everything that rules."""
        return {
            "book": self.book.hash, "code": self.code, "layout": self.layout.hash, "lists": self.lists_hash,
            "models": self.models_hash,
        }  # fmt: skip

    def rule(self, values: Floats, entities: Sequence[str], *, tenant: str, as_of: int) -> Records:
        """A record for each row of `values` (rows, columns) float32, NaN for missing; the same bytes alone or in a batch.

        Errors: BadInput for rows of another width, or as many entities not given.
        """
        values, scores = self.scored(values, entities)
        ruled = self.judged(values, scores, entities, tenant=tenant, as_of=as_of)
        return self.written(ruled, entities, tenant=tenant, as_of=as_of)

    def scored(self, values: Floats, entities: Sequence[str]) -> tuple[Floats, Ints]:
        """The rows as kernels want them, and (rows, models) scores in ppm.  Errors: BadInput."""
        values = self.layout.checked(values)
        if len(entities) != len(values):
            raise BadInput(f"{len(values)} rows, but {len(entities)} entities", field="entities")
        return values, self.panel.score_of(self._of_models(values))

    def judged(self, values: Floats, scores: Ints, entities: Sequence[str], *, tenant: str, as_of: int) -> Ruled:
        """What the strategies that meet each row say of it."""
        fired, perhaps = self._truths(self.layout.wide(values, scores))
        met = self._meetings.of(entities, tenant, as_of)
        rows = len(values)
        pd = scores[:, self.scores.index("pd")] if "pd" in self.scores else np.full(rows, -1, np.int64)
        effects = self._effects
        ruled = Ruled(
            values, scores, np.ascontiguousarray(pd), fired, perhaps, met.live, met.shadow, np.empty(rows, np.uint8),
            np.empty((rows, 4), np.int64), np.empty((rows, 5), np.int32), np.empty(rows, np.uint64),
        )  # fmt: skip
        kernel.rule_rows(
            fired, met.live, effects.masks, effects.amount, effects.reason, effects.label, ruled.outcome, ruled.effects,
            ruled.reasons, ruled.evidence,
        )  # fmt: skip
        return ruled

    def written(
        self, ruled: Ruled, entities: Sequence[str], *, tenant: str, as_of: int, rollout: Sequence[bytes] = (b"",)
    ) -> Records:
        """The records of what was judged; `rollout` is put into each, or one text into all."""
        heading = self._headings.get(tenant)
        if heading is None:
            heading = self._headings[tenant] = Heading.of(tenant, self.product, self.names)
        return write(
            heading, as_of, ruled, self._effects, entities, self._meetings.arms(entities, tenant),
            self.roster.strategies, self.book.hash, rollout,
        )  # fmt: skip

    def _of_models(self, values: Floats) -> Floats:
        columns = self.layout.model_columns
        out = np.empty((len(values), len(columns)), np.float32)
        kernel.gather(values, columns, out)
        return out

    @cached_property
    def _effects(self) -> Effects:
        return Effects.of(self.roster)

    def _truths(self, wide: Floats) -> tuple[Bits, Bits]:
        """(rows, words) where each strategy is true, and where it is not false."""
        engine = self.roster.engine
        shape = (len(wide), -(-len(engine.circuit.roots) // 64))
        fired, perhaps = np.empty(shape, np.uint64), np.empty(shape, np.uint64)
        if len(wide) <= ALONE_MAX:
            codes = [engine.one(row) for row in wide.take(self._own, axis=1)]
            kernel.by_code(np.array(codes, np.uint8).reshape(len(wide), -1), TRUE, UNKNOWN, fired, perhaps)
            return fired, perhaps
        kernel.by_row(engine.fired(wide, self._aliases).words, len(wide), fired)
        kernel.by_row(engine.not_false(wide, self._aliases).words, len(wide), perhaps)
        return fired, perhaps

    @cached_property
    def _aliases(self) -> tuple[str, ...]:
        """Names of the wide row; columns that only models read get one that no strategy has."""
        used = (
            self.layout.aliases if self.layout.filled or self.layout.again else self.layout.aliases[: len(self.columns)]
        )
        return tuple(alias or f"\0{j}" for j, alias in enumerate(used))

    @cached_property
    def _own(self) -> npt.NDArray[np.int64]:
        at = {alias: j for j, alias in enumerate(self._aliases)}
        return np.array([at[alias] for alias in self.roster.engine.columns], np.int64)

    @cached_property
    def _meetings(self) -> Meetings:
        return Meetings(self.book, self.product)

    @property
    def books(self) -> tuple[Book, ...]:
        """Every book that may rule."""
        return (self.book,)
