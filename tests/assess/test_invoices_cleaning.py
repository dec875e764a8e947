"""Cleaning against slow, obvious counterparts: duplicates, void, red letters, shared books."""

from __future__ import annotations

from collections import defaultdict

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.app.assess.invoices_cleaning import (
    RED_ALONE,
    RED_MATCHED,
    UNDONE,
    VALID,
    VOID,
    ZERO,
    clean_invoices,
    match_red_letters,
)
from dandelion.app.assess.invoices_settings import Cleaning
from dandelion.app.assess.invoices_sharing import connected, find_sharing

few = settings(max_examples=25, deadline=None)
DATABASE = duckdb.connect(":memory:", config={"threads": 1})
RULES = Cleaning(shared_share_min_ppm=500_000, shared_invoices_min=2, mirror_invoices_min=1)
rows = st.lists(
    st.tuples(
        st.integers(0, 2), st.booleans(), st.integers(1, 6), st.integers(0, 9), st.integers(0, 1),
        st.sampled_from([-200, -100, 0, 100, 200]), st.booleans(),
    ),
    min_size=1, max_size=40,
)  # fmt: skip


def table(given_rows):
    """(firm, sale, number, day, counterparty, total, void) as the reader's table; net is the total less a tenth."""
    firm, sale, number, day, partner, total, void = zip(*given_rows, strict=True)
    net = [t - t // 10 for t in total]
    return pa.table(
        {
            "firm": pa.array(firm, pa.int32()), "sale": pa.array(sale), "number": pa.array([str(n) for n in number]),
            "day": pa.array([17_000 + d for d in day], pa.int32()), "counterparty": pa.array(partner, pa.int32()),
            "net_fen": pa.array(net, pa.int64()), "tax_fen": pa.array([t - n for t, n in zip(total, net, strict=True)]),
            "total_fen": pa.array(total, pa.int64()), "void": pa.array(void),
        }
    )  # fmt: skip


def cleaned(given_rows):
    """The database is one for all tests: cleaning replaces its tables."""
    return DATABASE, clean_invoices(DATABASE, table(given_rows))


def invoices(db):
    got = db.execute(
        "select rowid as id, * from invoice order by firm, day, sale, number, total_fen, state, net_fen"
    ).fetchnumpy()
    columns = {name: values.tolist() for name, values in got.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def distinct(given_rows):
    """One row per invoice: exact copies and second partner codes gone."""
    best = {}
    for firm, sale, number, day, partner, total, void in given_rows:
        key = (firm, sale, number, day, total, void)
        best[key] = min(best.get(key, partner), partner)
    return best


@few
@given(rows)
def test_every_distinct_invoice_is_kept_once_and_every_copy_is_counted(given_rows):
    db, report = cleaned(given_rows)
    assert report.invoices == len(distinct(given_rows)) == len(invoices(db))
    assert report.rows == report.invoices + report.exact_duplicate_rows + report.second_partner_rows
    assert report.exact_duplicate_rows == len(given_rows) - len(set(given_rows))


@few
@given(rows)
def test_giving_the_file_twice_changes_the_duplicates_and_nothing_else(given_rows):
    db, once = cleaned(given_rows)
    before = [{**row, "id": 0} for row in invoices(db)]
    db, twice = cleaned(given_rows + given_rows)
    assert [{**row, "id": 0} for row in invoices(db)] == before
    assert twice.exact_duplicate_rows == once.exact_duplicate_rows + len(given_rows)


@few
@given(rows)
def test_netting_moves_no_money(given_rows):
    """What counts afterwards (valid and unmatched red letters) sums to all that was not void."""
    db, _ = cleaned(given_rows)
    sums, kept = defaultdict(int), defaultdict(int)
    for row in invoices(db):
        if row["state"] in (VALID, RED_ALONE):
            kept[row["firm"], row["sale"]] += row["total_fen"]
        if row["state"] != VOID:
            sums[row["firm"], row["sale"]] += row["total_fen"]
    assert {k: v for k, v in kept.items() if v} == {k: v for k, v in sums.items() if v}


@few
@given(rows)
def test_each_red_letter_undoes_the_latest_standing_invoice_of_its_amount_and_partner(given_rows):
    db, report = cleaned(given_rows)
    got = invoices(db)
    heaps = defaultdict(list)
    for row in got:
        if row["state"] not in (VOID, ZERO):
            heaps[row["firm"], row["sale"], row["counterparty"], abs(row["total_fen"])].append(row)
    undone, red = set(), set()
    for heap in heaps.values():
        ordered = sorted(heap, key=lambda r: (r["day"], -r["total_fen"], r["number"], r["net_fen"]))
        for i, row in enumerate(ordered):
            if row["total_fen"] < 0:
                standing = [r["id"] for r in ordered[:i] if r["total_fen"] > 0 and r["id"] not in undone]
                if standing:
                    undone.add(standing[-1])
                    red.add(row["id"])
    assert {r["id"] for r in got if r["state"] == UNDONE} == undone
    assert {r["id"] for r in got if r["state"] == RED_MATCHED} == red
    assert report.red_letters_matched == len(red)


def test_a_red_letter_before_its_invoice_stands_alone():
    undone, red = match_red_letters(np.array([1, 2]), np.array([-100, 100]), np.array([0, 0]))
    assert len(undone) == len(red) == 0


def test_void_and_zero_invoices_carry_no_money_and_are_counted():
    db, report = cleaned([(0, True, 1, 0, 0, 100, True), (0, True, 2, 0, 0, 0, False), (0, True, 3, 0, 0, 100, False)])
    assert (report.void, report.void_fen, report.zero_total) == (1, 100, 1)
    assert [row["state"] for row in invoices(db)] == [VOID, ZERO, VALID]


def test_an_invoice_whose_parts_do_not_add_up_is_counted_and_kept():
    odd = table([(0, True, 1, 0, 0, 100, False)])
    odd = odd.set_column(odd.schema.get_field_index("tax_fen"), "tax_fen", pa.array([7], pa.int64()))
    db, report = DATABASE, clean_invoices(DATABASE, odd)
    assert (report.net_plus_tax_differs, report.net_plus_tax_differs_fen) == (1, 3)
    assert invoices(db)[0]["state"] == VALID


@few
@given(rows)
def test_shared_books_agree_with_sets(given_rows):
    db, _ = cleaned(given_rows)
    books = defaultdict(set)
    for row in invoices(db):
        if row["total_fen"] != 0:
            books[row["firm"]].add((row["sale"], row["number"], row["day"], row["total_fen"]))
    got = find_sharing(db, 3, RULES)
    expected = set()
    for a in books:
        for b in books:
            shared = len(books[a] & books[b])
            if a < b and shared >= 2 and shared * 2 > min(len(books[a]), len(books[b])):
                expected.add((a, b, shared))
    assert {(p.one, p.other, p.shared) for p in got.pairs} == expected
    assert got.group.tolist() == connected(3, [(a, b) for a, b, _ in expected]).tolist()


def test_partner_codes_take_no_part_in_the_comparison_of_books():
    one = [(0, True, n, n, 0, 100, False) for n in range(1, 5)]
    other = [(1, True, n, n, 1, 100, False) for n in range(1, 5)]
    db, _ = cleaned(one + other)
    pair = find_sharing(db, 2, RULES).pairs[0]
    assert pair.share_ppm == pair.jaccard_ppm == 1_000_000


def test_one_firms_sale_that_is_anothers_purchase_is_a_tie_of_trade_not_a_shared_book():
    db, _ = cleaned([(0, True, 1, 1, 0, 100, False), (1, False, 1, 1, 0, 100, False)])
    got = find_sharing(db, 2, RULES)
    assert not got.pairs
    assert [(m.seller, m.buyer, m.invoices) for m in got.mirrors] == [(0, 1, 1)]


@pytest.mark.parametrize(
    ("ties", "groups"),
    [([], [0, 1, 2, 3]), ([(0, 1), (2, 3)], [0, 0, 2, 2]), ([(3, 2), (2, 1)], [0, 1, 1, 1])],
)
def test_ties_chain_into_groups(ties, groups):
    assert connected(4, ties).tolist() == groups
