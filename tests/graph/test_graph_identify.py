"""Files of payments nobody has seen: who is a business, told with reasons that single nobody out."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import resources

import numpy as np
import pyarrow as pa
import pytest

from dandelion.core import BadInput
from dandelion.graph import (
    Town,
    identify,
    plain_payments,
    shipped_model,
    snapshot,
    standard_rules,
    train_identification,
    unpaid_share_ppm,
)
from dandelion.graph.identify import UNPAID_SHARE
from dandelion.graph.identify_training import views

DAY = 86_400_000_000
START = 1_700_000_000_000_000


def street(seed: int, days: int = 60) -> pa.Table:
    """Two hundred people in circles of ten who pay each other, six shops of strangers, a splitter and a landlord."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, int, int]] = []

    def moment() -> int:
        return START + int(rng.integers(days * DAY))

    for circle in range(20):
        people = [f"p{10 * circle + k}" for k in range(10)]
        for a in people:
            for b in rng.choice(people, 3, replace=False):
                if a != b:
                    rows += [(a, str(b), moment(), int(rng.integers(1, 60)) * 500) for _ in range(rng.integers(1, 4))]
    for shop in range(6):
        prices = rng.integers(8, 60, 6) * 100
        for guest in rng.choice(200, 60, replace=False):
            rows += [(f"p{guest}", f"shop{shop}", moment(), int(rng.choice(prices))) for _ in range(1 + rng.poisson(2))]
    rows += [(f"p{k}", "p0", START + 5 * DAY + 40_000_000 * k, 6_600) for k in range(1, 10)]
    rows += [
        (f"p{k}", "p100", START + month * 30 * DAY + k * 3_600_000_000, 150_000)
        for k in (20, 40, 60, 80, 120)
        for month in (0, 1)
    ]
    payer, payee, at, fen = zip(*rows, strict=True)
    return pa.table({"payer": payer, "payee": payee, "at": pa.array(at, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
                     "amount_fen": pa.array(fen, pa.int64())})  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
def test_shops_come_before_people_splitters_and_landlords(seed: int) -> None:
    scores = identify(street(seed)).to_pylist()
    assert {row["account"] for row in scores[:6]} == {f"shop{k}" for k in range(6)}
    chance = {row["account"]: row["probability"] for row in scores}
    assert min(chance[f"shop{k}"] for k in range(6)) > 0.5 > max(chance["p0"], chance["p100"])


@pytest.mark.parametrize("people", [3, 9, 200])
def test_nobody_who_is_never_paid_passes_for_a_business(people: int) -> None:
    rng = np.random.default_rng(people)
    at = START + np.sort(rng.integers(60 * DAY, size=people * 12))
    payer = [f"p{k}" for k in rng.integers(0, people, len(at))]
    table = pa.table({
        "payer": payer, "payee": [f"shop{k}" for k in rng.integers(0, 2, len(at))],
        "at": pa.array(at).cast(pa.timestamp("us", tz="UTC")), "amount_fen": rng.integers(500, 9_000, len(at)),
    })  # fmt: skip
    chance = {row["account"]: row["probability"] for row in identify(table).to_pylist()}
    most = unpaid_share_ppm(shipped_model()) / 1_000_000
    assert 0 < most < 0.1 and max(chance[name] for name in payer) <= most + 1e-6 < min(chance["shop0"], chance["shop1"])


def test_the_limit_on_the_unpaid_is_counted_in_training_and_a_model_without_it_is_refused() -> None:
    business = frozenset({f"shop{k}" for k in range(6)} | {"p7", "p8", "p9"})
    towns = [Town(seed, street(seed), business, frozenset()) for seed in (1, 2)]
    model = train_identification(towns, standard_rules(), "Asia/Shanghai")
    unpaid = [name in business for view in views(towns[0])
              for name in set(view["payer"].to_pylist()) - set(view["payee"].to_pylist())]  # fmt: skip
    assert unpaid and unpaid_share_ppm(model) == round(1e6 * sum(unpaid) / len(unpaid))
    assert model.to_bytes() == train_identification(towns, standard_rules(), "Asia/Shanghai").to_bytes()
    older = replace(model, provenance={k: v for k, v in model.provenance.items() if k != UNPAID_SHARE})
    with pytest.raises(BadInput, match="train-identification"):
        identify(street(1), model=older)


def test_the_card_of_the_shipped_model_names_its_hash_its_limit_and_how_to_rebuild_it() -> None:
    card = resources.files("dandelion.graph").joinpath("shipped/business.md").read_text("utf-8")
    assert f"model `{shipped_model().hash}`" in card
    assert f"{unpaid_share_ppm(shipped_model()) / 1e4:.2f} % were businesses" in card
    assert (
        "dandelion models train-identification --seeds 500-509 --people 8000 --out src/dandelion/graph/shipped" in card
    )
    assert all(f"`{name}`" in card for name in shipped_model().columns)


def test_one_month_is_enough_to_tell_a_landlord_from_a_small_shop() -> None:
    rng = np.random.default_rng(9)
    table = street(9, days=28)
    tenants = rng.choice(np.arange(100, 200), 9, replace=False)
    rents = [(f"p{t}", "p0", START + int(k % 4) * DAY + 40_000_000_000, 240_000 + 5_000 * int(rng.integers(12)))
             for k, t in enumerate(tenants)]  # fmt: skip
    guests = [(f"p{g}", "p1", START + int(rng.integers(28 * DAY)), int(rng.integers(6, 30)) * 100)
              for g in np.repeat(rng.choice(np.arange(100, 200), 9, replace=False), 3)]  # fmt: skip
    payer, payee, at, fen = zip(*rents, *guests, strict=True)
    more = pa.table({"payer": payer, "payee": payee, "at": pa.array(at, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
                     "amount_fen": pa.array(fen, pa.int64())})  # fmt: skip
    chance = {row["account"]: row["probability"] for row in identify(pa.concat_tables([table, more])).to_pylist()}
    assert chance["p0"] < 0.5 < chance["p1"]


def test_names_order_currency_and_clock_do_not_matter() -> None:
    table = street(3)
    before = {row["account"]: row["probability"] for row in identify(table).to_pylist()}
    names = {name: f"{(int.from_bytes(name.encode()) * 7919) % 10**9}" for name in before}
    mixed = table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows)))
    other = pa.table({
        "payer": [names[x] for x in mixed["payer"].to_pylist()], "payee": [names[x] for x in mixed["payee"].to_pylist()],
        "at": mixed["at"], "amount_fen": [x * 10 for x in mixed["amount_fen"].to_pylist()],
    })  # fmt: skip
    after = {row["account"]: row["probability"] for row in identify(other).to_pylist()}
    assert max(abs(before[x] - after[names[x]]) for x in before) < 1e-6


