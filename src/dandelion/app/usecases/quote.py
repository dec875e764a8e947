"""Quote: what a drawdown would cost, the yearly rate first."""

from __future__ import annotations

from typing import Any

from dandelion.app.access import Caller
from dandelion.app.house import House
from dandelion.app.usecases.lines import own_line


def quote(house: House, caller: Caller, line: str, amount_fen: int, days: int | None) -> dict[str, Any]:
    """By the product's schedule, or repaid in one sum after `days`.  Errors: NotFound, BadInput."""
    with house.vault.database.read() as connection:
        own_line(house, caller, connection, line)
        offer = house.lending.quote_line(connection, caller.tenant, line, amount_fen, house.clock.now(), days)
    return {
        "annual_simple_rate_ppm": offer.annual_simple_rate_ppm,
        "total_cost_fen": offer.total_cost_fen,
        "amount_fen": offer.amount_fen,
        "fees_fen": offer.fees_fen,
        "instalments": [
            {
                "date": str(row.date), "total_fen": row.total_fen, "principal_fen": row.principal_fen,
                "interest_fen": row.interest_fen,
            }
            for row in offer.instalments
        ],
        "annual_irr_ppm": offer.annual_irr_ppm,
        "cap_ppm": offer.cap_ppm,
        "daily_cost_per_10000_yuan_fen": offer.daily_cost_per_10000_yuan_fen,
        "in_words": list(offer.lines),
    }  # fmt: skip
