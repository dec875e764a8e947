"""The monthly job: what is worked out from everybody's record at the start of a month, and read by rows until the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dandelion.app import fund_flow, peers
from dandelion.app.house import House
from dandelion.app.learning import learning_columns
from dandelion.indicators.peers import MARK
from dandelion.indicators.whose import MARK as WHOSE


@dataclass(frozen=True, slots=True)
class Built:
    """Content hashes by boundary (UTC microseconds)."""

    flow: dict[int, str]
    peers: dict[int, str]


def lacking(house: House, boundaries: Sequence[int]) -> list[int]:
    """Those of which a fund-flow snapshot or a table of peers is not there yet."""
    held = {*house.graph.boundaries()} & {*house.peers.boundaries()}
    return [at for at in boundaries if at not in held]


def build(house: House, boundaries: Sequence[int]) -> Built:
    """Build and keep fund-flow snapshots and tables of peers; what was there of these boundaries is replaced."""
    flow = fund_flow.build(house.vault, house.graph, house.tenant, boundaries, fund_flow.TZ)
    definitions = house.policy.definitions
    tables = peers.build(
        house.vault, house.peers, house.tenant, house.recipient, definitions, against_peers(house), boundaries
    )
    return Built(flow, tables)


def against_peers(house: House) -> list[str]:
    """The columns against peers and of counterparties that books, models, lists to learn from and the workspace's own definitions name."""
    policy = house.policy
    named = {*policy.definitions.named}
    for product in policy.plans:
        named |= {*policy.columns(product), *learning_columns(house, product).columns}
    return sorted(name for name in named if MARK in name or WHOSE in name)
