import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dandelion.core import DAY_US, BadInput, ConsentMissing, ManualClock, from_table, to_table
from dandelion.vault import SYSTEM, Vault
from support.records import LENDER, TENANT, expected, grant, payment


def read(vault: Vault, subject: str = "m1", role: str = "payee", start: int | None = None, **instants: int):
    with vault.open(TENANT, subject, purpose="credit", recipient=LENDER, **instants) as record:
        return from_table("payment", record.events("payment", role, start))


def test_without_a_live_grant_nothing_is_read(vault: Vault, clock: ManualClock) -> None:
    vault.append(TENANT, [payment(1, clock.now() - DAY_US)])
    with pytest.raises(ConsentMissing):
        read(vault)
    grant(vault, "m1", days=1)
    assert len(read(vault)) == 1
    with pytest.raises(ConsentMissing), vault.open(TENANT, "m1", purpose="training", recipient=LENDER):
        pass
    with pytest.raises(ConsentMissing), vault.open(TENANT, "m1", purpose="credit", recipient="somebody"):
        pass
    with pytest.raises(ConsentMissing), vault.open("other", "m1", purpose="credit", recipient=LENDER):
        pass
    clock.move_to(clock.now() + DAY_US)
    with pytest.raises(ConsentMissing):
        read(vault)


def test_a_withdrawn_consent_hides_the_data_at_once(vault: Vault, clock: ManualClock) -> None:
    vault.append(TENANT, [payment(1, clock.now() - DAY_US)])
    id_ = grant(vault, "m1")
    assert len(read(vault)) == 1
    with vault.unit_of_work(TENANT) as work:
        vault.consents.withdraw(work, id_, SYSTEM)
    with pytest.raises(ConsentMissing):
        read(vault)
    actions = [record.action for record in vault.audit.records(TENANT, subject="m1")]
    assert actions == ["consent.given", "consent.withdrawn"]
    assert vault.consents.receipt(TENANT, id_)["record_metadata"]["state"] == "withdrawn"


def test_a_kind_that_is_not_granted_reads_as_empty(vault: Vault, clock: ManualClock) -> None:
    vault.append(TENANT, [payment(1, clock.now() - DAY_US)])
    grant(vault, "m1", kinds=("orders",))
    with vault.open(TENANT, "m1", purpose="credit", recipient=LENDER) as record:
        assert not record.granted("payments") and record.granted("orders")
        assert record.events("payment", "payee").num_rows == 0
        assert record.events("consent_given", "subject").num_rows == 0  # happens at this very instant: not before as_of
    clock.move_to(clock.now() + 1)
    with vault.open(TENANT, "m1", purpose="credit", recipient=LENDER) as record:
        assert record.events("consent_given", "subject").num_rows == 1


def test_windows_are_half_open_and_arrival_counts(vault: Vault, clock: ManualClock) -> None:
    t = clock.now() - 10 * DAY_US
    batch = [payment(1, t), payment(2, t + 1), payment(3, t + 2), payment(4, t, arrived=t + 5)]
    vault.append(TENANT, batch)
    grant(vault, "m1")

    def seen(start: int, as_of: int, known_at: int) -> list[int]:
        return [int(e.event_id, 16) for e in read(vault, start=start, as_of=as_of, known_at=known_at)]

    assert seen(t, t + 2, t + 10) == [1, 4, 2]
    assert seen(t, t + 2, t + 5) == [1, 2]
    assert seen(t + 1, t + 3, t + 10) == [2, 3]
    assert seen(t, t + 10, t + 2) == [1, 2]
    with pytest.raises(BadInput, match="future"):
        seen(t, clock.now() + 1, t)


def test_a_correction_hides_the_original_from_its_own_arrival_on(vault: Vault, clock: ManualClock) -> None:
    t = clock.now() - 10 * DAY_US
    original = payment(1, t)
    fixed = payment(2, t, amount_fen=7, replaces=original.event_id, arrived=t + DAY_US)
    moved = payment(3, t, payee="m2", replaces=fixed.event_id, arrived=t + 2 * DAY_US)
    vault.ingest(TENANT, "payment", to_table([original]), source="bank")
    vault.append(TENANT, [fixed])
    vault.ingest(TENANT, "payment", to_table([moved]), source="bank")
    grant(vault, "m1")
    grant(vault, "m2")
    everything = [original, fixed, moved]
    for known_at in (t + DAY_US, t + DAY_US + 1, t + 2 * DAY_US, t + 2 * DAY_US + 1, clock.now()):
        for subject in ("m1", "m2"):
            got = read(vault, subject, known_at=known_at)
            assert got == expected(everything, "payee", subject, 0, clock.now(), known_at)
    assert read(vault, "m1") == [] and read(vault, "m2") == [moved]


def test_loading_a_file_twice_changes_nothing(vault: Vault, clock: ManualClock) -> None:
    t = clock.now() - 40 * DAY_US
    rows = [payment(n, t + n * DAY_US, payee=f"m{n % 3}", payer=f"p{n % 5}") for n in range(30)]
    table = to_table(rows)
    vault.append(TENANT, rows[:3])
    first = vault.ingest(TENANT, "payment", table, source="bank")
    again = vault.ingest(TENANT, "payment", table, source="bank")
    assert (first.added, first.duplicates, first.rejected) == (27, 3, 0)
    assert (again.added, again.duplicates, again.files) == (0, 30, 0)
    grant(vault, "m1")
    assert read(vault) == expected(rows, "payee", "m1", 0, clock.now(), clock.now())


