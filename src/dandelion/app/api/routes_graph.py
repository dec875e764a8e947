"""The explorer: what an analyst sees around an applicant, bounded in size."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from dandelion.app.api.caller import TheCaller, TheHouse
from dandelion.app.usecases import explore
from dandelion.app.usecases.ring_alerts import ring_alerts

router = APIRouter(prefix="/v1/graph", tags=["graph"])

Nodes = Annotated[int, Query(description="Parties shown at most, 1 to 200 (500 in an ownership tree).")]
Depth = Annotated[int, Query(description="Steps up and down that the tree shows, 1 to 20.")]
Other = Annotated[str, Query(max_length=256, description="The party at the other end.")]


@router.get("/ego/{subject}")
def ego_network(house: TheHouse, caller: TheCaller, subject: str, nodes: Nodes = 50) -> dict[str, Any]:
    """Whom a merchant deals with: closest ties and largest amounts first, and who of them deal with each other."""
    return explore.ego(house, caller, subject, nodes)


@router.get("/owners/{subject}")
def ownership_tree(
    house: TheHouse,
    caller: TheCaller,
    subject: str,
    depth: Depth = explore.TREE_DEPTH,
    nodes: Nodes = explore.TREE_NODES,
) -> dict[str, Any]:
    """Who decides in a firm, who benefits from it, and the tree around it, in the words of the BODS standard."""
    return explore.owners(house, caller, subject, depth, nodes)


@router.get("/ring/{subject}")
def ring(house: TheHouse, caller: TheCaller, subject: str) -> dict[str, Any]:
    """The strongest ring that an account is in, with its members and its evidence."""
    return explore.ring(house, caller, subject)


@router.get("/path/{subject}")
def path(house: TheHouse, caller: TheCaller, subject: str, to: Other = "") -> dict[str, Any]:
    """A shortest path from a merchant to another party."""
    return explore.path(house, caller, subject, to)


@router.get("/alerts")
def alerts(house: TheHouse, caller: TheCaller) -> dict[str, Any]:
    """What the ring watch (`dandelion graph watch --workspace`) said in the last 30 days, newest first."""
    return ring_alerts(house, caller)
