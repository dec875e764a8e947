from datetime import date
from pathlib import Path

import pytest

from dandelion.core import BadInput, NotFound, Unavailable, instant
from dandelion.lending import Packs, Products, borrower_size, is_working_day, may_contact
from dandelion.lending.days import day_number

PACKS = Packs.load()
TODAY = date(2026, 11, 22)


def test_every_rule_of_every_pack_names_its_source_and_the_day_it_was_checked() -> None:
    assert {p.licence_type for p in PACKS.all()} == {"bank", "micro_loan"}
    for pack in PACKS.all():
        assert len(pack.sources) >= 15
        for rule in pack.sources:
            assert len(rule.source) > 10, rule
            assert date.fromisoformat(rule.verified) <= TODAY


def test_the_version_in_force_on_the_day_is_chosen_and_none_is_guessed() -> None:
    assert PACKS.on("cn", "bank", date(2025, 9, 30)).effective_from == date(2024, 11, 1)
    assert PACKS.on("cn", "bank", date(2025, 10, 1)).effective_from == date(2025, 10, 1)
    assert PACKS.on("cn", "bank", TODAY).retention_days != PACKS.on("cn", "bank", date(2024, 1, 1)).retention_days
    assert PACKS.on("cn", "bank", TODAY).waterfall == PACKS.on("cn", "bank", date(2022, 1, 1)).waterfall
    for jurisdiction, licence, day in (
        ("cn", "bank", date(2020, 1, 1)),
        ("cn", "pawnshop", TODAY),
        ("xx", "bank", TODAY),
    ):
        with pytest.raises(NotFound):
            PACKS.on(jurisdiction, licence, day)


def test_the_line_for_beneficial_owners_is_dated_and_exactly_a_quarter_counts_only_since_november_2024() -> None:
    before, after = (
        PACKS.on("cn", "micro_loan", day).beneficial_owner for day in (date(2024, 10, 31), date(2024, 11, 1))
    )
    assert before is not None and after is not None
    assert (before.ppm, before.at_least) == (250_000, False)
    assert (after.ppm, after.at_least, after.since) == (250_000, True, date(2024, 11, 1))


def test_a_rule_without_a_source_or_value_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "zz"
    folder.mkdir()
    (folder / "2025-01-01.yaml").write_text("licences: [bank]\nrules:\n  time_zone: {value: UTC}\n")
    with pytest.raises(BadInput, match="source"):
        Packs.load(tmp_path)
    (folder / "2025-01-01.yaml").write_text("licences: [bank]\nextends: 1999-01-01\nrules: {}\n")
    with pytest.raises(BadInput, match="extends"):
        Packs.load(tmp_path)


def test_products_refuse_funders_that_do_not_add_up(tmp_path: Path) -> None:
    text = (
        "product: x\nrepayment: bullet\nperiods: 1\nevery: {days: 30}\ndraw_min_fen: 1\ndraw_late_days_max: 0\n"
        "funders: [{name: house, share_ppm: 999999}]\n"
    )
    (tmp_path / "x.lending.yaml").write_text(text)
    with pytest.raises(BadInput, match="add up"):
        Products.load(tmp_path)
    (tmp_path / "x.lending.yaml").write_text(
        text.replace(
            "[{name: house, share_ppm: 999999}]", "[{name: house, share_ppm: 200000}, {name: b, share_ppm: 800000}]"
        )
    )
    with pytest.raises(BadInput, match="at least"):
        Products.load(tmp_path).get("x").check_against(PACKS.on("cn", "bank", TODAY))
    with pytest.raises(NotFound, match="known: x"):
        Products.load(tmp_path).get("y")


@pytest.mark.parametrize(
    ("local", "today", "allowed"),
    [("07:59", 0, False), ("08:00", 0, True), ("21:59", 2, True), ("22:00", 0, False), ("12:00", 3, False)],
)
def test_collection_stays_inside_the_legal_mask(local: str, today: int, allowed: bool) -> None:
    at = instant(f"2026-11-20T{local}:00", "Asia/Shanghai")
    assert may_contact(PACKS.on("cn", "bank", TODAY), at, today).allowed is allowed


@pytest.mark.parametrize(
    ("industry", "staff", "revenue", "assets", "size"),
    [
        ("industry", 1000, 40_000, 0, "large"), ("industry", 999, 40_000, 0, "medium"), ("retail", 10, 99, 0, "micro"),
        ("retail", 10, 100, 0, "small"), ("catering", 100, 2_000, 0, "medium"), ("catering", 9, 5_000, 0, "micro"),
        ("agriculture", 0, 49, 0, "micro"), ("unheard of", 10, 0, 0, "small"),
    ],
)  # fmt: skip
def test_borrowers_are_sized_by_the_notice(industry: str, staff: int, revenue: int, assets: int, size: str) -> None:
    pack = PACKS.on("cn", "bank", TODAY)
    assert borrower_size(pack, industry, staff=staff, revenue_wan=revenue, assets_wan=assets) == size


def test_holidays_come_from_a_dated_table_and_are_refused_beyond_it() -> None:
    assert not is_working_day(day_number(date(2026, 10, 1)), "cn")
    assert is_working_day(day_number(date(2026, 11, 20)), "cn")
    with pytest.raises(Unavailable, match="2026-12-31"):
        is_working_day(day_number(date(2027, 1, 1)), "cn")


def test_the_overdue_rate_never_exceeds_the_cap() -> None:
    pack = PACKS.on("cn", "micro_loan", TODAY)
    assert pack.overdue_rate_ppm(100_000) == 150_000
    assert pack.overdue_rate_ppm(200_000) == pack.rate_cap_ppm == 240_000
