"""Prepared statements run inside the transaction they are given, and fail in the record's own words, naming no value."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from dandelion.core import BadInput
from dandelion.vault import Answered
from dandelion.vault.erased import erased_among
from dandelion.vault.idempotency import answer_many, seen_many
from dandelion.vault.prepared import Prepared
from dandelion.vault.tables import audit_heads

TENANT = "lender"


def test_what_is_written_is_read_back_and_a_rollback_takes_it_all(vault):
    answered = [Answered(f"key-{i}", "a" * 64, 201, bytes([i % 256, 0, 255])) for i in range(600)]
    with pytest.raises(RuntimeError), vault.unit_of_work(TENANT) as work:
        answer_many(work.connection, TENANT, 1, answered)
        assert len(seen_many(vault.database, work.connection, TENANT, [one.key for one in answered])) == 600
        raise RuntimeError
    with vault.unit_of_work(TENANT) as work:
        assert seen_many(vault.database, work.connection, TENANT, ["key-1"]) == {}
        answer_many(work.connection, TENANT, 1, answered)
        answer_many(work.connection, TENANT, 1, [])
    with vault.unit_of_work(TENANT) as work:
        found = seen_many(vault.database, work.connection, TENANT, [one.key for one in answered] + ["key-x", "key-1"])
        assert {key: stored.body for key, (_, stored) in found.items()} == {one.key: one.body for one in answered}
        assert seen_many(vault.database, work.connection, "other", ["key-1"]) == {}
        assert erased_among(work.connection, TENANT, ["值\"'", "m", "🌼"]) == frozenset()


def test_errors_come_in_the_same_words_and_hide_the_values(vault):
    one = Answered("secret-key", "a" * 64, 201, b"secret-body")
    with pytest.raises(sa.exc.IntegrityError) as twice, vault.unit_of_work(TENANT) as work:
        answer_many(work.connection, TENANT, 1, [one, one])
    assert "secret-body" not in str(twice.value)
    with pytest.raises(BadInput, match="too large"), vault.unit_of_work(TENANT) as work:
        answer_many(work.connection, TENANT, 2**70, [one])
    with vault.unit_of_work(TENANT) as work:  # the connection is as good as new
        answer_many(work.connection, TENANT, 1, [one])


def test_a_statement_counts_the_rows_it_touched(vault):
    of = audit_heads.c.tenant == sa.bindparam("of_tenant")
    move = Prepared(sa.update(audit_heads).where(of).values(seq=sa.bindparam("new_seq")))
    with vault.unit_of_work(TENANT) as work:
        assert move.run(work.connection, {"of_tenant": TENANT, "new_seq": 1}) == 0
        insert = Prepared.insert(audit_heads)
        insert.run_many(work.connection, [{"tenant": "t2", "shard": k, "seq": 0, "hash": "0" * 64} for k in range(3)])
        assert move.run(work.connection, {"of_tenant": "t2", "new_seq": 5}) == 3


def test_the_log_is_carried_over_beside_a_writer(vault):
    with vault.unit_of_work(TENANT) as work:
        answer_many(work.connection, TENANT, 1, [Answered("k", "a" * 64, 201, b"x" * 100_000)])
    with vault.unit_of_work(TENANT) as work:
        vault.database.carry_over()  # waits for nobody
        answer_many(work.connection, TENANT, 1, [Answered("l", "a" * 64, 201, b"y")])
    vault.database.carry_over()
    with vault.unit_of_work(TENANT) as work:
        assert set(seen_many(vault.database, work.connection, TENANT, ["k", "l"])) == {"k", "l"}
