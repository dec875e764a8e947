"""The watch says, minute by minute, what the search over everything would say; and says it soon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from graph_oracle import DAY, NOW, Paid, table
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput
from dandelion.graph import RingAlert, RingWatch, rings, standard_rules, watch_rules, watch_slots
from dandelion.graph import watch_kernel as kernel
from dandelion.graph.watch_state import WatchState
from dandelion.graph.watch_suspicions import alike_line

HOUR, MINUTE = DAY // 24, DAY // 1440
START = NOW - 60 * DAY
RULES = standard_rules()


def trade(rng: np.random.Generator, stores: int = 4, days: int = 40, a_day: int = 6) -> list[Paid]:
    rows: list[Paid] = []
    for store in range(stores):
        for day in range(days):
            for _ in range(rng.poisson(a_day)):
                at = START + day * DAY + int(rng.choice([11, 12, 12, 18, 19])) * HOUR + int(rng.integers(60)) * MINUTE
                rows.append((f"c{rng.integers(30) + 20 * store:03}", f"s{store}", at, int(rng.integers(5, 90)) * 100))
    return rows


def crowd(
    rng: np.random.Generator, people: list[str], store: str, day: int, hour: int, back: bool = False
) -> list[Paid]:
    rows: list[Paid] = []
    for one in people:
        at, fen = START + day * DAY + hour * HOUR + int(rng.integers(40)) * MINUTE, int(rng.integers(200, 900)) * 100
        rows.append((one, store, at, fen))
        if back:
            rows.append((store, one, at + int(rng.integers(20, 200)) * MINUTE, fen * 97 // 100))
    return rows


def scheming(seed: int) -> list[Paid]:
    """Trade with a ring that has money back, one that only comes again, one that is hired, and friends who repay each other."""
    rng = np.random.default_rng(seed)
    rows = trade(rng)
    cash, company, hired = ([f"{kind}{i:02}" for i in range(14)] for kind in "rqh")
    for day in rng.choice(38, 2, replace=False).tolist():
        rows += crowd(rng, [str(p) for p in rng.choice(cash, 11, replace=False)], "s1", day, 3, back=True)
    for store, day in zip(("s2", "s3", "s2"), rng.choice(38, 3, replace=False).tolist(), strict=True):
        rows += crowd(rng, company, store, day, 2)
    orders = crowd(rng, hired, "s0", int(rng.integers(38)), 5)
    rows += orders + [("boss", who, at + int(rng.integers(4, 30)) * HOUR, fen + 800) for who, _, at, fen in orders]
    rows += [(f"c{i:03}", f"c{i + 1:03}", START + i * DAY, 700) for i in range(6)]
    rows += [(f"c{i + 1:03}", f"c{i:03}", START + i * DAY + HOUR, 690) for i in range(6)]
    return rows


def said(found: pa.Table) -> list[tuple[object, ...]]:
    names = [name for name in found.schema.names if name != "ring"]
    return sorted(tuple(row[name] for name in names) for row in found.to_pylist())


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), parts=st.integers(1, 7), tie=st.sampled_from([1, MINUTE, HOUR // 2]))
def test_the_watch_equals_the_batch_with_ties_late_events_repeats_and_corrections(
    seed: int, parts: int, tie: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = [(a, b, at // tie * tie, fen) for a, b, at, fen in scheming(seed)]
    ids = [f"e{i}" for i in range(len(rows))]
    late = [at + int(rng.choice([0, 0, 0, 1, 3 * DAY])) for _, _, at, _ in rows]
    wrong = set(rng.choice(len(rows), 9, replace=False).tolist())  # each corrected by the row that follows it
    replaces = [ids[i - 1] if i - 1 in wrong else None for i in range(len(rows))]
    told = table(rows, event_id=list(ids), arrived=list(late), replaces=list(replaces))
    order = rng.permutation(len(rows))
    watch = RingWatch()
    for part in np.array_split(order, parts):
        watch.absorb(told.take(pa.array(part)), quiet=True)
        watch.absorb(told.take(pa.array(rng.choice(part, len(part) // 5))), quiet=True)  # a fifth of it once more
    assert said(watch.look()) == said(rings(told, NOW)) == said(watch.rings())


@pytest.mark.parametrize("seed", range(3))
def test_every_alert_is_what_the_batch_says_at_that_minute_and_none_is_missing(seed: int) -> None:
    told = table(scheming(seed))
    moments = told.column("at").cast(pa.int64()).to_numpy()
    watch, alerts = RingWatch(), list[RingAlert]()
    alerts = [one for one in watch.absorb(told) if one.level != "suspected"]
    assert {one.kind for one in alerts} >= {"cash_out", "fake_orders"}
    for one in alerts:
        then = rings(told.filter(pa.array(moments <= one.at)), NOW)
        members = {r["account"] for r in then.to_pylist() if r["flagged"] and r["evidence"] == one.evidence}
        assert set(one.stores) | set(one.buyers) == members
    final = rings(told, NOW)
    flagged = {r["account"] for r in final.to_pylist() if r["flagged"]}
    assert flagged == {name for one in alerts for name in one.new}


def test_cash_out_is_flagged_in_the_minute_in_which_the_fourth_buyer_has_money_back() -> None:
    rng = np.random.default_rng(5)
    burst = crowd(rng, [f"r{i:02}" for i in range(14)], "s1", 39, 3, back=True)
    watch = RingWatch()
    watch.absorb(table(trade(rng, days=39)), quiet=True)
    watch.settle(quiet=True)
    found = watch.absorb(table(sorted(burst, key=lambda one: one[2])))
    backs = sorted(at for payer, _, at, _ in burst if payer == "s1")
    flagged = next(one for one in found if one.level == "flagged")
    assert backs[3] <= flagged.at <= backs[3] + MINUTE
    assert (flagged.kind, flagged.stores) == ("cash_out", ("s1",))
    suspected = next(one for one in found if one.level == "suspected")
    assert suspected.at < backs[3], "the amounts are told before money is back"
    assert suspected.at - min(at for *_, at, _ in burst) <= 40 * MINUTE


def test_friends_who_repay_each_other_without_any_burst_are_left_in_peace() -> None:
    rng = np.random.default_rng(6)
    rows, friends = trade(rng), [f"f{i}" for i in range(6)]
    for night in range(4, 40, 6):
        winner = friends[night % 6]
        rows += [
            (a, winner, START + night * DAY + 20 * HOUR + k * HOUR, 5_000) for k, a in enumerate(friends) if a != winner
        ]
        rows += [
            (winner, a, START + night * DAY + 30 * HOUR + k * HOUR, 4_900) for k, a in enumerate(friends) if a != winner
        ]
    told = table(rows)
    watch = RingWatch()
    assert [one for one in watch.absorb(told) if one.level != "suspected"] == []
    assert said(watch.look()) == said(rings(told, NOW))


def queue(rng: np.random.Generator, fen: list[int], minutes: int = 30) -> list[Paid]:
    at = START + 39 * DAY + 3 * HOUR
    return [(f"q{i:02}", "s1", at + int(rng.integers(minutes)) * MINUTE, one) for i, one in enumerate(fen)]


@pytest.mark.parametrize(
    ("sums", "kind"),
    [("cards", None), ("odd", "cash_out"), ("one price", None), ("made up", "fake_orders"), ("usual", None)],
)
def test_a_suspicion_tells_odd_and_made_up_sums_from_cards_sales_and_a_busy_hour(sums: str, kind: str | None) -> None:
    rng = np.random.default_rng(7)
    fen = {
        "cards": rng.choice([50_000, 100_000, 200_000], 16), "odd": rng.integers(800, 5_000, 16) * 100,
        "one price": np.full(16, 3_990), "made up": np.exp(rng.normal(8.3, 0.1, 16)).astype(int),
        "usual": rng.integers(5, 90, 16) * 100,
    }[sums]  # fmt: skip
    watch = RingWatch()
    watch.absorb(table(trade(rng, days=39)), quiet=True)
    watch.settle(quiet=True)
    told = watch.absorb(table(sorted(queue(rng, fen.tolist()), key=lambda one: one[2])))
    assert [(one.level, one.kind) for one in told] == ([("suspected", kind)] if kind else [])


@pytest.mark.parametrize(("spread", "people", "told"), [(0.05, 6, 1), (0.05, 5, 0), (0.10, 16, 1), (0.45, 40, 0)])
def test_fewer_made_up_sums_must_lie_closer_together(spread: float, people: int, told: int) -> None:
    rng = np.random.default_rng(11)
    fen = np.exp(8.3 + spread * np.linspace(-1.7, 1.7, people)).astype(int)
    watch = RingWatch()
    watch.absorb(table(trade(rng, days=39)), quiet=True)
    watch.settle(quiet=True)
    alerts = watch.absorb(table(sorted(queue(rng, rng.permutation(fen).tolist()), key=lambda one: one[2])))
    assert [(one.level, one.kind) for one in alerts] == [("suspected", "fake_orders")] * told


def test_the_line_for_made_up_sums_is_crossed_by_chance_as_often_as_the_rules_say() -> None:
    """Against draws: crowds of normal logarithms that spread as much as the rules allow for honest ones."""
    often = replace(watch_rules(), suspect_alike_ppm=50_000)
    rng = np.random.default_rng(12)
    usual = np.sqrt(2 / np.pi)  # mean distance from the middle
    for payers in (6, 12, 40):
        drawn = rng.normal(0, often.suspect_alike, (40_000, payers))
        away = np.abs(drawn - np.sort(drawn, axis=1)[:, [(payers - 1) // 2]]).mean(axis=1)
        crossed = float((away / usual <= alike_line(payers, often)).mean())
        assert 0.045 < crossed < 0.055
    lines = [alike_line(payers, watch_rules()) for payers in range(6, 60)]
    assert lines == sorted(lines)
    assert lines[-1] < watch_rules().suspect_alike


@pytest.mark.parametrize(("sums", "told"), [("made up", 1), ("usual", 0)])
def test_a_store_too_young_to_say_what_is_usual_is_compared_with_other_stores(sums: str, told: int) -> None:
    rng = np.random.default_rng(13)
    fen = {"made up": np.exp(rng.normal(8.3, 0.1, 24)).astype(int), "usual": rng.integers(5, 90, 24) * 100}[sums]
    young = [(f"n{i}", "s9", START + (30 + i) * DAY, 2_000 + 900 * i) for i in range(7)]
    crowd_there = [(one, "s9", at, sum_fen) for one, _, at, sum_fen in queue(rng, fen.tolist())]
    watch = RingWatch()
    watch.absorb(table(trade(rng, days=39) + young), quiet=True)
    watch.settle(quiet=True)
    alerts = watch.absorb(table(sorted(crowd_there, key=lambda one: one[2])))
    assert [(one.level, one.kind, one.stores) for one in alerts] == [("suspected", "fake_orders", ("s9",))] * told
    assert all("as much as at other stores" in one.evidence for one in alerts)


def test_a_young_store_is_compared_with_what_had_come_by_then_however_payments_are_parted() -> None:
    rng = np.random.default_rng(13)
    young = [(f"n{i}", "s9", START + (30 + i) * DAY, 2_000 + 900 * i) for i in range(7)]
    fen = np.exp(rng.normal(8.3, 0.1, 24)).astype(int).tolist()
    burst = [(one, "s9", at, sum_fen) for one, _, at, sum_fen in queue(rng, fen)]
    later = [(f"z{i}", f"e{i % 30}", START + 42 * DAY + i * MINUTE, 5_000) for i in range(900)]  # stores of one price
    before = trade(rng, days=39) + young
    said = []
    for parts in ([burst, later], [burst + later]):
        watch = RingWatch()
        watch.absorb(table(before), quiet=True)
        watch.settle(quiet=True)
        told = [a for part in parts for a in watch.absorb(table(sorted(part, key=lambda one: one[2])))]
        said.append([(one.at, one.stores, one.evidence) for one in told])
    assert said[0] == said[1]
    assert len(said[0]) == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 90)), min_size=1, max_size=200), st.floats(0.1, 1.0))
def test_different_sums_of_an_hour_are_counted_as_a_set_counts_them(paid: list[tuple[int, int]], share: float) -> None:
    """`paid`: half hours from the start, and the sum.  Only the newest of an hour are compared."""
    rows = sorted((f"p{i}", "s0", START + half * HOUR // 2 + i, fen) for i, (half, fen) in enumerate(paid))
    state = WatchState(RULES, watch_rules())
    codes = np.arange(1, len(rows) + 1)
    state.room_for(len(rows) + 1)
    at, fen = (np.array([row[k] for row in rows], np.int64) for k in (2, 3))
    first, stop = state.write(codes, np.zeros(len(rows), np.int64), at, at, fen, np.full(len(rows), -1))
    for row in range(first, stop):
        kernel.chain(row, state.rows, state.accounts)
    newest_first = np.argsort(-at)
    for grid in (0, 1):
        for moment in at.tolist():
            there = watch_slots.place_of(at, grid, HOUR) == watch_slots.place_of(moment, grid, HOUR)
            newest = [int(fen[i]) for i in newest_first if there[i]][: watch_slots.SUMS_COMPARED]
            found = watch_slots.sums_differ(0, grid, moment, state.rows, state.accounts, HOUR, share)
            assert found == (len(set(newest)) >= share * len(newest))


def test_the_usual_spread_of_stores_is_that_of_the_store_in_the_middle() -> None:
    rng = np.random.default_rng(14)
    rows = trade(rng, stores=5) + [("c001", "few", START, 700)] * 3
    watch = RingWatch()
    assert np.isnan(watch._state.spread_of_stores())
    watch.absorb(table(rows), quiet=True)
    each = []
    for store in {payee for _, payee, _, _ in rows} - {"few"}:
        sums = sorted(fen for _, payee, _, fen in rows if payee == store)
        each.append(np.mean(np.abs(np.log(np.array(sums) / sums[(len(sums) - 1) // 2]))))
    assert watch._state.spread_of_stores() == pytest.approx(float(np.median(each)))


def test_five_accounts_on_one_phone_are_suspected_at_once_and_a_public_phone_is_not() -> None:
    rng = np.random.default_rng(8)
    before = trade(rng, days=39)
    burst = sorted(queue(rng, rng.integers(5, 90, 9).tolist()), key=lambda one: one[2])
    for others, seen in ((0, [5]), (30, [])):
        watch = RingWatch()
        watch.absorb(table(before, device=["till" if i < others else None for i in range(len(before))]), quiet=True)
        watch.settle(quiet=True)
        told = watch.absorb(table(burst, device=["till"] * len(burst)))
        assert [len(one.buyers) for one in told] == seen
        assert all((one.level, one.kind) == ("suspected", "device_farm") for one in told)


def test_a_watch_started_from_the_record_goes_on_where_the_other_stood() -> None:
    told = table(scheming(8))
    moments = told.column("at").cast(pa.int64()).to_numpy()
    half = int(np.median(moments))
    steady, restarted = RingWatch(), RingWatch()
    steady.absorb(told.filter(pa.array(moments <= half)))
    restarted.absorb(told.filter(pa.array(moments <= half)), quiet=True)
    restarted.settle(quiet=True)
    later = [one.absorb(told.filter(pa.array(moments > half))) for one in (steady, restarted)]
    assert [(one.at, one.kind, one.new) for one in later[0]] == [(one.at, one.kind, one.new) for one in later[1]]


def test_what_is_older_than_the_horizon_is_forgotten_and_the_rest_equals_the_batch() -> None:
    told = table(scheming(9), event_id=[f"e{i}" for i in range(len(scheming(9)))])
    moments = told.column("at").cast(pa.int64()).to_numpy()
    short = replace(watch_rules(), horizon_days=20)
    watch = RingWatch(watch=short)
    watch.absorb(told)
    last = int(moments.max()) + 1
    watch.settle(last)
    kept = told.filter(pa.array(moments >= last - 20 * DAY))
    assert len(watch) == kept.num_rows
    assert said(watch.look()) == said(rings(kept, NOW))
    watch.absorb(told)  # all of it once more: old ones are past, new ones are repeats
    assert len(watch) == kept.num_rows


def test_shared_phones_and_logins_count_as_in_the_batch() -> None:
    rng = np.random.default_rng(4)
    people = [f"r{i}" for i in range(6)]
    rows = trade(rng) + crowd(rng, people, "s1", 10, 2) + crowd(rng, people, "s1", 20, 2)
    phones = ["phone" if a in people[:3] else None for a, *_ in rows]
    told = table(rows, device=list(phones))
    logins = pa.table({"person": [*people[3:], "stranger"], "device": ["phone", "tablet", "tablet", "tablet"],
                       "at": pa.array([START] * 4, pa.int64()).cast(pa.timestamp("us", tz="UTC"))})  # fmt: skip
    watch = RingWatch()
    watch.absorb_logins(logins)
    watch.absorb(told)
    assert said(watch.look()) == said(rings(told, NOW, logins=logins))
    assert "share a device" in watch.look().column("evidence")[0].as_py()


def test_nothing_at_all_and_money_to_oneself_are_fine_and_the_future_is_refused() -> None:
    watch = RingWatch()
    assert watch.absorb(table([])) == []
    assert watch.absorb(table([("a", "a", START, 5)])) == []
    assert watch.look().num_rows == 0
    with pytest.raises(BadInput, match="when its time has come"):
        watch.absorb(table([("a", "b", NOW, 5)]), now=NOW)
    with pytest.raises(BadInput, match="above zero"):
        watch.absorb(table([("a", "b", START, 0)]))
    assert len(watch) == 0


def test_rules_that_would_miss_bursts_are_refused() -> None:
    with pytest.raises(BadInput, match="slack"):
        replace(watch_rules(), slack=0.5)
    with pytest.raises(BadInput, match="less than a million"):
        replace(watch_rules(), suspect_alike_ppm=1_000_000)
