"""Books: the default one is whole, and every mistake in one is found at load with file and line."""

from __future__ import annotations

import dataclasses
import math
import re
import shutil
from collections import Counter

import pytest
from policy_samples import AS_OF, DEFAULTS, book, catalogue, product

from dandelion.core import PPM, BadInput
from dandelion.policy import Book, pin
from dandelion.policy.boxes import box_of
from dandelion.policy.declarations import ENGINE_REASONS
from dandelion.policy.expression import Compare, walk

FOLDER = DEFAULTS / "strategies"


@pytest.fixture
def copy(tmp_path):
    target = tmp_path / "book"
    shutil.copytree(FOLDER, target, ignore=shutil.ignore_patterns("*_by_trade.csv"))  # so that it loads at once
    return target


def edit(folder, file, old, new):
    path = folder / file
    text = path.read_text("utf-8")
    assert old in text, f"{old!r} is not in {file}"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return folder


def test_the_default_book_loads_agrees_with_the_catalogue_and_has_nothing_odd():
    loaded = Book.load(FOLDER, catalogue())  # after a look at what changed: .venv/bin/python tests/policy/repin.py
    assert [f"{f.place}: {f.message}" for f in loaded.findings] == []
    assert len([s for s in loaded.strategies if s.mode == "live"]) >= 3_000


def test_every_alias_of_the_default_book_is_a_standard_column_and_pinned():
    for use in book().columns.values():
        assert use.id in catalogue(), use.alias
        assert use.pin, use.alias


def test_every_strategy_says_why_and_shows_that_it_fires_and_that_it_does_not():
    shown = {}
    for strategy in book().strategies:
        assert len(strategy.purpose) > 25 and "{" not in strategy.purpose, strategy.id
        shown.setdefault(strategy.table or strategy.id, set()).update(e.expect for e in strategy.examples)
    for name, outcomes in shown.items():  # a table shows it on some of its rows
        assert "fires" in outcomes and outcomes & {"silent", "unknown"}, name


@pytest.mark.parametrize(
    ("table", "rising", "falling"),
    [
        ("young_shop_caps", ("tenure_days", "payers_90d", "active_days_30d"), ()),
        ("young_firm_caps", ("invoice_age_days", "buyers_180d"), ("top_buyer_share_365d",)),
        ("debt_load", (), ("open_lenders", "outside_due_share", "outside_debt_months")),
        ("online_cancellations", ("stars_mean_180d",), ("cancelled_share_90d",)),
        ("warning_borrowing_while_falling", ("trend_30_90",), ("inquiries_30d", "line_use")),
    ],
)
def test_a_tables_amounts_never_turn_against_its_own_order(table, rising, falling):
    """More of what speaks for somebody never gets less, and more of what speaks against never gets more."""
    rows = [s for s in book().strategies if s.table.endswith(f"{table}.csv")]
    low = {s.id: {} for s in rows}
    for strategy in rows:
        for node in walk(strategy.condition):
            if isinstance(node, Compare) and node.left.alias in (*rising, *falling):
                bounds = low[strategy.id].setdefault(node.left.alias, [-1e9])
                bounds.append(node.right.value if node.op in (">=", ">") else -1e9)
    assert len(rows) >= 6
    for one in rows:
        for other in rows:
            better = [max(low[one.id].get(a, [-1e9])) - max(low[other.id].get(a, [-1e9])) for a in rising]
            better += [max(low[other.id].get(a, [-1e9])) - max(low[one.id].get(a, [-1e9])) for a in falling]
            if min(better) >= 0:
                assert one.action.amount >= other.action.amount, (one.id, other.id)


def test_no_cap_lies_above_what_the_product_would_lend_there_anyway():
    """Such a row could never bind, whoever came: it would be filler."""
    for name in ("shop-line", "invoice-line"):
        terms = product(name)
        own = math.prod(max(s.action.amount, PPM) / PPM for s in _of(name, "limit_times_ppm"))
        for strategy in _of(name, "limit_cap_fen"):
            side = (box_of(strategy.condition) or {}).get("turnover_month_yuan")
            highest = math.inf if side is None else side.high * 100 * terms.turnover_multiple_ppm / PPM * own
            assert strategy.action.amount < min(highest, terms.limit_max_fen), strategy.id


def _of(name, kind):
    return [s for s in book().strategies if s.product in ("*", name) and s.action.kind == kind and s.mode == "live"]


def test_the_book_is_worth_the_name_and_no_longer():
    live = [s for s in book().strategies if s.mode == "live"]
    assert 3_000 <= len(live) <= 4_300


def test_every_reason_has_plain_words_in_two_languages_and_names_nobody():
    for code in {*ENGINE_REASONS, *(s.reason for s in book().strategies)}:
        reason = book().reasons[code]
        for zh in (reason.zh, reason.otherwise_zh):
            assert re.search(r"[\u4e00-\u9fff]", zh) and zh.endswith("。"), code
        for en in (reason.en, reason.otherwise_en):
            assert en.isascii() and en.endswith("."), code
        together = reason.en.lower() + reason.otherwise_en.lower()
        for word in ("fraud", "cheat", "liar", "fault", "your wife", "your husband", "payer "):
            assert word not in together, code


