"""Ring alerts: what the watch said lately, newest first, for an analyst."""

from __future__ import annotations

from typing import Any

from dandelion.app.access import Caller
from dandelion.app.house import House
from dandelion.app.ring_watching import ALERTED
from dandelion.core import DAY_US
from dandelion.vault import erased_among

DAYS, MOST = 30, 200


def ring_alerts(house: House, caller: Caller) -> dict[str, Any]:
    """Alerts of the last 30 days, at most 200: store, level, kind, counts and evidence; stores that were erased are left out.

    Rings are found in everybody's payments for the prevention of fraud, so no single grant opens them; the look is audited.
    """
    caller.must_have_role("analyst")
    told = house.vault.audit.records(caller.tenant, actions=[ALERTED], since=house.clock.now() - DAYS * DAY_US)
    newest = list(reversed(told))
    with house.vault.database.read() as connection:
        gone = erased_among(connection, caller.tenant, sorted({record.subject for record in newest}))
    shown = [{"store": record.subject, **record.detail} for record in newest if record.subject not in gone][:MOST]
    with house.vault.unit_of_work(caller.tenant) as work:
        work.audit(house.actor(caller), "graph.explored", "*", {"what": "ring alerts", "shown": len(shown)})
    return {"alerts": shown, "left_out": len(newest) - len(shown)}
