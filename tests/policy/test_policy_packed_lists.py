"""Packed lists: the same answers as a dict, from a mapped file; live changes go before it; damage is found."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as papq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_samples import AS_OF

from dandelion.core import BadInput, iso
from dandelion.policy import Lists, key_id, seal
from dandelion.policy.entry import Entry, digest_of, digests_of
from dandelion.policy.listfile import PackedList, Rows, import_file, kernel, write
from dandelion.policy.listfile.live import ADD, REMOVE, Change, append, live_file

KEY = b"0123456789abcdef0123456789abcdef"
DAY = 86_400_000_000
TERMS = ("confirmed cash-out", "own investigation", iso(AS_OF - DAY), iso(AS_OF + DAY), "900000")
OWNERS = frozenset({"owner"})
HEADER = "kind,value,reason,source,added,expires,confidence_ppm\n"


def csv_of(values, terms=TERMS):
    return HEADER + "".join(f"owner,{value},{','.join(terms)}\n" for value in values)


def folder_with(tmp_path, values, live=()):
    rows = tmp_path / "rows.csv"
    rows.write_text(csv_of(values))
    home = tmp_path / "lists"
    home.mkdir(exist_ok=True)
    packed = import_file(rows, home, "black", OWNERS, KEY)
    (home / "lists.yaml").write_text(
        f"key_id: {key_id(KEY)}\nlists:\n  - {{name: black, colour: black, kinds: [owner], file: {packed.file.name}}}\n"
    )
    if live:
        append(home, "black", OWNERS, live)
    return home


def change(what, value, terms=TERMS):
    return Change(what, "owner", digest_of(KEY, "owner", value), terms if what == ADD else ("",) * 5)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 3)), max_size=60),
    st.lists(st.integers(0, 59), max_size=10),
    st.sampled_from([0, 1, 7, 2**40, 2**64 - 1]),
)
def test_a_packed_list_answers_as_a_dict_does(tmp_path_factory, rows, repeated, asked):
    """Keys at both ends, in one bucket, twice with other terms; and keys that are not there.

    A key is known by its first 64 bits and as many more as the list has buckets for; hashes never agree in so many.
    """
    rows = rows + [(*rows[i][:2], 3 - rows[i][2]) for i in repeated if i < len(rows)]
    terms = [Entry(f"r{i}", "s", 0, 1 + i, i) for i in range(4)]
    kinds = (np.uint64, np.uint64, np.uint32)
    high, low, term = (np.array([row[i] for row in rows], kind) for i, kind in enumerate(kinds))
    packed = write(tmp_path_factory.mktemp("list"), "black", Rows(high, low, term), terms, "0" * 8)
    assert packed.check() == [] and len(packed) == len(rows)
    known: dict[int, list[int]] = {}
    for first, last, one in rows:
        known.setdefault((first << 64 | last) >> (64 - packed.bits), []).append(one)
    others = [(asked, asked), *((h ^ 1, lo) for h, lo, _ in rows), *((h, lo ^ (1 << 63)) for h, lo, _ in rows)]
    for first, last in [*((h, lo) for h, lo, _ in rows), *others]:
        said = known.get((first << 64 | last) >> (64 - packed.bits), [])
        assert packed.find(first.to_bytes(8, "big") + last.to_bytes(8, "big")) == tuple(terms[t] for t in said)


def test_many_keys_stand_where_they_belong_and_others_nowhere(tmp_path):
    """Enough for both steps of the sort."""
    rng, count = np.random.default_rng(3), 120_000
    high, low = (rng.integers(0, 2**64, count, dtype=np.uint64) for _ in range(2))
    term = rng.integers(0, 300, count).astype(np.uint32)
    known = dict(zip(zip(high.tolist(), low.tolist(), strict=True), term.tolist(), strict=True))
    packed = write(
        tmp_path, "black", Rows(high.copy(), low.copy(), term), [Entry("r", "s", 0, 1, i) for i in range(300)], "0" * 8
    )
    places = packed.places(high, low)
    assert [known[key] for key in zip(high.tolist(), low.tolist(), strict=True)] == packed.term_of[places].tolist()
    assert (packed.places(high ^ np.uint64(1 << 5), low) == -1).all()
    assert packed.check() == [] and packed.bytes_looked_up / count < 8.9


def test_a_key_listed_twice_counts_while_either_entry_does(tmp_path):
    rows, home = tmp_path / "rows.csv", tmp_path
    late = (*TERMS[:2], iso(AS_OF + 2 * DAY), iso(AS_OF + 3 * DAY), "1")
    rows.write_text(csv_of(["p1"]) + csv_of(["p1"], late).removeprefix(HEADER))
    packed = import_file(rows, home, "black", OWNERS, KEY)
    (home / "lists.yaml").write_text(
        f"key_id: {key_id(KEY)}\nlists:\n  - {{name: black, colour: black, kinds: [owner], file: {packed.file.name}}}\n"
    )
    lists = Lists.load(home, KEY)
    asked = [lists.hit("black", {"owner": ["p1"]}, AS_OF + days * DAY) for days in (0, 1, 2, 3)]
    assert asked == [True, False, True, False]
    assert lists.entry("black", {"owner": ["p1"]}, AS_OF) == Entry(*TERMS[:2], AS_OF - DAY, AS_OF + DAY, 900_000)


def test_a_packed_list_hits_as_the_csv_of_the_same_rows_does(tmp_path):
    values = [f"p{i}" for i in range(50)]
    lists = Lists.load(folder_with(tmp_path, values), KEY)
    other = tmp_path / "csv"
    other.mkdir()
    (other / "black.csv").write_text(
        seal([dict(zip(HEADER.strip().split(","), ("owner", v, *TERMS), strict=True)) for v in values], KEY)
    )
    (other / "lists.yaml").write_text(
        f"key_id: {key_id(KEY)}\nlists:\n  - {{name: black, colour: black, kinds: [owner], file: black.csv}}\n"
    )
    plain = Lists.load(other, KEY)
    for value in [*values, "p50", "P1", " p1", ""]:
        for at in (AS_OF - 2 * DAY, AS_OF, AS_OF + DAY):
            asked = {"owner": [value]}
            assert lists.hit("black", asked, at) == plain.hit("black", asked, at)
            assert lists.entry("black", asked, at) == plain.entry("black", asked, at)


def test_no_value_and_no_plain_hash_stands_in_the_file(tmp_path):
    file = PackedList.open(next(folder_with(tmp_path, ["13800138000"]).glob("*.list"))).file
    assert b"13800138000" not in file.read_bytes()
    assert KEY not in file.read_bytes()


def test_live_changes_go_before_the_file_and_change_the_hash(tmp_path):
    before = Lists.load(folder_with(tmp_path, ["p1", "p2"]), KEY)
    home = folder_with(
        tmp_path, ["p1", "p2"], [change(ADD, "p3"), change(REMOVE, "p1"), change(ADD, "p4"), change(REMOVE, "p4")]
    )
    after = Lists.load(home, KEY)
    assert [after.hit("black", {"owner": [p]}, AS_OF) for p in ("p1", "p2", "p3", "p4")] == [False, True, True, False]
    assert before.hash != after.hash and len(after.by_name["black"].entries) == 2
    append(home, "black", OWNERS, [change(ADD, "p1")])
    assert Lists.load(home, KEY).hit("black", {"owner": ["p1"]}, AS_OF) is True


@pytest.mark.parametrize(("broken", "message"), [("add,owner,00,a,b,c,d,5", "32 hex"), ("drop,owner,{},,,,,", "add or remove"),
                                                 ("remove,dog,{},,,,,", "not one this list"), ("remove", "fields")])  # fmt: skip
def test_a_damaged_live_file_is_refused_with_its_line(tmp_path, broken, message):
    home = folder_with(tmp_path, ["p1"], [change(ADD, "p3")])
    with live_file(home, "black").open("a") as file:
        file.write(broken.format("0" * 32) + "\n")
    with pytest.raises(BadInput, match=rf"black.live.csv:3: .*{message}"):
        Lists.load(home, KEY)


def test_a_file_sealed_with_another_key_is_an_error_and_not_a_silent_miss(tmp_path):
    home = folder_with(tmp_path, ["p1"])
    other = b"another key of the same length!!"
    (home / "lists.yaml").write_text((home / "lists.yaml").read_text().replace(key_id(KEY), key_id(other)))
    with pytest.raises(BadInput, match="sealed with key"):
        Lists.load(home, other)


def test_an_altered_or_shortened_file_is_found(tmp_path):
    home = folder_with(tmp_path, [f"p{i}" for i in range(100)])
    file = next(home.glob("*.list"))
    packed = PackedList.open(file)
    whole = file.read_bytes()
    at = 2 * 4096  # the first key
    file.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
    assert any("head names" in line for line in PackedList.open(file).check())
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="cut short"):
        PackedList.open(file)
    file.write_bytes(b"not one of ours" * 500)
    with pytest.raises(BadInput, match="not a packed list"):
        PackedList.open(file)
    assert packed.rows == 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "dog,p1," + ",".join(TERMS) + "\n", "row 1: kind 'dog'"),
        (csv_of(["p1"]) + "owner, ," + ",".join(TERMS) + "\n", "row 2: value is empty"),
        (csv_of(["p1", "p2"], (*TERMS[:3], "2020-01-01T00:00:00Z", "5")), "row 1: expires must be later"),
        (csv_of(["p1"], ("", *TERMS[1:])), "row 1: reason is empty"),
        ("kind,reason\nowner,x\n", "no column 'source'"),
        ("", "cannot be read"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(tmp_path, text, message):
    rows = tmp_path / "rows.csv"
    rows.write_text(text)
    with pytest.raises(BadInput, match=message) as error:
        import_file(rows, tmp_path, "black", OWNERS, KEY)
    assert "p1" not in error.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_sealed_rows_and_parquet_come_out_the_same(tmp_path):
    first = import_file(_written(tmp_path / "a.csv", csv_of(["p1", "p2"])), tmp_path, "black", OWNERS, KEY)
    sealed = seal([dict(zip(HEADER.strip().split(","), ("owner", v, *TERMS), strict=True)) for v in ("p1", "p2")], KEY)
    second = import_file(_written(tmp_path / "b.csv", sealed), tmp_path, "black", OWNERS, KEY)
    columns = {
        name: list(column)
        for name, column in zip(
            HEADER.strip().split(","), zip(*[("owner", v, *TERMS) for v in ("p1", "p2")], strict=True), strict=True
        )
    }
    papq.write_table(pa.table(columns), tmp_path / "c.parquet")
    third = import_file(tmp_path / "c.parquet", tmp_path, "black", OWNERS, KEY)
    assert first.hash == second.hash == third.hash


def _written(path, text):
    path.write_text(text)
    return path


def test_keys_in_a_row_are_hashed_as_one_by_one():
    values = [f"值 {i}" for i in range(20)]
    for key in (KEY, b"k" * 64, b"k" * 65, b"k" * 200):
        assert digests_of(key, ["phone"] * 20, values) == b"".join(digest_of(key, "phone", v) for v in values)


def test_the_order_check_sees_two_keys_changed_about():
    index, keys = np.array([0, 2, 4], np.uint32), np.array([1, 5, 9, 3], np.uint64)
    assert kernel.first_out_of_order(index, keys) == 3
    keys[2:] = [3, 9]
    assert kernel.first_out_of_order(index, keys) == -1
