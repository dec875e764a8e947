from dandelion.core import DAY_US, ManualClock, from_table, to_table
from dandelion.vault import SYSTEM, Vault
from dandelion.vault.flows import flows
from support.records import TENANT, payment


def test_flows_hold_everybody_but_the_erased_and_each_look_is_audited(vault: Vault, clock: ManualClock) -> None:
    t = clock.now() - 40 * DAY_US
    rows = [payment(n, t + n, payee=f"m{n % 3}", payer=f"p{n % 2}") for n in range(12)]
    vault.ingest(TENANT, "payment", to_table(rows[:8]), source="bank")
    vault.append(TENANT, rows[8:])
    span = {"since_us": t, "until_us": t + 10, "known_us": clock.now()}
    expected = sorted(rows[:10], key=lambda e: (e.payee, e.at))
    assert from_table("payment", flows(vault, TENANT, "payment", **span)) == expected
    vault.seal(TENANT)
    assert from_table("payment", flows(vault, TENANT, "payment", **span)) == expected
    vault.erase(TENANT, "p1", actor=SYSTEM)
    kept = [event for event in expected if event.payer != "p1"]
    assert from_table("payment", flows(vault, TENANT, "payment", **span)) == kept
    assert len(vault.audit.records(TENANT, actions=["flows.read"])) == 3