def test_the_stages_the_issue_asks_for_are_all_there():
    stages = Counter(s.stage for s in book().strategies)
    assert {"eligibility", "fraud", "credit", "limit", "price", "warning"} <= stages.keys()


def test_the_hash_is_of_the_meaning_and_not_of_the_comments(copy):
    before = Book.load(copy).hash
    (copy / "credit.yaml").write_text("# a remark\n" + (copy / "credit.yaml").read_text("utf-8"), "utf-8")
    assert Book.load(copy).hash == before
    edit(copy, "credit.yaml", "trend_30_90 < -0.7", "trend_30_90 < -0.6")
    assert Book.load(copy).hash != before


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("credit.yaml", "pd_ppm > shop_pd_max_ppm", "pd_ppm > shop_pd_maximum_ppm", "did you mean"),
        ("credit.yaml", "when: trend_30_90 < -0.7", "when: __import__('os')", "no part of the language"),
        ("credit.yaml", "action: decline", "action: deny", "not allowed in stage credit"),
        ("credit.yaml", "action: decline", "action: {decline: 5}", "takes no amount"),
        ("limit.yaml", "{limit_times_ppm: 600_000}", "{limit_times_ppm: 0.6}", "whole number"),
        ("limit.yaml", "{limit_times_ppm: 600_000}", "{price_add_ppm: 100}", "not allowed in stage limit"),
        ("credit.yaml", "reason: RISK_HIGH", "reason: RISK_HUGE", "not in reasons.yaml"),
        ("credit.yaml", "stage: credit", "stage: credits", "must be one of"),
        ("credit.yaml", "priority: 140", "priority: high", "whole number"),
        ("credit.yaml", "owner: credit-policy", "ownr: credit-policy", "owner is missing"),
        ("credit.yaml", "priority: 140", "priority: 140\n    colour: red", "not known here"),
        ("credit.yaml", "id: credit.pd.firm", "id: credit.pd.shop", "already stands at"),
        ("credit.yaml", "{given: {pd_ppm: 100001}, expect: fires}", "{given: {pd_ppm: 1}, expect: fires}", "is silent"),
        ("credit.yaml", "{given: {pd_ppm: 100001}, expect: fires}", "{given: {pdd: 1}, expect: fires}", "no alias"),
        ("credit.yaml", "priority: 140", "priority: 140\n    priority: 141", "written twice"),
        ("credit.yaml", "priority: 140", "priority: 140\n    from: yesterday", "not a date"),
        ("credit.yaml", "priority: 140", "priority: 140\n    arm: nobody", "not in the experiment"),
        ("credit.yaml", "protects_against:", "protects:", "protects_against is missing"),
        ("credit.yaml", "strategies:", "strategies: [", "credit.yaml:"),
        ("credit.yaml", "purpose: Above", "purpose: !!python/object/apply:os.system Above", "tag"),
        ("fraud.yaml", "when: in_list(black)", "when: in_list(blck)", "not declared"),
        ("fraud.yaml", "when: in_list(black)", "when: in_list(grey)", "in_list(black)"),
        ("book.yaml", "lists: [black, grey, white]", "lists: [black, white]", "not declared"),
        ("book.yaml", "tenure_days: payment", "pd_ppm: payment", "already has a meaning"),
        ("book.yaml", "tenure_days: payment", "min: payment", "no alias"),
        ("book.yaml", "value: 0.4", "value: many", "give a number"),
        ("book.yaml", "direction: up", "direction: sideways", "must be one of"),
        ("book.yaml", "share_ppm: 980000", "share_ppm: 98", "add up to 1000000"),
        ("reasons.yaml", "NO_SCORE:", "NO_SCORES:", "NO_SCORE is missing"),
        ("reasons.yaml", "  en: ", "  english: ", "en is missing"),
        ("reasons.yaml", "  en: We need", "  en: We {payer} need", "placeholder"),
    ],
)
def test_a_mistake_in_a_book_is_an_error_that_names_file_and_remedy(copy, file, old, new, said):
    if said == "in_list(black)":  # its own example no longer holds
        said = "is expected to be"
    with pytest.raises(BadInput, match=re.escape(said)) as caught:
        Book.load(edit(copy, file, old, new))
    assert ".yaml" in caught.value.message


def test_a_column_the_catalogue_lacks_and_a_changed_definition_are_errors(copy):
    columns = catalogue()
    changed = dict(columns)
    identity = book().columns["tenure_days"].id
    changed[identity] = dataclasses.replace(columns[identity], definition_hash="f" * 64)
    with pytest.raises(BadInput, match="changed from"):
        Book.load(copy, changed, pinned=True)
    found = [f for f in Book.load(copy, changed).findings if f.subject == "tenure_days"]
    assert [f.severity for f in found] == ["warning"]
    del changed[identity]
    with pytest.raises(BadInput, match="not in the catalogue"):
        Book.load(copy, changed)


