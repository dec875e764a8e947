"""With outcomes a small scorecard is fitted and judged out of fold; with too few, politely not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dandelion.app.assess.payments_result import PaymentsResult
from dandelion.app.usecases.assess_payments import assess_payments
from dandelion.core import BadInput, ManualClock, instant

CLOCK = ManualClock(instant("2026-11-01T00:00:00", "Asia/Shanghai"))
START = np.datetime64("2025-01-01T00:00:00")
SHOPS = 160


def payments(folder: Path, seed: int = 1) -> tuple[Path, np.ndarray]:
    """Shops whose trade fades in the last two months when they are ill (a third of them)."""
    rng = np.random.default_rng(seed)
    ill = rng.random(SHOPS) < 0.35
    lines = ["paid_at,payer,payee,amount,status"]
    for shop in range(SHOPS):
        days = np.sort(rng.integers(0, 180, 220))
        if ill[shop]:
            days = days[(days < 120) | (rng.random(len(days)) < 0.35)]
        for day in days.tolist():
            at = START + np.timedelta64(day * 86_400 + int(rng.integers(30_000, 70_000)), "s")
            lines.append(f"{str(at).replace('T', ' ')},c{rng.integers(900)},s{shop},{rng.integers(5, 90)}.50,success")
    path = folder / "pay.csv"
    path.write_text("\n".join(lines) + "\n")
    return path, ill


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    return payments(tmp_path_factory.mktemp("outcomes"))


def assess(shops: tuple[Path, np.ndarray], tmp_path: Path, text: str) -> PaymentsResult:
    path = tmp_path / "outcomes.csv"
    path.write_text(text, "utf-8")
    return assess_payments(shops[0], outcomes=path, out=tmp_path / "out", clock=CLOCK)


def outcomes(ill: np.ndarray) -> str:
    return "merchant,date,bad\n" + "".join(f"s{k},2025-07-01,{int(bad)}\n" for k, bad in enumerate(ill))


def test_enough_outcomes_give_a_calibrated_probability_with_an_honest_interval(
    shops: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    result = assess(shops, tmp_path, outcomes(shops[1]))
    facts = result.outcomes
    assert facts is not None
    assert facts.fitted
    assert (facts.merchants, facts.bads) == (SHOPS, int(shops[1].sum()))
    assert facts.auc is not None
    assert facts.auc_low is not None
    assert facts.auc_high is not None
    assert facts.auc_low < facts.auc < facts.auc_high
    assert facts.auc > 0.8
    pd = np.array([one.pd_ppm for one in result.merchants]) / 1e6
    assert abs(pd.mean() - shops[1].mean()) < 0.08
    bad = np.array([shops[1][int(one.name[1:])] for one in result.merchants])
    assert pd[bad].mean() > pd[~bad].mean() + 0.2


def test_the_limit_does_not_move_with_the_probability(shops: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    with_pd = assess(shops, tmp_path, outcomes(shops[1]))
    without = assess_payments(shops[0], out=tmp_path / "out", clock=CLOCK)
    assert [one.limit for one in with_pd.merchants] == [one.limit for one in without.merchants]
    assert {one.pd_ppm for one in without.merchants} == {None}
    assert without.outcomes is None


def test_shuffled_outcomes_are_said_to_prove_nothing(shops: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    facts = assess(shops, tmp_path, outcomes(np.random.default_rng(3).permutation(shops[1]))).outcomes
    assert facts is not None
    assert facts.auc_low is not None
    assert facts.auc_low <= 0.5
    assert "not shown to tell good from bad" in facts.en


def test_too_few_bads_are_refused_politely(shops: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    few = np.zeros(SHOPS, bool)
    few[:12] = True
    result = assess(shops, tmp_path, outcomes(few))
    assert result.outcomes is not None
    assert not result.outcomes.fitted
    assert result.outcomes.en == (
        "Only 12 bad and 148 good outcomes can be used; a scorecard needs at least 30 and 30, "
        "so no probability of default is estimated"
    )
    assert {one.pd_ppm for one in result.merchants} == {None}


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ("s1,2025-07-02,NaN", "bad", "bad: is empty; write 1 for bad and 0 for good"),
        ("s1,2025-07-02,", "bad", "bad: is empty; write 1 for bad and 0 for good"),
        ("s1,2025-07-02,maybe", "bad", "bad: is neither a yes nor a no; write 1 for bad and 0 for good"),
        ("s1,July,1", "date", "date: is not a date; write it like 2025-06-30"),
        ("s1,2031-01-01,1", "date", "date: lies in the future; check the year"),
        (",2025-07-02,1", "merchant", "merchant: is empty; an outcome needs its merchant"),
        ("stranger,2025-07-02,1", "merchant", "merchant: has no payment in the payment file"),
        ("s1,2024-07-02,1", "merchant", "merchant: has no payment before this date"),
        ("s1,2026-10-01,0", "bad", "bad: is good so far, but 180 days have not passed since the date"),
    ],
)
def test_a_bad_outcome_is_set_aside_with_row_field_and_reason(
    shops: tuple[Path, np.ndarray], tmp_path: Path, row: str, field: str, reason: str
) -> None:
    result = assess(shops, tmp_path, "merchant,date,bad\ns0,2025-07-01,1\n" + row + "\n")
    said = result.files["outcomes_quarantine"].read_text("utf-8-sig").splitlines()
    assert said[1] == f'3,{field},"{reason}"' or said[1] == f"3,{field},{reason}"
    assert result.outcomes is not None
    assert result.outcomes.merchants == 1


def test_an_outcome_given_twice_counts_once_and_a_contradiction_is_named(
    shops: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    result = assess(shops, tmp_path, "商户,日期,是否违约\ns0,2025-07-01,是\ns0,2025-07-01,是\ns0,2025-07-01,否\n")
    said = result.files["outcomes_quarantine"].read_text("utf-8-sig").splitlines()
    assert said[1:] == ["4,bad,bad: says the opposite of row 2 for the same merchant and day"]
    assert result.outcomes is not None
    assert (result.outcomes.merchants, result.outcomes.bads) == (1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("merchant,date\ns1,2025-07-01\n",
         "outcomes.csv has no column for whether it went bad; it has merchant, date. Name exactly one column 'bad'"),
        ("merchant,date,bad,default\ns1,2025-07-01,1,1\n",
         "outcomes.csv has 2 columns for whether it went bad; it has merchant, date, bad, default. Name exactly one column 'bad'"),
        ("merchant,date,bad\ns1,2025-07-01,\n",
         "outcomes.csv holds no outcome that reads; row 2, bad: is empty; write 1 for bad and 0 for good"),
    ],
)  # fmt: skip
def test_an_outcomes_file_that_cannot_be_used_says_why(
    shops: tuple[Path, np.ndarray], tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(BadInput) as error:
        assess(shops, tmp_path, text)
    assert error.value.message == message
