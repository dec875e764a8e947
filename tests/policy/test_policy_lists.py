"""Lists: keyed, dated, exact; a stolen or foreign file tells nothing."""

from __future__ import annotations

import hashlib

import pytest
from policy_samples import AS_OF, book, product, shop

from dandelion.core import BadInput, iso
from dandelion.policy import Lists, decide, key_id, seal

KEY, OTHER = b"0123456789abcdef0123456789abcdef", b"another key of the same length!!"
DAY = 86_400_000_000


def row(value="p1", kind="owner", added=AS_OF - DAY, expires=AS_OF + DAY, **rest):
    given = {"kind": kind, "value": value, "reason": "confirmed cash-out", "source": "own investigation",
             "added": iso(added), "expires": iso(expires), "confidence_ppm": "1000000"}  # fmt: skip
    return {**given, **rest}


def write(folder, rows, *, key=KEY, key_name=None, colour="black"):
    (folder / "lists.yaml").write_text(
        f"key_id: {key_name or key_id(key)}\nlists:\n"
        f"  - {{name: black, colour: {colour}, kinds: [subject, owner], file: black.csv}}\n"
        "  - {name: grey, colour: grey, kinds: [owner], file: grey.csv}\n"
        "  - {name: white, colour: white, kinds: [owner], file: white.csv}\n"
    )
    (folder / "black.csv").write_text(seal(rows, key))
    for name in ("grey", "white"):
        (folder / f"{name}.csv").write_text(seal([], key))
    return folder


def test_an_exact_hit_declines_and_anything_else_does_not(tmp_path):
    lists = Lists.load(write(tmp_path, [row("p1")]), KEY)
    assert lists.hit("black", {"owner": ["p0", "p1"]}, AS_OF) is True
    assert lists.hit("black", {"owner": ["p11"]}, AS_OF) is False
    assert lists.hit("black", {"subject": ["p1"]}, AS_OF) is False
    assert lists.hit("black", {"device": ["p1"]}, AS_OF) is None
    decision = decide(book(), product(), lists, shop())
    assert decision.outcome == "declined" and decision.body["reasons"][0]["code"] == "LISTED"
    assert b"p1" not in decision.body_bytes


def test_an_entry_counts_from_added_up_to_but_not_at_expires(tmp_path):
    lists = Lists.load(write(tmp_path, [row(added=AS_OF, expires=AS_OF + DAY)]), KEY)
    hits = [lists.hit("black", {"owner": ["p1"]}, at) for at in (AS_OF - 1, AS_OF, AS_OF + DAY - 1, AS_OF + DAY)]
    assert hits == [False, True, True, False]


def test_the_file_holds_no_value_and_no_plain_hash_of_one(tmp_path):
    text = seal([row("13800138000", kind="phone")], KEY)
    assert "13800138000" not in text
    for plain in (hashlib.sha256(b"13800138000"), hashlib.sha256(b"phone\x1f13800138000"), hashlib.md5(b"13800138000")):
        assert plain.hexdigest()[:16] not in text
    assert text != seal([row("13800138000", kind="phone")], OTHER)


def test_the_order_of_the_source_does_not_show(tmp_path):
    rows = [row(f"p{n}") for n in range(20)]
    assert seal(rows, KEY) == seal(rows[::-1], KEY)


def test_a_wrong_key_is_an_error_and_not_a_silent_miss(tmp_path):
    with pytest.raises(BadInput, match="sealed with key"):
        Lists.load(write(tmp_path, [row()]), OTHER)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reason": ""}, "says why"), ({"source": ""}, "from where"), ({"expires": iso(AS_OF - 2 * DAY)}, "later than"),
        ({"added": "soon"}, "not a date"), ({"confidence_ppm": "high"}, "confidence_ppm"), ({"kind": "cat"}, "kind"),
        ({"value": " "}, "with a value"),
    ],
)  # fmt: skip
def test_a_bad_entry_is_refused_with_its_row(change, said):
    with pytest.raises(BadInput, match=said):
        seal([{**row(), **change}], KEY)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind,hash", "kind,value", "header must be"), ("owner,", "dog,", "not one this list holds"),
        ("1000000\n", "1000000,extra\n", "number of fields"), (",own investigation", "", "number of fields"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_with_its_line(tmp_path, old, new, said):
    folder = write(tmp_path, [row()])
    path = folder / "black.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BadInput, match=said):
        Lists.load(folder, KEY)


def test_plain_values_in_a_list_file_are_refused(tmp_path):
    folder = write(tmp_path, [row()])
    path = folder / "black.csv"
    lines = path.read_text().splitlines()
    cells = lines[1].split(",")
    path.write_text("\n".join([lines[0], ",".join([cells[0], "13800138000", *cells[2:]])]) + "\n")
    with pytest.raises(BadInput, match="seal plain values first"):
        Lists.load(folder, KEY)


def test_the_hash_of_the_lists_changes_with_an_entry(tmp_path):
    one = Lists.load(write(tmp_path, [row()]), KEY).hash
    two = Lists.load(write(tmp_path, [row(), row("p2")]), KEY).hash
    assert one != two == Lists.load(tmp_path, KEY).hash


def test_a_short_key_is_refused():
    with pytest.raises(BadInput, match="at least 16"):
        key_id(b"short")
