"""What lending earned and lost, estimated from loans whose truth we made up."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dandelion.app.economics import experience, limit_effect, write_into
from dandelion.core import DAY_US, PPM, BadInput
from dandelion.policy import Product

CREDIT = Path(__file__).parents[2] / "src/dandelion/defaults/products/shop-line.credit.yaml"


def book(folder: Path, rows: int = 40_000, seed: int = 5) -> Path:
    """Loans with known figures: half of the limit drawn for 45 days, bad 5 % at 10 % a year and 10 % at 20 %."""
    random = np.random.default_rng(seed)
    rate = random.choice([100_000, 150_000, 200_000], rows)
    bad = random.random(rows) < 0.05 + 0.05 * (rate - 100_000) / 100_000
    amount = np.full(rows, 500_000)
    file = folder / "loans.parquet"
    table = {
        "product": ["shop-line"] * rows, "drawn_at": pa.array(np.full(rows, 10 * DAY_US), pa.timestamp("us", tz="UTC")),
        "limit_fen": np.full(rows, 1_000_000), "rate_ppm": rate, "amount_fen": amount, "bad": bad,
        "interest_paid_fen": amount * 45 * rate // 360 // PPM, "loss_fen": np.where(bad, amount * 6 // 10, 0),
    }  # fmt: skip
    pq.write_table(pa.table(table), file)
    return file


def test_use_loss_and_the_pull_of_price_are_found_again(tmp_path: Path) -> None:
    found = experience(book(tmp_path), "shop-line", before_us=400 * DAY_US, horizon_days=180, year_days=360)
    assert found.lgd_ppm == 600_000
    assert found.draw_share_ppm == 500_000
    assert abs(found.use_base_ppm - 125_000) < 200  # 500,000 x 45 of 1,000,000 x 180
    assert abs(found.ccf_ppm - (500_000 - 125_000) / 875_000 * PPM) < 500
    assert 0.05 < found.pd_price_ppm / PPM < 0.085  # 0.5 points of bads a point of price, on 7.5 %


def test_loans_that_had_not_matured_are_not_looked_at(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="matured"):
        experience(book(tmp_path, 2_000), "shop-line", before_us=100 * DAY_US, horizon_days=180, year_days=360)


@pytest.mark.parametrize("truth", [0.0, 0.4, 0.8])
def test_the_effect_of_a_randomised_limit_is_found_again(truth: float) -> None:
    off = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        notch = random.choice([500_000, 1_000_000, 2_000_000], 20_000)
        wish = np.exp(0.5 * random.standard_normal(20_000))  # other limits for other reasons
        months = (notch * wish * 1.5).astype(np.int64)
        bad = (random.random(20_000) < np.minimum(0.05 * (months / 1.5e6) ** truth, 1)).astype(np.int8)
        found = limit_effect(notch, months, bad)
        assert abs(found.usual_ppm - 1_500_000) < 60_000
        off.append((found.elasticity_ppm / PPM - truth) / (found.spread_ppm / PPM))
    if truth > 0:  # at zero the estimate is cut off below
        assert abs(np.mean(off)) < 1.0  # unbiased: the mean of twelve spreads by 0.29
        assert 0.5 < np.std(off) < 1.6  # and as far off as its standard error says


def test_limits_that_did_not_follow_their_notch_do_not_hide_the_effect() -> None:
    random = np.random.default_rng(10)
    notch = random.choice([500_000, 1_000_000, 2_000_000], 200_000)
    months = (1.5e6 * np.sqrt(notch / PPM)).astype(np.int64)  # caps let only half of the notch through
    bad = (random.random(200_000) < 0.05 * (months / 1.5e6) ** 0.6).astype(np.int8)
    assert abs(limit_effect(notch, months, bad).elasticity_ppm / PPM - 0.6) < 0.1


def test_estimates_go_into_the_product_file_and_leave_the_rest(tmp_path: Path) -> None:
    found = experience(book(tmp_path), "shop-line", before_us=400 * DAY_US, horizon_days=180, year_days=360)
    file = tmp_path / "shop-line.credit.yaml"
    file.write_text(CREDIT.read_text())
    write_into(file, found)
    before, after = Product.load(CREDIT), Product.load(file)
    assert after.economics.lgd_ppm == 600_000
    assert after.economics.ccf_ppm == found.ccf_ppm
    assert after.limits.tolist() == before.limits.tolist()
    assert file.read_text().count("#") == CREDIT.read_text().count("#")
