"""Replay in a fresh process, so that nothing warm in this one can help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from dandelion.app.access import Caller
from dandelion.app.house import House
from dandelion.core import DandelionError, NotFound, Unavailable

PATIENCE_S = 120


def replay_in_fresh_process(house: House, caller: Caller, decision: str) -> dict[str, Any]:
    """The merchant may replay its own decisions, the lender's staff those of their tenant.  Errors: NotFound, Erased, TooMany."""
    house.limits.take("replay", caller.tenant, caller.subject)
    kept = house.vault.decisions.get(caller.tenant, decision)
    if caller.role == "merchant" and kept.subject != caller.subject:
        raise NotFound(f"there is no decision {decision} of yours", field="decision")
    command = [
        sys.executable, "-m", "dandelion", "replay", kept.decision_id, "--workspace", str(house.settings.root), "--json",
    ]  # fmt: skip
    environment = {**os.environ, "DANDELION_DATABASE_URL": house.settings.database_url}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, an id from our own record
            command, env=environment, capture_output=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unavailable("the replay took too long; try again") from None
    if done.returncode not in (0, 1) or not done.stdout:
        raise DandelionError("the replay process failed; the operator's log says why")
    found: dict[str, Any] = json.loads(done.stdout.decode().splitlines()[-1])
    return found