def test_three_reasons_are_given_and_none_names_anybody_or_speaks_of_fewer_than_five() -> None:
    for row in identify(street(4)).to_pylist():
        for reason in (row["reason_1"], row["reason_2"], row["reason_3"]):
            assert reason
            assert not re.search(r"\b(p\d+|shop\d)\b", reason)
            told = re.search(r"\b(\d+) (of its )?\d* ?(different accounts|payers)", reason)
            counted = re.search(r"(?:of its|its|^)\s*(\d+) (?:payers|different)", reason)
            assert told is None or counted is None or int(counted[1]) >= 5


def test_known_merchants_raise_their_look_alikes() -> None:
    table = pa.concat_tables([_renamed(street(seed), f"t{seed}.") for seed in range(5, 10)])
    shops = [f"t{seed}.shop{k}" for seed in range(5, 10) for k in range(6)]
    plain = {row["account"]: row["probability"] for row in identify(table).to_pylist()}
    taught = {row["account"]: row["probability"] for row in identify(table, known=shops[:24]).to_pylist()}
    hidden = shops[24:]
    people = [x for x in plain if ".p" in x]
    assert min(taught[x] for x in hidden) > np.quantile([taught[x] for x in people], 0.99)
    assert np.mean([taught[x] for x in people]) < np.mean([plain[x] for x in people]) + 0.02