@pytest.mark.parametrize("identified", ["source_id", "content"])
def test_ids_come_from_the_source_or_else_from_content_and_occurrence(
    vault: Vault, clock: ManualClock, identified: str
) -> None:
    t = clock.now() - DAY_US
    rows = [payment(0, t), payment(0, t), payment(1, t)]  # two equal rows are two payments
    table = to_table(rows).drop_columns(["event_id", "source", "replaces", "arrived"])
    if identified == "source_id":
        table = table.append_column("source_id", pa.array(["a", "b", "c"]))
    assert vault.ingest(TENANT, "payment", table, source="bank").added == 3
    assert vault.ingest(TENANT, "payment", table, source="bank").added == 0
    assert vault.ingest(TENANT, "payment", table.slice(2), source="bank").added == 0
    assert vault.ingest(TENANT, "payment", table, source="another bank").added == 3


def test_content_ids_are_those_of_the_core(vault: Vault, clock: ManualClock) -> None:
    from dandelion.core import content_ids
    from dandelion.vault.ingest import _content_ids

    t = clock.now() - DAY_US
    table = to_table([payment(n % 4, t + n % 2, device=None if n % 3 else "d") for n in range(50)])
    names = [n for n in table.column_names if n not in ("event_id", "source", "arrived")]
    at = table.column_names.index("at")
    plain = table.set_column(at, "at", table.column("at").cast(pa.int64())).select(names)
    rows = [tuple(row.values()) for row in plain.to_pylist()]
    assert _content_ids(TENANT, "payment", table, "bank") == content_ids(TENANT, "bank", rows)


def test_bad_rows_go_to_quarantine_with_row_field_and_reason(vault: Vault, clock: ManualClock) -> None:
    t = clock.now() - DAY_US
    table = to_table([payment(n, t) for n in range(4)])
    amounts = pa.array([100, -5, 7, None])
    table = table.set_column(table.column_names.index("amount_fen"), "amount_fen", amounts)
    report = vault.ingest(TENANT, "payment", table, source="bank")
    assert (report.rows, report.added, report.duplicates, report.rejected) == (4, 2, 0, 2)
    kept = pq.read_table(report.quarantine)
    assert set(kept.column("field").to_pylist()) == {"amount_fen"}
    assert kept.column("given_event_id").to_pylist() == [
        table.column("event_id")[row].as_py() for row in kept.column("row").to_pylist()
    ]
    assert kept.column("row").to_pylist() == [1, 3]
    assert ["below 1" in kept.column("reason")[0].as_py(), "empty" in kept.column("reason")[1].as_py()] == [True, True]
    with pytest.raises(BadInput, match="payee"):
        vault.ingest(TENANT, "payment", table.drop_columns(["payee"]), source="bank")


def test_bulk_holds_the_consenting_and_nobody_else(vault: Vault, clock: ManualClock) -> None:
    t = clock.now() - 40 * DAY_US
    rows = [payment(n, t + n * DAY_US, payee=f"m{n % 3}") for n in range(30)]
    vault.ingest(TENANT, "payment", to_table(rows[:20]), source="bank")
    vault.append(TENANT, rows[20:])
    grant(vault, "m0", purpose="training")
    grant(vault, "m1", purpose="training", kinds=("orders",))
    grant(vault, "m2", purpose="credit")
    with vault.bulk(TENANT, purpose="training", recipient=LENDER) as bulk:
        assert bulk.subjects == ("m0", "m1")
        got = from_table("payment", bulk.events("payment", "payee"))
    assert got == expected(rows, "payee", "m0", 0, clock.now(), clock.now())


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"amount_fen": 0}, "amount_fen"), ({"amount_fen": 1.5}, "amount_fen"), ({"amount_fen": 2**63}, "amount_fen"),
        ({"payee": ""}, "payee"), ({"payee": None}, "payee"), ({"payer": "x" * 257}, "payer"),
        ({"payer": "a\x00b"}, "payer"), ({"channel": "pigeon"}, "channel"), ({"at": 5}, "at"),
        ({"arrived": 2**60}, "arrived"), ({"device": 7}, "device"),
    ],
)  # fmt: skip
def test_an_event_that_breaks_its_contract_is_refused_whole(
    vault: Vault, clock: ManualClock, wrong: dict, field: str
) -> None:
    t = clock.now() - DAY_US
    with pytest.raises(BadInput) as refused:
        vault.append(TENANT, [payment(1, t), payment(2, **{"at": t, **wrong})])
    assert refused.value.field == field
    grant(vault, "m1")
    assert read(vault) == []


def test_a_damaged_lake_file_is_named_and_a_damaged_seal_is_not_used(vault: Vault, clock: ManualClock) -> None:
    rows = [payment(n, clock.now() - n * 40 * DAY_US) for n in range(1, 5)]
    vault.ingest(TENANT, "payment", to_table(rows), source="bank")
    vault.seal(TENANT)
    grant(vault, "m1")
    for path in (vault.lake.folder / TENANT / "payment" / "sealed").rglob("*.arrow"):
        path.write_bytes(b"nonsense")
    assert len(read(vault)) == 4
    assert vault.check_lake(TENANT) == []
    [damaged, missing, *_] = sorted((vault.lake.folder / TENANT / "payment" / "payee").rglob("*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    missing.unlink()
    assert vault.check_lake(TENANT) == [
        f"{damaged.relative_to(vault.lake.folder)} is not what was written",
        f"{missing.relative_to(vault.lake.folder)} is missing",
    ]
