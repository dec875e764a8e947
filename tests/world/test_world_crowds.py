"""The hard town: more people who look like shops, shops that look like people, and nothing else changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from dandelion.world import build

SMALL = {"people": 1_000, "months": 6, "seed": 91}


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("crowds")
    build(root / "plain", **SMALL)
    build(root / "hard", hard=True, **SMALL)
    return {"plain": root / "plain", "hard": root / "hard"}


def cases(folder: Path) -> dict[str, str]:
    table = pq.read_table(folder / "truth" / "accounts.parquet", columns=["account", "case"])
    return dict(zip(table["account"].to_pylist(), table["case"].to_pylist(), strict=True))


def test_the_plain_town_has_none_of_the_hard_towns_cases_and_does_not_mention_them(towns: dict[str, Path]) -> None:
    assert not {"second_hand", "feast_host", "carpool", "friend_seller"} & set(cases(towns["plain"]).values())
    assert "hard" not in (towns["plain"] / "world.json").read_text("utf-8")
    assert {"second_hand", "feast_host", "carpool", "friend_seller"} <= set(cases(towns["hard"]).values())


def test_what_the_hard_town_adds_leaves_the_other_payments_as_they_were(towns: dict[str, Path]) -> None:
    added = {"second_hand", "feast_host", "carpool", "friend_seller"}
    marked = [account for account, case in cases(towns["hard"]).items() if case in added]

    def others(folder: Path) -> pa.Table:
        table = ds.dataset(folder / "record" / "payment").to_table(columns=["payer", "payee", "at", "amount_fen"])
        payee = table["payee"].cast(pa.string())
        table = table.set_column(0, "payer", table["payer"].cast(pa.string())).set_column(1, "payee", payee)
        kept = table.filter(pc.invert(pc.is_in(payee, value_set=pa.array(marked))))
        return kept.sort_by([(name, "ascending") for name in kept.column_names])

    assert others(towns["plain"]).equals(others(towns["hard"]))


def test_strangers_pay_the_seller_of_used_things_and_friends_pay_the_friend_seller(towns: dict[str, Path]) -> None:
    table = ds.dataset(towns["hard"] / "record" / "payment").to_table(columns=["payer", "payee"])
    kind = cases(towns["hard"])
    payee, payer = table["payee"].cast("string").to_pylist(), table["payer"].cast("string").to_pylist()
    paid: dict[str, list[str]] = {}
    for one, other in zip(payee, payer, strict=True):
        paid.setdefault(one, []).append(other)
    visits = {
        case: np.median([len(paid[a]) / len(set(paid[a])) for a in paid if kind[a] == case and len(paid[a]) >= 5])
        for case in ("friend_seller", "carpool", "feast_host")
    }
    assert visits["carpool"] > 3 > visits["feast_host"]
    assert visits["friend_seller"] > 1.2