def test_pinning_writes_the_new_definition_and_keeps_the_rest_of_the_file(copy):
    columns = dict(catalogue())
    pin(copy, columns)
    identity = book().columns["tenure_days"].id
    columns[identity] = dataclasses.replace(columns[identity], definition_hash="f" * 64)
    before = (copy / "book.yaml").read_text("utf-8").splitlines()
    assert [line.split(":")[0] for line in pin(copy, columns)] == ["tenure_days"]
    after = (copy / "book.yaml").read_text("utf-8").splitlines()
    assert len([1 for a, b in zip(before, after, strict=True) if a != b]) == 1
    assert [f for f in Book.load(copy, columns).findings if "used by no strategy" not in f.message] == []


def test_units_that_do_not_fit_and_comparisons_that_cannot_be_are_found(copy):
    edit(
        copy, "credit.yaml", "when: pd_ppm > shop_pd_max_ppm", "when: pd_ppm > shop_tenure_min_days and pd_ppm > 100000"
    )
    with pytest.raises(BadInput, match="compares ppm with days"):
        Book.load(copy, catalogue())
    shutil.copy(FOLDER / "credit.yaml", copy / "credit.yaml")
    edit(
        copy,
        "fraud.yaml",
        "{given: {related_share_90d: 0.51}, expect: fires}",
        "{given: {related_share_90d: 9}, expect: fires}",
    )
    edit(copy, "fraud.yaml", "when: related_share_90d > 0.5", "when: related_share_90d > 1.5")
    pin(copy, catalogue())
    warned = [f.message for f in Book.load(copy, catalogue()).findings if "used by no strategy" not in f.message]
    assert len(warned) == 1 and "never true" in warned[0]


def test_a_strategy_said_twice_is_a_warning(copy):
    text = (copy / "price.yaml").read_text("utf-8")
    one = text[text.index("  - id: price.any.lenders") : text.index("  - id: price.shop.good_conduct")]
    (copy / "price.yaml").write_text(text + one.replace("price.any.lenders", "price.any.again"), "utf-8")
    assert any("word for word" in f.message for f in Book.load(copy).findings)


@pytest.mark.parametrize(
    ("when", "alias"),
    [
        ("trend_30_90 < -0.7 and trend_30_90 > 0", "trend_30_90"), ("0 < trend_30_90 < 0", "trend_30_90"),
        ("payers_90d >= 3 and (trend_30_90 > 1 and 1 >= trend_30_90)", "trend_30_90"),
        ("trend_30_90 == 1 and trend_30_90 == 2", "trend_30_90"),
    ],
)  # fmt: skip
def test_a_condition_that_nothing_can_meet_is_a_warning(copy, when, alias):
    edit(copy, "credit.yaml", "when: trend_30_90 < -0.7", f"when: {when}")
    text = (
        (copy / "credit.yaml").read_text("utf-8").replace("{trend_30_90: -0.71}, expect: fires", "{}, expect: unknown")
    )
    (copy / "credit.yaml").write_text(text, "utf-8")
    warned = [f.message for f in Book.load(copy).findings if "never fire" in f.message]
    assert len(warned) == 1 and alias in warned[0]


def test_a_decline_on_a_grey_list_is_an_error(copy):
    text = (copy / "fraud.yaml").read_text("utf-8")
    text = text.replace("when: in_list(black)", "when: in_list(grey)", 1).replace(
        '["in_list(black)"]', '["in_list(grey)"]', 1
    )
    (copy / "fraud.yaml").write_text(text, "utf-8")
    with pytest.raises(BadInput, match="only black lists may decline"):
        Book.load(copy)


def test_dates_modes_shares_and_arms_decide_who_a_strategy_meets(copy):
    edit(copy, "price.yaml", "id: price.any.lenders", "id: price.any.lenders\n    mode: shadow")
    edit(copy, "price.yaml", "id: price.any.wide_outlook", "id: price.any.wide_outlook\n    to: 2020-01-01")
    edit(copy, "price.yaml", "id: price.shop.good_conduct", "id: price.shop.good_conduct\n    share_ppm: 500_000")
    edit(copy, "limit.yaml", "id: limit.any.risk_upper", "id: limit.any.risk_upper\n    arm: explore")
    changed = Book.load(copy)
    met = Counter()
    for n in range(400):
        live, shadow = changed.active("shop-line", AS_OF, "t", f"m{n}")
        assert [s.id for s in live] == [s.id for s in changed.active("shop-line", AS_OF, "t", f"m{n}")[0]]
        met.update(s.id for s in live)
        met.update(f"shadow:{s.id}" for s in shadow)
        assert ("limit.any.risk_upper" in {s.id for s in live}) == (changed.arm("t", f"m{n}")[0] == "explore")
    assert met["shadow:price.any.lenders"] == 400 and met["price.any.lenders"] == 0
    assert met["price.any.wide_outlook"] == 0
    assert 150 < met["price.shop.good_conduct"] < 250
    assert met["shadow:price.shop.good_conduct"] == 400 - met["price.shop.good_conduct"]
    assert 0 < met["limit.any.risk_upper"] < 40
