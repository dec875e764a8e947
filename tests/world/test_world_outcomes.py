"""Outcomes: honest counterfactuals.  More limit or a dearer price never helps; the null world tells nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world_sizes import SMALL

from dandelion.core import BadInput
from dandelion.world import Outcomes, WorldSummary, build
from dandelion.world.almanac import Almanac

World = tuple[Path, WorldSummary]
MONTHS = range(4, 11)


@pytest.fixture(scope="module")
def outcomes(small_world: World) -> Outcomes:
    return Outcomes(small_world[0])


def at_month(month: int) -> int:
    return int(Almanac(SMALL["months"]).starts_us[month]) + 5 * 86_400_000_000


@given(
    month=st.integers(3, 12), limit=st.integers(1_000, 50_000_000), more=st.integers(0, 50_000_000),
    rate=st.integers(40_000, 240_000), dearer=st.integers(0, 120_000),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_a_larger_or_dearer_line_never_turns_bad_into_good(
    outcomes: Outcomes, month: int, limit: int, more: int, rate: int, dearer: int
) -> None:
    at = at_month(month)
    small = outcomes.realise(outcomes.merchants, at, limit, rate)
    large = outcomes.realise(outcomes.merchants, at, limit + more, rate + dearer)
    both = (small["drawn_fen"] > 0) & (large["drawn_fen"] > 0)
    assert (large["bad"][both] >= small["bad"][both]).all()
    assert (large["max_dpd"][both] >= small["max_dpd"][both]).all()


@given(limit=st.integers(0, 10**9), rate=st.integers(0, 360_000), month=st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_money_stays_within_what_was_lent(outcomes: Outcomes, limit: int, rate: int, month: int) -> None:
    ends = outcomes.realise(outcomes.merchants, at_month(month), limit, rate)
    drawn = ends["drawn_fen"]
    assert ((drawn >= 0) & (drawn <= limit)).all()
    assert ((ends["loss_fen"] >= 0) & (ends["loss_fen"] <= drawn)).all()
    assert ((ends["interest_fen"] >= 0) & (ends["interest_fen"] <= drawn * (rate / 1e6) + 1)).all()
    assert (ends["loss_fen"][ends["max_dpd"] < 90] == 0).all()
    assert (ends["max_dpd"][ends["bad"]] >= 90).all()
    assert not ends["bad"][drawn == 0].any()


def test_luck_is_common_to_policies_and_its_own_by_stream(outcomes: Outcomes) -> None:
    everyone, at = outcomes.merchants, at_month(6)
    first = outcomes.realise(everyone, at, 2_000_000, 150_000)
    again = outcomes.realise(everyone[::-1], at, 2_000_000, 150_000)
    other = outcomes.realise(everyone, at, 2_000_000, 150_000, stream="other")
    assert (first["bad"] == again["bad"][::-1]).all()
    assert (first["drawn_fen"] == again["drawn_fen"][::-1]).all()
    assert (first["drawn_fen"] != other["drawn_fen"]).any()


def test_the_past_book_comes_from_the_same_mechanism(small_world: World, outcomes: Outcomes) -> None:
    """First drawdowns of a month, asked again with the book's stream, end as the book says they ended."""
    loans = pq.read_table(small_world[0] / "record/loans.parquet").to_pydict()
    table = pq.read_table(small_world[0] / "record/loans.parquet")
    again = outcomes.realise(
        loans["merchant"], table.column("drawn_at").cast(pa.int64()).to_numpy(), table.column("limit_fen").to_numpy(),
        table.column("rate_ppm").to_numpy(), stream="book",
    )  # fmt: skip
    month = Almanac(SMALL["months"]).month_of(table.column("drawn_at").cast(pa.int64()).to_numpy())
    seen: set[tuple[str, int]] = set()
    same = []
    for row, merchant in enumerate(loans["merchant"]):
        if loans["bad"][row] is not None and (merchant, month[row]) not in seen:
            same.append(loans["bad"][row] == bool(again["bad"][row]))
        seen.add((merchant, int(month[row])))
    assert len(same) > 30
    assert np.mean(same) > 0.97  # a second drawdown whose first was refused differs in its days of use


def _shown_and_bad(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    outcomes = Outcomes(folder)
    health = pq.read_table(folder / "truth/health.parquet")
    month, shown = health.column("month").to_numpy(), health.column("shown").to_numpy()
    shop = ~pq.read_table(folder / "truth/outcomes.parquet").column("firm").to_numpy(zero_copy_only=False)
    shows, bads = [], []
    for number in MONTHS:
        ends = outcomes.realise(outcomes.merchants, at_month(number), 800_000, 150_000)
        drew = (ends["drawn_fen"] > 0) & shop
        shows.append(shown[month == number][drew])
        bads.append(ends["bad"][drew])
    return np.concatenate(shows), np.concatenate(bads)


def test_behaviour_tells_of_default_in_the_real_world_and_not_in_the_null_world(
    small_world: World, tmp_path: Path
) -> None:
    build(tmp_path / "null", **SMALL, null=True)
    real = np.corrcoef(*_shown_and_bad(small_world[0]))[0, 1]
    shown, bad = _shown_and_bad(tmp_path / "null")
    null = np.corrcoef(shown, bad)[0, 1]
    assert bad.sum() > 40
    assert real < -0.15
    assert abs(null) < 3.0 / np.sqrt(len(bad))


def test_the_null_world_shows_the_same_behaviour(small_world: World, tmp_path: Path) -> None:
    null = build(tmp_path / "null", **SMALL, null=True)
    assert null.counts == small_world[1].counts
    for part in ("record/payment/part-003.parquet", "record/login.parquet", "record/invoice.parquet"):
        assert pq.read_table(tmp_path / "null" / part).equals(pq.read_table(small_world[0] / part))


def test_an_unknown_merchant_and_a_folder_without_truth_are_refused(outcomes: Outcomes, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not a merchant"):
        outcomes.realise(["nobody"], at_month(5), 100, 100_000)
    with pytest.raises(BadInput, match="limit_fen"):
        outcomes.realise(outcomes.merchants[:1], at_month(5), -1, 100_000)
    with pytest.raises(BadInput, match="build the world"):
        Outcomes(tmp_path)
    assert len(outcomes.realise([], at_month(5), 100, 100_000)["bad"]) == 0
