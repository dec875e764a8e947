"""Planted rings are found; honest promotions, rush hours and groups of friends are left in peace."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from graph_oracle import DAY, NOW, Paid, table

from dandelion.graph import rings, standard_rules

HOUR = DAY // 24
START = NOW - 150 * DAY


def town(seed: int) -> list[Paid]:
    """Twelve stores with their own regulars over 150 days, busy at noon and in the evening."""
    rng = np.random.default_rng(seed)
    rows: list[Paid] = []
    for store in range(12):
        many = int(rng.poisson(12 * 150))
        hour = rng.choice([11, 12, 12, 12, 18, 18, 19, 9, 15], many)
        at = START + rng.integers(150, size=many) * DAY + hour * HOUR + rng.integers(HOUR, size=many)
        guests = rng.integers(60, size=many) + 40 * store
        sums = rng.integers(500, 9000, many)
        rows += [(f"c{guest:04}", f"s{store:02}", moment, fen)
                 for guest, moment, fen in zip(guests.tolist(), at.tolist(), sums.tolist(), strict=True)]  # fmt: skip
    return rows


def gathering(rng: np.random.Generator, people: list[str], store: str, day: int, hour: int) -> list[Paid]:
    at = START + day * DAY + hour * HOUR
    return [(one, store, at + int(rng.integers(HOUR // 2)), int(rng.integers(20_000, 90_000))) for one in people]


def found(rows: list[Paid], role: str) -> set[str]:
    listed = rings(table(rows), NOW + 1).to_pylist()
    return {row["account"] for row in listed if row["flagged"] and row["role"] == role}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_cash_out_ring_is_found_with_its_store_and_nobody_else(seed: int) -> None:
    rng, rows = np.random.default_rng(seed), town(seed)
    ring = [f"r{i:02}" for i in range(20)]
    for day in (30, 47, 61, 88):
        came = [str(one) for one in rng.choice(ring, 14, replace=False)]
        burst = gathering(rng, came, "s03", day, 3)
        rows += burst + [("s03", one, at + 5 * HOUR, fen * 97 // 100) for one, _, at, fen in burst]
    assert found(rows, "store") == {"s03"}
    assert found(rows, "buyer") <= set(ring)
    assert len(found(rows, "buyer")) >= 18


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_honest_promotions_and_rush_hours_are_not_flagged(seed: int) -> None:
    rng, rows = np.random.default_rng(seed), town(seed)
    for store in range(6):
        for day in rng.choice(150, 4, replace=False):
            crowd = [f"c{i:04}" for i in rng.choice(60, 15, replace=False) + 40 * store]  # regulars
            crowd += [f"n{i:04}" for i in rng.choice(3000, 40, replace=False)]
            rows += gathering(rng, crowd, f"s{store:02}", int(day), 16)
    assert rings(table(rows), NOW + 1).num_rows >= 0
    assert found(rows, "store") == set()
    assert found(rows, "buyer") == set()


def test_friends_who_often_go_out_together_are_not_flagged() -> None:
    rng, rows = np.random.default_rng(7), town(7)
    friends = [f"f{i}" for i in range(9)]
    for day in range(10, 140, 9):
        rows += gathering(rng, friends, f"s{day % 3:02}", day, 22)
    apart = [(a, b, START + (3 * i) * DAY, 5000) for i, a in enumerate(friends) for b in friends if a < b]
    assert found(rows + apart, "buyer") == set()


def test_the_table_names_first_burst_evidence_and_exact_money_returned() -> None:
    rng, rows = np.random.default_rng(8), town(18)
    people = [f"r{i}" for i in range(8)]
    first, second = (gathering(rng, people, "s01", day, 2) for day in (20, 50))
    back = [("s01", one, at + HOUR, fen) for one, _, at, fen in first]
    listed = rings(table(rows + first + second + back), NOW + 1).to_pylist()
    buyers = {row["account"]: row for row in listed if row["role"] == "buyer"}
    assert set(buyers) == set(people)
    for one, _, _, fen in first:
        assert buyers[one]["returned_fen"] == fen
        assert buyers[one]["bursts"] == 2
    moment = buyers["r0"]["first_burst"].timestamp() * 1_000_000
    assert moment == min(at for *_, at, _ in first)
    assert "8 buyers came together in 2 bursts" in buyers["r0"]["evidence"]
    assert not any(name in buyers["r0"]["evidence"] for name in people)


def test_a_phone_in_common_adds_to_the_evidence() -> None:
    rng, rows = np.random.default_rng(9), town(9)
    people = [f"r{i}" for i in range(6)]
    for day in (20, 50):
        rows += gathering(rng, people, "s01", day, 2)
    alone = rings(table(rows), NOW + 1).to_pylist()
    moment = pa.array([START] * 6, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    logins = pa.table({"event_id": [str(i) for i in range(6)], "at": moment, "arrived": moment, "person": people,
                       "device": ["phone"] * 6})  # fmt: skip
    together = rings(table(rows), NOW + 1, logins=logins).to_pylist()
    assert together[0]["score"] > alone[0]["score"]
    assert together[0]["flagged"]
    assert not alone[0]["flagged"], "six people who came twice are not enough by themselves"


def test_a_ring_without_money_back_is_found_by_its_company_alone() -> None:
    rng, rows = np.random.default_rng(11), town(11)
    ring = [f"r{i:02}" for i in range(20)]
    for store, day in (("s02", 25), ("s02", 60), ("s05", 80), ("s05", 110)):
        rows += gathering(rng, [str(one) for one in rng.choice(ring, 14, replace=False)], store, day, 4)
    assert found(rows, "store") == {"s02", "s05"}
    assert len(found(rows, "buyer") & set(ring)) >= 18
    assert len(found(rows, "buyer") - set(ring)) <= 1


def test_a_store_where_some_of_a_ring_eat_by_chance_is_no_part_of_it() -> None:
    rng, rows = np.random.default_rng(13), town(13)
    ring = [f"r{i:02}" for i in range(16)]
    for day in (25, 60, 90):
        rows += gathering(rng, ring[:13], "s02", day, 4)
    rows += gathering(rng, [*ring[:4], "x1", "x2", "x3", "x4"], "s07", 70, 3)
    assert found(rows, "store") == {"s02"}


def test_a_club_that_three_of_a_ring_belong_to_is_no_part_of_it() -> None:
    rng, rows = np.random.default_rng(14), town(14)
    ring, club = [f"r{i:02}" for i in range(16)], [*(f"r{i:02}" for i in range(3)), "x1", "x2", "x3"]
    for day in (25, 60, 90):
        rows += gathering(rng, ring[:13], "s02", day, 4) + gathering(rng, club, "s07", day + 3, 3)
    assert found(rows, "store") == {"s02"}
    assert found(rows, "buyer") <= set(ring)


@pytest.mark.parametrize(("equal", "flagged"), [(True, set()), (False, {"host"})])
def test_strangers_who_pay_the_same_sum_to_a_private_person_again_and_again_are_a_collection(
    equal: bool, flagged: set[str]
) -> None:
    rng, rows = np.random.default_rng(15), town(15)
    rows += [(f"y{k}", "host", START + k * 5 * DAY, 4_000) for k in range(24)]
    for day in (25, 60, 90):
        for one, _, at, fen in gathering(rng, [f"r{i:02}" for i in range(14)], "host", day, 20):
            rows.append((one, "host", at, 6_600 if equal else fen))
    assert found(rows, "store") == flagged


@pytest.mark.parametrize(
    ("permille", "devices", "kind"),
    [(970, False, "cash_out"), (1040, False, "fake_orders"), (1040, True, "device_farm")],
)
def test_a_fee_a_wage_and_phones_in_common_tell_kinds_apart_at_the_same_till(
    permille: int, devices: bool, kind: str
) -> None:
    rng, rows = np.random.default_rng(16), town(16)
    burst = [
        (one, store, at, fen // 10) for one, store, at, fen in gathering(rng, [f"r{i}" for i in range(9)], "s03", 30, 3)
    ]
    rows += burst + [("s03", one, at + 5 * HOUR, fen * permille // 1000) for one, _, at, fen in burst]
    phones = ["phone" if devices and payer.startswith("r") else None for payer, *_ in rows]
    listed = rings(table(rows, device=list(phones)), NOW + 1).to_pylist()
    assert {row["kind"] for row in listed if row["flagged"]} == {kind}


@pytest.mark.parametrize(
    ("farm", "returned", "kind"),
    [(0.3, 0.3, "device_farm"), (0.5, 0.3, "cash_out"), (0.5, 0.7, "company")],
)
def test_the_rules_say_from_which_share_on_a_ring_is_a_farm_or_a_cash_out(
    farm: float, returned: float, kind: str
) -> None:
    """Nine people come three times; four of them use one phone, six have money back."""
    rng, rows = np.random.default_rng(18), town(18)
    bursts = [
        (one, store, at, fen // 10)
        for day in (30, 50, 70)
        for one, store, at, fen in gathering(rng, [f"r{i}" for i in range(9)], "s03", day, 3)
    ]
    rows += bursts
    rows += [("s03", one, at + 5 * HOUR, fen * 97 // 100) for one, _, at, fen in bursts if one <= "r5"]
    phones = ["phone" if payer.startswith("r") and payer <= "r3" else None for payer, *_ in rows]
    rules = standard_rules()
    rules = replace(rules, rings=replace(rules.rings, farm_share=farm, returned_share=returned))
    listed = rings(table(rows, device=list(phones)), NOW + 1, rules=rules).to_pylist()
    assert {row["kind"] for row in listed if row["flagged"]} == {kind}


def test_no_bursts_give_an_empty_table_of_the_same_shape() -> None:
    few = rings(table([("a", "b", NOW, 5)]), NOW + 1)
    assert few.num_rows == 0
    assert few.schema.names[:3] == ["account", "role", "score"]
