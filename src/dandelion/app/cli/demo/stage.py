"""Setting the stage: world, workspace, record, fund flow, models.  Each step is done once and reused."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

import dandelion
from dandelion.app import economics, fund_flow, learning, monthly, workspace
from dandelion.app.cli.demo.judge import Verdict, judge
from dandelion.app.cohort import offers
from dandelion.app.house import House
from dandelion.app.usecases.take_over import take_over
from dandelion.core import DAY_US, day_of, iso, start_of_day
from dandelion.core.frame import Ints
from dandelion.models.metrics import auc
from dandelion.world import Outcomes, build

Tell = Callable[[str], None]
PRODUCT = "shop-line"
TZ = "Asia/Shanghai"
FEED_DAYS = 32  # a month and a day: the first instalment falls due while customers still come
GOOD_STANDING_DAYS = 30  # never so late with us before: what a lender knows from its own book
_DONE = "prepared.json"  # holds what the stage was made with: where the code or a shipped file differs it is set anew
_PACKAGE = Path(dandelion.__file__).parent
_SHOWN_ONLY = ("app/api/", "app/cli/")  # nothing in a prepared house comes from these, but for the demo's own files


@dataclass(frozen=True, slots=True)
class Calendar:
    """The demo's dates, from the world's end backwards; UTC microseconds."""

    start_us: int
    end_us: int
    live_us: int  # the lender goes live; later events come in as a feed, until after the first due date
    oot_from_us: int  # labels of training had matured before this; the cohort from here on is only judged
    oot_until_us: int

    @classmethod
    def of(cls, world: Path) -> Calendar:
        about = json.loads((world / "world.json").read_text())
        start, end = int(about["start_us"]), int(about["end_us"])
        live = start_of_day(day_of(end, TZ) - timedelta(days=FEED_DAYS), TZ)
        until = live - (learning.WINDOW_DAYS + 1) * DAY_US
        cut = start_of_day(day_of(until, TZ).replace(day=1), TZ)
        oot_from = fund_flow.month_starts(start, cut, TZ)[-3]
        return cls(start, end, live, oot_from, until)


class Stage:
    """Folders and steps of one demo.  `fresh` forgets what was prepared."""

    def __init__(self, home: Path, *, people: int, months: int, seed: int, fresh: bool, null: bool = False) -> None:
        name = f"{'null' if null else 'world'}-{seed}-{people}-{months}"
        self.home, self.world, self.house_folder = home / name, home / name / "world", home / name / "house"
        self.people, self.months, self.seed, self.null = people, months, seed, null
        if fresh:
            shutil.rmtree(self.home, ignore_errors=True)

    def prepare(self, tell: Tell) -> tuple[Calendar, Verdict]:
        """Everything up to a trained, judged, published policy; reuses what is there."""
        if not _made_by(self.world / _DONE, world := made_with("core/", "world/")):
            shutil.rmtree(self.home, ignore_errors=True)
            tell(f"building a simulated economy: {self.people:,} people, {self.months} months, seed {self.seed}")
            build(self.world, people=self.people, months=self.months, seed=self.seed, null=self.null)
            (self.world / _DONE).write_text(json.dumps({"made_with": world}))
        calendar = Calendar.of(self.world)
        done = self.house_folder / "state" / _DONE
        if not _made_by(done, house := made_with()):
            shutil.rmtree(self.house_folder, ignore_errors=True)  # half prepared, or by another version
            workspace.init(self.house_folder, clock_start=iso(calendar.live_us))
            self._fill(calendar, tell)
            done.write_text(json.dumps({"seed": self.seed, "live": iso(calendar.live_us), "made_with": house}))
        verdict = Verdict.load(self.house_folder / "state" / "verdict.json")
        return calendar, verdict

    def _fill(self, calendar: Calendar, tell: Tell) -> None:
        credit = self.house_folder / "products" / f"{PRODUCT}.credit.yaml"
        found = economics.experience(
            self.loans, PRODUCT, before_us=calendar.oot_from_us, horizon_days=180, year_days=360
        )
        economics.write_into(credit, found)
        tell(f"economics from {found.loans:,} matured loans: LGD {found.lgd_ppm / 1e4:.0f} %, {found.bads} bad")
        house = House.open(self.house_folder)
        try:
            taken = take_over(house, self.world / "record", until_us=calendar.live_us, source="world", tell=tell)
            tell(f"record: {taken.rows:,} events, {taken.grants:,} consents, {taken.rejected} rejected")
            monthly.build(house, self._boundaries(calendar))
            tell("fund flow and peers: monthly snapshots built")
            past = learning.PointInTime(house, "training")
            book = learning.read_book(self.loans, PRODUCT)
            effect = economics.limit_effect_of(past, book, before_us=calendar.oot_from_us)
            economics.write_into(credit, found, effect)
            tell(
                f"risk of the limit: bads grow {effect.elasticity_ppm / 1e6:.2f} (+/- {effect.spread_ppm / 1e6:.2f}) as fast "
                f"as the limit; usual limit {effect.usual_ppm / 1e6:.1f} months of turnover"
            )
            house.reload_policy()
            offered = learning.learning_columns(house, PRODUCT)
            trained = learning.learn_pd(past, book, oot_from_us=calendar.oot_from_us, seed=self.seed, offered=offered)
            tell(
                f"default model: {trained.champion.family} on {len(trained.champion.columns)} columns, in shadow a "
                f"{trained.challenger.family} on {len(trained.challenger.columns)}; trained before the cohort"
            )
            subjects, at = _forecast_rows(past, book, calendar)
            column = house.policy.plans[PRODUCT].turnover
            forecast, card = learning.learn_forecast(past, column, subjects, at, seed=self.seed)
            learning.publish(house, PRODUCT, trained, forecast, card, by="demo", note="rehearsal on a simulated book")
            tell("models published; judging the cohort")
            verdict = self.verdict(house, past, book, calendar)
            (self.house_folder / "state" / "verdict.json").write_text(json.dumps(verdict.as_json(), indent=1))
        finally:
            house.close()

    def verdict(self, house: House, past: learning.PointInTime, book: learning.PastBook, calendar: Calendar) -> Verdict:
        """The policy on customers in good standing at three month starts, and the model on the draws really made."""
        merchant, at = self._cohort(past, book, calendar)
        found = offers(house, past, PRODUCT, merchant, at, trades=self._declared())
        drawn = (book.drawn_at >= calendar.oot_from_us) & (book.drawn_at < calendar.oot_until_us) & (book.bad >= 0)
        rows = book.take(np.flatnonzero(drawn & np.array([m in past.subjects for m in book.merchant])))
        frame = past.frame(rows.merchant, rows.drawn_at, house.policy.columns(PRODUCT))
        score = house.policy.scorers[PRODUCT].pd.score(frame).astype(np.float64)
        ranked = float(auc(rows.bad, score))
        return judge(house.policy.product(PRODUCT), found, Outcomes(self.world), ranked, seed=self.seed)

    def _cohort(
        self, past: learning.PointInTime, book: learning.PastBook, calendar: Calendar
    ) -> tuple[npt.NDArray[np.object_], Ints]:
        starts = fund_flow.month_starts(calendar.oot_from_us - 1, calendar.oot_until_us, TZ)
        events = pq.read_table(self.loans.with_name("loan_events.parquet"))
        late_rows = events.column("days_past_due").to_numpy() >= GOOD_STANDING_DAYS
        first_late: dict[str, int] = {}
        late = events.filter(late_rows)
        for name, moment in zip(
            late.column("merchant").to_pylist(), late.column("at").cast("int64").to_pylist(), strict=True
        ):
            first_late[name] = min(moment, first_late.get(name, moment))
        known = sorted(set(book.merchant[book.drawn_at < calendar.oot_from_us]) & past.subjects)
        pairs = [(m, t) for t in starts for m in known if first_late.get(m, t) >= t]
        return np.array([m for m, _ in pairs], object), np.array([t for _, t in pairs], np.int64)

    def _boundaries(self, calendar: Calendar) -> list[int]:
        """Month starts that training rows, the cohort or a decision today will read."""
        trained_until = calendar.oot_from_us - learning.WINDOW_DAYS * DAY_US
        months = fund_flow.month_starts(calendar.start_us + 60 * DAY_US, trained_until, TZ)
        months += fund_flow.month_starts(calendar.oot_from_us - 1, calendar.oot_until_us, TZ)
        return [*months, fund_flow.month_starts(calendar.start_us, calendar.live_us, TZ)[-1]]

    def _declared(self) -> dict[str, str]:
        """What accounts are registered as, or told when they were opened."""
        told = pq.read_table(self.loans.with_name("accounts.parquet"), columns=["account", "industry"])
        return {a: i for a, i in zip(*(told.column(c).to_pylist() for c in told.column_names), strict=True) if i}

    @property
    def loans(self) -> Path:
        return self.world / "record" / "loans.parquet"


def made_with(*rooms: str) -> str:
    """Names the package's files below `rooms` (all of them where none is given) by their contents.

    A demo that showed figures of yesterday's code beside today's would say nothing true.
    """
    digest = hashlib.sha256()
    for file in sorted(_PACKAGE.rglob("*")):
        name = file.relative_to(_PACKAGE).as_posix()
        shown = name.startswith(_SHOWN_ONLY) and not name.startswith("app/cli/demo/")
        if file.is_file() and "__pycache__" not in name and not shown and name.startswith(rooms or ("",)):
            digest.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _made_by(done: Path, wanted: str) -> bool:
    return done.exists() and json.loads(done.read_text()).get("made_with") == wanted


def _forecast_rows(
    past: learning.PointInTime, book: learning.PastBook, calendar: Calendar
) -> tuple[npt.NDArray[np.object_], Ints]:
    """Every second month start whose half-year had passed before the cohort, for everybody in the book by then."""
    latest = calendar.oot_from_us - learning.FORECAST_DAYS * DAY_US
    months = fund_flow.month_starts(calendar.start_us + 180 * DAY_US, latest, TZ)[::2]
    subjects = np.array(sorted(set(book.merchant[book.drawn_at < calendar.oot_from_us]) & past.subjects), object)
    return np.concatenate([subjects] * len(months)), np.repeat(np.array(months, np.int64), len(subjects))
