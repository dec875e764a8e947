"""Device farms and circles of invoices are found; families, shared tablets and trade both ways are left in peace."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from graph_oracle import DAY, NOW, table
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput
from dandelion.graph import device_farms, invoice_circles
from dandelion.graph.ring_circles import find_turns
from dandelion.graph.scheme_rules import CircleRules, circle_rules

HOUR, MINUTE = DAY // 24, DAY // 1440
START = NOW - 60 * DAY
Login = tuple[str, str, int]


def logins(rows: list[Login]) -> pa.Table:
    person, device, at = zip(*rows, strict=True) if rows else ((), (), ())
    moment = pa.array(at, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    return pa.table({"person": pa.array(person, pa.string()), "device": pa.array(device, pa.string()), "at": moment})


def session(people: list[str], device: str, at: int) -> list[Login]:
    return [(one, device, at + k * MINUTE) for k, one in enumerate(people)]


def farm() -> list[Login]:
    """Sixteen accounts on two phones, three sessions on both at once."""
    rows: list[Login] = []
    for day in (5, 12, 20):
        for phone in range(2):
            rows += session(
                [f"f{phone}{i}" for i in range(8)], f"phone{phone}", START + day * DAY + 20 * HOUR + phone * MINUTE
            )
    return rows


def test_a_farm_on_two_phones_is_one_ring_with_its_accounts_and_the_store_at_which_it_orders() -> None:
    rows = farm()
    orders = [(one, "shop", at + 10_000_000, 5000) for one, _, at in rows] + [("f00", "bakery", START, 900)]
    found = device_farms(logins(rows), NOW, payments=table(orders)).to_pylist()
    assert {r["account"] for r in found if r["role"] == "account"} == {one for one, _, _ in rows}
    assert {r["account"] for r in found if r["role"] == "store"} == {"shop"}
    assert {(r["flagged"], r["kind"], r["ring"], r["bursts"]) for r in found} == {(True, "device_farm", 0, 3)}
    assert found[0]["evidence"].startswith("16 accounts on 2 devices log in one after another, in 3 sessions")
    assert not any(one in found[0]["evidence"] for one, _, _ in rows)


def test_a_family_with_one_phone_and_staff_at_a_shops_tablet_are_not_flagged() -> None:
    rng = np.random.default_rng(3)
    rows = [(f"kin{k}", "family phone", START + int(rng.integers(50 * DAY))) for k in rng.integers(0, 5, 200)]
    for day in range(50):
        on = rng.choice(10, 5, replace=False).tolist()
        rows += [(f"staff{k}", "tablet", START + day * DAY + 9 * HOUR + int(rng.normal(0, 6 * MINUTE))) for k in on]
    rows += [(f"staff{k}", f"own{k}", START + int(rng.integers(50 * DAY))) for k in rng.integers(0, 8, 300)]
    assert not any(r["flagged"] for r in device_farms(logins(rows), NOW).to_pylist())


def test_one_session_is_not_enough_two_are_and_what_arrives_later_is_not_known_yet() -> None:
    rows = farm()
    first = [row for row in rows if row[2] < START + 6 * DAY]
    assert not any(r["flagged"] for r in device_farms(logins(first), NOW).to_pylist())
    told = logins(rows).append_column("arrived", logins(rows)["at"])
    assert not any(r["flagged"] for r in device_farms(told, NOW, START + 6 * DAY).to_pylist())
    with pytest.raises(BadInput, match="device"):
        device_farms(logins(rows).drop_columns(["device"]), NOW)


Invoice = tuple[str, str, int, int]


def invoices(rows: list[Invoice]) -> pa.Table:
    seller, buyer, at, fen = zip(*rows, strict=True) if rows else ((), (), (), ())
    moment = pa.array(at, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    return pa.table({"seller": pa.array(seller, pa.string()), "buyer": pa.array(buyer, pa.string()), "at": moment,
                     "total_fen": pa.array(fen, pa.int64())})  # fmt: skip


def circle(firms: str, day: int, fen: int) -> list[Invoice]:
    hands = zip(firms, firms[1:] + firms[0], strict=True)
    return [(a, b, START + (day + k) * DAY, fen * (100 - k) // 100) for k, (a, b) in enumerate(hands)]


def test_a_circle_that_turns_again_is_flagged_with_what_went_round() -> None:
    rows = [turn for day in (3, 17, 30, 41) for turn in circle("abcd", day, 500_000)] + [("a", "x", START, 90_000)]
    found = invoice_circles(invoices(rows), NOW).to_pylist()
    assert {r["account"] for r in found} == set("abcd")
    assert {(r["flagged"], r["kind"], r["bursts"]) for r in found} == {(True, "circular_invoices", 4)}
    assert found[0]["returned_fen"] == sum(fen for a, b, _, fen in rows if b != "x")


def test_trade_both_ways_two_turns_and_sums_that_differ_are_no_circle() -> None:
    rng = np.random.default_rng(1)
    both = [("a", "b", START + k * DAY, 40_000 + k) for k in range(30)] + [
        ("b", "a", START + k * DAY, 40_000) for k in range(30)
    ]
    three = [(*pair, START + int(rng.integers(50 * DAY)), int(rng.lognormal(11 + k, 0.5)))
             for k, pair in enumerate([("d", "e"), ("e", "f"), ("f", "d")]) for _ in range(12)]  # fmt: skip
    twice = circle("xyz", 3, 80_000) + circle("xyz", 20, 80_000)
    assert invoice_circles(invoices([*both, *three, *twice]), NOW).num_rows == 0
    void = invoices([t for day in (3, 17, 30) for t in circle("abc", day, 500_000)])
    assert invoice_circles(void.append_column("status", pa.array(["void"] * 9)), NOW).num_rows == 0
    assert invoice_circles(invoices([]), NOW).num_rows == 0


def slowly(rows: list[Invoice], rules: CircleRules) -> list[tuple[Invoice, ...]]:
    """Every choice of invoices tried: earliest first, shortest first, each invoice once; the choice among equals is the first."""
    left, out = sorted(rows, key=lambda r: (r[2], r[0], r[1], r[3])), []
    done: set[int] = set()
    for root in range(len(left)):
        for length in range(3, rules.firms_max + 1) if root not in done else ():
            later = [k for k in range(root + 1, len(left)) if k not in done and left[k][2] <= left[root][2] + rules.days * DAY
                     and abs(left[k][3] - left[root][3]) <= rules.tolerance * left[root][3] + 1e-9]  # fmt: skip
            hit = next((
                pick for pick in itertools.permutations(later, length - 1)
                if all(left[a][1] == left[b][0] for a, b in itertools.pairwise((root, *pick, root)))
                and len({left[k][0] for k in (root, *pick)}) == length
            ), None)  # fmt: skip
            if hit is not None:
                done |= {root, *hit}
                out.append(tuple(left[k] for k in (root, *hit)))
                break
    return out


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"), st.integers(0, 20), st.sampled_from([100, 105, 130])),
                max_size=9))  # fmt: skip
def test_turns_are_those_of_a_search_that_tries_everything(drawn: list[tuple[str, str, int, int]]) -> None:
    rows = sorted(
        {(a, b, START + day * DAY, fen) for a, b, day, fen in drawn if a != b}, key=lambda r: (r[2], r[0], r[1], r[3])
    )
    rules = CircleRules(8, 0.12, 4, 1, 0.0, 0.0)
    code = {name: k for k, name in enumerate("abcd")}
    columns = [np.array([code[r[0]] for r in rows], np.int64), np.array([code[r[1]] for r in rows], np.int64),
               np.array([r[2] for r in rows], np.int64), np.array([r[3] for r in rows], np.int64)]  # fmt: skip
    found = find_turns(*columns, 4, rules)
    assert [tuple(rows[k] for k in turn.tolist()) for turn in found] == slowly(rows, rules)


def test_the_shipped_rules_hold_back_until_the_third_turn() -> None:
    assert circle_rules().turns_min == 3
