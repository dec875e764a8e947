"""Farms, wary circles and honest company like them are drawn only where asked for, and change nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from dandelion.world import build

SMALL = {"people": 1_000, "months": 6, "seed": 93}
SORTS = {"device_farm", "wary_circle", "family", "shop_tablet", "two_way", "vouchers", "one_price"}


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("schemes")
    build(root / "plain", **SMALL)
    build(root / "schemes", schemes=True, **SMALL)
    return {"plain": root / "plain", "schemes": root / "schemes"}


def kind(folder: Path, name: str) -> pa.Table:
    return pq.read_table(folder / "record" / f"{name}.parquet")


def test_the_plain_town_does_not_mention_them(towns: dict[str, Path]) -> None:
    assert "schemes" not in (towns["plain"] / "world.json").read_text("utf-8")
    assert not (towns["plain"] / "truth" / "schemes.parquet").exists()
    told = pq.read_table(towns["schemes"] / "truth" / "schemes.parquet")
    assert set(told["sort"].to_pylist()) == SORTS
    assert set(told.filter(pc.invert(told["honest"]))["sort"].to_pylist()) == {"device_farm", "wary_circle"}


def test_what_was_paid_before_is_paid_still(towns: dict[str, Path]) -> None:
    def paid(folder: Path) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        table = ds.dataset(folder / "record" / "payment").to_table(columns=["at", "amount_fen"])
        moments = table["at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
        return np.asarray(moments) * 31 + np.asarray(table["amount_fen"]) * 1_000_003

    plain, more = paid(towns["plain"]), paid(towns["schemes"])
    assert np.isin(plain, more).all()
    assert len(more) > len(plain)


def test_a_farm_lives_on_few_phones_and_its_accounts_log_in_one_after_another(towns: dict[str, Path]) -> None:
    told = pq.read_table(towns["schemes"] / "truth" / "schemes.parquet")
    logins = kind(towns["schemes"], "login")
    for ring in sorted(set(told.filter(pc.equal(told["sort"], "device_farm"))["ring"].to_pylist())):
        members = told.filter(pc.equal(told["ring"], ring))["member"]
        own = logins.filter(pc.is_in(logins["person"], value_set=members.combine_chunks()))
        if own.num_rows:
            assert len(pc.unique(own["device"])) <= max(2, len(members) // 9)
            assert len(pc.unique(own["person"])) >= 6


def test_a_circle_passes_nearly_equal_sums_that_differ(towns: dict[str, Path]) -> None:
    told = pq.read_table(towns["schemes"] / "truth" / "schemes.parquet")
    members = told.filter(pc.equal(told["sort"], "wary_circle"))["member"].combine_chunks()
    written = kind(towns["schemes"], "invoice")
    inside = pc.and_(pc.is_in(written["seller"], value_set=members), pc.is_in(written["buyer"], value_set=members))
    sums = written.filter(inside)["total_fen"].to_pylist()
    assert len(set(sums)) >= 0.9 * len(sums) > 0, (
        "ordinary invoices between them may be equal, those of a circle never are"
    )