def test_a_snapshot_carries_the_same_chance_and_is_silent_on_fewer_than_five_payers() -> None:
    table = street(2)
    graph = snapshot(table, START + 61 * DAY)
    chance = dict(zip(graph.frame.entity, graph.frame["graph.business/chance"].tolist(), strict=True))
    payers = dict(zip(graph.frame.entity, graph.frame["graph.payers/90d/count"].tolist(), strict=True))
    for row in identify(table).to_pylist():
        account = row["account"]
        assert np.isnan(chance[account]) == (payers[account] < 5)
        assert np.isnan(chance[account]) or abs(chance[account] - row["probability"]) < 1e-6


def test_too_few_known_merchants_are_refused_with_a_remedy() -> None:
    with pytest.raises(BadInput, match="at least 20"):
        identify(street(1), known=["shop1", "nobody"])


def _renamed(table: pa.Table, prefix: str) -> pa.Table:
    sides = {side: [prefix + name for name in table[side].to_pylist()] for side in ("payer", "payee")}
    return pa.table({**sides, "at": table["at"], "amount_fen": table["amount_fen"]})


def plain(
    rows: list[tuple[object, object, object, object]], names: tuple[str, ...] = ("payer", "payee", "at", "amount_fen")
) -> pa.Table:
    return pa.table(dict(zip(names, [list(column) for column in zip(*rows, strict=True)], strict=True)))


FINE = ("a", "b", "2026-03-01T12:30:00+08:00", 500)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (plain([FINE], ("from", "payee", "at", "amount_fen")), "lacks column 'payer'.*'from'"),
        (plain([FINE], ("payer", "payee", "at", "amount")), "whole fen"),
        (plain([("a", "b", "yesterday", 5)]), "no timestamp.*yesterday"),
        (plain([("a", "b", 17, 5)]), "'at' is int64"),
        (plain([FINE, ("a", "b", FINE[2], -5)]), "zero or less.*row 2"),
        (plain([FINE, ("a", "b", FINE[2], 2.5)]), "2.5 in row 2"),
        (plain([FINE, ("a", "", FINE[2], 5)]), "no payee.*row 2"),
        (plain([("a", "a", FINE[2], 5)]), "no payments between two accounts"),
        (plain([FINE]).slice(0, 0), "no payments between two accounts"),
        (plain([(1.5, "b", FINE[2], 5)]), "'payer' is double"),
    ],
)
def test_malformed_files_are_refused_with_the_column_and_the_remedy(table: pa.Table, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        plain_payments(table, tz="Asia/Shanghai", rows_max=1000)


def test_too_long_a_file_is_refused_before_it_is_worked_on() -> None:
    with pytest.raises(BadInput, match="at most 1 are read"):
        plain_payments(plain([FINE, FINE]), tz="Asia/Shanghai", rows_max=1)


def test_bad_rows_and_missing_zones_are_told() -> None:
    rows = [
        ("a", "b", "2026-03-01 12:30:00", 500),
        ("a", "b", "2026-03-01 12:30:00", 0),
        ("a", "a", "2026-03-01 12:30:00", 1),
    ]
    read = plain_payments(plain(rows), tz="Asia/Shanghai", rows_max=1000, drop_bad=True)
    assert read.table.num_rows == 2
    assert read.table["at"][0].as_py().hour == 4
    assert any("no zone" in note for note in read.notes)
    assert any("1 rows without" in note for note in read.notes)
    assert any("to itself" in note for note in read.notes)
