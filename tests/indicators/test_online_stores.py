"""What every store promises: the same tests on memory, LMDB and Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from online_histories import CLOCK, NOW, batch_of

from dandelion.core import BadInput, Conflict, TooLarge, Unavailable
from dandelion.indicators import standard
from dandelion.indicators.online import Online, Store, open_store
from dandelion.indicators.online.lmdb_store import LmdbStore
from support.redis import throwaway_redis, why_not

PAID, MADE = "payment/payee", "payment/payer"


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with throwaway_redis() as url:
        yield url


@pytest.fixture(params=["memory", "lmdb", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "redis":
        return str(request.getfixturevalue("redis_url"))
    return {"memory": "memory:", "lmdb": f"lmdb:{tmp_path}/db"}[request.param]


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    made = open_store(url, "demo")
    yield made
    made.clear()
    made.close()


def test_records_are_joined_in_the_order_they_were_appended(store: Store) -> None:
    store.append({PAID: [("m1", b"ab"), ("m2", b"x")], MADE: [("m1", b"other")]}, after=0, position=3)
    store.append({PAID: [("m1", b"cd")]}, after=3, position=4)
    assert store.get_many(PAID, ["m2", "m1", "m3", "m1"]) == [b"x", b"abcd", b"", b"abcd"]
    assert store.get_many(MADE, ["m1"]) == [b"other"]
    assert store.get_many("refund/payee", ["m1"]) == [b""]
    assert store.position() == 4


def test_a_state_that_was_put_replaces_what_was_there_and_can_be_appended_to(store: Store) -> None:
    store.append({PAID: [("m1", b"ab"), ("m2", b"x")]}, after=0, position=1)
    store.append({PAID: [("m1", b"cd")]}, after=1, position=2)
    store.put_many(PAID, [("m1", b"kept"), ("m2", b"")])
    store.append({PAID: [("m1", b"+")]}, after=2, position=3)
    assert store.get_many(PAID, ["m1", "m2"]) == [b"kept+", b""]
    assert dict(store.scan(PAID)) == {"m1": b"kept+"}


def test_a_scan_names_each_subject_once_with_all_its_records(store: Store) -> None:
    names = [f"m{i}" for i in range(3000)]
    store.append({PAID: [(name, name.encode()) for name in names]}, after=0, position=1)
    store.append({PAID: [(name, b"!") for name in names[::3]]}, after=1, position=2)
    found = list(store.scan(PAID))
    assert len(found) == len(names)
    assert dict(found) == {name: name.encode() + (b"!" if i % 3 == 0 else b"") for i, name in enumerate(names)}


def test_names_that_begin_alike_are_kept_apart(store: Store) -> None:
    names = ["a", "a\x00", "a\x00bbbbbbbb", "ab", "a:b", "a*", "é", "a" * 256]
    store.append({PAID: [(name, repr(name).encode()) for name in names]}, after=0, position=1)
    assert store.get_many(PAID, names) == [repr(name).encode() for name in names]
    assert dict(store.scan(PAID)) == {name: repr(name).encode() for name in names}


def test_a_second_writer_is_noticed_and_nothing_of_it_is_kept(store: Store) -> None:
    store.append({PAID: [("m1", b"a")]}, after=0, position=5)
    with pytest.raises(Conflict, match="at position 5, not 0"):
        store.append({PAID: [("m1", b"b")]}, after=0, position=6)
    assert (store.get_many(PAID, ["m1"]), store.position()) == ([b"a"], 5)


def test_the_first_stamp_stays_until_the_store_is_cleared(store: Store) -> None:
    assert store.stamp("one") == "one"
    assert store.stamp("two") == "one"
    assert (store.note("horizon"), store.note("horizon", "7"), store.note("horizon")) == (None, "7", "7")
    store.append({PAID: [("m1", b"a")]}, after=0, position=5)
    store.clear()
    assert (store.stamp("two"), store.note("horizon"), store.position(), store.get_many(PAID, ["m1"])) == (
        "two",
        None,
        0,
        [b""],
    )


def test_a_subject_that_no_event_can_have_is_refused(store: Store) -> None:
    for name in ("", "x" * 257):
        with pytest.raises(BadInput, match="256 bytes"):
            store.append({PAID: [(name, b"a")]}, after=0, position=1)


def test_a_lasting_store_is_as_it_was_when_it_is_opened_again_and_memory_is_empty(url: str) -> None:
    store = open_store(url, "demo")
    store.append({PAID: [("m1", b"a")]}, after=0, position=5)
    lasting = store.lasting
    store.close()
    again = open_store(url, "demo")
    assert (again.get_many(PAID, ["m1"]), again.position()) == (([b"a"], 5) if lasting else ([b""], 0))
    again.clear()
    again.close()


def test_tenants_do_not_see_each_other_in_redis(redis_url: str) -> None:
    one, other = open_store(redis_url, "one"), open_store(redis_url, "other")
    one.append({PAID: [("m1", b"a")]}, after=0, position=5)
    assert (other.get_many(PAID, ["m1"]), other.position(), list(other.scan(PAID))) == ([b""], 0, [])
    other.clear()
    assert one.position() == 5
    one.clear()
    one.close()
    other.close()


COUNT = "payment.received/30d/count"


def payments(first: int, rows: int = 50) -> object:
    common = {"source": "s", "arrived": NOW - 9, "payer": "bob", "amount_fen": 5, "channel": "qr"}
    return batch_of("payment", [{**common, "at": NOW - 9 - i % 7, "event_id": f"e{i}", "payee": f"m{i % 9}"}
                                for i in range(first, first + rows)])  # fmt: skip


def test_online_state_is_the_same_on_every_store_whenever_it_is_flushed(url: str, tmp_path: Path) -> None:
    def opened() -> Online:
        return Online(
            standard(), tmp_path / "log", open_store(url, "demo"), columns=[COUNT], clock=CLOCK, flush_chunks=30
        )

    online = opened()
    for i in range(4):
        online.apply("payment", payments(50 * i))
    before = online.frame([f"m{i}" for i in range(9)], NOW)[COUNT].tolist()
    online.close()
    online = opened()
    assert online.frame([f"m{i}" for i in range(9)], NOW)[COUNT].tolist() == before == [23, 23, *[22] * 7]
    assert online.apply("payment", payments(0)).duplicate == 50
    online.store.clear()
    online.close()


@pytest.mark.parametrize("url", ["mysql://x", "lmdb:", "nonsense"])
def test_an_unknown_store_is_refused_with_those_there_are(url: str) -> None:
    with pytest.raises(BadInput, match="memory:, lmdb:/folder or redis://"):
        open_store(url, "demo")


def test_a_tenant_is_a_plain_word(tmp_path: Path) -> None:
    for tenant in ("", "a:b", "../x", "a\x00"):
        with pytest.raises(BadInput, match="tenant"):
            open_store(f"lmdb:{tmp_path}", tenant)


def test_a_redis_that_is_not_there_is_unavailable_and_its_password_is_not_told(tmp_path: Path) -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with pytest.raises(Unavailable) as refused:
        open_store("redis://:secret@127.0.0.1:1/0", "demo")
    assert "127.0.0.1:1" in refused.value.message
    assert "secret" not in refused.value.message


def test_a_full_lmdb_says_how_to_go_on_and_keeps_what_it_had(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path, "demo", map_bytes=200_000)
    store.append({PAID: [("m1", b"a")]}, after=0, position=1)
    with pytest.raises(TooLarge, match="map_bytes"):
        store.append({PAID: [(f"m{i}", bytes(1000)) for i in range(500)]}, after=1, position=2)
    assert (store.get_many(PAID, ["m1"]), store.position()) == ([b"a"], 1)
    store.close()
