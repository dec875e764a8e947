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


def test_the_effect_of_a_randomised_limit_is_found_again() -> None:
    random = np.random.default_rng(9)
    notch = random.choice([500_000, 1_000_000, 2_000_000], 60_000)
    months = notch * 3 // 2  # the usual limit is one and a half months of turnover
    bad = (random.random(60_000) < 0.04 * (1 + 0.3 * months / PPM)).astype(np.int8)
    found = limit_effect(notch, months, bad)
    assert found.usual_ppm == 1_500_000
    assert abs(found.pd_slope_ppm - 300_000) < 60_000


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
