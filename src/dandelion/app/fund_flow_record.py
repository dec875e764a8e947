"""What the record tells a fund-flow snapshot: read once for several boundaries, each of which sees only its own past."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import DAY_US
from dandelion.graph import FlowGraph, lending_news, snapshot
from dandelion.vault import Vault, flows, identifiers

REACH_DAYS = 240  # what a snapshot looks back over: its longest window and the days a circle may take


@dataclass(frozen=True)
class FlowRecord:
    """Everybody's events under surrogate ids.  `moves` are changes of delinquency on this lender's own lines."""

    payments: pa.Table
    logins: pa.Table
    roles: pa.Table
    shareholdings: pa.Table
    invoices: pa.Table
    identifiers: pa.Table
    moves: pa.Table

    @classmethod
    def read(cls, vault: Vault, tenant: str, first: int, last: int) -> FlowRecord:
        """For boundaries from `first` to `last`: payments, logins and invoices as far back as a snapshot looks, what stands
        until something else is told (roles, holdings, places, the book) from the beginning."""

        def told(kind: str, since: int) -> pa.Table:
            return flows(vault, tenant, kind, since_us=since, until_us=last)

        recent = first - REACH_DAYS * DAY_US
        who = pa.concat_tables([_places(told("placement", 0)), identifiers(vault, tenant, until_us=last)])
        return cls(
            told("payment", recent), told("login", recent), told("role", 0), told("shareholding", 0), told("invoice", recent),
            who, told("delinquency_moved", 0),
        )  # fmt: skip

    def snapshot(self, at: int, tz: str) -> FlowGraph:
        """The graph as of one boundary; news is told apart from it, dated, by the lines that had fallen behind by then."""
        since = pa.scalar(at - REACH_DAYS * DAY_US, pa.int64()).cast(self.logins.column("at").type)
        logins = self.logins.filter(pc.greater_equal(self.logins.column("at"), since))  # a later boundary sees no more
        return snapshot(
            self.payments, at, logins=logins, roles=self.roles, shareholdings=self.shareholdings, invoices=self.invoices,
            identifiers=self.identifiers, tz=tz, news=lending_news(self.moves, at),
        )  # fmt: skip


def _places(placements: pa.Table) -> pa.Table:
    """Where merchants stand, to the metre, as an address."""
    spot = pc.binary_join_element_wise(*(pc.cast(placements.column(n), pa.string()) for n in ("lat_e6", "lon_e6")), "/")
    return pa.table({
        "party": placements.column("merchant").cast(pa.string()), "kind": pa.array(["address"] * placements.num_rows, pa.string()),
        "value": spot, "at": placements.column("at"), "arrived": placements.column("arrived"),
    })  # fmt: skip
