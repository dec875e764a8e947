"""Every population and hard case that the world promises is there, and behaves as its name says."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dandelion.world import WorldSummary

World = tuple[Path, WorldSummary]
HARD_CASES = {
    "micro_vendor": 4, "village_shop": 4, "group_buy_organiser": 4, "landlord": 4, "bill_splitter": 4,
    "class_treasurer": 4, "mahjong_player": 12, "promotion": 4, "rush_hour": 4, "cash_out_store": 4,
    "fake_order_shop": 4, "circular_firm": 3, "synthetic_identity": 5,
}  # fmt: skip
ROLES = {
    "private": 1_000, "street_shop": 80, "online_shop": 20, "part_time": 20, "family_business": 20, "farmer": 20,
    "registered_firm": 20, "outside_company": 20,
}  # fmt: skip


def truth(folder: Path, name: str) -> pa.Table:
    return pq.read_table(folder / "truth" / f"{name}.parquet")


@pytest.fixture(scope="module")
def receipts(small_world: World) -> dict[str, list[tuple[int, str, int]]]:
    """By payee: (at, payer, fen) of every payment."""
    table = pq.read_table(small_world[0] / "record/payment")
    out: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    at = table.column("at").cast(pa.int64()).to_pylist()
    columns = (table.column(name).to_pylist() for name in ("payee", "payer", "amount_fen"))
    for moment, payee, payer, fen in zip(at, *columns, strict=True):
        out[payee].append((moment, payer, fen))
    return out


def of_case(folder: Path, case: str) -> list[str]:
    accounts = truth(folder, "accounts")
    return accounts.filter(pc.equal(accounts.column("case"), case)).column("account").to_pylist()


@pytest.mark.parametrize(("case", "least"), HARD_CASES.items())
def test_every_hard_case_has_members(small_world: World, case: str, least: int) -> None:
    assert len(of_case(small_world[0], case)) >= least


@pytest.mark.parametrize(("role", "least"), ROLES.items())
def test_every_population_has_members(small_world: World, role: str, least: int) -> None:
    counts = Counter(truth(small_world[0], "accounts").column("role").to_pylist())
    assert counts[role] >= least


@pytest.mark.parametrize("sort", ["cash_out", "fake_orders", "circular_invoices", "synthetic"])
def test_every_sort_of_ring_exists_with_members(small_world: World, sort: str) -> None:
    rings = truth(small_world[0], "rings")
    chosen = rings.filter(pc.equal(rings.column("sort"), sort))
    assert len(set(chosen.column("ring").to_pylist())) >= 2
    assert chosen.num_rows >= 6


def test_a_fifth_of_the_people_trade_and_many_without_a_licence(small_world: World) -> None:
    folder, summary = small_world
    assert 0.18 <= summary.merchants / summary.people <= 0.22
    accounts = pq.read_table(folder / "record/accounts.parquet")
    traders = pc.is_in(accounts.column("account"), truth(folder, "merchants").column("account"))
    kinds = Counter(accounts.filter(traders).column("kind").to_pylist())
    assert kinds["unregistered"] > 0.4 * summary.merchants
    assert kinds["registered_firm"] >= 20


def test_micro_vendors_have_fewer_than_ten_payers_a_quarter(
    small_world: World, receipts: dict[str, list[tuple[int, str, int]]]
) -> None:
    """Their trade alone: private money of the same person comes on top, so count who paid at least twice."""
    quarter = small_world[1].end_us - 90 * 86_400_000_000
    regulars = []
    for account in of_case(small_world[0], "micro_vendor"):
        payers = Counter(payer for at, payer, _ in receipts[account] if at >= quarter)
        regulars.append(sum(1 for times in payers.values() if times >= 2))
    assert np.mean(np.array(regulars) < 10) > 0.95


def test_mahjong_tables_pay_round_in_circles(
    small_world: World, receipts: dict[str, list[tuple[int, str, int]]]
) -> None:
    players = set(of_case(small_world[0], "mahjong_player"))
    both = 0
    for player in players:
        payers = {payer for _, payer, _ in receipts[player]} & players
        both += any(player in {p for _, p, _ in receipts[payer]} for payer in payers)
    assert both >= 0.8 * len(players)


def test_landlords_take_the_same_rent_every_month(
    small_world: World, receipts: dict[str, list[tuple[int, str, int]]]
) -> None:
    steady = 0
    landlords = of_case(small_world[0], "landlord")
    for landlord in landlords:
        repeated = Counter((payer, fen) for _, payer, fen in receipts[landlord])
        steady += any(times >= 8 for times in repeated.values())
    assert steady >= 0.9 * len(landlords)


def test_cash_out_bursts_are_short_crowded_and_paid_back_less_a_fee(
    small_world: World, receipts: dict[str, list[tuple[int, str, int]]]
) -> None:
    folder, _ = small_world
    bursts, rings = truth(folder, "bursts").to_pylist(), truth(folder, "rings").to_pylist()
    cash_out = {row["ring"] for row in rings if row["sort"] == "cash_out"}
    found = 0
    for burst in (b for b in bursts if b["ring"] in cash_out):
        minutes = (burst["end"] - burst["start"]).total_seconds() / 60
        assert minutes <= 61
        start, end = (int(burst[k].timestamp() * 1e6) for k in ("start", "end"))
        crowd = {payer: fen for at, payer, fen in receipts[burst["store"]] if start - 1 <= at <= end and fen > 60_000}
        back = sum(
            any(payer == burst["store"] and 0.94 * paid < fen < paid and start < at < end + 8 * 3_600_000_000
                for at, payer, fen in receipts[member])
            for member, paid in crowd.items()
        )  # fmt: skip
        assert back >= 0.8 * burst["payments"]
        found += 1
    assert found >= 5


def test_honest_promotions_look_like_bursts_but_nothing_flows_back(
    small_world: World, receipts: dict[str, list[tuple[int, str, int]]]
) -> None:
    honest = [burst for burst in truth(small_world[0], "bursts").to_pylist() if burst["honest"]]
    assert len(honest) >= 5
    for burst in honest:
        start, end = (int(burst[k].timestamp() * 1e6) for k in ("start", "end"))
        crowd = {payer for at, payer, _ in receipts[burst["store"]] if start - 1 <= at <= end}
        back = [
            p
            for p in crowd
            if any(q == burst["store"] and start < at < end + 86_400_000_000 for at, q, _ in receipts[p])
        ]
        assert len(crowd) >= 6
        assert len(back) <= 1


def test_synthetic_identities_share_devices(small_world: World) -> None:
    folder, _ = small_world
    made_up = of_case(folder, "synthetic_identity")
    rings = truth(folder, "rings").to_pylist()
    owners = {m["account"]: m["owner"] for m in truth(folder, "merchants").to_pylist()}
    logins = pq.read_table(folder / "record/login.parquet")
    usual: dict[str, Counter[str]] = defaultdict(Counter)
    for person, device in zip(logins.column("person").to_pylist(), logins.column("device").to_pylist(), strict=True):
        usual[person][device] += 1
    for ring in {row["ring"] for row in rings if row["sort"] == "synthetic"}:
        members = [owners[row["member"]] for row in rings if row["ring"] == ring and row["member"] in made_up]
        devices = {usual[m].most_common(1)[0][0] for m in members if usual[m]}
        assert len(devices) <= 3 < len(members)


def test_circular_firms_invoice_each_other_round(small_world: World) -> None:
    folder, _ = small_world
    invoices = pq.read_table(folder / "record/invoice.parquet")
    edges = set(zip(invoices.column("seller").to_pylist(), invoices.column("buyer").to_pylist(), strict=True))
    circle: dict[int, set[str]] = defaultdict(set)
    for row in truth(folder, "rings").to_pylist():
        if row["sort"] == "circular_invoices":
            circle[row["ring"]].add(row["member"])
    for members in circle.values():
        assert all(any((seller, buyer) in edges for buyer in members - {seller}) for seller in members)


def test_every_red_letter_invoice_turns_an_earlier_one(small_world: World) -> None:
    rows = pq.read_table(small_world[0] / "record/invoice.parquet").to_pylist()
    first = {(r["seller"], r["buyer"], r["total_fen"]): r["at"] for r in reversed(rows) if r["total_fen"] > 0}
    red = [r for r in rows if r["total_fen"] < 0]
    assert len(red) > 50
    assert all(first[r["seller"], r["buyer"], -r["total_fen"]] < r["at"] for r in red)


def test_works_are_known_before_they_start_and_cover_every_sort(small_world: World) -> None:
    works = pq.read_table(small_world[0] / "record/works.parquet")
    assert set(works.column("what").to_pylist()) == {"subway", "pipes", "opening", "rival", "closing"}
    at, starts, ends = (works.column(name).cast(pa.int64()).to_numpy() for name in ("at", "starts", "ends"))
    assert (at <= starts).all()
    assert (starts < ends).all()


def test_shares_of_every_firm_add_up_to_the_whole(small_world: World) -> None:
    shares = pq.read_table(small_world[0] / "record/shareholding.parquet")
    total = shares.group_by("firm").aggregate([("share_ppm", "sum")]).column("share_ppm_sum").to_numpy()
    assert (total == 1_000_000).all()
    assert min(shares.column("share_ppm").to_pylist()) > 0


def test_consents_name_purpose_kinds_and_recipient(small_world: World) -> None:
    folder, _ = small_world
    consents = pq.read_table(folder / "record/consents.parquet")
    assert set(consents.column("purpose").to_pylist()) == {"credit", "training", "servicing"}
    assert len(set(consents.column("grant").to_pylist())) == consents.num_rows
    granted = set(consents.column("subject").to_pylist())
    assert set(pq.read_table(folder / "record/loans.parquet").column("merchant").to_pylist()) <= granted
    assert all("payments" in kinds for kinds in consents.column("data_kinds").to_pylist())
