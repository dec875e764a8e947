"""Learn: from a past loan book to registered, judged champions.  Point in time throughout, by the serving kernel.

Labels must have matured before the out-of-time cohort begins, so that nothing in training could not have been known
when that cohort was decided; the cohort itself is only judged.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dandelion.app import fund_flow
from dandelion.app.house import House
from dandelion.app.learning_columns import LearningColumns, load_learning_columns
from dandelion.app.policy_set import catalogue
from dandelion.app.sight import OWNER
from dandelion.core import DAY_US, PPM, BadInput, Frame, duration_us
from dandelion.indicators import Definitions, evaluate
from dandelion.indicators.declare import EVER
from dandelion.models import (
    Dataset,
    Forecast,
    ForecastCard,
    Model,
    ModelRef,
    RunRate,
    Spec,
    Thin,
    Trained,
    forecast_card,
    judge_forecast,
    train_forecast,
    train_pd,
    train_thin,
)
from dandelion.policy import Product
from dandelion.vault import PERSON_ROLES

Ints = npt.NDArray[np.int64]
LABEL = "bad: 90 or more days past due within 183 days of the drawdown"
WINDOW_DAYS = 183
COLUMNS = {
    "merchant": "text", "product": "text", "drawn_at": "timestamp", "limit_fen": "whole fen",
    "rate_ppm": "ppm", "amount_fen": "whole fen", "bad": "true, false or empty",
}  # fmt: skip
FORECAST_DAYS, FORECAST_COLUMNS = 180, 30
ENDLESS = 2**62
SHADOW = "in shadow: scored and kept beside every decision, deciding nothing"
SHORT_DEBT = (  # outside debt as last reported within 90 days: complete as soon as lenders report once a quarter
    "loan.outside/90d/balance_sum", "loan.outside/90d/monthly_due_sum", "loan.outside/90d/distinct_lenders",
    "loan.outside/90d/count", "loan.outside/90d/balance_max",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PastBook:
    """Drawdowns of one product, oldest first."""

    merchant: npt.NDArray[np.object_]
    drawn_at: Ints
    limit_fen: Ints
    rate_ppm: Ints
    bad: npt.NDArray[np.int8]  # 1, 0, or -1 where the label has not matured
    notch_ppm: Ints  # the randomised part of the limit, 1,000,000 where nothing was randomised

    def __len__(self) -> int:
        return len(self.merchant)

    def take(self, rows: npt.ArrayLike) -> PastBook:
        at = np.asarray(rows)
        return PastBook(
            self.merchant[at],
            self.drawn_at[at],
            self.limit_fen[at],
            self.rate_ppm[at],
            self.bad[at],
            self.notch_ppm[at],
        )


def read_book(file: Path, product: str) -> PastBook:
    """The drawdowns of `product` in a Parquet loan book.  Errors: BadInput naming the column."""
    table = pq.read_table(file)
    for name, what in COLUMNS.items():
        if name not in table.column_names:
            raise BadInput(f"{file.name} lacks column {name!r} ({what})", field=name)
    table = table.filter(pc.equal(table.column("product"), product)).sort_by(
        [("drawn_at", "ascending"), ("merchant", "ascending")]
    )
    bad = pc.fill_null(table.column("bad").cast(pa.int8()), -1).to_numpy().astype(np.int8)
    drawn = table.column("drawn_at").cast(pa.int64()).to_numpy()
    plain = np.full(len(bad), PPM, np.int64)
    notch = table.column("limit_notch_ppm").to_numpy() if "limit_notch_ppm" in table.column_names else plain
    return PastBook(
        np.asarray(table.column("merchant").to_pylist(), object), np.asarray(drawn, np.int64),
        table.column("limit_fen").to_numpy(), table.column("rate_ppm").to_numpy(), bad, notch,
    )  # fmt: skip


class PointInTime:
    """Columns of any (subject, instant) of the consented past.  Reads the record once, keeps it while open."""

    def __init__(self, house: House, purpose: str, definitions: Definitions | None = None) -> None:
        self.house = house
        self.definitions = definitions or house.policy.definitions
        with house.vault.bulk(house.tenant, purpose=purpose, recipient=house.recipient) as record:
            self.subjects = frozenset(record.subjects)
            self.tables = {key: record.events(*key, history=True) for key in self.definitions.needs()}
            roles = record.events("role", "firm")
        owners = _owners(roles, self.subjects)
        for key in sorted(PERSON_ROLES & self.tables.keys()):
            self.tables[key] = _with_owners(self.tables[key], key[1], owners)

    def columns_with_history(self, first_us: int, offered: Sequence[str] = ()) -> tuple[str, ...]:
        """Columns of `offered` (all the named ones without it) whose window lies within the record at the first row.

        A window that reaches back before the record began holds less there than it will in service: the model would
        learn a figure that means something else a year later.
        """
        received = self.tables["payment", "payee"].column("at").cast(pa.int64())
        began = pc.min(received).as_py() if len(received) else first_us
        span = first_us - int(began)
        wanted = offered or (*self.definitions.named, *SHORT_DEBT, *fund_flow.columns())
        return tuple(name for name in wanted if self._window_us(name) <= span)

    def _window_us(self, name: str) -> int:
        """The longest window of a column; all history counts as endless."""
        if name.startswith(fund_flow.ROOM):
            return fund_flow.window_days(name) * DAY_US
        spans = [base.window for base in self.definitions.bases_of(self.definitions.measured(name))]
        return max(ENDLESS if window == EVER else duration_us(window) for window in spans)

    def frame(
        self, subjects: npt.NDArray[np.object_], at: Ints, columns: tuple[str, ...] | None = None, workers: int = 2
    ) -> Frame:
        """One row per subject and instant (as_of = known_at), indicators and fund-flow columns side by side."""
        wanted = columns or (*self.definitions.named, *fund_flow.columns())
        own = tuple(name for name in wanted if not name.startswith(fund_flow.ROOM))
        flow = tuple(name for name in wanted if name.startswith(fund_flow.ROOM))
        names = list(subjects)
        left = evaluate(self.definitions, self.tables, names, at, at, columns=own, workers=workers,
                        peers=self.house.peers)  # fmt: skip
        if not flow:
            return left
        return left.beside(fund_flow.look(self.house.graph, flow, names, at.tolist(), at.tolist()))


def learning_columns(house: House, product: str) -> LearningColumns:
    """What the models of `product` are offered in training; without a list of its own every named column is.

    Errors: BadInput naming the file and the line.
    """
    plan = house.policy.plans[product]
    if not plan.learn:
        return LearningColumns(())
    return load_learning_columns(house.settings.root / plan.learn, catalogue(house.policy.definitions))


def learn_pd(
    past: PointInTime, book: PastBook, *, oot_from_us: int, seed: int, offered: LearningColumns | None = None
) -> Trained:
    """Train, choose, calibrate on what had matured before `oot_from_us`.  Errors: BadInput where that is too little.

    Inside, the parts are split by merchant: half-year labels with an embargo between parts would leave a year of loans
    with a few months to learn from.  The test of time is the cohort after `oot_from_us`, which nothing here has seen.
    """
    known = np.array([m in past.subjects for m in book.merchant]) & (book.bad >= 0)
    rows = book.take(np.flatnonzero(known & (book.drawn_at + WINDOW_DAYS * DAY_US <= oot_from_us)))
    offered = offered or LearningColumns(())
    columns = past.columns_with_history(int(rows.drawn_at.min()), offered.columns)
    data = _labelled(past, rows, columns, oot_from_us)
    return train_pd(data, offered.spec({"split": {"by": "group"}}), seed)


def learn_thin(past: PointInTime, book: PastBook, incumbent: Model, *, oot_from_us: int, seed: int) -> Thin:
    """A challenger from a book too thin for :func:`learn_pd`, judged beside `incumbent` on the same loans.

    Errors: BadInput where hardly anybody has gone bad at all.
    """
    known = np.array([m in past.subjects for m in book.merchant]) & (book.bad >= 0)
    early = book.take(np.flatnonzero(known & (book.drawn_at + WINDOW_DAYS * DAY_US <= oot_from_us)))
    later = book.take(np.flatnonzero(known & (book.drawn_at >= oot_from_us)))
    if len(early) == 0:
        raise BadInput("no matured loans of consented merchants before out_of_time; give a later day", field="loans")
    columns = past.columns_with_history(int(early.drawn_at.min()))
    wanted = tuple(sorted({*columns, *incumbent.columns}))
    data = _labelled(past, early, wanted, oot_from_us)
    after = _labelled(past, later, wanted, int(book.drawn_at.max()) + WINDOW_DAYS * DAY_US)
    return train_thin(data, after, incumbent, Spec.load(), seed, learn_from=columns)


def _labelled(past: PointInTime, rows: PastBook, columns: tuple[str, ...], known_us: int) -> Dataset:
    frame = past.frame(rows.merchant, rows.drawn_at, columns)
    return Dataset(
        frame=frame, label=rows.bad, observed_at=rows.drawn_at, matured_at=rows.drawn_at + WINDOW_DAYS * DAY_US,
        drawn_at=known_us, label_definition=LABEL,
    )  # fmt: skip


def learn_forecast(
    past: PointInTime, column: str, subjects: npt.NDArray[np.object_], at: Ints, *, seed: int
) -> tuple[Any, ForecastCard]:
    """Train the half-year forecast of a money column: its own value half a year later is the target.

    The latest fifth of the instants judges; it is not trained on.
    """
    now = past.frame(subjects, at)
    later = past.frame(subjects, at + FORECAST_DAYS * DAY_US, (column,))
    target = np.where(later.money[column].valid, later.money[column].fen, 0).astype(np.int64)
    target = np.maximum(target, 0)
    usable = now.money[column].valid & (now.money[column].fen > 0)
    cut = np.quantile(at, 0.8)
    train, judge = np.flatnonzero(usable & (at < cut)), np.flatnonzero(usable & (at >= cut))
    spec = Spec.load()
    spec = replace(spec, forecast=replace(spec.forecast, horizon_days=FORECAST_DAYS))
    base = RunRate(column, FORECAST_DAYS)
    wide = train_forecast(now.take(train), target[train], base, spec, seed)
    now = now.select(_most_split(wide))  # serving computes what a model reads: a handful of columns, not the catalogue
    model = train_forecast(now.take(train), target[train], base, spec, seed)
    judgement = judge_forecast(model, now.take(judge), target[judge])
    return model, forecast_card(model, judgement, spec)


def _most_split(forecast: Forecast) -> list[str]:
    """The columns that the trees split on most often, at most `FORECAST_COLUMNS`; ties go to the earlier name."""
    splits = np.zeros(len(forecast.columns), np.int64)
    for trees in (forecast.lower, forecast.middle, forecast.upper):
        splits += np.bincount(trees.feature[trees.feature >= 0], minlength=len(splits))
    order = sorted((-int(count), name) for count, name in zip(splits, forecast.columns, strict=True) if count)
    return [name for _, name in order[:FORECAST_COLUMNS]]


class Carded(Protocol):
    """What a card must say before a model may serve."""

    @property
    def passed(self) -> bool: ...
    def to_bytes(self) -> bytes: ...
    def to_markdown(self) -> str: ...


class Learnt(Protocol):
    """A model with its card, however it was trained."""

    @property
    def champion(self) -> Model: ...
    @property
    def card(self) -> Carded: ...


@dataclass(frozen=True, slots=True)
class Published:
    """Both models are registered.  `serving` names those that serve now, `waiting` those whose gates failed."""

    pd: ModelRef
    forecast: ModelRef
    serving: tuple[str, ...]
    waiting: tuple[str, ...]
    repriced: bool


def publish(
    house: House, product: str, trained: Learnt, forecast: Forecast, card: ForecastCard, by: str, *, note: str = "",
    reprice: Callable[[Path], None] | None = None, reprice_anyway: bool = False,
) -> Published:  # fmt: skip
    """Register the models; those that passed their gates become champions, the others only with a person's `note`.
    The challenger of a champion goes into shadow: scored beside every decision, deciding nothing.

    `reprice` writes what lending earned and lost into the credit file it is given.  It gets a copy, which replaces the
    product's file once the default model serves (or `reprice_anyway`) and only if the product can be read from it.
    Errors: BadInput, Conflict; then no model was promoted and the credit file is as it was.
    """
    plan, note = house.policy.plans[product], note.strip()
    pd = house.registry.publish(plan.pd_model, trained.champion, trained.card)
    shadow = None
    if isinstance(trained, Trained):
        shadow = house.registry.publish(plan.shadow_model, trained.challenger, trained.challenger_card)
    ahead = house.registry.publish(plan.forecast_model, forecast, card)
    may = {ref.name: (ref, one.passed or bool(note)) for ref, one in ((pd, trained.card), (ahead, card))}
    with _repriced(house, product, reprice if may[pd.name][1] or reprice_anyway else None) as replace_file:
        for name, (ref, serves) in may.items():
            if serves:
                house.registry.promote(name, ref.hash, by, note=note)
        if shadow is not None and may[pd.name][1]:
            house.registry.promote(shadow.name, shadow.hash, by, note=SHADOW)
        repriced = replace_file()
    house.reload_policy()
    return Published(
        pd, ahead, tuple(name for name, (_, serves) in may.items() if serves),
        tuple(name for name, (_, serves) in may.items() if not serves), repriced,
    )  # fmt: skip


@contextmanager
def _repriced(house: House, product: str, reprice: Callable[[Path], None] | None) -> Iterator[Callable[[], bool]]:
    """A checked draft of the product's credit file and what puts it in its place; the draft never outlives this."""
    file = house.settings.root / "products" / f"{product}.credit.yaml"
    with tempfile.TemporaryDirectory(prefix=".reprice-", dir=house.settings.root) as folder:
        draft = Path(shutil.copy(file, folder))
        if reprice is not None:
            reprice(draft)
            Product.load(draft)

        def replace_file() -> bool:
            if reprice is not None:
                draft.replace(file)
            return reprice is not None

        yield replace_file


def _owners(roles: pa.Table, consented: frozenset[str]) -> pa.Table:
    """(person, firm) of every owner named last who has consented too."""
    owners = roles.filter(pc.equal(roles.column("role"), OWNER)).sort_by(
        [("at", "ascending"), ("event_id", "ascending")]
    )
    last = dict(zip(owners.column("firm").to_pylist(), owners.column("person").to_pylist(), strict=True))
    pairs = sorted((person, firm) for firm, person in last.items() if person in consented and person != firm)
    names = pa.string()
    return pa.table({"who": pa.array([p for p, _ in pairs], names), "firm": pa.array([f for _, f in pairs], names)})


def _with_owners(table: pa.Table, role: str, owners: pa.Table) -> pa.Table:
    """The owners' rows told as their firms' too, as `Record.beside_owner` does; by (subject, at, event_id)."""
    told = table.join(owners, keys=role, right_keys="who", join_type="inner")
    told = told.set_column(told.column_names.index(role), role, told.column("firm")).select(table.column_names)
    order = [(role, "ascending"), ("at", "ascending"), ("event_id", "ascending")]
    return pa.concat_tables([table, told.cast(table.schema)]).sort_by(order)
