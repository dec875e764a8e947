"""Who shares a number with whom, told without opening anybody's data."""

from dandelion.core import DAY_US, ManualClock
from dandelion.vault import SYSTEM, Vault, identifiers
from support.records import TENANT


def test_the_same_telephone_has_the_same_blind_value_and_nothing_else_is_told(vault: Vault, clock: ManualClock) -> None:
    people = {"p1": ("Li Lei", "13800000000"), "p2": ("Han Mei", "13800000000"), "p3": ("Li Lei", "13900000000")}
    for id_, (name, phone) in people.items():
        with vault.unit_of_work(TENANT) as work:
            vault.entities.register(
                work, "person", {"name": name, "phone": phone, "licence": "L1"}, SYSTEM, entity_id=id_
            )
    clock.move_to(clock.now() + DAY_US)
    told = identifiers(vault, TENANT, until_us=clock.now()).to_pylist()
    value = {(row["party"], row["kind"]): row["value"] for row in told}
    assert set(value) == {(id_, kind) for id_ in people for kind in ("contact", "name")}, "a licence ties nobody"
    assert value["p1", "contact"] == value["p2", "contact"] != value["p3", "contact"]
    assert value["p1", "name"] == value["p3", "name"] != value["p2", "name"]
    assert not any(text in row["value"] for row in told for pair in people.values() for text in pair)
    assert identifiers(vault, TENANT, until_us=clock.now() - 2 * DAY_US).num_rows == 0, "registered later than that"
    assert identifiers(vault, "another", until_us=clock.now()).num_rows == 0
    vault.erase(TENANT, "p2", actor=SYSTEM)
    assert {row["party"] for row in identifiers(vault, TENANT, until_us=clock.now()).to_pylist()} == {"p1", "p3"}
    assert len(vault.audit.records(TENANT, actions=["identifiers.read"])) == 3
